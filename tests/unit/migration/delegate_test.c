#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/delegate.h"
#include "migration/step.h"

static void list(const char *text, struct evo_strvec *ret)
{
    evo_strvec_split(ret, text);
}

static void test_compare_takes_exactly_what_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
        bool down, done;
        size_t came, gone;
    } rows[] = {
        { "", "m", false, true, 1, 0 },       { "a", "a,m", false, true, 1, 0 },
        { "a", "a", false, false, 0, 0 }, /* nothing done */
        { "a", "a,b", false, false, 1, 0 }, /* another one */
        { "a", "a,m,b", false, false, 2, 0 }, /* one too many */
        { "a", "m", false, false, 1, 1 }, /* and one taken back */
        { "a,m", "a,m", false, false, 0, 0 }, { "a,m", "a", true, true, 0, 1 },
        { "a,m", "a,m", true, false, 0, 0 },  { "a,m", "", true, false, 0, 2 },
        { "a,m", "m", true, false, 0, 1 },    { "a,m", "a,b", true, false, 1, 1 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strvec) before = EVO_STRVEC_INIT;
        EVO_AUTO(strvec) after = EVO_STRVEC_INIT;
        EVO_AUTO(delegate_change) change = { 0 };
        list(rows[i].before, &before);
        list(rows[i].after, &after);
        evo_delegate_compare(&before, &after, "m", rows[i].down, &change);
        if (change.done != rows[i].done || change.came.count != rows[i].came ||
            change.gone.count != rows[i].gone)
            fail_msg("row %zu: done %d, %zu came, %zu gone", i, change.done, change.came.count,
                     change.gone.count);
    }
}

static void test_sqlstate_is_found_as_each_driver_says_it(void **state)
{
    (void)state;
    static const struct {
        const char *output, *expected;
    } rows[] = {
        { "", "" },
        { "relation \"x\" does not exist", "" },
        { "sqlalchemy.exc.OperationalError: (psycopg2.errors.LockNotAvailable) canceling", "55P03" },
        { "(sqlalchemy.dialects.postgresql.asyncpg.Error) <class "
          "'asyncpg.exceptions.LockNotAvailableError'>",
          "55P03" },
        { "psycopg.errors.DeadlockDetected: Interbloqueo detectado", "40P01" },
        { "  code: '55P03',", "55P03" },
        { "SQLSTATE[55P03]: Lock not available: 7 ERROR:  canceling statement due to lock timeout", "55P03" },
        { "SQLSTATE[40P01]: Deadlock detected", "40P01" },
        { "ERROR: deadlock detected", "40P01" },
        { "psycopg2.errors.QueryCanceled: canceling statement due to statement timeout", "57014" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        if (strcmp(evo_delegate_sqlstate(rows[i].output), rows[i].expected) != 0)
            fail_msg("row %zu: \"%s\"", i, evo_delegate_sqlstate(rows[i].output));
}

static void test_a_layout_of_sql_has_no_tool(void **state)
{
    (void)state;
    assert_null(evo_delegate_of(EVO_LAYOUT_PRISMA));
    assert_null(evo_delegate_of(EVO_LAYOUT_SQL));
}

static void test_find_takes_the_project_s_program_before_that_of_path(void **state)
{
    (void)state;
    const struct evo_project p = { .root = (char *)"/" };
    static const char *const there[] = { "nowhere/sh", "bin/sh", NULL };
    static const char *const nowhere[] = { "nowhere/sh", NULL };
    EVO_AUTO_STR own = evo_delegate_find(&p, there, "sh");
    assert_string_equal(own, "bin/sh");
    EVO_AUTO_STR path = evo_delegate_find(&p, nowhere, "sh");
    assert_non_null(path);
    assert_int_equal(path[0], '/');
    assert_null(evo_delegate_find(&p, nowhere, "no-program-has-this-name"));
    assert_null(evo_delegate_find(&p, NULL, "no-program-has-this-name"));
}

/* What stands in a tool's file is no SQL and holds no directive. */
static void test_load_reads_nothing_of_a_tool_s_own_file(void **state)
{
    (void)state;
    const struct evo_migration m = { .name = (char *)"m",
                                     .path = (char *)"/nowhere/m.py",
                                     .by_tool = true,
                                     .directives = EVO_DIRECTIVES_INIT };
    struct evo_error err = EVO_ERROR_INIT;
    for (int down = 0; down < 2; down++) {
        EVO_AUTO(step) step = { .text = EVO_STRBUF_INIT };
        assert_int_equal(evo_step_load(&m, down, &step, &err), EVO_OK);
        assert_int_equal(step.mode, EVO_STEP_DELEGATED);
        assert_string_equal(step.path, "/nowhere/m.py");
        assert_int_equal(step.script.count, 0);
        assert_false(step.probed);
        assert_int_equal(evo_step_directives(&step)->lock_timeout_ms, -1);
    }
}

static void test_step_json_names_the_command(void **state)
{
    (void)state;
    const struct evo_migration m = {
        .name = (char *)"m", .path = (char *)"m.py", .by_tool = true, .directives = EVO_DIRECTIVES_INIT
    };
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(step) step = { .text = EVO_STRBUF_INIT };
    assert_int_equal(evo_step_load(&m, false, &step, &err), EVO_OK);
    step.command.shown = evo_strdup("alembic upgrade 1a2b");
    step.command.atomic = true;
    EVO_AUTO_PTR(json) json = evo_step_json(&step);
    assert_string_equal(evo_json_get_string(json, "mode", ""), "delegated");
    assert_string_equal(evo_json_get_string(json, "command", ""), "alembic upgrade 1a2b");
    assert_true(evo_json_get_bool(json, "transaction", false));
    assert_int_equal(evo_json_get_int(json, "statements", -1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare_takes_exactly_what_was_asked_for),
        cmocka_unit_test(test_sqlstate_is_found_as_each_driver_says_it),
        cmocka_unit_test(test_a_layout_of_sql_has_no_tool),
        cmocka_unit_test(test_find_takes_the_project_s_program_before_that_of_path),
        cmocka_unit_test(test_load_reads_nothing_of_a_tool_s_own_file),
        cmocka_unit_test(test_step_json_names_the_command),
    };
    return cmocka_run_group_tests_name("migration/delegate", tests, NULL, NULL);
}
