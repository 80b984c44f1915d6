#include "cmocka_all.h"

#include "verify/integrity_impl.h"

enum { KIB = 1024, MIB = 1024 * KIB };

static void test_percent_is_of_the_rows_but_never_of_a_few_blocks(void **state)
{
    (void)state;
    static const struct {
        int64_t sample, rows, bytes;
        double percent;
    } table[] = {
        { 0, 1000000, 100 * MIB, 0 }, /* no sample is asked for */
        { 1000, 1000, 100 * MIB, 0 }, /* there are no more */
        { 1000, 1001, 160 * KIB, 0 }, /* small enough to be read */
        { 10000, 1000000, 100 * MIB, 1 },
        { 500000, 1000000, 100 * MIB, 50 },
        { 1, 1000000, 160 * MIB, 0.09765625 }, /* 20 blocks of 8 KiB */
        { 999999, 1000000, 161 * KIB, 99.9999 },
        { 10, 0, 0, 0 }, /* nothing is known of it */
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        double found = evo_integrity_percent(table[i].sample, table[i].rows, table[i].bytes);
        assert_true(found > table[i].percent - 1e-6 && found < table[i].percent + 1e-6);
    }
}

static void test_tablesample_of_a_large_table_alone(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_integrity_tablesample(10000, &(struct evo_row_item){ .rows = 1000000, .bytes = 100 * MIB }, &sql);
    assert_string_equal(sql.buf, " TABLESAMPLE SYSTEM (1.000000000)");
    evo_strbuf_clear(&sql);
    evo_integrity_tablesample(10000, &(struct evo_row_item){ .rows = 10, .bytes = 8192 }, &sql);
    assert_string_equal(sql.buf, "");
}

static void test_array_quotes_what_it_holds(void **state)
{
    (void)state;
    EVO_AUTO(strvec) list = EVO_STRVEC_INIT;
    EVO_AUTO_STR none = evo_integrity_array(NULL);
    EVO_AUTO_STR empty = evo_integrity_array(&list);
    evo_strvec_push(&list, "a");
    evo_strvec_push(&list, "NULL");
    evo_strvec_push(&list, "b,}\"\\");
    evo_strvec_push(&list, "");
    EVO_AUTO_STR some = evo_integrity_array(&list);
    assert_string_equal(none, "{}");
    assert_string_equal(empty, "{}");
    assert_string_equal(some, "{\"a\",\"NULL\",\"b,}\\\"\\\\\",\"\"}");
}

static void push(struct evo_integrity *i, const char *check, enum evo_finding_verdict v, const char *table)
{
    EVO_GROW(i->items, i->count, i->alloc);
    i->items[i->count++] =
        (struct evo_finding){ .check = check,
                              .verdict = v,
                              .table = evo_strdup(table),
                              .count = -1,
                              .sampled = -1,
                              .message = evo_asprintf("%s of %s", check, table ? table : "-"),
                              .statement = evo_strdup("SELECT 1") };
    i->failed += v == EVO_FINDING_FAIL;
    i->warned += v == EVO_FINDING_WARN;
}

static void test_sort_is_by_check_then_the_worst(void **state)
{
    (void)state;
    EVO_AUTO(integrity) i = { 0 };
    push(&i, "collations", EVO_FINDING_WARN, "a");
    push(&i, "orphans", EVO_FINDING_WARN, "a");
    push(&i, "invalid-indexes", EVO_FINDING_OK, NULL);
    push(&i, "orphans", EVO_FINDING_FAIL, "z");
    push(&i, "orphans", EVO_FINDING_FAIL, "b");
    evo_integrity_sort(&i);
    EVO_AUTO(strbuf) order = EVO_STRBUF_INIT;
    for (size_t k = 0; k < i.count; k++)
        evo_strbuf_addf(&order, "%s%s", k ? ", " : "", i.items[k].message);
    assert_string_equal(order.buf,
                        "orphans of b, orphans of z, orphans of a, invalid-indexes of -, collations of a");
}

static void test_rank_is_the_order_of_the_tables(void **state)
{
    (void)state;
    assert_int_equal(evo_integrity_rank("orphans"), 0);
    assert_true(evo_integrity_rank("index-structure") < evo_integrity_rank("invalid-indexes"));
    for (size_t k = 1; k < evo_catalog_checks_count; k++)
        assert_true(evo_integrity_rank(evo_catalog_checks[k - 1].name) <=
                    evo_integrity_rank(evo_catalog_checks[k].name));
}

static void test_verdict_of_findings(void **state)
{
    (void)state;
    EVO_AUTO(integrity) i = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    push(&i, "orphans", EVO_FINDING_OK, NULL);
    push(&i, "not-valid", EVO_FINDING_WARN, "t");
    assert_int_equal(evo_integrity_verdict(&i, &err), EVO_OK);
    assert_int_equal(err.code, EVO_OK);

    push(&i, "orphans", EVO_FINDING_WARN, "locked");
    i.items[i.count - 1].unmade = true;
    i.unmade = 1;
    assert_int_equal(evo_integrity_verdict(&i, &err), EVO_ERR_INCOMPLETE);
    assert_string_equal(err.message, "orphans of locked");
    assert_true(*err.hint);

    push(&i, "sequences", EVO_FINDING_FAIL, "t");
    push(&i, "nulls", EVO_FINDING_FAIL, "t");
    assert_int_equal(evo_integrity_verdict(&i, &err), EVO_ERR_INCONSISTENT);
    assert_string_equal(err.message, "sequences of t (and 1 more)");
    assert_string_equal(err.detail, "SELECT 1");
    assert_int_equal(evo_integrity_verdict(&i, NULL), EVO_ERR_INCONSISTENT);
}

static void test_json_says_null_for_what_is_not_known(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) data = evo_json_object();
    EVO_AUTO(integrity) i = { 0 };
    push(&i, "orphans", EVO_FINDING_FAIL, "public.t");
    i.items[0].count = 3;
    evo_integrity_json(&i, data);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_json_format(data, EVO_JSON_COMPACT, &text);
    assert_string_equal(text.buf,
                        "{\"checks\":[{\"name\":\"orphans\",\"verdict\":\"fail\",\"table\":\"public.t\","
                        "\"object\":null,\"count\":3,\"sampled\":null,\"made\":true,"
                        "\"message\":\"orphans of public.t\",\"statement\":\"SELECT 1\",\"next\":null}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent_is_of_the_rows_but_never_of_a_few_blocks),
        cmocka_unit_test(test_tablesample_of_a_large_table_alone),
        cmocka_unit_test(test_array_quotes_what_it_holds),
        cmocka_unit_test(test_sort_is_by_check_then_the_worst),
        cmocka_unit_test(test_rank_is_the_order_of_the_tables),
        cmocka_unit_test(test_verdict_of_findings),
        cmocka_unit_test(test_json_says_null_for_what_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
