#include "project.h"

#include "layout/ledger.h"

static void test_read_makes_pairs_by_version(void **state)
{
    (void)state;
    tree_put("migrations/000010_ten.up.sql", "SELECT 10;");
    tree_put("migrations/2_two.up.sql", "SELECT 2;");
    tree_put("migrations/02_not_two.down.sql", "SELECT -2;");
    tree_put("migrations/1_a.up.b.up.pgsql", "SELECT 1;");
    tree_put("migrations/3_folder.up.sql/x", "");
    tree_put("migrations/4four.up.sql", "SELECT 4;");
    tree_put("migrations/README.md", "");
    tree_put("evo/000010_ten/verify_up.sql", "SELECT true;");
    EVO_AUTO(project) p = { 0 };
    assert_opens("golang-migrate", &p);
    static const char *const names[] = { "1_a.up.b", "2_two", "000010_ten" };
    assert_int_equal(p.kind, EVO_LAYOUT_GOLANG_MIGRATE);
    assert_names(&p, names, EVO_COUNT(names));
    assert_false(evo_migration_has_down(&p.items[0]));
    assert_text(&p.items[1], true, "SELECT -2;");
    assert_non_null(p.items[2].companion[EVO_FILE_VERIFY_UP]);
    assert_true(has_warning(&p, "4four.up.sql\" is not applied"));
    assert_int_equal(p.warnings.count, 1);
}

static void test_read_refuses(void **state)
{
    static const struct refused rows[] = {
        { "migrations/2_b.down.sql", "", "takes back version 2, and no .up file has it", 0 },
        { "migrations/01_b.up.sql", "", "have the same version", 0 },
        { "migrations/1_b.down.sql", "", "has two ways down", 0 },
        { "migrations/9223372036854775808_b.up.sql", "", "too large a number", 0 },
        { "migrations/99999999999999999999_b.up.sql", "", "too large a number", 0 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        tree_put("migrations/1_a.down.sql", "SELECT 1;");
        assert_refused("golang-migrate", "migrations/1_a.up.sql", "SELECT 1;", &rows[i], 1, state);
    }
}

/* Numbers by golang-migrate's formula; the integration test meets the command itself at its lock. */
static void test_lock_key_is_the_tools(void **state)
{
    (void)state;
    static const struct {
        const char *database, *schema, *table;
        int64_t key;
    } rows[] = {
        { "app", NULL, NULL, 1726534663 },
        { "app", "sales", NULL, 1469728245 },
        { "app", NULL, "schema_versions", 1704862669 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        const struct evo_project p = { .kind = EVO_LAYOUT_GOLANG_MIGRATE,
                                       .ledger_table = (char *)rows[i].table };
        assert_int_equal(evo_ledger_lock_key(&p, rows[i].database, rows[i].schema), rows[i].key);
    }
    const struct evo_project migrate = { .kind = EVO_LAYOUT_GOLANG_MIGRATE },
                             sql = { .kind = EVO_LAYOUT_SQL };
    assert_int_equal(evo_ledger_lock_key_too(&migrate, "app", NULL), 1787120056);
    assert_int_equal(evo_ledger_lock_key_too(&sql, "app", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tree_test(test_read_makes_pairs_by_version),
        tree_test(test_read_refuses),
        cmocka_unit_test(test_lock_key_is_the_tools),
    };
    return cmocka_run_group_tests_name("layout/golang_migrate", tests, NULL, NULL);
}
