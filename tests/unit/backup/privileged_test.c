#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/privileged.h"

static const char *reason(const char *desc, const char *tag, const char *schema, const char *defn,
                          const struct evo_strvec *extensions)
{
    const struct evo_toc_entry e = { .desc = (char *)(uintptr_t)desc,
                                     .tag = (char *)(uintptr_t)tag,
                                     .schema = (char *)(uintptr_t)schema,
                                     .defn = (char *)(uintptr_t)defn };
    return evo_privileged_reason(&e, extensions);
}

static void test_what_needs_a_superuser(void **state)
{
    (void)state;
    const struct {
        const char *desc, *tag, *schema, *defn;
    } rows[] = {
        { "EVENT TRIGGER", "e", "", "CREATE EVENT TRIGGER e" },
        { "PUBLICATION", "p", "", "CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert');\n" },
        { "COMMENT", "EXTENSION hstore", "", "COMMENT ON EXTENSION hstore IS 'x';\n" },
        { "EXTENSION", "postgis", "", "CREATE EXTENSION IF NOT EXISTS postgis;\n" },
        { "FUNCTION", "f()", "s",
          "CREATE FUNCTION s.f() RETURNS integer\n    LANGUAGE c\n    AS 'lib', 'f';\n" },
        { "FUNCTION", "f()", "s",
          "CREATE FUNCTION s.f() RETURNS integer\n    LANGUAGE c STRICT\n    AS 'lib', 'f';\n" },
        { "TYPE", "b", "s",
          "CREATE TYPE s.b (\n    INTERNALLENGTH = 4,\n    INPUT = s.i,\n    OUTPUT = s.o\n);\n" },
        { "CAST", "CAST (a AS b)", "", "CREATE CAST (s.a AS s.b) WITHOUT FUNCTION;\n" },
        { "ACL", "FUNCTION pg_ls_dir(text)", "pg_catalog",
          "GRANT ALL ON FUNCTION pg_catalog.pg_ls_dir(text) TO u;\n" },
        { "ACL", "TABLE t", "s", "SET SESSION AUTHORIZATION g;\nGRANT SELECT ON TABLE s.t TO u;\n" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        if (!reason(rows[i].desc, rows[i].tag, rows[i].schema, rows[i].defn, NULL))
            fail_msg("%s %s", rows[i].desc, rows[i].tag);
}

static void test_what_an_owner_may_make(void **state)
{
    (void)state;
    const struct {
        const char *desc, *tag, *schema, *defn;
    } rows[] = {
        { "TABLE", "t", "s", "CREATE TABLE s.t (id integer);\n" },
        { "PUBLICATION", "p", "", "CREATE PUBLICATION p WITH (publish = 'insert');\n" },
        { "COMMENT", "TABLE t", "s", "COMMENT ON TABLE s.t IS 'EXTENSION x';\n" },
        { "FUNCTION", "f()", "s",
          "CREATE FUNCTION s.f() RETURNS integer\n    LANGUAGE custom\n    AS $$ $$;\n" },
        { "TYPE", "e", "s", "CREATE TYPE s.e AS ENUM (\n    'a'\n);\n" },
        { "CAST", "CAST (a AS b)", "", "CREATE CAST (s.a AS s.b) WITH FUNCTION s.f(s.a);\n" },
        { "ACL", "TABLE t", "s", "GRANT SELECT ON TABLE s.t TO u;\n" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_null(reason(rows[i].desc, rows[i].tag, rows[i].schema, rows[i].defn, NULL));
}

static void test_an_extension_that_may_be_made_or_is_there(void **state)
{
    (void)state;
    EVO_AUTO(strvec) extensions = EVO_STRVEC_INIT;
    evo_strvec_push(&extensions, "citext");
    assert_null(reason("EXTENSION", "citext", "", "", &extensions));
    assert_non_null(reason("EXTENSION", "postgis", "", "", &extensions));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_needs_a_superuser),
        cmocka_unit_test(test_what_an_owner_may_make),
        cmocka_unit_test(test_an_extension_that_may_be_made_or_is_there),
    };
    return cmocka_run_group_tests_name("backup/privileged", tests, NULL, NULL);
}
