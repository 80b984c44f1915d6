#include "project.h"

#include "layout/flyway.h"
#include "layout/ledger.h"

#define DIR "db/migration/"

static void test_name_parse_takes_what_flyway_takes(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum evo_flyway_sort sort;
        const char *version, *description;
    } rows[] = {
        { "V1__a_b.sql", EVO_FLYWAY_VERSIONED, "1", "a b" },
        { "V1_2.03__a.sql", EVO_FLYWAY_VERSIONED, "1.2.03", "a" },
        { "V001.sql", EVO_FLYWAY_VERSIONED, "001", "" },
        { "V4__a.b__c.sql", EVO_FLYWAY_VERSIONED, "4", "a.b  c" },
        { "V5__.sql", EVO_FLYWAY_VERSIONED, "5", "" },
        { "U1.1__a.sql", EVO_FLYWAY_UNDO, "1.1", "a" },
        { "R__a_b.sql", EVO_FLYWAY_REPEATABLE, NULL, "a b" },
        { "R1__a.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "R.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "V.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "V1.__a.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "V1..2__a.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "V_1__a.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "Vx__a.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "v1__a.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "a.sql", EVO_FLYWAY_NONE, NULL, NULL },
        { ".sql", EVO_FLYWAY_NONE, NULL, NULL },
        { "README.md", EVO_FLYWAY_NONE, NULL, NULL },
        { "beforeMigrate.sql", EVO_FLYWAY_CALLBACK, NULL, "" },
        { "afterEachMigrate__grants.sql", EVO_FLYWAY_CALLBACK, NULL, "grants" },
        { "beforeMigrate.sh", EVO_FLYWAY_REFUSED, NULL, NULL },
        { "B2__base.sql", EVO_FLYWAY_REFUSED, "2", "base" },
        { "V1__a.java", EVO_FLYWAY_REFUSED, NULL, NULL },
        { "R__a.ps1", EVO_FLYWAY_REFUSED, NULL, NULL },
        { "V1__a.sql.conf", EVO_FLYWAY_CONF, NULL, NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(flyway_name) name = { 0 };
        evo_flyway_name_parse(rows[i].file, &name);
        if (name.sort != rows[i].sort)
            fail_msg("%s: %d", rows[i].file, (int)name.sort);
        assert_true(evo_streq(name.version, rows[i].version));
        assert_true(evo_streq(name.description, rows[i].description));
    }
}

static void test_compare_is_by_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        { "1", "1.0", 0 },     { "1", "01", 0 },
        { "1.0.0", "1", 0 },   { "2", "10", -1 },
        { "1.2", "1.10", -1 }, { "1.1", "1", 1 },
        { "0", "0.0", 0 },     { "20250101000000", "1.9", 1 },
        { "1.0.1", "1", 1 },   { "99999999999999999999", "100000000000000000000", -1 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        int order = evo_flyway_compare(rows[i].a, rows[i].b),
            other = evo_flyway_compare(rows[i].b, rows[i].a);
        assert_int_equal((order > 0) - (order < 0), rows[i].order);
        assert_int_equal((other > 0) - (other < 0), -rows[i].order);
    }
}

/* As Flyway 13.12.1 computed them. */
static void test_checksum_is_flyways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t checksum;
    } rows[] = {
        { "select 1;", -690524359 },
        { "select 1;\n", -690524359 },
        { "select\r\n1;\r", -1112904781 },
        { "\xef\xbb\xbfselect 1;\n\n", -690524359 },
        { "", 0 },
        { "-- \xc3\xbcn\xc3\xaf \xe2\x98\x83\nselect '\xf0\x9f\x98\x80';\n", 1188940603 },
        { " \n\tselect 1 ;\n", 1859115312 },
        { "select 1;\n\xef\xbb\xbf", -797411017 }, /* in the middle it is text */
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_int_equal(evo_flyway_checksum(rows[i].text, strlen(rows[i].text)), rows[i].checksum);
}

static void test_description_and_script_are_cut_as_the_table_wants(void **state)
{
    (void)state;
    char long_text[1101];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    EVO_AUTO_STR description = evo_flyway_description(long_text);
    assert_int_equal(strlen(description), 200);
    assert_true(evo_ends_with(description, "x..."));
    char folder[] = "sql";
    const struct evo_project p = { .migrations = folder };
    EVO_AUTO_STR path = evo_asprintf("sql/%s", long_text);
    EVO_AUTO_STR script = evo_flyway_script(&p, path);
    EVO_AUTO_STR nested = evo_flyway_script(&p, "sql/a/V1__b.sql");
    assert_int_equal(strlen(script), 1000);
    assert_true(evo_starts_with(script, "...x"));
    assert_string_equal(nested, "a/V1__b.sql");
}

/* Of Java's hash of the quoted name; the first one seen in Flyway's own session. */
static void test_lock_key_is_flyways(void **state)
{
    (void)state;
    char app[] = "app", history[] = "history", odd[] = "\xc3\xbcn\xc3\xaf",
         smile[] = "\xe2\x98\x83\xf0\x9f\x98\x80";
    const struct evo_project usual = { .kind = EVO_LAYOUT_FLYWAY };
    const struct evo_project other = { .kind = EVO_LAYOUT_FLYWAY,
                                       .ledger_schema = app,
                                       .ledger_table = history };
    const struct evo_project wide = { .kind = EVO_LAYOUT_FLYWAY,
                                      .ledger_schema = odd,
                                      .ledger_table = smile };
    assert_int_equal(evo_ledger_lock_key(&usual, "db", NULL), 77433833903597);
    assert_int_equal(evo_ledger_lock_key(&other, "db", NULL), 77432926606014);
    assert_int_equal(evo_ledger_lock_key(&wide, "db", NULL), 77433231577296);
}

static void test_read_orders_versions_then_repeatable(void **state)
{
    (void)state;
    tree_put(DIR "V10__ten.sql", "SELECT 10;");
    tree_put(DIR "V2__two.sql", "SELECT 2;");
    tree_put(DIR "deep/down/V1_5__half.sql", "SELECT 1.5;");
    tree_put(DIR "V1__one.sql", "SELECT 1;");
    tree_put(DIR "U2__whatever.sql", "SELECT -2;");
    tree_put(DIR "R__b.sql", "SELECT 'b';");
    tree_put(DIR "R__a_c.sql", "SELECT 'a c';");
    tree_put(DIR "R__a.sql", "SELECT 'a';");
    tree_put(DIR "R__a b.sql", "SELECT 'a b';");
    tree_put(DIR "V2__two.sql.conf", "executeInTransaction=false\n");
    tree_put(DIR "U9__gone.sql", "SELECT -9;");
    tree_put(DIR "notes.sql", "SELECT 'no migration';");
    tree_put("evo/V1_5__half/verify_up.sql", "SELECT true;");
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", &p);
    static const char *const names[] = { "V1__one", "V1_5__half", "V2__two", "V10__ten",
                                         "R__a",    "R__a b",     "R__a_c",  "R__b" };
    assert_int_equal(p.kind, EVO_LAYOUT_FLYWAY);
    assert_names(&p, names, EVO_COUNT(names));
    assert_string_equal(p.items[1].version, "1.5");
    assert_null(p.items[4].version);
    assert_non_null(p.items[1].companion[EVO_FILE_VERIFY_UP]);
    assert_false(p.items[1].directives.no_transaction);
    assert_true(p.items[2].directives.no_transaction);
    assert_text(&p.items[2], true, "SELECT -2;");
    assert_true(evo_ends_with(p.items[0].wants_down, DIR "U1__one.sql"));
    assert_true(has_warning(&p, "U9__gone.sql\" takes back a version that no file has"));
    assert_true(has_warning(&p, "notes.sql\" is not applied"));
    assert_int_equal(p.warnings.count, 2);
}

static void test_read_refuses(void **state)
{
    static const struct refused rows[] = {
        { DIR "x/V1.0__b.sql", "SELECT 1;", "are the same migration: version", 0 },
        { DIR "beforeMigrate.sql", "SELECT 1;", "a callback of Flyway", 0 },
        { DIR "createSchema__x.sql", "SELECT 1;", "a callback of Flyway", 0 },
        { DIR "B1__base.sql", "SELECT 1;", "no SQL migration", 0 },
        { DIR "V2__java.java", "class", "no SQL migration", 0 },
        { DIR "V2__b.sql", "SELECT 1;\nSELECT '${name}';\n", "the placeholder \"${name}\"", 2 },
        { DIR "U1__a.sql", "\n\n-- ${a}\n", "the placeholder \"${a}\"", 3 },
        { DIR "V1__a.sql.conf", "# how\nshouldExecute=false\n", "does not honour \"shouldExecute\"", 2 },
        { DIR "V2__b.sql", "-- evo:nothing\nSELECT 1;", "evo:nothing", 1 },
        { "flyway.conf", "flyway.sqlMigrationPrefix=X\n", "does not honour \"flyway.sqlMigrationPrefix\"",
          1 },
        { "flyway.toml", "[flyway]\ninitSql = \"SELECT 1\"\n", "does not honour \"flyway.initSql\"", 2 },
        { "flyway.toml", "[flyway]\nschemas = [\"a\", \"b\"]\n", "names more than one schema", 2 },
        { "flyway.toml", "[flyway]\ndefaultSchema = \"b\"\nschemas = [\"a\"]\n", "another schema than", 3 },
        { "flyway.toml", "[flyway]\nlocations = [\"filesystem:db/migration\", \"s3:bucket/x\"]\n",
          "it is no folder", 2 },
        { "flyway.toml", "[flyway]\nlocations = [\"s3:bucket/x\"]\n", "it is no folder", 2 },
        { "flyway.toml", "[flyway]\nlocations = [\"filesystem:sql/*\"]\n", "it is a pattern", 2 },
        { "flyway.toml", "[flyway]\ngroup = true\n", "does not honour \"flyway.group\"", 2 },
        { "flyway.toml", "[flyway\n", "cannot read", 1 },
    };
    assert_refused("flyway", DIR "V1__a.sql", "SELECT 1;", rows, EVO_COUNT(rows), state);
}

static void test_open_takes_place_and_table_from_the_configuration(void **state)
{
    (void)state;
    tree_put("src/main/resources/db/own/V1__a.sql", "SELECT '${kept}';");
    tree_put("flyway.toml", "[flyway]\nlocations = [\"classpath:db/own\"]\nplaceholderReplacement = false\n"
                            "sqlMigrationPrefix = \"V\"\ntable = \"h\"\nenvironment = \"dev\"\nnovel = 1\n"
                            "[environments.dev]\nurl = \"jdbc:x\"\nschemas = [\"app\"]\n");
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", &p);
    assert_int_equal(p.kind, EVO_LAYOUT_FLYWAY);
    assert_int_equal(p.count, 1);
    assert_string_equal(p.ledger_schema, "app");
    assert_string_equal(p.ledger_table, "h");
    assert_true(has_warning(&p, "does not know the setting \"flyway.novel\""));
    assert_int_equal(p.warnings.count, 1);
}

static void test_open_reads_all_locations(void **state)
{
    (void)state;
    tree_put("db/migration/V2__b.sql", "SELECT 1;");
    tree_put("db/migration/below/V4__d.sql", "SELECT 1;");
    tree_put("own/deep/V1__a.sql", "SELECT 1;");
    tree_put("own/V3__c.sql", "SELECT 1;");
    tree_put("own/U2__b.sql", "SELECT 1;");
    tree_put("flyway.toml", "[flyway]\nlocations = [\"filesystem:gone\", \"filesystem:./own/\", "
                            "\"filesystem:db/migration/below\", \"filesystem:db/migration\", \"own\"]\n");
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", &p);
    static const char *const names[] = { "V1__a", "V2__b", "V3__c", "V4__d" };
    assert_names(&p, names, EVO_COUNT(names));
    assert_true(evo_ends_with(p.migrations, "own"));
    assert_int_equal(p.locations.count, 2);
    assert_true(evo_ends_with(p.items[1].companion[EVO_FILE_DOWN], "own/U2__b.sql"));
    static const char *const scripts[] = { "deep/V1__a.sql", "V2__b.sql", "V3__c.sql", "below/V4__d.sql" };
    for (size_t i = 0; i < EVO_COUNT(scripts); i++) {
        EVO_AUTO_STR script = evo_flyway_script(&p, p.items[i].path);
        assert_string_equal(script, scripts[i]);
    }
    assert_true(has_warning(&p, "gone\", which is named in locations"));
    assert_int_equal(p.warnings.count, 1);
}

static void test_open_refuses_twins_of_two_locations(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    tree_put("a/V1__a.sql", "SELECT 1;");
    tree_put("b/V01__b.sql", "SELECT 1;");
    tree_put("flyway.conf", "flyway.locations=filesystem:a,filesystem:b\n");
    assert_int_equal(evo_project_open(tree, "auto", NULL, &p, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "are the same migration: version"));
}

static void test_open_lets_variables_come_before_files(void **state)
{
    (void)state;
    tree_put("own/V1__a.sql", "SELECT 1;");
    tree_put("flyway.conf", "flyway.locations=filesystem:elsewhere\nflyway.defaultSchema=file\n");
    assert_int_equal(setenv("FLYWAY_LOCATIONS", "filesystem:own", 1), 0);
    assert_int_equal(setenv("FLYWAY_DEFAULT_SCHEMA", "variable", 1), 0);
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", &p);
    assert_string_equal(p.ledger_schema, "variable");
    assert_int_equal(p.count, 1);
    assert_int_equal(unsetenv("FLYWAY_LOCATIONS"), 0);
    assert_int_equal(unsetenv("FLYWAY_DEFAULT_SCHEMA"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_parse_takes_what_flyway_takes),
        cmocka_unit_test(test_compare_is_by_numbers),
        cmocka_unit_test(test_checksum_is_flyways),
        cmocka_unit_test(test_description_and_script_are_cut_as_the_table_wants),
        cmocka_unit_test(test_lock_key_is_flyways),
        tree_test(test_read_orders_versions_then_repeatable),
        tree_test(test_read_refuses),
        tree_test(test_open_takes_place_and_table_from_the_configuration),
        tree_test(test_open_reads_all_locations),
        tree_test(test_open_refuses_twins_of_two_locations),
        tree_test(test_open_lets_variables_come_before_files),
    };
    return cmocka_run_group_tests_name("layout/flyway", tests, NULL, NULL);
}
