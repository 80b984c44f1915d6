#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/probe.h"

/* Types by their OIDs. */
enum { BOOL = 16, INT = 23, TEXT = 25 };

/* What the statement answers: columns by name and type, and the values row by row. */
struct answer {
    int rows, columns;
    const char *names[3];
    uint32_t types[3];
    const char *values[6];
};
enum { NO_QUERY = -1 }; /* rows of a statement that is none */

static const struct answer ok = { 1, 1, { "ok" }, { BOOL }, { "t" } };
static const struct answer ok_twice = { 2, 1, { "ok" }, { BOOL }, { "t", "t" } };
static const struct answer not_ok = { 1, 1, { "ok" }, { BOOL }, { "f" } };
static const struct answer second_not_ok = {
    2, 2, { "ok", "detail" }, { BOOL, TEXT }, { "t", "a", "f", "b" }
};
static const struct answer null_ok = { 1, 1, { "ok" }, { BOOL }, { NULL } };
static const struct answer nothing = { 0, 1, { "ok" }, { BOOL }, { NULL } };
static const struct answer text_t = { 1, 1, { "x" }, { TEXT }, { "t" } };
static const struct answer no_columns = { 1, 0, { NULL }, { 0 }, { NULL } };
static const struct answer no_query = { NO_QUERY, 0, { NULL }, { 0 }, { NULL } };
static const struct answer zeros = {
    1, 3, { "null_status", "null_email", "orphan_orders" }, { INT, INT, INT }, { "0", "0", "0" }
};
static const struct answer three = {
    1, 3, { "null_status", "null_email", "orphan_orders" }, { INT, INT, INT }, { "0", "3", NULL }
};
static const struct answer sku = { 1,
                                   3,
                                   { "column_name", "data_type", "is_nullable" },
                                   { TEXT, TEXT, TEXT },
                                   { "sku", "character varying", "YES" } };
static const struct answer sku_text = {
    1, 3, { "column_name", "data_type", "is_nullable" }, { TEXT, TEXT, TEXT }, { "sku", "text", "YES" }
};
static const struct answer no_sku = {
    0, 3, { "column_name", "data_type", "is_nullable" }, { TEXT, TEXT, TEXT }, { NULL }
};
static const struct answer constraints = {
    2, 3, { "conname", "contype", "convalidated" }, { TEXT, TEXT, BOOL }, { "a", "p", "t", "b", "f", "f" }
};

static const struct {
    const char *file; /* the expectations; the statement follows */
    const struct answer *answer;
    enum evo_verdict verdict;
    const char *message;
} rows[] = {
    { "", &ok, EVO_VERDICT_TRUE, NULL },
    { "", &ok_twice, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect true\n", &ok, EVO_VERDICT_TRUE, NULL },
    { "", &not_ok, EVO_VERDICT_FALSE, "\"ok\" is false" },
    { "", &second_not_ok, EVO_VERDICT_FALSE, "\"ok\" is false in row 2 of 2: (ok = \"f\", detail = \"b\")" },
    { "", &null_ok, EVO_VERDICT_FALSE, "\"ok\" is NULL" },
    { "", &nothing, EVO_VERDICT_VACUOUS, "it returned no row, where every row must be true" },
    { "", &text_t, EVO_VERDICT_FALSE,
      "the first column \"x\" is not boolean; say with \"-- evo:expect\" what is expected" },
    { "", &sku, EVO_VERDICT_FALSE,
      "the first column \"column_name\" is not boolean; say with \"-- evo:expect\" what is expected" },
    { "", &no_columns, EVO_VERDICT_FALSE, "it returns no column, where the first must be true" },
    { "", &no_query, EVO_VERDICT_FALSE,
      "the statement is no query: it returns no rows that could be checked" },
    { "-- evo:expect empty\n", &no_query, EVO_VERDICT_FALSE,
      "the statement is no query: it returns no rows that could be checked" },
    { "-- evo:expect no-error\n", &no_query, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect no-error\n", &not_ok, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect empty\n", &nothing, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect empty\n", &sku, EVO_VERDICT_FALSE,
      "expected empty, but it returned 1 row: (column_name = \"sku\", data_type = \"character varying\", "
      "is_nullable = \"YES\")" },
    { "-- evo:expect rows 2\n", &constraints, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect rows 1\n", &nothing, EVO_VERDICT_FALSE, "expected rows 1, but it returned 0 rows" },
    { "-- evo:expect rows 1\n", &no_columns, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect rows >= 2\n", &constraints, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect rows >= 3\n", &ok_twice, EVO_VERDICT_FALSE,
      "expected rows >= 3, but it returned 2 rows, the first: (ok = \"t\")" },
    { "-- evo:expect values 0, 0, 0\n", &zeros, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect values 0, 3, null\n", &three, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect values 0, 0, 0\n", &three, EVO_VERDICT_FALSE,
      "expected values 0, 0, 0, but it returned (null_status = \"0\", null_email = \"3\", orphan_orders = "
      "NULL)" },
    { "-- evo:expect values 0, 0\n", &zeros, EVO_VERDICT_FALSE,
      "expected values 0, 0, but it returned (null_status = \"0\", null_email = \"0\", orphan_orders = "
      "\"0\")" },
    { "-- evo:expect values 0, 0, 0\n", &nothing, EVO_VERDICT_FALSE,
      "expected one row with values 0, 0, 0, but it returned 0 rows" },
    { "-- evo:expect values t\n", &ok_twice, EVO_VERDICT_FALSE,
      "expected one row with values t, but it returned 2 rows" },
    { "-- evo:expect values true\n", &ok, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect values t\n", &ok, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect values false\n", &not_ok, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect values true\n", &text_t, EVO_VERDICT_FALSE,
      "expected values true, but it returned (x = \"t\")" },
    { "-- evo:expect values null\n", &null_ok, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect rows 1\n-- evo:expect column data_type = character varying\n", &sku, EVO_VERDICT_TRUE,
      NULL },
    { "-- evo:expect rows 1\n-- evo:expect column data_type = character varying\n", &sku_text,
      EVO_VERDICT_FALSE, "expected \"data_type\" to be \"character varying\", but it is \"text\"" },
    { "-- evo:expect rows 1\n-- evo:expect column data_type = character varying\n", &no_sku,
      EVO_VERDICT_FALSE, "expected rows 1, but it returned 0 rows" },
    { "-- evo:expect column data_type = character varying\n", &no_sku, EVO_VERDICT_VACUOUS,
      "it returned no row, where \"data_type\" of every row is expected to be \"character varying\"" },
    { "-- evo:expect column convalidated = true\n", &constraints, EVO_VERDICT_FALSE,
      "expected \"convalidated\" to be \"true\", but it is \"f\" in row 2 of 2" },
    { "-- evo:expect column DATA_TYPE = text\n", &sku_text, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect column nope = 1\n", &sku, EVO_VERDICT_FALSE, "it returns no column \"nope\"" },
    { "-- evo:expect column orphan_orders = null\n", &three, EVO_VERDICT_TRUE, NULL },
    { "-- evo:expect column orphan_orders = 0\n", &three, EVO_VERDICT_FALSE,
      "expected \"orphan_orders\" to be \"0\", but it is NULL" },
};

static void test_judge(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR text = evo_asprintf("%sSELECT 1", rows[i].file);
        EVO_AUTO(probe_file) file = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_probe_parse(text, strlen(text), "verify_up.sql", &file, &err))
            fail_msg("%s", err.message);
        const struct answer *a = rows[i].answer;
        const struct evo_probe_answer answer = {
            .is_query = a->rows != NO_QUERY,
            .rows = a->rows == NO_QUERY ? 0 : a->rows,
            .columns = a->columns,
            .names = a->names,
            .types = a->types,
            .values = a->values,
        };
        EVO_AUTO_STR message = NULL;
        enum evo_verdict verdict = evo_probe_judge(&file.items[0], &answer, &message);
        if (verdict != rows[i].verdict || !evo_streq(message, rows[i].message))
            fail_msg("row %zu: %s: %s", i, evo_verdict_name(verdict), message ? message : "(no message)");
    }
}

static void test_judge_cuts_long_values(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (int i = 0; i < 1000; i++)
        evo_strbuf_adds(&text, "ä");
    const char *names[] = { "a", "b", "c", "d" };
    const uint32_t types[] = { TEXT, TEXT, TEXT, TEXT };
    const char *values[] = { text.buf, text.buf, text.buf, text.buf };
    const struct evo_probe_answer answer = { true, 1, 4, names, types, values };
    struct evo_expect e = { .kind = EVO_EXPECT_EMPTY };
    const struct evo_probe probe = { .sql = (char[]){ "SELECT 1" }, .expects = &e, .nexpects = 1 };
    EVO_AUTO_STR message = NULL;
    assert_int_equal(evo_probe_judge(&probe, &answer, &message), EVO_VERDICT_FALSE);
    assert_true(strlen(message) < 600);
    assert_non_null(strstr(message, "ä...\""));
    assert_true(evo_ends_with(message, ", ...)"));
}

static void test_error_names_the_first_failing_probe(void **state)
{
    (void)state;
    EVO_AUTO(probe_file) file = { .path = evo_strdup("m/verify_up.sql") };
    struct evo_probe_outcome outcomes[] = {
        { .number = 1, .line = 1, .statement = (char[]){ "SELECT true" } },
        { .number = 2,
          .line = 4,
          .verdict = EVO_VERDICT_FALSE,
          .statement = (char[]){ "SELECT false" },
          .message = (char[]){ "\"x\" is false" } },
        { .number = 3,
          .line = 9,
          .verdict = EVO_VERDICT_ERROR,
          .statement = (char[]){ "SELECT nope" },
          .message = (char[]){ "no nope" } },
    };
    const struct evo_probe_report report = { .items = outcomes, .count = 3, .failed = 2 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_probe_error(&file, &report, &err), EVO_ERR_PROBE_FALSE);
    assert_string_equal(err.message, "probe 2 of \"m/verify_up.sql\" is not true: \"x\" is false");
    assert_string_equal(err.detail, "2 of 3 probes do not hold. The first: SELECT false");
    assert_string_equal(err.file, "m/verify_up.sql");
    assert_int_equal(err.line, 4);

    EVO_AUTO_PTR(json) array = evo_json_array();
    evo_probe_report_json(&report, "m", array);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_json_format(evo_json_at(array, 1), EVO_JSON_COMPACT, &text);
    assert_string_equal(text.buf,
                        "{\"migration\":\"m\",\"number\":2,\"statement\":\"SELECT false\",\"line\":4,"
                        "\"verdict\":\"false\",\"message\":\"\\\"x\\\" is false\"}");
    assert_int_equal(evo_json_type_of(evo_json_get(evo_json_at(array, 0), "message")), EVO_JSON_NULL);
}

static void test_error_of_a_good_report_is_none(void **state)
{
    (void)state;
    EVO_AUTO(probe_file) file = { .path = evo_strdup("verify_up.sql") };
    struct evo_probe_outcome outcome = { .number = 1, .line = 1, .statement = (char[]){ "SELECT true" } };
    const struct evo_probe_report report = { .items = &outcome, .count = 1 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_probe_error(&file, &report, &err), EVO_OK);
    assert_int_equal(err.code, EVO_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_judge_cuts_long_values),
        cmocka_unit_test(test_error_names_the_first_failing_probe),
        cmocka_unit_test(test_error_of_a_good_report_is_none),
    };
    return cmocka_run_group_tests_name("probe/judge", tests, NULL, NULL);
}
