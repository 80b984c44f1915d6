#include "tree.h"

#include "layout/layout.h"

#define FOLDER "database/migrations/"
#define UP     "<?php return new class extends Migration { function up() {} function down() {} };"

static enum evo_errc open_project(struct evo_project *p, struct evo_error *err)
{
    return evo_project_open(tree, "auto", NULL, p, err);
}

static void assert_opens(struct evo_project *p)
{
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = open_project(p, &err);
    if (rc)
        print_message("%s\n", err.message);
    assert_int_equal(rc, EVO_OK);
}

static bool has_warning(const struct evo_project *p, const char *text)
{
    for (size_t i = 0; i < p->warnings.count; i++)
        if (strstr(p->warnings.items[i], text))
            return true;
    return false;
}

static void test_read_takes_what_laravel_takes_in_its_order(void **state)
{
    (void)state;
    tree_put(FOLDER "2025_01_02_000000_b.php", UP);
    tree_put(FOLDER "2025_01_01_000000_c.php", UP);
    tree_put(FOLDER "no_time.php", UP);
    tree_put(FOLDER "helper.php", "<?php\n");
    tree_put(FOLDER ".hidden_file.php", "<?php\n");
    tree_put(FOLDER "2025_01_03_000000_d.sql", "");
    tree_put("evo/2025_01_01_000000_c/verify_up.sql", "SELECT true;");
    EVO_AUTO(project) p = { 0 };
    assert_opens(&p);
    assert_int_equal(p.kind, EVO_LAYOUT_LARAVEL);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.items[0].name, "2025_01_01_000000_c");
    assert_string_equal(p.items[1].name, "2025_01_02_000000_b");
    assert_string_equal(p.items[2].name, "no_time");
    assert_true(p.items[0].by_tool);
    assert_non_null(p.items[0].companion[EVO_FILE_VERIFY_UP]);
    assert_true(evo_migration_has_down(&p.items[0]));
    assert_true(has_warning(&p, "\"no_time\" does not begin with a time"));
    assert_true(has_warning(&p, "helper.php\" is not applied"));
}

static void test_read_keeps_what_the_class_says(void **state)
{
    (void)state;
    tree_put(FOLDER "2025_01_01_000000_a.php", "<?php return new class extends Migration { public "
                                               "$withinTransaction = false; protected $connection = "
                                               "'x'; function up() {} function shouldRun() {} };");
    EVO_AUTO(project) p = { 0 };
    assert_opens(&p);
    assert_true(p.items[0].directives.no_transaction);
    assert_false(evo_migration_has_down(&p.items[0]));
    assert_string_equal(p.items[0].directives.irreversible, "it has no down()");
    assert_true(has_warning(&p, "has shouldRun()"));
    assert_true(has_warning(&p, "names a connection of its own"));
}

static void test_read_refuses_a_class_that_laravel_would_not_find(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    tree_put(FOLDER "2025_01_01_000000_create_users.php",
             "<?php\nclass Users extends Migration { function up() {} }");
    assert_int_equal(open_project(&p, &err), EVO_ERR_CONFIG);
    assert_string_equal(err.migration, "2025_01_01_000000_create_users");
    assert_int_equal(err.line, 2);
    assert_int_equal(p.count, 0);
}

static void test_ledger_is_what_the_configuration_says(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    tree_put(FOLDER "2025_01_01_000000_a.php", UP);
    EVO_AUTO(project) none = { 0 };
    assert_opens(&none);
    assert_null(none.ledger_schema);
    assert_null(none.ledger_table);

    tree_put("config/database.php",
             "<?php return ['migrations' => env('EVO_UNIT_HISTORY', 'no'), 'connections' => "
             "['pgsql' => ['search_path' => 'app']]];");
    tree_put(".env", "EVO_UNIT_HISTORY=history\n");
    EVO_AUTO(project) p = { 0 };
    assert_opens(&p);
    assert_string_equal(p.ledger_schema, "app");
    assert_string_equal(p.ledger_table, "history");

    tree_put("config/database.php", "<?php\nreturn ['migrations' => $x];");
    EVO_AUTO(project) computed = { 0 };
    assert_int_equal(open_project(&computed, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "cannot tell the table of migrations"));
    assert_int_equal(err.line, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tree_test(test_read_takes_what_laravel_takes_in_its_order),
        tree_test(test_read_keeps_what_the_class_says),
        tree_test(test_read_refuses_a_class_that_laravel_would_not_find),
        tree_test(test_ledger_is_what_the_configuration_says),
    };
    return cmocka_run_group_tests_name("layout/laravel", tests, NULL, NULL);
}
