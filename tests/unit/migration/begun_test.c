#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/begun.h"

static void test_class_says_what_may_be_repeated(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum evo_bare expected;
    } rows[] = {
        { "VACUUM a", EVO_BARE_AGAIN },
        { "vacuum (analyze) a", EVO_BARE_AGAIN },
        { "REINDEX INDEX CONCURRENTLY i", EVO_BARE_AGAIN },
        { "ALTER SYSTEM SET a.b = 1", EVO_BARE_AGAIN },
        { "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (b)", EVO_BARE_AGAIN },
        { "CREATE UNIQUE INDEX /* why */ CONCURRENTLY i ON a (b)", EVO_BARE_INDEX },
        { "DROP INDEX CONCURRENTLY IF EXISTS i", EVO_BARE_AGAIN },
        { "DROP INDEX\n CONCURRENTLY i", EVO_BARE_DROP_INDEX },
        { "ALTER TABLE a DETACH PARTITION b CONCURRENTLY", EVO_BARE_ONCE },
        { "CREATE DATABASE d", EVO_BARE_ONCE },
        { "CALL work()", EVO_BARE_COMMITS },
        { "DO $$ BEGIN COMMIT; END $$", EVO_BARE_COMMITS },
        { "FROBNICATE a", EVO_BARE_COMMITS },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(sql_script) script = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        size_t n = strlen(rows[i].text);
        assert_int_equal(evo_sql_split(rows[i].text, n, "up.sql", &script, &err), EVO_OK);
        if (evo_bare_class(script.items[0].kind, rows[i].text, n) != rows[i].expected)
            fail_msg("row %zu: %s", i, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_says_what_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
