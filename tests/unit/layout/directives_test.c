#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layout/directives.h"

static enum evo_errc parse(const char *text, struct evo_directives *d, struct evo_error *err)
{
    return evo_directives_parse(text, strlen(text), "m.sql", 1, d, err);
}

static void test_parse_reads_every_directive_at_the_top(void **state)
{
    (void)state;
    EVO_AUTO(directives) d = EVO_DIRECTIVES_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(parse("\xef\xbb\xbf-- A note\r\n"
                           "\r\n"
                           "/* block\n   -- evo:unknown inside a block comment is text\n /* nested */ */\n"
                           "-- evo:no-transaction\r\n"
                           "--evo:lock-timeout 500ms\n"
                           "  -- evo:statement-timeout   30min  \n"
                           "-- evo:irreversible the old values are gone\n"
                           "-- evo:allow ban-drop-column nobody reads it\n"
                           "-- evo:allow other because\n"
                           "ALTER TABLE t DROP COLUMN c;\n",
                           &d, &err),
                     EVO_OK);
    assert_true(d.no_transaction);
    assert_int_equal(d.lock_timeout_ms, 500);
    assert_int_equal(d.statement_timeout_ms, 1800000);
    assert_string_equal(d.irreversible, "the old values are gone");
    assert_int_equal(d.allow.count, 2);
    assert_string_equal(d.allow.items[0], "ban-drop-column nobody reads it");
}

static void test_parse_finds_none_in_ordinary_files(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "\n",
                                         "-- comment only",
                                         "SELECT 1;\n-- a comment, evo: no\n",
                                         "SELECT '-- evo:x';\n",
                                         "/* unterminated" };
    for (size_t i = 0; i < EVO_COUNT(texts); i++) {
        EVO_AUTO(directives) d = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(parse(texts[i], &d, &err), EVO_OK);
        assert_false(d.no_transaction);
        assert_int_equal(d.lock_timeout_ms, -1);
        assert_null(d.irreversible);
        assert_int_equal(d.allow.count, 0);
    }
}

static void test_parse_refuses_with_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *says;
    } rows[] = {
        { "-- evo:notransaction\nSELECT 1;", 1, "unknown directive \"evo:notransaction\" in \"m.sql\"" },
        { "\n-- evo:expect rows 1\n", 2, "unknown directive \"evo:expect\"" },
        { "-- evo:\n", 1, "unknown directive \"evo:\"" },
        { "SELECT 1;\n\n-- evo:no-transaction\n", 3, "stands below the first statement" },
        { "/* a */ SELECT 1;\n-- evo:allow a b\n", 2, "stands below the first statement" },
        { "-- evo:no-transaction yes\n", 1, "takes no value" },
        { "-- evo:no-transaction\n-- evo:no-transaction\n", 2, "is given twice" },
        { "-- evo:lock-timeout\n", 1, "needs a duration" },
        { "-- evo:lock-timeout 2\n", 1, "needs a duration" },
        { "-- evo:lock-timeout 2s\n-- evo:lock-timeout 3s\n", 2, "is given twice" },
        { "-- evo:statement-timeout soon\n", 1, "needs a duration" },
        { "-- evo:irreversible\n", 1, "needs a reason" },
        { "-- evo:irreversible a\n-- evo:irreversible b\n", 2, "is given twice" },
        { "-- evo:allow rule\n", 1, "needs a rule and a reason" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(directives) d = EVO_DIRECTIVES_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(parse(rows[i].text, &d, &err), EVO_ERR_CONFIG);
        assert_non_null(strstr(err.message, rows[i].says));
        assert_int_equal(err.line, rows[i].line);
        assert_string_equal(err.file, "m.sql");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_reads_every_directive_at_the_top),
        cmocka_unit_test(test_parse_finds_none_in_ordinary_files),
        cmocka_unit_test(test_parse_refuses_with_the_line),
    };
    return cmocka_run_group_tests_name("layout/directives", tests, NULL, NULL);
}
