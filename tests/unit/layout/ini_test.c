#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "layout/ini.h"

static void test_value_is_read_as_configparser_reads_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        { "", NULL },
        { "[alembic]\nscript_location = migrations\n", "migrations" },
        { "\xef\xbb\xbf[alembic]\r\nscript_location=migrations\r\n", "migrations" },
        { "[alembic]\nSCRIPT_LOCATION: migrations", "migrations" },
        { "[alembic]\nscript_location =\n", "" },
        { "[other]\nscript_location = x\n[alembic]\nscript_location = y\n[more]\nscript_location = z\n",
          "y" },
        { "[other]\nscript_location = x\n", NULL },
        { "[DEFAULT]\nscript_location = x\n[alembic]\na = b\n", "x" },
        { "[DEFAULT]\nscript_location = x\n[alembic]\nscript_location = y\n", "y" },
        { "[alembic]\n# script_location = x\n; script_location = x\n", NULL },
        { "[alembic]\nscript_location = a # b\n", "a # b" },
        { "[alembic]\nscript_location = a\n    b\n\n    # no\n    c\nd = e\n", "a\nb\nc" },
        { "[alembic]\nscript_location =\n    a\n    b\n", "a\nb" },
        { "[alembic]\nx = y\n    script_location = no\n", NULL },
        { "[alembic]\nscript_location_more = x\nmore_script_location = y\n", NULL },
        { "[alembic]\nscript_location = %(here)s/m%%n\n", "/home/m%n" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR value = NULL;
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(
            evo_ini_value(rows[i].text, "a.ini", "alembic", "script_location", "/home", &value, &err),
            EVO_OK);
        if (!evo_streq(value, rows[i].expected))
            fail_msg("row %zu: %s", i, value ? value : "none");
    }
}

static void test_value_that_refers_to_another_is_refused(void **state)
{
    (void)state;
    EVO_AUTO_STR value = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_ini_value("[alembic]\nx = y\nscript_location = %(x)s\n", "a.ini", "alembic",
                                   "script_location", ".", &value, &err),
                     EVO_ERR_CONFIG);
    assert_string_equal(err.file, "a.ini");
    assert_int_equal(err.line, 3);
    assert_null(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_is_read_as_configparser_reads_it),
        cmocka_unit_test(test_value_that_refers_to_another_is_refused),
    };
    return cmocka_run_group_tests_name("layout/ini", tests, NULL, NULL);
}
