#include "tree.h"

#include "base/strbuf.h"
#include "layout/laravel_config.h"

#define CONNECTION "'connections' => ['mysql' => ['prefix' => 'm_'], 'pgsql' => ["

static void test_config_names_the_table(void **state)
{
    (void)state;
    setenv("EVO_UNIT_TABLE", "from_variable", 1);
    static const struct {
        const char *text, *dotenv, *schema, *table;
        int computed;
    } row[] = {
        { "", NULL, NULL, NULL, 0 },
        { "'migrations' => 'migrations',", NULL, NULL, "migrations", 0 },
        { "'migrations' => ['table' => 'm2', 'update_date_on_publish' => true],", NULL, NULL, "m2", 0 },
        { "'migrations' => array('table' => 'm3')", NULL, NULL, "m3", 0 },
        { "'migrations' => env('EVO_UNIT_TABLE', 'other'),", NULL, NULL, "from_variable", 0 },
        { "'migrations' => env('EVO_UNIT_NONE', 'other'),", NULL, NULL, "other", 0 },
        { "'migrations' => env('EVO_UNIT_NONE', 'other'),", "A=b\n EVO_UNIT_NONE = \"in file\" # c\n", NULL,
          "in file", 0 },
        { "'migrations' => env('EVO_UNIT_NONE', 'other'),", "EVO_UNIT_NONE=x# c\nEVO_UNIT_NONE=y", NULL, "x",
          0 },
        { "'migrations' => env('EVO_UNIT_NONE', 'other'),", "EVO_UNIT_NONE2=x\n", NULL, "other", 0 },
        { CONNECTION "'prefix' => 'p_', 'search_path' => 'app,public']],", NULL, "app", "p_migrations", 0 },
        { CONNECTION "'prefix' => '', 'schema' => 'app']], 'migrations' => 'm'", NULL, "app", "m", 0 },
        { CONNECTION "'search_path' => '\"$user\", public']],", NULL, NULL, NULL, 0 },
        { CONNECTION "'search_path' => $x, 'prefix' => env('EVO_UNIT_NONE')]],", NULL, NULL, NULL, 0 },
        { "\n'migrations' => 'a' . 'b',", NULL, NULL, NULL, 3 },
        { "'migrations' => \"m_$x\",", NULL, NULL, NULL, 2 },
        { "'migrations' => table(),", NULL, NULL, NULL, 2 },
        { "'migrations' => env('EVO_UNIT_NONE', $x),", NULL, NULL, NULL, 2 },
        { "'other' => ['migrations' => 'no'],", NULL, NULL, NULL, 0 },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(laravel_config) c = { 0 };
        EVO_AUTO_STR text = evo_asprintf("<?php // 'migrations' => 'x'\nreturn [%s];\n", row[i].text);
        enum evo_errc rc =
            evo_laravel_config_parse(text, strlen(text), "database.php", row[i].dotenv, &c, &err);
        assert_int_equal(rc, EVO_OK);
        if (!evo_streq(c.table, row[i].table) || !evo_streq(c.schema, row[i].schema) ||
            c.computed != row[i].computed)
            fail_msg("row %zu: schema %s, table %s, line %d", i, c.schema, c.table, c.computed);
    }
    unsetenv("EVO_UNIT_TABLE");
}

static void test_config_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(laravel_config) c = { 0 };
    const char *text = "<?php\nreturn [\n";
    assert_int_equal(evo_laravel_config_parse(text, strlen(text), "database.php", NULL, &c, &err),
                     EVO_ERR_CONFIG);
    assert_int_equal(err.line, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_names_the_table),
        cmocka_unit_test(test_config_that_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests_name("layout/laravel_config", tests, NULL, NULL);
}
