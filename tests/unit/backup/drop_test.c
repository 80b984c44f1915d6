#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/drop.h"

static char *statement(const char *desc, const char *drop)
{
    const struct evo_toc_entry e = { .desc = (char *)(uintptr_t)desc, .drop = (char *)(uintptr_t)drop };
    return evo_drop_statement(&e);
}

static void test_drop_with_if_exists(void **state)
{
    (void)state;
    const struct {
        const char *desc, *drop, *want;
    } rows[] = {
        { "TABLE", "DROP TABLE s.t;\n", "DROP TABLE IF EXISTS s.t;\n" },
        { "MATERIALIZED VIEW", "DROP MATERIALIZED VIEW s.\"TABLE x\";\n",
          "DROP MATERIALIZED VIEW IF EXISTS s.\"TABLE x\";\n" },
        { "FUNCTION", "DROP FUNCTION s.f(integer);\n", "DROP FUNCTION IF EXISTS s.f(integer);\n" },
        { "USER MAPPING", "DROP USER MAPPING FOR u SERVER s;\n",
          "DROP USER MAPPING IF EXISTS FOR u SERVER s;\n" },
        { "FK CONSTRAINT", "ALTER TABLE ONLY s.u DROP CONSTRAINT k;\n",
          "ALTER TABLE IF EXISTS ONLY s.u DROP CONSTRAINT IF EXISTS k;\n" },
        { "FK CONSTRAINT", "ALTER TABLE s.\"a DROP CONSTRAINT b\" DROP CONSTRAINT k;\n",
          "ALTER TABLE IF EXISTS s.\"a DROP CONSTRAINT b\" DROP CONSTRAINT IF EXISTS k;\n" },
        { "RULE", "CREATE OR REPLACE VIEW s.v AS\nSELECT\n    NULL::integer AS id;\n",
          "CREATE OR REPLACE VIEW s.v AS\nSELECT\n    NULL::integer AS id;\n" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR got = statement(rows[i].desc, rows[i].drop);
        assert_non_null(got);
        assert_string_equal(got, rows[i].want);
    }
}

static void test_what_goes_with_its_table_or_is_shared_is_not_dropped(void **state)
{
    (void)state;
    const struct {
        const char *desc, *drop;
    } rows[] = {
        { "DATABASE", "DROP DATABASE d;\n" },
        { "SCHEMA", "DROP SCHEMA s;\n" },
        { "EXTENSION", "DROP EXTENSION citext;\n" },
        { "INDEX", "DROP INDEX s.i;\n" },
        { "CONSTRAINT", "ALTER TABLE ONLY s.t DROP CONSTRAINT k;\n" },
        { "DEFAULT", "ALTER TABLE s.t ALTER COLUMN id DROP DEFAULT;\n" },
        { "RULE", "DROP RULE r ON s.t;\n" },
        { "TABLE DATA", "" },
        { "SEQUENCE SET", NULL },
        { "FK CONSTRAINT", "DROP DATABASE d;\n" },
        { "TABLE", "DROP DATABASE d;\n" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_null(statement(rows[i].desc, rows[i].drop));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop_with_if_exists),
        cmocka_unit_test(test_what_goes_with_its_table_or_is_shared_is_not_dropped),
    };
    return cmocka_run_group_tests_name("backup/drop", tests, NULL, NULL);
}
