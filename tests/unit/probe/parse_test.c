#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/probe.h"

static void parse(const char *text, struct evo_probe_file *file)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_probe_parse(text, strlen(text), "verify_up.sql", file, &err))
        fail_msg("%s", err.message);
}

static void test_expect_parse_knows_the_forms(void **state)
{
    (void)state;
    static const struct {
        const char *form, *formatted;
        enum evo_expect_kind kind;
    } rows[] = {
        { "true", "true", EVO_EXPECT_TRUE },
        { "empty ", "empty", EVO_EXPECT_EMPTY },
        { "rows 1", "rows 1", EVO_EXPECT_ROWS },
        { "rows\t0", "rows 0", EVO_EXPECT_ROWS },
        { "rows >= 3", "rows >= 3", EVO_EXPECT_ROWS_AT_LEAST },
        { "rows >=3", "rows >= 3", EVO_EXPECT_ROWS_AT_LEAST },
        { "values 0, 0, 0", "values 0, 0, 0", EVO_EXPECT_VALUES },
        { "values 0,0 ,0", "values 0, 0, 0", EVO_EXPECT_VALUES },
        { "values a b", "values a b", EVO_EXPECT_VALUES },
        { "values NULL, 'null', ''", "values null, 'null', ''", EVO_EXPECT_VALUES },
        { "values 'a, b', ' c ', 'it''s', d'e", "values 'a, b', ' c ', 'it''s', 'd''e'", EVO_EXPECT_VALUES },
        { "column data_type = character varying", "column data_type = character varying", EVO_EXPECT_COLUMN },
        { "column a='x'::text", "column a = 'x'::text", EVO_EXPECT_COLUMN },
        { "column \"% done\" = 5 = 5", "column % done = 5 = 5", EVO_EXPECT_COLUMN },
        { "column a =", "column a = ", EVO_EXPECT_COLUMN },
        { "column a = null", "column a = null", EVO_EXPECT_COLUMN },
        { "no-error", "no-error", EVO_EXPECT_NO_ERROR },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(expect) e = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_expect_parse(rows[i].form, &e, &err))
            fail_msg("%s", err.message);
        assert_int_equal(e.kind, rows[i].kind);
        EVO_AUTO_STR formatted = evo_expect_format(&e);
        assert_string_equal(formatted, rows[i].formatted);
    }
}

static void test_expect_parse_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "True",
        "yes",
        "true or so",
        "empty 1",
        "rows",
        "rows -1",
        "rows = 1",
        "rows > 1",
        "rows many",
        "rows 1 2",
        "rows >=",
        "rows <= 3",
        "values",
        "values a,",
        "values a,,b",
        "values 'a",
        "values 'a'b",
        "column",
        "column a",
        "column = 1",
        "column a > 1",
        "column \"a = 1",
        "noerror",
        "no-error at all",
        "value 1",
        "rows1",
    };
    for (size_t i = 0; i < EVO_COUNT(wrong); i++) {
        EVO_AUTO(expect) e = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_expect_parse(wrong[i], &e, &err) != EVO_ERR_CONFIG)
            fail_msg("taken: \"%s\"", wrong[i]);
        assert_non_null(strstr(err.message, "unknown expectation"));
        assert_true(*err.hint != '\0');
    }
}

static void test_parse_gives_each_statement_its_expectations(void **state)
{
    (void)state;
    EVO_AUTO(probe_file) file = { 0 };
    parse("-- The sku column.\r\n"
          "-- evo:expect rows 1\r\n"
          "-- evo:expect column data_type = character varying\r\n"
          "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = "
          "'products' "
          "AND column_name = 'sku';\r\n"
          "SELECT true; -- evo is mentioned here\r\n"
          "--evo:expect empty\r\n\r\n/* why */ SELECT 1 WHERE false",
          &file);
    assert_int_equal(file.count, 3);
    assert_string_equal(file.path, "verify_up.sql");
    assert_int_equal(file.items[0].nexpects, 2);
    assert_int_equal(file.items[0].expects[0].kind, EVO_EXPECT_ROWS);
    assert_int_equal(file.items[0].expects[1].kind, EVO_EXPECT_COLUMN);
    assert_string_equal(file.items[0].expects[1].value, "character varying");
    assert_int_equal(file.items[0].line, 4);
    assert_int_equal(file.items[1].nexpects, 1);
    assert_int_equal(file.items[1].expects[0].kind, EVO_EXPECT_TRUE);
    assert_string_equal(file.items[1].sql, "SELECT true");
    assert_int_equal(file.items[2].expects[0].kind, EVO_EXPECT_EMPTY);
    assert_int_equal(file.items[2].number, 3);
    assert_int_equal(file.items[2].line, 8);
}

static void test_parse_refuses_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        int line;
    } rows[] = {
        { "", "the file holds no statement, so it could never fail", 1 },
        { "-- nothing\n", "the file holds no statement, so it could never fail", 1 },
        { "SELECT true;\n-- evo:expect maybe\nSELECT 1", "unknown expectation \"maybe\"", 2 },
        { "-- evo:expect\nSELECT 1", "unknown expectation \"\"", 1 },
        { "\n-- evo:expct rows 1\nSELECT 1", "unknown directive \"evo:expct rows 1\" in a probe", 2 },
        { "-- evo:Expect rows 1\nSELECT 1", "unknown directive \"evo:Expect rows 1\" in a probe", 1 },
        { "-- evo:no-transaction\nSELECT 1", "unknown directive \"evo:no-transaction\" in a probe", 1 },
        { "/* evo:expect rows 1 */ SELECT 1", "unknown directive \"evo:expect rows 1 */\" in a probe", 1 },
        { "SELECT true; -- evo:expect empty\n", "the expectation stands above no statement", 1 },
        { "SELECT true\n-- evo:expect empty\n;", "the expectation stands above no statement", 2 },
        { "SELECT true;\n-- evo:expect empty\n", "the expectation stands above no statement", 2 },
        { "SELECT true;\nCOMMIT;", "a probe cannot begin or end a transaction", 2 },
        { "BEGIN;", "a probe cannot begin or end a transaction", 1 },
        { "PREPARE TRANSACTION 'x'", "a probe cannot begin or end a transaction", 1 },
        { "ROLLBACK TO evo_probe", "a probe cannot set savepoints", 1 },
        { "VACUUM", "a probe only reads: this statement cannot run in a read-only transaction", 1 },
        { "COPY t FROM STDIN;\n\\.\n", "a probe only reads: COPY FROM STDIN writes", 1 },
        { "SELECT 'a", "the quoted string that begins here has no end", 1 },
        { "SELECT 1;\n\\i other.sql\n", "cannot run psql's command \"\\i\"", 2 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(probe_file) file = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc =
            evo_probe_parse(rows[i].text, strlen(rows[i].text), "a/verify_up.sql", &file, &err);
        assert_int_equal(rc, EVO_ERR_CONFIG);
        assert_int_equal(err.code, EVO_ERR_CONFIG);
        assert_string_equal(err.message, rows[i].message);
        assert_string_equal(err.file, "a/verify_up.sql");
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(file.count, 0);
    }
}

static void test_parse_script_leaves_transactions_out_and_refuses_what_cannot_be_rolled_back(void **state)
{
    (void)state;
    static const char good[] = "BEGIN;\nSELECT 1;\nSAVEPOINT s;\nROLLBACK;";
    static const char *const bad[] = { "SELECT 1;\nVACUUM;", "SELECT 1;\nCOPY a FROM stdin;\n1\n\\.\n" };
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(probe_file) file = { 0 };
    assert_int_equal(evo_probe_parse_script(good, strlen(good), "verify.sql", &file, &err), EVO_OK);
    assert_true(file.script);
    assert_int_equal(file.count, 2);
    assert_int_equal(file.items[1].line, 3);
    assert_int_equal(file.items[0].expects[0].kind, EVO_EXPECT_NO_ERROR);
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        EVO_AUTO(probe_file) refused = { 0 };
        assert_int_equal(evo_probe_parse_script(bad[i], strlen(bad[i]), "verify.sql", &refused, &err),
                         EVO_ERR_CONFIG);
        assert_int_equal(err.line, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_script_leaves_transactions_out_and_refuses_what_cannot_be_rolled_back),
        cmocka_unit_test(test_expect_parse_knows_the_forms),
        cmocka_unit_test(test_expect_parse_refuses_what_it_does_not_know),
        cmocka_unit_test(test_parse_gives_each_statement_its_expectations),
        cmocka_unit_test(test_parse_refuses_with_file_and_line),
    };
    return cmocka_run_group_tests_name("probe/parse", tests, NULL, NULL);
}
