#include "cmocka_all.h"

#include "backfill/form.h"
#include "base/strbuf.h"

static void test_parse_reads_the_directives_above_the_statement(void **state)
{
    (void)state;
    static const char text[] = "/* why */\n-- evo:backfill table=shop.orders key=id,\"Part No\"\n"
                               "--evo:where total IS NULL\n-- evo:where NOT closed -- now\n"
                               "UPDATE shop.orders AS o SET total = 0 WHERE :batch;\n-- the end\n";
    EVO_AUTO(backfill_form) f = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_backfill_form_parse(text, strlen(text), "b.sql", &f, &err))
        fail_msg("%s", err.message);
    assert_string_equal(f.batch.table, "\"shop\".\"orders\"");
    assert_string_equal(f.batch.alias, "\"o\"");
    assert_int_equal(f.key.count, 2);
    assert_string_equal(f.key.items[1], "Part No");
    assert_string_equal(f.batch.where, "(total IS NULL\n) AND (NOT closed -- now\n)");
}

static void test_parse_takes_key_and_table_from_the_statement_where_they_are_left_out(void **state)
{
    (void)state;
    static const char text[] = "-- evo:backfill\r\nDELETE FROM t WHERE a";
    EVO_AUTO(backfill_form) f = { 0 };
    assert_int_equal(evo_backfill_form_parse(text, strlen(text), "b.sql", &f, NULL), EVO_OK);
    assert_string_equal(f.batch.table, "\"t\"");
    assert_string_equal(f.batch.where, "a");
    assert_int_equal(f.key.count, 0);
}

static void test_parse_refuses_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        int line;
    } table[] = {
        { "", "a backfill needs a statement, and the file has none", 1 },
        { "-- evo:backfill\n\n", "directive \"evo:backfill\" does not stand above the statement", 1 },
        { "\nUPDATE t SET a = 1", "the line \"-- evo:backfill\" is missing above the statement", 2 },
        { "-- evo:backfill\nUPDATE t SET a = 1;\nUPDATE t SET b = 1;",
          "a backfill is one statement, and this is the second one", 3 },
        { "-- evo:backfill\n-- evo:backfill\nUPDATE t SET a = 1", "directive \"evo:backfill\" is given twice",
          2 },
        { "-- evo:backfill tabel=t\nUPDATE t SET a = 1",
          "directive \"evo:backfill\" does not take \"tabel=t\"", 1 },
        { "-- evo:backfill key=a key=b\nUPDATE t SET a = 1",
          "directive \"evo:backfill\" does not take \"key=b\"", 1 },
        { "-- evo:backfill key=a,,b\nUPDATE t SET a = 1", "\"key=a,,b\" names no columns", 1 },
        { "-- evo:backfill\n-- evo:no-transaction\nUPDATE t SET a = 1",
          "unknown directive \"evo:no-transaction\"", 2 },
        { "-- evo:backfill\n-- evo:where a; b\nUPDATE t SET a = 1 WHERE :batch",
          "directive \"evo:where\" needs a condition, and this is none: a; b", 2 },
        { "-- evo:backfill\n-- evo:where\nUPDATE t SET a = 1 WHERE :batch",
          "directive \"evo:where\" needs a condition, and this is none: ", 2 },
        { "-- evo:backfill\n-- evo:where a\nUPDATE t SET a = 1 WHERE b",
          "\"evo:where\" goes with :batch: this statement has a WHERE of its own", 2 },
        { "-- evo:backfill\nUPDATE t SET\n -- evo:where b\na = 1",
          "directive \"evo:where\" does not stand above the statement", 3 },
        { "-- evo:backfill key=a\nUPDATE t SET a = 1",
          "the statement changes \"a\", a column of the key it goes by", 1 },
        { "-- evo:backfill\n\nUPDATE t\nSET a = $1",
          "the only parameter that has a value is the $1 of one LIMIT $1", 4 },
        { "-- evo:backfill table=a-b\nUPDATE t SET a = 1", "\"a-b\" is no name of a table", 1 },
        { "-- evo:backfill\nUPDATE t SET a = 'open", "quoted string", 2 },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(backfill_form) f = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_backfill_form_parse(table[i].text, strlen(table[i].text), "b.sql", &f, &err),
                         EVO_ERR_CONFIG);
        if (!strstr(err.message, table[i].message))
            fail_msg("%s: %s", table[i].text, err.message);
        assert_string_equal(err.file, "b.sql");
        if (err.line != table[i].line)
            fail_msg("%s: line %d", table[i].text, err.line);
    }
}

static void test_of_options_makes_an_update(void **state)
{
    (void)state;
    EVO_AUTO(backfill_form) f = { 0 };
    assert_int_equal(evo_backfill_form_of_options("Users", "b, A", "c = 1, d = now()", "c IS NULL", &f, NULL),
                     EVO_OK);
    assert_string_equal(f.text, "UPDATE \"users\" SET c = 1, d = now()\nWHERE c IS NULL");
    assert_string_equal(f.batch.where, "c IS NULL");
    assert_string_equal(f.key.items[1], "a");
}

static void test_of_options_refuses_what_is_not_what_it_is_called(void **state)
{
    (void)state;
    static const struct {
        const char *table, *key, *set, *where;
    } table[] = {
        { "t u", NULL, "a = 1", NULL },
        { "t", "", "a = 1", NULL },
        { "t", NULL, "a", NULL },
        { "t", NULL, "a = 1 WHERE b", NULL },
        { "t", NULL, "a = 1 FROM u", NULL },
        { "t", NULL, "a = 1 RETURNING a", NULL },
        { "t", NULL, "a = 1; DROP TABLE t", NULL },
        { "t", NULL, "a = 1 -- ", "b) OR (c" },
        { "t", NULL, "a = 1", "b; c" },
        { "t", NULL, "a = 1", "" },
        { "t", "a", "a = 1", NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(backfill_form) f = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_backfill_form_of_options(table[i].table, table[i].key, table[i].set, table[i].where, &f,
                                         &err) != EVO_ERR_USAGE)
            fail_msg("row %zu was taken", i);
        assert_true(err.message[0]);
    }
}

static void digest(const char *set, const char *where, const char *key, char hex[EVO_SHA256_HEX])
{
    EVO_AUTO(backfill_form) f = { 0 };
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_strvec_push(&names, key);
    assert_int_equal(evo_backfill_form_of_options("t", NULL, set, where, &f, NULL), EVO_OK);
    evo_backfill_form_digest(&f, "public.t", &names, hex);
}

static void test_digest_differs_with_statement_condition_and_key(void **state)
{
    (void)state;
    char hex[5][EVO_SHA256_HEX];
    digest("a = 1", "b", "id", hex[0]);
    digest("a = 1", "b", "id", hex[1]);
    digest("a = 2", "b", "id", hex[2]);
    digest("a = 1", "c", "id", hex[3]);
    digest("a = 1", "b", "no", hex[4]);
    assert_string_equal(hex[0], hex[1]);
    for (size_t i = 2; i < 5; i++)
        assert_string_not_equal(hex[0], hex[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_reads_the_directives_above_the_statement),
        cmocka_unit_test(test_parse_takes_key_and_table_from_the_statement_where_they_are_left_out),
        cmocka_unit_test(test_parse_refuses_with_file_and_line),
        cmocka_unit_test(test_of_options_makes_an_update),
        cmocka_unit_test(test_of_options_refuses_what_is_not_what_it_is_called),
        cmocka_unit_test(test_digest_differs_with_statement_condition_and_key),
    };
    return cmocka_run_group_tests_name("backfill/form", tests, NULL, NULL);
}
