#include "tree.h"

#include "layout/layout.h"

#define VERSIONS "migrations/versions/"
static const char env[] = "from alembic import context\ncontext.configure(connection=c)\n";

static void put_revision(const char *file, const char *id, const char *rest)
{
    EVO_AUTO_STR text = evo_asprintf("\"\"\"doc\"\"\"\nrevision = '%s'\n%s\n", id, rest);
    tree_put(file, text);
}

static void put_project(void)
{
    tree_put("alembic.ini", "[alembic]\nscript_location = migrations\n");
    tree_put("migrations/env.py", env);
}

static enum evo_errc open_tree(const char *dir, struct evo_project *p, struct evo_error *err)
{
    *p = (struct evo_project){ 0 };
    return evo_project_open(tree, NULL, dir, p, err);
}

static void assert_refused(const char *message)
{
    EVO_AUTO(project) p = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(open_tree(NULL, &p, &err), EVO_ERR_CONFIG);
    if (!strstr(err.message, message))
        fail_msg("%s", err.message);
}

static void test_open_reads_revisions_in_the_graph_s_order(void **state)
{
    (void)state;
    put_project();
    put_revision(VERSIONS "a_second.py", "bb", "down_revision = 'aa'");
    put_revision(VERSIONS "z_first.py", "aa", "down_revision = None");
    put_revision(VERSIONS "m_third.py", "cc", "down_revision = ('bb',)\nbranch_labels = 'main'");
    tree_put(VERSIONS "__init__.py", "");
    tree_put(VERSIONS ".#a_second.py", "a lock of an editor");
    tree_put(VERSIONS "notes.txt", "");
    tree_put(VERSIONS "__pycache__/x.py", "");
    tree_put("evo/m_third/verify_up.sql", "SELECT true");
    EVO_AUTO(project) p = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(open_tree(NULL, &p, &err), EVO_OK);
    assert_int_equal(p.kind, EVO_LAYOUT_ALEMBIC);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.items[0].name, "z_first");
    assert_string_equal(p.items[0].version, "aa");
    assert_string_equal(p.items[1].name, "a_second");
    assert_string_equal(p.items[2].name, "m_third");
    assert_string_equal(p.items[2].upon.items[0], "bb");
    assert_string_equal(p.items[2].labels.items[0], "main");
    assert_non_null(p.items[2].companion[EVO_FILE_VERIFY_UP]);
    assert_true(p.items[0].by_tool);
    assert_true(evo_migration_has_down(&p.items[0]));
    assert_int_equal(p.warnings.count, 0);
}

static void test_open_takes_nothing_in_python_for_a_directive(void **state)
{
    (void)state;
    put_project();
    put_revision(VERSIONS "a.py", "aa", "sql = '''\n-- evo:nonsense\n-- migrate:down\n'''");
    EVO_AUTO(project) p = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(open_tree(NULL, &p, &err), EVO_OK);
    assert_int_equal(p.count, 1);
}

static void test_open_goes_by_alembic_ini(void **state)
{
    (void)state;
    static const struct {
        const char *ini;
        size_t count;
    } rows[] = {
        { "[alembic]\nscript_location = %(here)s/src/db\n", 1 },
        { "[alembic]\nscript_location = src/db\n", 1 },
        { "[alembic]\nscript_location = ./src/db/\n", 1 },
        { "[alembic]\nscript_location = src/db\nrecursive_version_locations = true\n", 2 },
        { "[alembic]\nscript_location = src/db\nversion_locations = src/db/versions more\n", 2 },
        { "[alembic]\nscript_location = src/db\npath_separator = os\nversion_locations = "
          "src/db/versions:more\n",
          2 },
        { "[alembic]\nscript_location = src/db\nversion_path_separator = newline\nversion_locations =\n"
          "    src/db/versions\n    %(here)s/more\n",
          2 },
    };
    tree_put("src/db/env.py", env);
    put_revision("src/db/versions/a.py", "aa", "");
    put_revision("src/db/versions/deep/b.py", "bb", "");
    put_revision("more/c.py", "cc", "down_revision = 'aa'");
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(project) p = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        tree_put("alembic.ini", rows[i].ini);
        if (open_tree(NULL, &p, &err) || p.count != rows[i].count)
            fail_msg("row %zu: %s, %zu", i, err.message, p.count);
        assert_true(evo_ends_with(p.migrations, "src/db"));
    }
    tree_put("alembic.ini",
             "[alembic]\nscript_location = src/db\npath_separator = comma\nversion_locations = x\n");
    assert_refused("unknown path separator \"comma\"");
    tree_put("alembic.ini", "[alembic]\nscript_location = src/db\nversion_locations = pkg:versions\n");
    assert_refused("names a package");
    tree_put("alembic.ini", "[alembic]\nscript_location = src/db\nversion_locations = nowhere\n");
    assert_refused("nowhere");
    tree_put("alembic.ini", "[alembic]\nscript_location = pkg:migrations\n");
    assert_refused("there is no env.py in");
}

static void test_open_takes_either_folder_and_refuses_a_third(void **state)
{
    (void)state;
    put_project();
    put_revision(VERSIONS "a.py", "aa", "down_revision = None");
    tree_put("other/env.py", env);
    for (size_t i = 0; i < 2; i++) {
        EVO_AUTO(project) p = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(open_tree(i ? "migrations" : "migrations/versions", &p, &err), EVO_OK);
        assert_int_equal(p.count, 1);
        assert_true(evo_ends_with(p.migrations, "migrations"));
    }
    EVO_AUTO(project) p = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(open_tree("other", &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "is not the script_location of"));
}

static void test_open_refuses_what_it_cannot_read_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *id, *rest, *message;
        int line;
    } rows[] = {
        { "aa", "down_revision = find()", "\"down_revision\" of revision file", 3 },
        { "aa", "depends_on = ['x', y]", "\"depends_on\" of revision file", 3 },
        { "aa", "branch_labels = f'{x}'", "\"branch_labels\" of revision file", 3 },
        { "aa", "revision = None", "\"revision\" of revision file", 3 },
        { "a@b", "", "is no revision identifier", 2 },
        { "0123456789012345678901234567890123", "", "is longer than the 32 characters", 2 },
        { "aa", "x = (", "a bracket is not closed", 4 },
        { "aa", "down_revision = 'zz'", "names \"zz\" as its down_revision, which no file has", 0 },
        { "aa", "depends_on = 'zz'", "names \"zz\" as its depends_on, which no file has", 0 },
        { "aa", "down_revision = 'aa'", "in a circle: \"m\"", 0 },
    };
    put_project();
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(project) p = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        put_revision(VERSIONS "m.py", rows[i].id, rows[i].rest);
        assert_int_equal(open_tree(NULL, &p, &err), EVO_ERR_CONFIG);
        if (!strstr(err.message, rows[i].message) || err.line != rows[i].line)
            fail_msg("row %zu: %s (line %d)", i, err.message, err.line);
        assert_true(evo_ends_with(err.file, VERSIONS "m.py"));
        assert_string_equal(err.migration, "m");
    }
    tree_put(VERSIONS "m.py", "x = 1\n");
    assert_refused("has no variable \"revision\"");
}

static void test_open_refuses_the_same_identifier_twice(void **state)
{
    (void)state;
    put_project();
    put_revision(VERSIONS "a.py", "aa", "");
    put_revision(VERSIONS "b.py", "aa", "");
    assert_refused("have the same revision identifier");
    tree_put("alembic.ini",
             "[alembic]\nscript_location = migrations\nversion_locations = migrations/versions more\n");
    put_revision(VERSIONS "b.py", "bb", "");
    put_revision("more/b.py", "cc", "");
    assert_refused("have the same name");
}

static void test_open_resolves_a_dependency_on_a_label(void **state)
{
    (void)state;
    put_project();
    put_revision(VERSIONS "z.py", "zz", "branch_labels = ('core',)");
    put_revision(VERSIONS "a.py", "aa", "depends_on = 'core'\nbranch_labels = ['side']");
    EVO_AUTO(project) p = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(open_tree(NULL, &p, &err), EVO_OK);
    assert_string_equal(p.items[0].name, "z");
    assert_string_equal(p.items[1].upon.items[0], "zz");
    assert_int_equal(p.warnings.count, 0);
}

static void test_open_names_heads_that_nobody_meant(void **state)
{
    (void)state;
    put_project();
    put_revision(VERSIONS "a.py", "aa", "");
    put_revision(VERSIONS "b.py", "bb", "down_revision = 'aa'");
    put_revision(VERSIONS "c.py", "cc", "down_revision = 'aa'");
    EVO_AUTO(project) p = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(open_tree(NULL, &p, &err), EVO_OK);
    assert_int_equal(p.heads.count, 2);
    assert_string_equal(p.heads.items[0], "b");
    assert_string_equal(p.heads.items[1], "c");
}

static void test_open_honours_a_literal_table_and_refuses_a_computed_one(void **state)
{
    (void)state;
    static const struct {
        const char *env, *table, *schema; /* table "-": refused */
    } rows[] = {
        { "context.configure(a, b)\n", NULL, NULL },
        { "context.configure(version_table='v', version_table_schema=\"s\")\n", "v", "s" },
        { "context.configure(version_table=None)\n", NULL, NULL },
        { "V = 'v'\ndef f():\n    context.configure(version_table=V,\n        x=1)\n", "v", NULL },
        { "context.configure(version_table='v')\ncontext.configure(version_table='v')\n", "v", NULL },
        { "context.configure(version_table='v')\ncontext.configure(version_table='w')\n", "-", NULL },
        { "context.configure(version_table=os.environ['T'])\n", "-", NULL },
        { "context.configure(version_table_schema=metadata.schema)\n", "-", NULL },
        { "context.configure(version_table='a' + x)\n", "-", NULL },
        { "options = {'version_table': 'v'}\ncontext.configure(**options)\n", "-", NULL },
        { "# version_table=x\nversion_table = compute()\n", NULL, NULL },
    };
    put_project();
    put_revision(VERSIONS "a.py", "aa", "");
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(project) p = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        tree_put("migrations/env.py", rows[i].env);
        enum evo_errc rc = open_tree(NULL, &p, &err);
        bool refused = evo_streq(rows[i].table, "-");
        if ((rc != EVO_OK) != refused)
            fail_msg("row %zu: %s", i, err.message);
        if (refused) {
            assert_non_null(strstr(err.message, "cannot tell version_table"));
            assert_true(err.line > 0);
            continue;
        }
        assert_true(evo_streq(p.ledger_table, rows[i].table));
        assert_true(evo_streq(p.ledger_schema, rows[i].schema));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tree_test(test_open_reads_revisions_in_the_graph_s_order),
        tree_test(test_open_takes_nothing_in_python_for_a_directive),
        tree_test(test_open_goes_by_alembic_ini),
        tree_test(test_open_takes_either_folder_and_refuses_a_third),
        tree_test(test_open_refuses_what_it_cannot_read_with_file_and_line),
        tree_test(test_open_refuses_the_same_identifier_twice),
        tree_test(test_open_resolves_a_dependency_on_a_label),
        tree_test(test_open_names_heads_that_nobody_meant),
        tree_test(test_open_honours_a_literal_table_and_refuses_a_computed_one),
    };
    return cmocka_run_group_tests_name("layout/alembic", tests, NULL, NULL);
}
