#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/missing_roles.h"

/* As pg_dumpall --globals-only --no-role-passwords of 16 writes it. */
static const char text[] =
    "--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict abc\n\nSET default_transaction_read_only = "
    "off;\n\n"
    "CREATE ROLE app;\nALTER ROLE app WITH NOSUPERUSER INHERIT LOGIN;\n"
    "COMMENT ON ROLE app IS 'it''s; the app';\n"
    "CREATE ROLE \"Odd; name\";\nALTER ROLE \"Odd; name\" WITH NOLOGIN;\n"
    "CREATE ROLE postgres;\nALTER ROLE postgres WITH SUPERUSER;\n"
    "--\n-- User Configurations\n--\n\nALTER ROLE app SET search_path TO 'a', 'b;c';\n"
    "ALTER ROLE postgres SET work_mem TO '1MB';\n"
    "GRANT \"Odd; name\" TO app WITH INHERIT TRUE GRANTED BY postgres;\nGRANT app TO postgres;\n"
    "CREATE TABLESPACE fast OWNER app LOCATION '/fast';\nGRANT ALL ON TABLESPACE fast TO app;\n"
    "--\n-- PostgreSQL database cluster dump complete\n--\n";

static void assert_list(const struct evo_strvec *got, const char *const *want, size_t n)
{
    assert_int_equal(got->count, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(got->items[i], want[i]);
}

static void test_all_that_is_said_of_roles_that_are_missing(void **state)
{
    (void)state;
    EVO_AUTO(strvec) existing = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) statements = EVO_STRVEC_INIT;
    evo_strvec_push(&existing, "postgres");
    evo_missing_roles(text, &existing, &names, &statements);
    static const char *const roles[] = { "app", "Odd; name" };
    static const char *const want[] = { "CREATE ROLE app;",
                                        "ALTER ROLE app WITH NOSUPERUSER INHERIT LOGIN;",
                                        "COMMENT ON ROLE app IS 'it''s; the app';",
                                        "CREATE ROLE \"Odd; name\";",
                                        "ALTER ROLE \"Odd; name\" WITH NOLOGIN;",
                                        "ALTER ROLE app SET search_path TO 'a', 'b;c';",
                                        "GRANT \"Odd; name\" TO app WITH INHERIT TRUE;" };
    assert_list(&names, roles, EVO_COUNT(roles));
    assert_list(&statements, want, EVO_COUNT(want));
}

static void test_a_role_that_is_there_is_left_alone(void **state)
{
    (void)state;
    EVO_AUTO(strvec) existing = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) statements = EVO_STRVEC_INIT;
    evo_strvec_push(&existing, "postgres");
    evo_strvec_push(&existing, "app");
    evo_strvec_push(&existing, "Odd; name");
    evo_missing_roles(text, &existing, &names, &statements);
    assert_int_equal(names.count, 0);
    assert_int_equal(statements.count, 0);
}

static void test_text_that_ends_early(void **state)
{
    (void)state;
    static const char *const texts[] = { "",        "--",         "CREATE ROLE ",           "CREATE ROLE \"a",
                                         "GRANT a", "GRANT a TO", "COMMENT ON ROLE a IS 'x" };
    for (size_t i = 0; i < EVO_COUNT(texts); i++) {
        EVO_AUTO(strvec) existing = EVO_STRVEC_INIT;
        EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
        EVO_AUTO(strvec) statements = EVO_STRVEC_INIT;
        evo_missing_roles(texts[i], &existing, &names, &statements);
        assert_int_equal(names.count, 0);
        assert_int_equal(statements.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_is_said_of_roles_that_are_missing),
        cmocka_unit_test(test_a_role_that_is_there_is_left_alone),
        cmocka_unit_test(test_text_that_ends_early),
    };
    return cmocka_run_group_tests_name("backup/missing_roles", tests, NULL, NULL);
}
