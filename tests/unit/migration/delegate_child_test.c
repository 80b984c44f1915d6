#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/delegate_child.h"

/* The value of a variable; fails where it stands there twice, of which a program may take either. NULL: not there. */
static const char *value_of(const struct evo_strvec *env, const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], name, n) != 0 || env->items[i][n] != '=')
            continue;
        if (found)
            fail_msg("%s stands there twice", name);
        found = env->items[i] + n + 1;
    }
    return found;
}

static void build(const char *url, const char *current, struct evo_strvec *env)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) info = { 0 };
    assert_int_equal(evo_conninfo_parse(url, &info, &err), EVO_OK);
    evo_delegate_environment(&info, current, "evo-migrate test", 2000, 0, env);
}

static void test_environment_carries_time_outs_behind_the_user_s_own_options(void **state)
{
    (void)state;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    build("host=h user=u dbname=d options='-c search_path=app' application_name=mine", NULL, &env);
    assert_string_equal(value_of(&env, "PGOPTIONS"),
                        "-c search_path=app -c lock_timeout=2000 -c statement_timeout=0");
    assert_string_equal(value_of(&env, "PGAPPNAME"), "evo-migrate test");
    assert_string_equal(value_of(&env, "PGHOST"), "h");
}

static void test_environment_keeps_a_url_that_leads_to_the_same_database(void **state)
{
    (void)state;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    build("postgresql://u:pw-canary@h:5433/d", "postgresql+asyncpg://u:pw-canary@h:5433/d?schema=app", &env);
    assert_null(value_of(&env, "DATABASE_URL"));
    assert_string_equal(value_of(&env, "PGPASSWORD"), "pw-canary");
}

static void test_environment_makes_a_url_where_another_database_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *info, *current, *expected;
    } rows[] = {
        { "postgresql://u:p%40ss@h/d", NULL, "postgresql://u:p%40ss@h:5432/d" },
        { "postgresql://u:pass@h/d", "", "postgresql://u:pass@h:5432/d" },
        { "postgresql://u:pass@h/d", "postgresql://u:pass@pooler/d", "postgresql://u:pass@h:5432/d" },
        { "postgresql://u:pass@h/d", "postgresql://u:other@h/d", "postgresql://u:pass@h:5432/d" },
        { "postgresql://u:pass@h/d", "postgresql+psycopg://u:pass@h/e",
          "postgresql+psycopg://u:pass@h:5432/d" },
        { "postgresql://u:pass@h/d", "postgres://u:pass@h/e", "postgresql://u:pass@h:5432/d" },
        { "postgresql://u:pass@h/d", "nonsense", "postgresql://u:pass@h:5432/d" },
        /* Its options would win over PGOPTIONS. */
        { "postgresql://u:pass@h/d", "postgresql://u:pass@h/d?options=-c%20x.y%3D1",
          "postgresql://u:pass@h:5432/d" },
        { "postgresql://u@/d?host=/run/pg&port=5433", NULL, "postgresql://u@/d?host=/run/pg&port=5433" },
        { "postgresql://u:pass@h/d?sslmode=require", NULL, "postgresql://u:pass@h:5432/d?sslmode=require" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
        build(rows[i].info, rows[i].current, &env);
        const char *url = value_of(&env, "DATABASE_URL");
        if (!url || strcmp(url, rows[i].expected) != 0)
            fail_msg("row %zu: %s", i, url ? url : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment_carries_time_outs_behind_the_user_s_own_options),
        cmocka_unit_test(test_environment_keeps_a_url_that_leads_to_the_same_database),
        cmocka_unit_test(test_environment_makes_a_url_where_another_database_was_meant),
    };
    return cmocka_run_group_tests_name("migration/delegate_child", tests, NULL, NULL);
}
