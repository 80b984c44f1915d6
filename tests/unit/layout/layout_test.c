#include "tree.h"

#include "layout/layout.h"

static enum evo_errc open_project(const char *layout, const char *dir, struct evo_project *p,
                                  struct evo_error *err)
{
    return evo_project_open(tree, layout, dir, p, err);
}

static void assert_opens(const char *layout, const char *dir, struct evo_project *p)
{
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = open_project(layout, dir, p, &err);
    if (rc)
        print_message("%s\n%s\n", err.message, err.detail);
    assert_int_equal(rc, EVO_OK);
}

static void assert_names(const struct evo_project *p, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && i < p->count; i++)
        assert_string_equal(p->items[i].name, names[i]);
    assert_int_equal(p->count, count);
}

static bool has_warning(const struct evo_project *p, const char *text)
{
    for (size_t i = 0; i < p->warnings.count; i++)
        if (strstr(p->warnings.items[i], text))
            return true;
    return false;
}

/* ---- prisma ---------------------------------------------------------------- */

static void test_prisma_orders_as_locale_compare(void **state)
{
    (void)state;
    static const char *const names[] = { "01_init",
                                         "20220131_short",
                                         "20240101_a",
                                         "20240101_a copy",
                                         "20240101_B",
                                         "20240101-c",
                                         "20240102000000_x",
                                         "20240102000000_y",
                                         "20249999999999_impossible.sql",
                                         "b",
                                         "B",
                                         "\xc3\xa9t\xc3\xa9" };
    for (size_t i = EVO_COUNT(names); i-- > 0;) {
        EVO_AUTO_STR path = evo_asprintf("prisma/migrations/%s/migration.sql", names[i]);
        tree_put(path, "SELECT 1;");
    }
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", NULL, &p);
    assert_int_equal(p.kind, EVO_LAYOUT_PRISMA);
    assert_names(&p, names, EVO_COUNT(names));
    assert_true(has_warning(&p, "\"20240101_a copy\" comes before \"20240101_B\""));
}

static void test_prisma_orders_plain_names_as_libicu_does(void **state)
{
    (void)state;
    /* The same names with and without one that needs libicu must come in the same order. */
    static const char *const names[] = { "1",  "1 a", "1_",  "1_a", "1-",  "10", "10_a", "1a", "2",  "_1",
                                         " 1", "-1",  "a b", "a_b", "a-b", "a1", "ab",   "z9", "z_9" };
    for (size_t i = 0; i < EVO_COUNT(names); i++) {
        EVO_AUTO_STR path = evo_asprintf("prisma/migrations/%s/migration.sql", names[i]);
        tree_put(path, "SELECT 1;");
    }
    EVO_AUTO(project) plain = { 0 };
    EVO_AUTO(project) icu = { 0 };
    assert_opens("prisma", NULL, &plain);
    tree_put("prisma/migrations/zz\xc3\xa9/migration.sql", "SELECT 1;");
    assert_opens("prisma", NULL, &icu);
    assert_int_equal(plain.count, EVO_COUNT(names));
    assert_int_equal(icu.count, EVO_COUNT(names) + 1);
    for (size_t i = 0; i < plain.count; i++)
        assert_string_equal(plain.items[i].name, icu.items[i].name);
}

static void test_prisma_reads_files_and_companions(void **state)
{
    (void)state;
    tree_put("prisma/migrations/migration_lock.toml", "# comment\nprovider = \"postgresql\"\n");
    tree_put("prisma/migrations/1_init/migration.sql", "-- evo:lock-timeout 2s\nSELECT 1;");
    tree_put("prisma/migrations/1_init/down.sql", "SELECT 2;");
    tree_put("prisma/migrations/1_init/verify_up.sql", "SELECT true;");
    tree_put("prisma/migrations/1_init/verify-down.sql", "SELECT true;");
    tree_put("prisma/migrations/1_init/README.md", "");
    tree_put("prisma/migrations/notes.txt", "");
    tree_put("evo/1_init/verify_down.sql", "SELECT true;");
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", NULL, &p);
    assert_int_equal(p.count, 1);
    const struct evo_migration *m = evo_project_find(&p, "1_init");
    assert_non_null(m);
    assert_null(evo_project_find(&p, "1_ini"));
    assert_null(m->version);
    assert_string_equal(m->checksum, "ff975db35aa3c8e584bcab21ed4344f34085f07586b377ababe5b867144bd612");
    assert_int_equal(m->directives.lock_timeout_ms, 2000);
    assert_non_null(m->companion[EVO_FILE_DOWN]);
    assert_true(evo_ends_with(m->companion[EVO_FILE_VERIFY_UP], "1_init/verify_up.sql"));
    assert_null(m->companion[EVO_FILE_VERIFY_DOWN]);
    assert_null(m->companion[EVO_FILE_BACKFILL]);
    assert_true(has_warning(&p, "verify-down.sql"));
}

static void test_prisma_refuses(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    tree_put("prisma/migrations/1_init/migration.sql", "SELECT 1;");
    tree_put("prisma/migrations/migration_lock.toml", "# x\nprovider = \"mysql\"\n");
    assert_int_equal(open_project("prisma", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "are for \"mysql\""));
    assert_int_equal(err.line, 2);

    tree_put("prisma/migrations/migration_lock.toml", "");
    tree_mkdir("prisma/migrations/2_empty");
    assert_int_equal(open_project("prisma", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "2_empty\" has no migration.sql"));
    assert_non_null(strstr(err.hint, "rmdir"));

    tree_put("prisma/migrations/2_empty/migration.sql", "-- evo:typo\n");
    assert_int_equal(open_project("prisma", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "unknown directive \"evo:typo\""));
    assert_string_equal(err.migration, "2_empty");
    assert_int_equal(p.count, 0);
}

static void test_prisma_warns_of_a_linked_folder(void **state)
{
    (void)state;
    tree_put("prisma/migrations/1_a/migration.sql", "SELECT 1;");
    tree_put("elsewhere/migration.sql", "SELECT 1;");
    EVO_AUTO_STR target = evo_path_join(tree, "elsewhere");
    EVO_AUTO_STR link = evo_path_join(tree, "prisma/migrations/2_b");
    assert_int_equal(symlink(target, link), 0);
    EVO_AUTO(project) p = { 0 };
    assert_opens("prisma", NULL, &p);
    assert_int_equal(p.count, 1);
    assert_true(has_warning(&p, "symbolic link"));
}

/* ---- sql ------------------------------------------------------------------- */

static void test_sql_reads_three_forms_in_order_of_version(void **state)
{
    (void)state;
    tree_put("migrations/10_ten/up.sql", "SELECT 10;");
    tree_put("migrations/10_ten/down.sql", "SELECT -10;");
    tree_put("migrations/10_ten/verify_up.sql", "SELECT true;");
    tree_put("migrations/9_nine.up.sql", "SELECT 9;");
    tree_put("migrations/9_nine.down.sql", "SELECT -9;");
    tree_put("migrations/100000000000000000000000000000_huge.up.sql", "SELECT 1;");
    tree_put("migrations/002_two.sql",
             "-- header\n-- migrate:up transaction:false\nSELECT 2;\n\n-- migrate:down\nSELECT -2;\n");
    tree_put("migrations/2_again.sql", "-- migrate:up\n-- evo:no-transaction\nSELECT 2;\n");
    tree_put("migrations/README.md", "");
    tree_put("migrations/seed.sql", "");
    tree_put("migrations/.hidden.sql", "");
    tree_put("evo/9_nine/verify_up.sql", "SELECT true;");
    tree_put("evo/9_nine/backfill.sql", "SELECT true;");
    tree_put("evo/8_gone/verify_up.sql", "SELECT true;");
    tree_put("evo/docs/notes.md", "");
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", NULL, &p);
    static const char *const names[] = { "002_two", "2_again", "9_nine", "10_ten",
                                         "100000000000000000000000000000_huge" };
    assert_int_equal(p.kind, EVO_LAYOUT_SQL);
    assert_names(&p, names, EVO_COUNT(names));
    assert_true(has_warning(&p, "\"002_two\" and \"2_again\" have the same version"));
    assert_true(has_warning(&p, "seed.sql\" is not applied"));
    assert_true(has_warning(&p, "evo/8_gone/verify_up.sql"));
    assert_int_equal(p.warnings.count, 3);

    assert_string_equal(p.items[0].version, "002");
    assert_true(p.items[0].directives.no_transaction);
    assert_true(p.items[0].down_in_file);
    assert_true(p.items[1].directives.no_transaction);
    assert_false(evo_migration_has_down(&p.items[1]));
    assert_true(evo_migration_has_down(&p.items[2]));
    assert_non_null(p.items[2].companion[EVO_FILE_VERIFY_UP]);
    assert_non_null(p.items[2].companion[EVO_FILE_BACKFILL]);
    assert_non_null(p.items[3].companion[EVO_FILE_VERIFY_UP]);
}

static void test_load_keeps_the_lines_of_the_file(void **state)
{
    (void)state;
    tree_put("migrations/1_a.sql",
             "\xef\xbb\xbf-- header\n-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT -1;\n");
    tree_put("migrations/2_b.up.sql", "\xef\xbb\xbfSELECT 2;");
    tree_put("migrations/2_b.down.sql", "\xef\xbb\xbfSELECT -2;");
    EVO_AUTO(project) p = { 0 };
    assert_opens("sql", NULL, &p);
    static const char *const up[] = { "-- header\n-- migrate:up\nSELECT 1;\n", "SELECT 2;" };
    static const char *const down[] = { "\n\n\n-- migrate:down\nSELECT -1;\n", "SELECT -2;" };
    for (size_t i = 0; i < 2; i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        const char *path = NULL;
        assert_int_equal(evo_migration_load_up(&p.items[i], &text, &err), EVO_OK);
        assert_string_equal(text.buf, up[i]);
        evo_strbuf_clear(&text);
        assert_int_equal(evo_migration_load_down(&p.items[i], &text, &path, &err), EVO_OK);
        assert_string_equal(text.buf, down[i]);
        assert_non_null(path);
    }
}

static void test_load_refuses_what_changed_or_cannot_go_back(void **state)
{
    (void)state;
    tree_put("migrations/1_a.up.sql", "-- evo:irreversible data is dropped\nSELECT 1;");
    tree_put("migrations/1_a.down.sql", "SELECT -1;");
    tree_put("migrations/2_b.up.sql", "SELECT 2;");
    tree_put("migrations/3_c.up.sql", "SELECT 3;");
    tree_put("migrations/3_c.down.sql", "SELECT 3;\n-- evo:typo\n");
    EVO_AUTO(project) p = { 0 };
    assert_opens("sql", NULL, &p);
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    assert_false(evo_migration_has_down(&p.items[0]));
    assert_int_equal(evo_migration_load_down(&p.items[0], &text, NULL, &err), EVO_ERR_IRREVERSIBLE);
    assert_non_null(strstr(err.detail, "data is dropped"));
    assert_int_equal(evo_migration_load_down(&p.items[1], &text, NULL, &err), EVO_ERR_IRREVERSIBLE);
    assert_string_equal(err.migration, "2_b");
    assert_int_equal(evo_migration_load_down(&p.items[2], &text, NULL, &err), EVO_ERR_CONFIG);
    assert_int_equal(err.line, 2);
    tree_put("migrations/2_b.up.sql", "SELECT 22;");
    assert_int_equal(evo_migration_load_up(&p.items[1], &text, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "was changed while"));
    assert_int_equal(text.len, 0);
}

static void test_sql_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text, *says;
        int line;
    } rows[] = {
        { "migrations/2_b.down.sql", "", "2_b.down.sql\" has no \"2_b.up.sql\" beside it", 0 },
        { "migrations/2_b/down.sql", "", "2_b\" has no up.sql", 0 },
        { "migrations/2_b.sql", "SELECT 1;", "has no \"-- migrate:up\" line", 0 },
        { "migrations/2_b.sql", "\nSELECT 1;\n-- migrate:up\n", "has SQL above \"-- migrate:up\"", 2 },
        { "migrations/2_b.sql", "-- migrate:up\n-- migrate:up\n", "a second \"-- migrate:up\"", 2 },
        { "migrations/2_b.sql", "-- migrate:up\n-- migrate:down\n-- migrate:down\n",
          "a second \"-- migrate:down\"", 3 },
        { "migrations/2_b.sql", "-- migrate:down\n-- migrate:up\n", "no \"-- migrate:up\" above it", 1 },
        { "migrations/2_b.sql", "-- migrate:up transaction:no\n", "has an option", 1 },
        { "migrations/1_a/up.sql", "", "migration \"1_a\" exists twice", 0 },
        { "evo/1_a/down.sql", "", "has two ways down", 0 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(project) p = { 0 };
        tree_put("migrations/1_a.up.sql", "SELECT 1;");
        tree_put("migrations/1_a.down.sql", "SELECT 1;");
        tree_put(rows[i].path, rows[i].text);
        enum evo_errc rc = open_project("sql", NULL, &p, &err);
        if (rc != EVO_ERR_CONFIG || !strstr(err.message, rows[i].says))
            fail_msg("row %zu: %d %s", i, (int)rc, err.message);
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(tree_teardown(state), 0);
        assert_int_equal(mkdir(tree, 0700), 0);
    }
}

/* ---- discovery ------------------------------------------------------------- */

static void test_open_looks_into_the_usual_places(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text;
        enum evo_layout_kind kind;
        const char *folder;
    } rows[] = {
        { "prisma/migrations/1_a/migration.sql", "", EVO_LAYOUT_PRISMA, "prisma/migrations" },
        { "prisma/migrations/migration_lock.toml", "", EVO_LAYOUT_PRISMA, "prisma/migrations" },
        { "migrations/1_a/migration.sql", "", EVO_LAYOUT_PRISMA, "migrations" },
        { "migrations/1_a.up.sql", "", EVO_LAYOUT_SQL, "migrations" },
        { "db/migrations/1_a.sql", "-- migrate:up\n", EVO_LAYOUT_SQL, "db/migrations" },
        { "db/migrations/1_a.sql", "-- +goose Up\nSELECT 1;", EVO_LAYOUT_GOOSE, "db/migrations" },
        { "db/migrations/.keep", "", EVO_LAYOUT_SQL, "db/migrations" },
        { "prisma/migrations/.keep", "", EVO_LAYOUT_PRISMA, "prisma/migrations" },
        { "src/migrations/1735689600000-A.ts", "export class A1735689600000 { up() {} }", EVO_LAYOUT_TYPEORM,
          "src/migrations" },
        { "database/migrations/2025_01_01_000000_a.php",
          "<?php return new class extends Migration { function up() {} };", EVO_LAYOUT_LARAVEL,
          "database/migrations" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(project) p = { 0 };
        tree_put(rows[i].path, rows[i].text);
        assert_opens("auto", NULL, &p);
        assert_int_equal(p.kind, rows[i].kind);
        assert_true(evo_ends_with(p.migrations, rows[i].folder));
        assert_int_equal(tree_teardown(state), 0);
        assert_int_equal(mkdir(tree, 0700), 0);
    }
}

/* Their files may look like those of `sql`: a name is what tells them apart. */
static void test_open_takes_the_folder_for_a_layout_that_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text, *layout;
        bool found;
    } rows[] = {
        { "db/migrations/1_a.sql", "-- migrate:up\n-- migrate:down\n", "dbmate", true },
        { "db/migrations/1_a.up.sql", "", "golang-migrate", true },
        { "db/migrations/.keep", "", "dbmate", true },
        { "migrations/.keep", "", "goose", true },
        { "migrations/1_a.up.sql", "", "goose", false },
        { "prisma/migrations/1_a/migration.sql", "", "dbmate", false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(project) p = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        tree_put(rows[i].path, rows[i].text);
        enum evo_errc rc = open_project(rows[i].layout, NULL, &p, &err);
        if ((rc == EVO_OK) != rows[i].found)
            fail_msg("row %zu: %d %s", i, (int)rc, err.message);
        if (rows[i].found) {
            assert_string_equal(evo_layout_name(p.kind), rows[i].layout);
            assert_true(p.told);
        } else {
            assert_non_null(strstr(err.message, "found no "));
            assert_non_null(strstr(err.detail, "migrations, db/migrations"));
        }
        assert_int_equal(tree_teardown(state), 0);
        assert_int_equal(mkdir(tree, 0700), 0);
    }
}

static void test_open_names_a_layout_it_cannot_apply(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text, *tool;
    } rows[] = {
        { "drizzle/meta/_journal.json", "{}", "drizzle" },
        { "db/migrate/20250101000000_create_users.rb", "", "rails" },
        { "migrations/20250101000000_users.js", "", "knex" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(project) p = { 0 };
        tree_put(rows[i].path, rows[i].text);
        EVO_AUTO_STR says = evo_asprintf("migrations of %s cannot be applied", rows[i].tool);
        enum evo_errc rc = open_project("auto", NULL, &p, &err);
        if (rc != EVO_ERR_CONFIG || !strstr(err.message, says))
            fail_msg("%s: %d %s", rows[i].path, (int)rc, err.message);
        assert_non_null(strstr(err.detail, rows[i].path));
        assert_int_equal(tree_teardown(state), 0);
        assert_int_equal(mkdir(tree, 0700), 0);
    }
}

static void test_open_refuses_none_and_two(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    assert_int_equal(open_project("auto", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "found no migrations in"));
    assert_non_null(strstr(err.detail, "prisma/migrations, migrations, db/migrations"));
    assert_non_null(strstr(err.hint, "--migrations DIR"));

    tree_put("prisma/migrations/1_a/migration.sql", "SELECT 1;");
    tree_put("db/migrations/1_a.up.sql", "SELECT 1;");
    assert_int_equal(open_project("auto", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "\"prisma/migrations\" (prisma) and \"db/migrations\" (sql)"));
    assert_non_null(strstr(err.hint, "--layout prisma"));
    assert_opens("prisma", NULL, &p);
    evo_project_release(&p);
    assert_opens("sql", NULL, &p);
    evo_project_release(&p);
    assert_opens("auto", "db/migrations", &p);
    assert_int_equal(p.kind, EVO_LAYOUT_SQL);
    evo_project_release(&p);

    tree_put("migrations/1_a.up.sql", "SELECT 1;");
    assert_int_equal(open_project("sql", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.hint, "--migrations migrations"));
}

static void test_open_refuses_names_and_folders(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    tree_put("file", "");
    tree_mkdir("empty");
    assert_int_equal(open_project("prizma", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "unknown layout \"prizma\""));
    assert_int_equal(open_project("laravel", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "found no laravel migrations"));
    assert_int_equal(open_project("auto", "gone", &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "could not open folder"));
    assert_int_equal(open_project("sql", "file", &p, &err), EVO_ERR_CONFIG);
    assert_int_equal(open_project("auto", "empty", &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "cannot tell the layout"));
    assert_opens("sql", "empty", &p);
    assert_int_equal(p.count, 0);
}

/* ---- promotion ------------------------------------------------------------- */

static void test_hash_lines_are_the_same_wherever_the_root_is(void **state)
{
    (void)state;
    tree_put("prisma/migrations/1_a/migration.sql", "SELECT 1;");
    tree_put("prisma/migrations/1_a/verify_up.sql", "");
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR absolute = evo_path_join(tree, "prisma/migrations");
    const char *const dirs[] = { NULL, "./prisma/migrations", "prisma/../prisma/migrations", absolute };
    for (size_t i = 0; i < EVO_COUNT(dirs); i++) {
        EVO_AUTO(project) p = { 0 };
        EVO_AUTO(strvec) paths = EVO_STRVEC_INIT;
        EVO_AUTO(strvec) hashes = EVO_STRVEC_INIT;
        assert_opens("prisma", dirs[i], &p);
        assert_int_equal(evo_migration_hash_lines(&p, &p.items[0], &paths, &hashes, &err), EVO_OK);
        assert_int_equal(paths.count, 2);
        assert_int_equal(hashes.count, 2);
        assert_string_equal(paths.items[0], "prisma/migrations/1_a/migration.sql");
        assert_string_equal(paths.items[1], "prisma/migrations/1_a/verify_up.sql");
        assert_string_equal(hashes.items[0], p.items[0].checksum);
        /* SHA-256 of nothing. */
        assert_string_equal(hashes.items[1],
                            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
    EVO_AUTO(project) outside = { 0 };
    EVO_AUTO(strvec) paths = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) hashes = EVO_STRVEC_INIT;
    assert_int_equal(evo_project_open("/usr", "prisma", absolute, &outside, &err), EVO_OK);
    assert_int_equal(evo_migration_hash_lines(&outside, &outside.items[0], &paths, &hashes, &err), EVO_OK);
    assert_string_equal(paths.items[0], "migrations/1_a/migration.sql");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tree_test(test_prisma_orders_as_locale_compare),
        tree_test(test_prisma_orders_plain_names_as_libicu_does),
        tree_test(test_prisma_reads_files_and_companions),
        tree_test(test_prisma_refuses),
        tree_test(test_prisma_warns_of_a_linked_folder),
        tree_test(test_sql_reads_three_forms_in_order_of_version),
        tree_test(test_load_keeps_the_lines_of_the_file),
        tree_test(test_load_refuses_what_changed_or_cannot_go_back),
        tree_test(test_sql_refuses),
        tree_test(test_open_looks_into_the_usual_places),
        tree_test(test_open_takes_the_folder_for_a_layout_that_is_named),
        tree_test(test_open_names_a_layout_it_cannot_apply),
        tree_test(test_open_refuses_none_and_two),
        tree_test(test_open_refuses_names_and_folders),
        tree_test(test_hash_lines_are_the_same_wherever_the_root_is),
    };
    return cmocka_run_group_tests_name("layout/layout", tests, NULL, NULL);
}
