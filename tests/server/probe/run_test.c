/*
 * Probes against a real server: EVO_TEST_PGURL names one, for a superuser. All that is made is in the schema
 * evo_probe_test, dropped before and after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../pg/server.h"
#include "probe/probe.h"

static const char fixture[] = "DROP SCHEMA IF EXISTS evo_probe_test CASCADE; CREATE SCHEMA evo_probe_test; "
                              "SET search_path = evo_probe_test;"
                              "CREATE TABLE users (id bigint PRIMARY KEY, email text, status text);"
                              "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint CONSTRAINT "
                              "fk_orders_user REFERENCES users(id));"
                              "CREATE INDEX idx_orders_user ON orders (user_id);"
                              "CREATE TABLE products (id bigint, sku VARCHAR(50) UNIQUE);"
                              "INSERT INTO users VALUES (1, 'a', 'active'); INSERT INTO orders VALUES (1, 1);"
                              "CREATE SEQUENCE seq;"
                              "CREATE FUNCTION writes() RETURNS boolean LANGUAGE plpgsql AS "
                              "'BEGIN INSERT INTO users VALUES (99, ''x'', ''y''); RETURN true; END';"
                              "CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'";

static int setup(void **state)
{
    server_setup(state);
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(*state, fixture, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    server_teardown(state);
    assert_ok(evo_pg_exec(pg, "DROP SCHEMA IF EXISTS evo_probe_test CASCADE", &err), &err);
    return 0;
}

static void run(struct evo_pg *pg, const char *text, struct evo_probe_file *file,
                struct evo_probe_report *report)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_probe_parse(text, strlen(text), "verify_up.sql", file, &err), &err);
    assert_ok(evo_probe_run(pg, file, NULL, 0, report, &err), &err);
    assert_int_equal(report->count, file->count);
}

/* Each file holds one probe; it is run outside a transaction and inside one, and must say the same. */
static const struct {
    const char *text;
    enum evo_verdict verdict;
    const char *message; /* how it begins; NULL where true */
} rows[] = {
    { "SELECT true", EVO_VERDICT_TRUE, NULL },
    { "SELECT bool_and(status IS NOT NULL) FROM users", EVO_VERDICT_TRUE, NULL },
    /* The column check of a rollback checklist, and its opposite. */
    { "-- evo:expect rows 1\n-- evo:expect column data_type = character varying\n"
      "SELECT column_name, data_type, is_nullable\n      FROM information_schema.columns\n"
      "      WHERE table_name = 'products' AND column_name = 'sku'",
      EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect empty\nSELECT column_name\n      FROM information_schema.columns\n"
      "      WHERE table_name = 'products' AND column_name = 'sku'",
      EVO_VERDICT_FALSE, "expected empty, but it returned 1 row: (column_name = \"sku\")" },
    /* The queries of a validation after a migration. */
    { "-- evo:expect values 0, 0, 0\nSELECT \n"
      "  (SELECT COUNT(*) FROM users WHERE status IS NULL) as null_status,\n"
      "  (SELECT COUNT(*) FROM users WHERE email IS NULL) as null_email,\n"
      "  (SELECT COUNT(*) FROM orders WHERE user_id IS NULL) as orphan_orders",
      EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect rows 1\n-- evo:expect column convalidated = true\n"
      "SELECT conname, contype, convalidated\nFROM pg_constraint\nWHERE conrelid = 'users'::regclass",
      EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect rows >= 1\nSELECT indexname, indexdef\nFROM pg_indexes\nWHERE tablename = 'users'",
      EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect empty\nSELECT o.id, o.user_id\nFROM orders o\nLEFT JOIN users u ON u.id = o.user_id\n"
      "WHERE u.id IS NULL",
      EVO_VERDICT_TRUE, NULL },
    { "SELECT false", EVO_VERDICT_FALSE, "\"?column?\" is false" },
    { "SELECT NULL::boolean AS ok", EVO_VERDICT_FALSE, "\"ok\" is NULL" },
    { "SELECT 1 AS one", EVO_VERDICT_FALSE, "the first column \"one\" is not boolean" },
    { "SELECT true WHERE false", EVO_VERDICT_VACUOUS, "it returned no row" },
    { "SELECT nope FROM users", EVO_VERDICT_ERROR, "column \"nope\" does not exist" },
    { "SELEC true", EVO_VERDICT_ERROR, "syntax error" },
    { "-- evo:expect no-error\nSELECT 1/0", EVO_VERDICT_ERROR, "division by zero" },
    { "-- evo:expect no-error\nSELECT count(*) FROM users", EVO_VERDICT_TRUE, NULL },
    { "SET search_path = ''", EVO_VERDICT_FALSE, "the statement is no query" },
    { "-- evo:expect empty\nSELECT FROM users WHERE false", EVO_VERDICT_TRUE, NULL },
    /* What writes. */
    { "INSERT INTO users VALUES (2, 'b', 'c') RETURNING true", EVO_VERDICT_ERROR,
      "cannot execute INSERT in a read-only transaction; a probe may only read" },
    { "-- evo:expect no-error\nCREATE TABLE more (a int)", EVO_VERDICT_ERROR,
      "cannot execute CREATE TABLE in a read-only transaction" },
    { "SELECT writes()", EVO_VERDICT_ERROR, "cannot execute INSERT in a read-only transaction" },
    { "SELECT nextval('seq') > 0", EVO_VERDICT_ERROR, "cannot execute nextval() in a read-only transaction" },
    { "SELECT true FROM users FOR UPDATE", EVO_VERDICT_ERROR,
      "cannot execute SELECT FOR UPDATE in a read-only transaction" },
    { "WITH d AS (DELETE FROM orders RETURNING 1) SELECT true", EVO_VERDICT_ERROR,
      "cannot execute SELECT in a read-only transaction" },
    { "-- evo:expect no-error\nDO $$ BEGIN DELETE FROM orders; END $$", EVO_VERDICT_ERROR,
      "cannot execute DELETE in a read-only transaction" },
    /* What would leave the fence. */
    { "-- evo:expect no-error\nCALL commits()", EVO_VERDICT_ERROR, "invalid transaction termination" },
    { "-- evo:expect no-error\nDO $$ BEGIN COMMIT; END $$", EVO_VERDICT_ERROR,
      "invalid transaction termination" },
    { "SELECT set_config('transaction_read_only', 'off', true) = 'off' AND writes()", EVO_VERDICT_ERROR, "" },
};

/* What another tool's verify script says, inside a transaction and outside one; nothing of it stays. */
static void test_run_takes_a_script_as_its_tool_would(void **state)
{
    static const struct {
        const char *text;
        size_t outcomes, failed;
        int line; /* of the last outcome */
    } scripts[] = {
        { "BEGIN;\nINSERT INTO users VALUES (7, 'g', NULL);\nSELECT 1/count(*) FROM users WHERE id = "
          "7;\nROLLBACK;",
          2, 0, 3 },
        { "SELECT false;\nSELECT NULL WHERE false;", 2, 0, 2 },
        { "SELECT 1;\nSELECT 1/0;\nSELECT 2;", 2, 1, 2 },
        { "SAVEPOINT s;\nDELETE FROM orders;\nROLLBACK TO s;\nSELECT 1/count(*) FROM orders;\nCOMMIT;", 4, 0,
          4 },
        { "DELETE FROM orders;\nDO $$ BEGIN COMMIT; END $$;", 2, 1, 2 },
        { "-- nothing\nBEGIN; ROLLBACK;", 0, 0, 0 },
    };
    struct evo_pg *pg = *state;
    for (size_t i = 0; i < 2 * EVO_COUNT(scripts); i++) {
        const char *text = scripts[i / 2].text;
        bool inside = i % 2;
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(probe_file) file = { 0 };
        EVO_AUTO(probe_report) report = { 0 };
        EVO_AUTO_PTR(pg_result) left = NULL;
        assert_ok(evo_probe_parse_script(text, strlen(text), "verify.sql", &file, &err), &err);
        if (inside)
            assert_ok(evo_pg_exec(pg, "BEGIN", &err), &err);
        assert_ok(evo_probe_run(pg, &file, NULL, 0, &report, &err), &err);
        assert_int_equal(evo_pg_in_transaction(pg), inside);
        assert_ok(
            evo_pg_query(pg, "SELECT count(*) FROM users, orders WHERE users.id < 9", 0, NULL, &left, &err),
            &err);
        assert_string_equal(evo_pg_value(left, 0, 0), "1");
        if (inside)
            assert_ok(evo_pg_exec(pg, "COMMIT", &err), &err);
        assert_int_equal(report.count, scripts[i / 2].outcomes);
        assert_int_equal(report.failed, scripts[i / 2].failed);
        if (report.count)
            assert_int_equal(report.items[report.count - 1].line, scripts[i / 2].line);
    }
}

static void assert_outcomes(struct evo_pg *pg)
{
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(probe_file) file = { 0 };
        EVO_AUTO(probe_report) report = { 0 };
        run(pg, rows[i].text, &file, &report);
        const struct evo_probe_outcome *o = &report.items[0];
        if (o->verdict != rows[i].verdict)
            fail_msg("%s (%s): %s", evo_verdict_name(o->verdict), o->message ? o->message : "-",
                     rows[i].text);
        if (!rows[i].message)
            assert_null(o->message);
        else if (!evo_starts_with(o->message, rows[i].message))
            fail_msg("%s: %s", o->message, rows[i].text);
        assert_int_equal(report.failed, rows[i].verdict != EVO_VERDICT_TRUE);
    }
}

static void assert_untouched(struct evo_pg *pg)
{
    EVO_AUTO_STR counts = server_text(
        pg, "SELECT (SELECT count(*) FROM users) || ' ' || (SELECT count(*) FROM orders) || ' ' || "
            "(SELECT is_called FROM seq) || ' ' || current_setting('search_path')");
    assert_string_equal(counts, "1 1 false evo_probe_test");
}

static void test_run_outside_a_transaction(void **state)
{
    struct evo_pg *pg = *state;
    assert_outcomes(pg);
    assert_false(evo_pg_in_transaction(pg));
    assert_untouched(pg);
    EVO_AUTO_STR timeout = server_text(pg, "SHOW statement_timeout");
    assert_string_equal(timeout, "0");
}

static void test_run_inside_a_transaction_that_goes_on(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "BEGIN; CREATE TABLE made (a int); SET LOCAL statement_timeout = 1234", &err),
              &err);
    assert_outcomes(pg);
    assert_true(evo_pg_in_transaction(pg));
    assert_untouched(pg);
    EVO_AUTO_STR settings = server_text(
        pg, "SELECT current_setting('statement_timeout') || ' ' || current_setting('transaction_read_only')");
    assert_string_equal(settings, "1234ms off");
    assert_ok(evo_pg_exec(pg, "INSERT INTO made VALUES (1); COMMIT", &err), &err);
    EVO_AUTO_STR made = server_text(pg, "SELECT count(*) FROM made");
    assert_string_equal(made, "1");
}

static void test_run_sees_what_the_transaction_did(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(probe_file) file = { 0 };
    EVO_AUTO(probe_report) report = { 0 };
    assert_ok(evo_pg_exec(pg, "BEGIN; ALTER TABLE users ADD COLUMN phone text", &err), &err);
    run(pg, "SELECT bool_and(phone IS NULL) FROM users; SELECT false; SELECT true", &file, &report);
    assert_int_equal(report.items[0].verdict, EVO_VERDICT_TRUE);
    assert_int_equal(report.items[1].verdict, EVO_VERDICT_FALSE);
    assert_int_equal(report.items[2].verdict, EVO_VERDICT_TRUE); /* one that is false does not end the run */
    assert_int_equal(report.failed, 1);
    assert_ok(evo_pg_exec(pg, "ROLLBACK", &err), &err);
}

static void test_run_stops_a_slow_probe(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(probe_file) file = { 0 };
    EVO_AUTO(probe_report) report = { 0 };
    const char *text = "SELECT pg_sleep(60) IS NOT NULL";
    assert_ok(evo_probe_parse(text, strlen(text), "verify_up.sql", &file, &err), &err);
    assert_ok(evo_probe_run(pg, &file, NULL, 50, &report, &err), &err);
    assert_int_equal(report.items[0].verdict, EVO_VERDICT_ERROR);
    assert_string_equal(report.items[0].sqlstate, "57014");
}

static void test_run_as_a_role(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "DROP ROLE IF EXISTS \"evo probe role\"; CREATE ROLE \"evo probe role\"", &err),
              &err);
    EVO_AUTO(probe_file) file = { 0 };
    EVO_AUTO(probe_report) report = { 0 };
    const char *text =
        "SELECT current_user = 'evo probe role'; SELECT count(*) > 0 FROM evo_probe_test.users";
    assert_ok(evo_probe_parse(text, strlen(text), "verify_up.sql", &file, &err), &err);
    enum evo_errc rc = evo_probe_run(pg, &file, "evo probe role", 0, &report, &err);
    struct evo_error dropped = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "DROP ROLE \"evo probe role\"", &dropped), &dropped);
    assert_ok(rc, &err);
    assert_int_equal(report.items[0].verdict, EVO_VERDICT_TRUE);
    assert_int_equal(report.items[1].verdict, EVO_VERDICT_ERROR);
    assert_string_equal(report.items[1].sqlstate, "42501");
}

static void test_run_as_an_unknown_role_is_an_error_and_leaves_the_transaction_alone(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(probe_file) file = { 0 };
    EVO_AUTO(probe_report) report = { 0 };
    assert_ok(evo_probe_parse("SELECT true", 11, "verify_up.sql", &file, &err), &err);
    assert_ok(evo_pg_exec(pg, "BEGIN", &err), &err);
    assert_int_not_equal(evo_probe_run(pg, &file, "no such role", 0, &report, &err), EVO_OK);
    assert_non_null(strstr(err.message, "no such role"));
    assert_int_equal(report.count, 0);
    EVO_AUTO_STR one = server_text(pg, "SELECT 1");
    assert_string_equal(one, "1");
    assert_ok(evo_pg_exec(pg, "ROLLBACK", &err), &err);
}

static void test_run_gives_a_lost_connection_up(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(probe_file) file = { 0 };
    EVO_AUTO(probe_report) report = { 0 };
    const char *text = "SELECT true; SELECT pg_terminate_backend(pg_backend_pid()); SELECT true";
    assert_ok(evo_probe_parse(text, strlen(text), "verify_up.sql", &file, &err), &err);
    assert_int_equal(evo_probe_run(pg, &file, NULL, 0, &report, &err), EVO_ERR_CONNECT);
    assert_int_equal(report.count, 1);
    assert_false(evo_pg_alive(pg));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run_takes_a_script_as_its_tool_would, setup, teardown),
        cmocka_unit_test_setup_teardown(test_run_outside_a_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_run_inside_a_transaction_that_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_run_sees_what_the_transaction_did, setup, teardown),
        cmocka_unit_test_setup_teardown(test_run_stops_a_slow_probe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_run_as_a_role, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_run_as_an_unknown_role_is_an_error_and_leaves_the_transaction_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_run_gives_a_lost_connection_up, setup, teardown),
    };
    return cmocka_run_group_tests_name("probe/run", tests, server_begin, NULL);
}
