#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/journal.h"
#include "migration/step.h"

static struct evo_migration migration = { .directives = { .lock_timeout_ms = -1,
                                                          .statement_timeout_ms = -1 } };

static void build(struct evo_step *step, const char *text, bool no_transaction)
{
    static char name[] = "m";
    migration.name = name;
    migration.directives.no_transaction = no_transaction;
    *step =
        (struct evo_step){ .migration = &migration, .text = EVO_STRBUF_INIT, .path = evo_strdup("up.sql") };
    evo_strbuf_adds(&step->text, text);
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_sql_split(step->text.buf, step->text.len, "up.sql", &step->script, &err), EVO_OK);
    evo_step_decide(step);
}

static void test_decide_by_what_the_file_holds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool no_transaction;
        enum evo_step_mode expected;
        size_t units;
    } rows[] = {
        { "CREATE TABLE a (id int); CREATE INDEX ON a (id);", false, EVO_STEP_TRANSACTION, 0 },
        { "-- only a comment\n", false, EVO_STEP_TRANSACTION, 0 },
        { "", false, EVO_STEP_TRANSACTION, 0 },
        { "SAVEPOINT s; SELECT 1; RELEASE s;", false, EVO_STEP_TRANSACTION, 0 },
        { "CREATE INDEX CONCURRENTLY i ON a (id);", false, EVO_STEP_STATEMENTS, 1 },
        { "CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY i ON a (id);\nVACUUM a;", false,
          EVO_STEP_STATEMENTS, 3 },
        { "SELECT 1; SELECT 2;", true, EVO_STEP_STATEMENTS, 2 },
        { "BEGIN; CREATE TABLE a (id int); COMMIT;", false, EVO_STEP_AS_IS, 0 },
        { "START TRANSACTION; SELECT 1; END;", false, EVO_STEP_AS_IS, 0 },
        { "COMMIT; SELECT 1;", false, EVO_STEP_AS_IS, 0 },
        { "BEGIN; SELECT 1; COMMIT; CREATE INDEX CONCURRENTLY i ON a (id);", false, EVO_STEP_STATEMENTS, 2 },
        { "BEGIN; CREATE INDEX CONCURRENTLY i ON a (id); COMMIT;", false, EVO_STEP_AS_IS, 0 },
        { "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;", false,
          EVO_STEP_TRANSACTION, 0 },
        { "DO $$ BEGIN PERFORM 1; COMMIT; END $$;", false, EVO_STEP_TRANSACTION, 0 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(step) step = { 0 };
        build(&step, rows[i].text, rows[i].no_transaction);
        if (step.mode != rows[i].expected || step.nunits != rows[i].units)
            fail_msg("row %zu: mode %s, %zu units: %s", i, evo_step_mode_name(step.mode), step.nunits,
                     rows[i].text);
    }
}

static void test_units_say_what_runs_bare(void **state)
{
    (void)state;
    EVO_AUTO(step) step = { 0 };
    build(
        &step,
        "SET maintenance_work_mem = '1GB';\nALTER TABLE a ADD b int;\nCREATE INDEX CONCURRENTLY i ON a (b);\n"
        "BEGIN; UPDATE a SET b = 1; COMMIT;",
        false);
    assert_int_equal(step.nunits, 4);
    assert_true(step.units[0].setting);
    assert_true(step.units[0].bare);
    assert_false(step.units[1].bare);
    assert_true(step.units[2].bare);
    assert_true(step.units[2].concurrent_index);
    assert_true(step.units[3].bare);
    assert_int_equal(step.units[3].first, 3);
    assert_int_equal(step.units[3].count, 3);
}

static void test_settings_are_told_from_what_they_look_like(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool expected;
    } rows[] = {
        { "SET search_path = a", true },
        { "RESET ALL", true },
        { "SELECT pg_catalog.set_config('search_path', '', false)", true },
        { "select\n  set_config ( 'a.b', 'x''(', false ) , set_config('c.d', lower('X'), true)", true },
        { "SELECT set_config('a.b', 'x', false), work()", false },
        { "SELECT set_config('a.b', 'x', false) FROM t", false },
        { "SELECT set_configuration()", false },
        { "SELECT 1", false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(step) step = { 0 };
        build(&step, rows[i].text, false);
        if (evo_step_is_setting(&step, 0) != rows[i].expected)
            fail_msg("row %zu: %s", i, rows[i].text);
    }
}

static void test_as_is_warns_that_it_cannot_be_undone(void **state)
{
    (void)state;
    EVO_AUTO(step) step = { 0 };
    build(&step, "BEGIN; SELECT 1; COMMIT;", false);
    assert_int_equal(step.warnings.count, 1);
    assert_non_null(strstr(step.warnings.items[0], "cannot undo"));
}

static void test_not_understood_is_named_with_its_line(void **state)
{
    (void)state;
    EVO_AUTO(step) step = { 0 };
    build(&step, "SELECT 1;\n\nFROBNICATE TABLE a;", false);
    assert_int_equal(step.mode, EVO_STEP_TRANSACTION);
    assert_int_equal(step.warnings.count, 1);
    assert_non_null(strstr(step.warnings.items[0], "line 3:"));
}

static void test_decide_unwraps_one_block_where_its_tool_runs_it_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum evo_step_mode expected;
        size_t statements;
    } rows[] = {
        { "-- x\nBEGIN;\nSELECT 1;\nSELECT 2;\nCOMMIT;\n-- y", EVO_STEP_TRANSACTION, 2 },
        { "begin transaction; SELECT 1; end work", EVO_STEP_TRANSACTION, 1 },
        { "BEGIN; COMMIT;", EVO_STEP_TRANSACTION, 0 },
        { "SELECT 1;", EVO_STEP_TRANSACTION, 1 },
        { "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT;", EVO_STEP_AS_IS, 3 },
        { "BEGIN; SELECT 1; ROLLBACK;", EVO_STEP_AS_IS, 3 },
        { "BEGIN; SELECT 1; COMMIT; SELECT 2;", EVO_STEP_AS_IS, 4 },
        { "SELECT 1; BEGIN; SELECT 2; COMMIT;", EVO_STEP_AS_IS, 4 },
        { "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;", EVO_STEP_AS_IS, 6 },
        { "BEGIN; VACUUM; COMMIT;", EVO_STEP_AS_IS, 3 },
        { "COMMIT;", EVO_STEP_AS_IS, 1 },
    };
    migration.unwrap = true;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(step) step = { 0 };
        build(&step, rows[i].text, false);
        if (step.mode != rows[i].expected || step.script.count != rows[i].statements)
            fail_msg("row %zu: mode %s, %zu statements", i, evo_step_mode_name(step.mode), step.script.count);
        evo_step_decide(&step); /* once more changes nothing */
        assert_int_equal(step.script.count, rows[i].statements);
    }
    EVO_AUTO(step) step = { 0 };
    build(&step, rows[0].text, false);
    assert_int_equal(step.script.items[0].line, 3);
    migration.unwrap = false;
}

static void add_row(struct evo_journal *j, const struct evo_step *done, size_t unit, bool finished)
{
    /* The hash of the unit as evo_journal_begin() would write it. */
    const struct evo_sql_statement *s = &done->script.items[done->units[unit].first];
    char hex[EVO_SHA256_HEX];
    (void)evo_sha256_hex(done->text.buf + s->start, s->len, hex);
    EVO_GROW(j->items, j->count, j->alloc);
    j->items[j->count++] = (struct evo_journal_row){ .ledger = evo_strdup("sql"),
                                                     .name = evo_strdup("m"),
                                                     .sha256 = evo_strdup(hex),
                                                     .statement = (int64_t)done->units[unit].first + 1,
                                                     .done = finished };
}

static void test_journal_proves_what_is_done(void **state)
{
    (void)state;
    static const struct {
        const char *now;
        enum evo_errc expected;
    } rows[] = {
        { "SELECT 1; VACUUM a; VACUUM b;", EVO_OK },
        { "SELECT 1; VACUUM c; VACUUM b;", EVO_OK }, /* the one that failed was corrected */
        { "-- a note\nSELECT 1;\nVACUUM a;", EVO_OK },
        { "SELECT 2; VACUUM a; VACUUM b;", EVO_ERR_FAILED },
        { "VACUUM a;", EVO_ERR_FAILED },
    };
    EVO_AUTO(step) before = { 0 };
    build(&before, "SELECT 1; VACUUM a; VACUUM b;", false);
    EVO_AUTO(journal) journal = { .exists = true };
    add_row(&journal, &before, 0, true);
    add_row(&journal, &before, 1, false);
    assert_int_equal(evo_journal_state(&journal, EVO_LAYOUT_SQL, &before, 0), EVO_UNIT_DONE);
    assert_int_equal(evo_journal_state(&journal, EVO_LAYOUT_SQL, &before, 1), EVO_UNIT_BEGUN);
    assert_int_equal(evo_journal_state(&journal, EVO_LAYOUT_SQL, &before, 2), EVO_UNIT_NEW);
    assert_int_equal(evo_journal_state(&journal, EVO_LAYOUT_PRISMA, &before, 0), EVO_UNIT_NEW);
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(step) now = { 0 };
        build(&now, rows[i].now, true);
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_journal_prove(&journal, EVO_LAYOUT_SQL, &now, &err) != rows[i].expected)
            fail_msg("row %zu: %s", i, rows[i].now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decide_by_what_the_file_holds),
        cmocka_unit_test(test_decide_unwraps_one_block_where_its_tool_runs_it_apart),
        cmocka_unit_test(test_units_say_what_runs_bare),
        cmocka_unit_test(test_settings_are_told_from_what_they_look_like),
        cmocka_unit_test(test_as_is_warns_that_it_cannot_be_undone),
        cmocka_unit_test(test_not_understood_is_named_with_its_line),
        cmocka_unit_test(test_journal_proves_what_is_done),
    };
    return cmocka_run_group_tests_name("migration/step", tests, NULL, NULL);
}
