#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "sql/split.h"

static void test_role_made_by_each_form(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *role;
    } table[] = {
        { "CREATE ROLE app", "app" },
        { "create user \"App Two\" PASSWORD 'x'", "App Two" },
        { "CREATE GROUP App IN ROLE other", "app" },
        { "CREATE ROLE", NULL },
        { "CREATE USER MAPPING FOR app SERVER s", NULL },
        { "CREATE TABLE role (id int)", NULL },
        { "DROP ROLE app", NULL },
        { "DO $$ BEGIN CREATE ROLE app; END $$", NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO_STR role = evo_sql_role_made(table[i].sql, strlen(table[i].sql));
        if (table[i].role)
            assert_string_equal(role, table[i].role);
        else
            assert_null(role);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_role_made_by_each_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
