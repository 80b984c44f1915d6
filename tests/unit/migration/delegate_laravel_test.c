#include "cmocka_all.h"

#include "layout/ledger.h"
#include "migration/delegate.h"

static void test_may_have_committed_by_what_artisan_said(void **state)
{
    (void)state;
    static const struct {
        const char *output;
        bool may;
    } row[] = {
        { "", false },
        { "not today", false },
        { "SQLSTATE[42P01]: Undefined table: 7 ERROR: relation \"nope\" does not exist (SQL: SELECT * FROM "
          "nope)",
          false },
        { "SQLSTATE[55P03]: Lock not available: 7 ERROR: canceling statement due to lock timeout", false },
        { "SQLSTATE[42501]: permission denied (SQL: insert into \"migrations\" (\"migration\") values (a))",
          false },
        { "SQLSTATE[42501]: permission denied (SQL: insert into \"history\" (\"migration\") values (a))",
          true },
        { "SQLSTATE[P0001]: no (SQL: delete from \"history\" where \"migration\" = a)", true },
        { "SQLSTATE[08006] [7] connection to server failed", true },
        { "SQLSTATE[57P01]: Admin shutdown: 7 FATAL: terminating connection", true },
        { "SQLSTATE[HY000]: General error: 7 no connection to the server", true },
    };
    const struct evo_ledger ledger = { .kind = EVO_LAYOUT_LARAVEL, .table = (char *)"history" };
    for (size_t i = 0; i < EVO_COUNT(row); i++)
        if (evo_delegate_laravel.may_have_committed(&ledger, row[i].output) != row[i].may)
            fail_msg("row %zu: %s", i, row[i].output);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_may_have_committed_by_what_artisan_said) };
    return cmocka_run_group_tests_name("migration/delegate_laravel", tests, NULL, NULL);
}
