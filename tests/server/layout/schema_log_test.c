/*
 * The record of the schema against a real server: EVO_TEST_PGURL names one, for a superuser.
 */
#include "cmocka_all.h"

#include "../pg/server.h"
#include "layout/schema_log.h"

static int clear(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(
        evo_pg_exec(*state,
                    "DROP SCHEMA IF EXISTS evo CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
                    "DROP ROLE IF EXISTS schema_log_reader",
                    &err),
        &err);
    return 0;
}

static int setup(void **state)
{
    return server_setup(state) || clear(state);
}

static int teardown(void **state)
{
    int rc = clear(state);
    return server_teardown(state) || rc;
}

static void load_ledger(struct evo_pg *pg, struct evo_ledger *l)
{
    const struct evo_project p = { .kind = EVO_LAYOUT_PRISMA };
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_ledger_load(pg, &p, NULL, l, &err), &err);
}

static void write_row(struct evo_pg *pg, const struct evo_ledger *l, const char *state,
                      const struct evo_schema *s)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_schema_log_write(pg, l, "up", "1_a", state, s, &err), &err);
}

static void test_load_of_a_database_without_tables_is_empty(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(schema_log) log = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    load_ledger(*state, &l);
    assert_ok(evo_schema_log_load(*state, &l, 10, &log, &err), &err);
    assert_int_equal(log.count, 0);
}

static void test_write_makes_the_tables_and_load_gives_the_newest_first(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(schema) s = EVO_SCHEMA_INIT;
    EVO_AUTO(schema_log) log = { 0 };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    bool found = false;
    load_ledger(*state, &l);
    assert_ok(evo_schema_look(*state, NULL, &s, &err), &err);
    write_row(*state, &l, "s1", &s);
    write_row(*state, &l, "s2", &s);
    assert_ok(evo_schema_log_load(*state, &l, 10, &log, &err), &err);
    assert_int_equal(log.count, 2);
    assert_string_equal(log.items[0].state, "s2");
    assert_string_equal(log.items[0].ledger, "prisma public._prisma_migrations");
    assert_string_equal(log.items[0].name, "1_a");
    assert_string_equal(log.items[0].fingerprint, s.fingerprint);
    assert_int_equal(log.items[0].server_version, evo_pg_version(*state));
    assert_true(log.items[0].recorded_ms > 0);
    assert_true(strlen(log.items[0].stamp) >= EVO_SHA256_HEX - 1);
    assert_string_equal(log.items[0].stamp, s.stamp);
    assert_ok(evo_schema_log_text(*state, &l, s.fingerprint, &text, &found, &err), &err);
    assert_true(found);
    assert_string_equal(text.buf, s.text.buf);
    assert_ok(evo_schema_log_text(*state, &l, "none", &text, &found, &err), &err);
    assert_false(found);
}

static void test_the_record_is_no_part_of_the_schema(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(schema) before = EVO_SCHEMA_INIT;
    EVO_AUTO(schema) after = EVO_SCHEMA_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    load_ledger(*state, &l);
    assert_ok(evo_schema_look(*state, NULL, &before, &err), &err);
    write_row(*state, &l, "s", &before);
    assert_ok(evo_schema_look(*state, NULL, &after, &err), &err);
    assert_string_equal(before.fingerprint, after.fingerprint);
}

static void test_write_leaves_out_a_text_that_is_too_long(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(schema) s = EVO_SCHEMA_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    bool found = true;
    load_ledger(*state, &l);
    memcpy(s.fingerprint, "long", 5);
    while (s.text.len <= EVO_SCHEMA_TEXT_MAX)
        evo_strbuf_adds(&s.text, "a line of a schema that has very many of them\n");
    write_row(*state, &l, "s", &s);
    assert_ok(evo_schema_log_text(*state, &l, "long", &text, &found, &err), &err);
    assert_false(found);
}

static void test_a_role_without_privileges_gets_the_grant_to_ask_for(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(schema) s = EVO_SCHEMA_INIT;
    EVO_AUTO(schema_log) log = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(*state, "CREATE ROLE schema_log_reader; SET ROLE schema_log_reader", &err), &err);
    load_ledger(*state, &l);
    memcpy(s.fingerprint, "f", 2);
    assert_int_equal(evo_schema_log_write(*state, &l, "up", NULL, "s", &s, &err), EVO_ERR_PERMISSION);
    assert_non_null(strstr(err.hint, "GRANT CREATE ON DATABASE"));
    assert_ok(evo_pg_exec(*state, "RESET ROLE", &err), &err);
    write_row(*state, &l, "s", &s);
    assert_ok(evo_pg_exec(*state, "SET ROLE schema_log_reader", &err), &err);
    assert_int_equal(evo_schema_log_load(*state, &l, 1, &log, &err), EVO_ERR_PERMISSION);
    assert_non_null(strstr(err.hint, "GRANT USAGE ON SCHEMA evo TO schema_log_reader; GRANT SELECT"));
    assert_int_equal(evo_schema_log_write(*state, &l, "up", NULL, "s", &s, &err), EVO_ERR_PERMISSION);
    assert_non_null(strstr(err.hint, "INSERT, DELETE ON evo.fingerprints"));
    assert_ok(evo_pg_exec(*state, "RESET ROLE", &err), &err);
}

static bool is_untouched(struct evo_pg *pg, const struct evo_schema_row *row)
{
    struct evo_error err = EVO_ERROR_INIT;
    bool untouched = false;
    assert_ok(evo_schema_is_untouched(pg, row, &untouched, &err), &err);
    return untouched;
}

static void test_is_untouched_until_the_schema_is_changed(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(schema) s = EVO_SCHEMA_INIT;
    EVO_AUTO(schema_log) log = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    load_ledger(*state, &l);
    assert_ok(evo_schema_look(*state, NULL, &s, &err), &err);
    write_row(*state, &l, "s", &s);
    assert_ok(evo_schema_log_load(*state, &l, 1, &log, &err), &err);
    assert_true(is_untouched(*state, &log.items[0]));
    log.items[0].alone = false; /* whatever others did: by the stamp alone */
    assert_true(is_untouched(*state, &log.items[0]));
    struct evo_schema_row other = log.items[0];
    other.format = (char *)"evo schema fingerprint, format 0";
    assert_false(is_untouched(*state, &other));
    assert_ok(evo_pg_exec(*state, "CREATE TABLE t (id int)", &err), &err);
    assert_false(is_untouched(*state, &log.items[0]));
}

/* Others on this server write as well: asked until a row was written alone. */
static void test_a_row_is_alone_until_somebody_writes(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    bool alone = false;
    load_ledger(*state, &l);
    for (int i = 0; i < 500 && !alone; i++) {
        EVO_AUTO(schema) s = EVO_SCHEMA_INIT;
        EVO_AUTO(schema_log) log = { 0 };
        assert_ok(evo_catalog_stamp(*state, s.stamp, &err), &err);
        memcpy(s.fingerprint, "f", 2);
        write_row(*state, &l, "s", &s);
        assert_ok(evo_schema_log_load(*state, &l, 1, &log, &err), &err);
        alone = log.items[0].alone;
    }
    assert_true(alone);
    EVO_AUTO(schema_log) after = { 0 };
    assert_ok(evo_pg_exec(*state, "SELECT pg_current_xact_id()", &err), &err);
    assert_ok(evo_schema_log_load(*state, &l, 500, &after, &err), &err);
    for (size_t i = 0; i < after.count; i++)
        assert_false(after.items[i].alone);
}

/* What evo made before there were stamps. */
static void test_a_table_without_stamps_is_read_and_gets_the_column(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(schema) s = EVO_SCHEMA_INIT;
    EVO_AUTO(schema_log) old = { 0 };
    EVO_AUTO(schema_log) log = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    load_ledger(*state, &l);
    assert_ok(evo_schema_look(*state, NULL, &s, &err), &err);
    write_row(*state, &l, "s1", &s);
    assert_ok(evo_pg_exec(*state, "ALTER TABLE evo.fingerprints DROP stamp", &err), &err);
    assert_ok(evo_schema_log_load(*state, &l, 1, &old, &err), &err);
    assert_null(old.items[0].stamp);
    assert_false(is_untouched(*state, &old.items[0]));
    write_row(*state, &l, "s2", &s);
    assert_ok(evo_schema_log_load(*state, &l, 2, &log, &err), &err);
    assert_string_equal(log.items[0].stamp, s.stamp);
    assert_null(log.items[1].stamp);
}

static void test_a_table_without_stamps_of_another_role_is_written_as_it_is(void **state)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(schema) s = EVO_SCHEMA_INIT;
    EVO_AUTO(schema_log) log = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    load_ledger(*state, &l);
    assert_ok(evo_schema_look(*state, NULL, &s, &err), &err);
    write_row(*state, &l, "s1", &s);
    assert_ok(
        evo_pg_exec(*state,
                    "ALTER TABLE evo.fingerprints DROP stamp; CREATE ROLE schema_log_reader; GRANT USAGE ON "
                    "SCHEMA evo TO schema_log_reader; GRANT SELECT, INSERT, DELETE ON evo.fingerprints, "
                    "evo.schemas TO schema_log_reader; SET ROLE schema_log_reader",
                    &err),
        &err);
    write_row(*state, &l, "s2", &s);
    assert_ok(evo_schema_log_load(*state, &l, 1, &log, &err), &err);
    assert_string_equal(log.items[0].state, "s2");
    assert_null(log.items[0].stamp);
    assert_ok(evo_pg_exec(*state, "RESET ROLE", &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_load_of_a_database_without_tables_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_makes_the_tables_and_load_gives_the_newest_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_record_is_no_part_of_the_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_leaves_out_a_text_that_is_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_is_untouched_until_the_schema_is_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_row_is_alone_until_somebody_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_table_without_stamps_is_read_and_gets_the_column, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_table_without_stamps_of_another_role_is_written_as_it_is,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_role_without_privileges_gets_the_grant_to_ask_for, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("layout/schema_log (server)", tests, NULL, NULL);
}
