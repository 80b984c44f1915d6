#include "tree.h"

#include "layout/typeorm.h"

#define CLASS(name) "export class " name " { async up() {} async down() {} }\n"

static enum evo_errc open_project(struct evo_project *p, struct evo_error *err)
{
    return evo_project_open(tree, "typeorm", "migrations", p, err);
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

/* ---- the folder ----------------------------------------------------------------- */

static void test_read_goes_by_classes_and_their_times(void **state)
{
    (void)state;
    tree_put("migrations/1-b.ts", CLASS("B1735689600002"));
    tree_put("migrations/2-a.js", CLASS("A1735689600001"));
    tree_put("migrations/c.mts", CLASS("C1735689600000"));
    tree_put("migrations/4-d.d.ts", CLASS("D1735689600000"));
    tree_put("migrations/helper.ts", "export const x = 1\n");
    tree_put("migrations/README.md", "");
    tree_mkdir("migrations/5-folder.ts");
    tree_put("evo/C1735689600000/verify_up.sql", "SELECT true;");
    EVO_AUTO(project) p = { 0 };
    assert_opens(&p);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.items[0].name, "C1735689600000");
    assert_string_equal(p.items[1].name, "A1735689600001");
    assert_string_equal(p.items[2].name, "B1735689600002");
    assert_string_equal(p.items[0].version, "1735689600000");
    assert_true(p.items[0].by_tool);
    assert_true(evo_ends_with(p.items[0].path, "migrations/c.mts"));
    assert_non_null(p.items[0].companion[EVO_FILE_VERIFY_UP]);
    assert_true(evo_migration_has_down(&p.items[0]));
    assert_true(has_warning(&p, "helper.ts\" is not applied"));
}

static void test_read_keeps_what_the_class_says(void **state)
{
    (void)state;
    tree_put("migrations/1-a.ts", "export class A20240101120000 { transaction = false\n async up() {} }\n");
    EVO_AUTO(project) p = { 0 };
    assert_opens(&p);
    assert_true(p.items[0].directives.no_transaction);
    assert_false(evo_migration_has_down(&p.items[0]));
    assert_true(has_warning(&p, "orders it by its last digits, 0240101120000"));
}

static void test_read_is_found_by_its_files(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    tree_put("src/migrations/1735689600000-A.ts", CLASS("A1735689600000"));
    EVO_AUTO(project) p = { 0 };
    assert_int_equal(evo_project_open(tree, "auto", NULL, &p, &err), EVO_OK);
    assert_int_equal(p.kind, EVO_LAYOUT_TYPEORM);
    assert_int_equal(p.count, 1);
}

static void test_read_refuses(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    tree_put("migrations/1-a.ts", CLASS("A1735689600000"));
    tree_put("migrations/2-a.ts", "\n" CLASS("A1735689600000"));
    assert_int_equal(open_project(&p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "exists twice"));
    assert_int_equal(err.line, 2);
    tree_put("migrations/2-a.ts", "// nothing\n");
    assert_int_equal(open_project(&p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "2-a.ts\" exports no migration class"));
    tree_put("migrations/2-a.ts", CLASS("B1735689600001"));
    tree_put("data-source.ts", "new DataSource({ type: 'postgres'");
    assert_int_equal(open_project(&p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.file, "data-source.ts"));
    assert_int_equal(p.count, 0);
}

/* ---- the data source ---------------------------------------------------------------- */

static void assert_source(const struct evo_project *p, const char *expected)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR source = NULL;
    EVO_AUTO_STR path = evo_path_join(tree, expected);
    enum evo_errc rc = evo_typeorm_data_source(p, &source, &err);
    if (rc)
        print_message("%s\n", err.message);
    assert_int_equal(rc, EVO_OK);
    assert_string_equal(source, path);
}

static void test_data_source_is_looked_for_where_the_project_says(void **state)
{
    (void)state;
    tree_put("migrations/1-a.ts", CLASS("A1735689600000"));
    EVO_AUTO(project) p = { 0 };
    assert_opens(&p);
    tree_put("src/data-source.ts", "");
    assert_source(&p, "src/data-source.ts");
    tree_put("data-source.js", ""); /* another language than the migrations' */
    assert_source(&p, "src/data-source.ts");

    /* package.json wins; a file that is not there, and scripts of others, do not count */
    tree_put("package.json",
             "{ \"scripts\": { \"x\": \"tar -d other.ts\", \"y\": \"typeorm migration:run -d gone.ts\",\n"
             "\"z\": \"npm run typeorm -- migration:run --dataSource='./lib/db.ts' -t each\" } }");
    tree_put("other.ts", "");
    tree_put("lib/db.ts", "");
    assert_source(&p, "lib/db.ts");
    tree_put("package.json",
             "{ \"scripts\": { \"a\": \"typeorm -d dist/db.js\", \"b\": \"typeorm -d lib/db.ts\" } }");
    tree_put("dist/db.js", "");
    assert_source(&p, "lib/db.ts");
    tree_put("package.json", "{ not json");
    assert_source(&p, "src/data-source.ts");

    setenv(EVO_TYPEORM_DATASOURCE, "other.ts", 1);
    assert_source(&p, "other.ts");
    unsetenv(EVO_TYPEORM_DATASOURCE);
}

static void test_data_source_is_not_guessed_at(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR source = NULL;
    tree_put("migrations/1-a.ts", CLASS("A1735689600000"));
    EVO_AUTO(project) p = { 0 };
    assert_opens(&p);
    assert_int_equal(evo_typeorm_data_source(&p, &source, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "found no TypeORM data source"));
    assert_non_null(strstr(err.hint, EVO_TYPEORM_DATASOURCE));
    tree_put("data-source.ts", "");
    tree_put("src/data-source.ts", "");
    assert_int_equal(evo_typeorm_data_source(&p, &source, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "cannot tell which"));
    setenv(EVO_TYPEORM_DATASOURCE, "gone.ts", 1);
    assert_int_equal(evo_typeorm_data_source(&p, &source, &err), EVO_ERR_CONFIG);
    unsetenv(EVO_TYPEORM_DATASOURCE);
    assert_non_null(strstr(err.message, "gone.ts"));
    assert_null(source);
}

/* ---- its ledger ------------------------------------------------------------------------ */

static void test_ledger_is_read_where_it_is_written_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *schema, *table;
        int computed;
    } row[] = {
        { "", NULL, NULL, 0 },
        { "new DataSource({ type: 'postgres', url: x })", NULL, NULL, 0 },
        { "new DataSource({ type: 'postgres', migrationsTableName: \"history\" })", NULL, "history", 0 },
        { "const o: DataSourceOptions = {\n schema: 'app',\n 'type': 'postgres' as const,\n "
          "\"migrationsTableName\": `h`, }",
          "app", "h", 0 },
        /* a schema that is another's */
        { "new DataSource({ type: 'postgres', extra: { schema: 'no' } }); f({ schema: 'no' })", NULL, NULL,
          0 },
        { "// migrationsTableName: 'x'\nconst s = `migrationsTableName: 'x'`", NULL, NULL, 0 },
        { "new DataSource({ type: 'postgres', schema: undefined })", NULL, NULL, 0 },
        /* computed */
        { "new DataSource({ type: 'postgres',\n migrationsTableName: process.env.T })", NULL, NULL, 2 },
        { "new DataSource({ type: 'postgres', migrationsTableName: 'a' + b })", NULL, NULL, 1 },
        { "new DataSource({ type: 'postgres', migrationsTableName: `a${b}` })", NULL, NULL, 1 },
        { "new DataSource({ migrationsTableName: 't',\n\n schema: s, type: 'postgres' })", NULL, "t", 3 },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(typeorm_ledger) l = { 0 };
        assert_int_equal(evo_typeorm_ledger_parse(row[i].text, strlen(row[i].text), "d.ts", &l, &err),
                         EVO_OK);
        if (!evo_streq(l.schema, row[i].schema) || !evo_streq(l.table, row[i].table) ||
            l.computed != row[i].computed)
            fail_msg("row %zu: schema %s, table %s, line %d", i, l.schema ? l.schema : "-",
                     l.table ? l.table : "-", l.computed);
    }
}

static void test_ledger_of_the_project_is_the_data_sources(void **state)
{
    (void)state;
    tree_put("migrations/1-a.ts", CLASS("A1735689600000"));
    tree_put("data-source.ts", "new DataSource({ type: 'postgres', schema: 'app', migrationsTableName: n })");
    EVO_AUTO(project) p = { 0 };
    assert_opens(&p);
    assert_string_equal(p.ledger_schema, "app");
    assert_null(p.ledger_table);
    assert_true(has_warning(&p, "line 1 of"));
    assert_true(has_warning(&p, "taking app.migrations"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tree_test(test_read_goes_by_classes_and_their_times),
        tree_test(test_read_keeps_what_the_class_says),
        tree_test(test_read_is_found_by_its_files),
        tree_test(test_read_refuses),
        tree_test(test_data_source_is_looked_for_where_the_project_says),
        tree_test(test_data_source_is_not_guessed_at),
        cmocka_unit_test(test_ledger_is_read_where_it_is_written_out),
        tree_test(test_ledger_of_the_project_is_the_data_sources),
    };
    return cmocka_run_group_tests_name("layout/typeorm", tests, NULL, NULL);
}
