#include "project.h"

#define BOTH "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT -1;\n"

static void test_read_takes_what_dbmate_takes_in_its_order(void **state)
{
    (void)state;
    tree_put("db/migrations/2_two.sql", BOTH);
    tree_put("db/migrations/10_ten.sql", BOTH);
    tree_put("db/migrations/1.sql", BOTH);
    tree_put("db/migrations/3three.sql", BOTH);
    tree_put("db/migrations/4_folder.sql/x.txt", "");
    tree_put("db/migrations/seed.sql", "");
    tree_put("db/migrations/README.md", "");
    tree_put("evo/2_two/verify_up.sql", "SELECT true;");
    EVO_AUTO(project) p = { 0 };
    assert_opens("dbmate", &p);
    static const char *const names[] = { "1", "10_ten", "2_two", "3three" };
    assert_int_equal(p.kind, EVO_LAYOUT_DBMATE);
    assert_names(&p, names, EVO_COUNT(names));
    assert_string_equal(p.items[0].version, "1");
    assert_string_equal(p.items[3].version, "3");
    assert_non_null(p.items[2].companion[EVO_FILE_VERIFY_UP]);
    assert_true(has_warning(&p, "\"10_ten\" comes before \"2_two\", as dbmate orders"));
    assert_true(has_warning(&p, "seed.sql\" is not applied"));
    assert_int_equal(p.warnings.count, 2);
}

static void test_read_takes_options_of_each_part(void **state)
{
    (void)state;
    tree_put("db/migrations/1_a.sql",
             "-- migrate:up transaction:false\nSELECT 1;\n-- migrate:down\nSELECT -1;\n");
    tree_put("db/migrations/2_b.sql",
             "--migrate:up\nSELECT 1;\n--  migrate:down  transaction:false\r\nSELECT -1;\n");
    EVO_AUTO(project) p = { 0 };
    assert_opens("dbmate", &p);
    assert_true(p.items[0].directives.no_transaction);
    assert_false(p.items[0].down_no_transaction);
    assert_false(p.items[1].directives.no_transaction);
    assert_true(p.items[1].down_no_transaction);
    assert_text(&p.items[0], false, "-- migrate:up transaction:false\nSELECT 1;\n");
    assert_text(&p.items[0], true, "\n\n-- migrate:down\nSELECT -1;\n");
}

static void test_read_warns_of_a_file_that_dbmate_refuses(void **state)
{
    (void)state;
    tree_put("db/migrations/1_a.sql", "-- migrate:up\nSELECT 1;\n");
    EVO_AUTO(project) p = { 0 };
    assert_opens("dbmate", &p);
    assert_false(evo_migration_has_down(&p.items[0]));
    assert_true(has_warning(&p, "1_a.sql\" has no \"-- migrate:down\""));
}

static void test_read_refuses(void **state)
{
    static const struct refused rows[] = {
        { "db/migrations/2_b.sql", "SELECT 1;", "has no \"-- migrate:up\" line", 0 },
        { "db/migrations/2_b.up.sql", "SELECT 1;", "has no \"-- migrate:up\" line", 0 },
        { "db/migrations/1_b.sql", BOTH, "have the same version", 0 },
        { "db/migrations/2_b.sql", BOTH BOTH, "has a second \"-- migrate:up\"", 5 },
        { "db/migrations/2_b.sql", "SELECT 1;\n" BOTH, "has SQL above", 1 },
    };
    assert_refused("dbmate", "db/migrations/1_a.sql", BOTH, rows, EVO_COUNT(rows), state);
}

static void test_read_keeps_versions_apart_that_differ_in_zeros(void **state)
{
    (void)state;
    tree_put("db/migrations/1_a.sql", BOTH);
    tree_put("db/migrations/01_a.sql", BOTH);
    EVO_AUTO(project) p = { 0 };
    assert_opens("dbmate", &p);
    assert_int_equal(p.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tree_test(test_read_takes_what_dbmate_takes_in_its_order),
        tree_test(test_read_takes_options_of_each_part),
        tree_test(test_read_warns_of_a_file_that_dbmate_refuses),
        tree_test(test_read_refuses),
        tree_test(test_read_keeps_versions_apart_that_differ_in_zeros),
    };
    return cmocka_run_group_tests_name("layout/dbmate", tests, NULL, NULL);
}
