/*
 * The ledgers of dbmate, golang-migrate and goose against a real server: EVO_TEST_PGURL names one, for a superuser. What
 * the tools themselves make of them is in tests/integration/layout_*.bats.
 */
#include "cmocka_all.h"

#include "../pg/server.h"
#include "base/clock.h"
#include "layout/ledger.h"

static int clear(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(
        evo_pg_exec(*state,
                    "DROP SCHEMA IF EXISTS evo CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public",
                    &err),
        &err);
    return 0;
}

static int setup(void **state)
{
    return server_setup(state) || clear(state);
}

static int teardown(void **state)
{
    int rc = clear(state);
    return server_teardown(state) || rc;
}

#define FILE(name_, version_)                                                                   \
    {                                                                                           \
        .name = (char *)(name_), .version = (char *)(version_), .path = (char *)(name_ ".sql"), \
        .checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"          \
    }
static struct evo_migration files[] = { FILE("001_one", "001"), FILE("002_two", "002"),
                                        FILE("010_ten", "010") };

static struct evo_project project_of(enum evo_layout_kind kind)
{
    return (struct evo_project){ .kind = kind, .items = files, .count = EVO_COUNT(files) };
}

static void load(struct evo_pg *pg, enum evo_layout_kind kind, struct evo_ledger *l)
{
    struct evo_error err = EVO_ERROR_INIT;
    const struct evo_project p = project_of(kind);
    evo_ledger_release(l);
    assert_ok(evo_ledger_load(pg, &p, NULL, l, &err), &err);
}

static void begin(struct evo_pg *pg, enum evo_layout_kind kind, struct evo_ledger *l)
{
    struct evo_error err = EVO_ERROR_INIT;
    load(pg, kind, l);
    assert_false(l->exists);
    assert_ok(evo_ledger_create(pg, l, &err), &err);
    load(pg, kind, l);
    assert_true(l->exists);
    assert_int_equal(l->count, 0);
}

/* "001_one 002_two!": in order, what is not finished with "!". */
static void assert_rows(struct evo_pg *pg, enum evo_layout_kind kind, const char *expected)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    load(pg, kind, &l);
    for (size_t i = 0; i < l.count; i++)
        evo_strbuf_addf(&text, "%s%s%s", i ? " " : "", l.items[i].name,
                        l.items[i].finished_ms < 0 ? "!" : "");
    assert_string_equal(text.buf, expected);
}

static const enum evo_layout_kind kinds[] = { EVO_LAYOUT_DBMATE, EVO_LAYOUT_GOLANG_MIGRATE,
                                              EVO_LAYOUT_GOOSE };

static void test_rows_come_and_go_as_the_tool_writes_them(void **state)
{
    struct evo_pg *pg = *state;
    for (size_t k = 0; k < EVO_COUNT(kinds); k++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(ledger) l = { 0 };
        begin(pg, kinds[k], &l);
        for (size_t i = 0; i < EVO_COUNT(files); i++)
            assert_ok(evo_ledger_record(pg, &l, &files[i], evo_wall_ms(), &err), &err);
        assert_rows(pg, kinds[k], "001_one 002_two 010_ten");
        assert_ok(evo_ledger_roll_back(pg, &l, &files[2], &err), &err);
        assert_rows(pg, kinds[k], "001_one 002_two");
        assert_int_equal(evo_ledger_roll_back(pg, &l, &files[2], &err), EVO_ERR_NOT_FOUND);
        assert_ok(evo_ledger_roll_back(pg, &l, &files[1], &err), &err);
        assert_ok(evo_ledger_roll_back(pg, &l, &files[0], &err), &err);
        assert_rows(pg, kinds[k], "");
        assert_int_equal(clear(state), 0);
    }
}

/* An attempt outside a transaction is a row in one of them only. */
static void test_start_is_seen_where_the_table_has_room_for_it(void **state)
{
    struct evo_pg *pg = *state;
    for (size_t k = 0; k < EVO_COUNT(kinds); k++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(ledger) l = { 0 };
        EVO_AUTO_STR id = NULL;
        begin(pg, kinds[k], &l);
        assert_ok(evo_ledger_start(pg, &l, &files[0], &id, &err), &err);
        assert_ok(evo_ledger_fail(pg, &l, id, "it broke", &err), &err);
        assert_rows(pg, kinds[k], kinds[k] == EVO_LAYOUT_GOLANG_MIGRATE ? "001_one!" : "");
        assert_ok(evo_ledger_finish(pg, &l, id, &err), &err);
        assert_rows(pg, kinds[k], "001_one");
        assert_int_equal(clear(state), 0);
    }
}

static void test_load_adds_what_only_the_journal_knows(void **state)
{
    struct evo_pg *pg = *state;
    static const enum evo_layout_kind without[] = { EVO_LAYOUT_DBMATE, EVO_LAYOUT_GOOSE };
    for (size_t k = 0; k < EVO_COUNT(without); k++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(ledger) l = { 0 };
        begin(pg, without[k], &l);
        assert_ok(evo_ledger_record(pg, &l, &files[0], evo_wall_ms(), &err), &err);
        assert_ok(evo_ledger_create_evo_schema(pg, &l, &err), &err);
        assert_ok(evo_pg_execf(pg, &err,
                               "INSERT INTO evo.journal (ledger, name, checksum, statement, sha256) VALUES "
                               "('%1$s', '001_one', '', 0, ''), ('%1$s', '002_two', '', 0, ''), "
                               "('%1$s', '002_two', '', 1, ''), ('%1$s down', '010_ten', '', 0, ''), "
                               "('sql', '010_ten', '', 0, '')",
                               evo_layout_name(without[k])),
                  &err);
        assert_rows(pg, without[k], "001_one 002_two!");
        load(pg, without[k], &l);
        assert_true(l.items[1].started_ms > 0);
        assert_ok(evo_ledger_resolve_rolled_back(pg, &l, "002_two", &err), &err);
        assert_int_equal(evo_ledger_resolve_rolled_back(pg, &l, "010_ten", &err), EVO_ERR_NOT_FOUND);
        assert_int_equal(evo_ledger_resolve_rolled_back(pg, &l, "001_one", &err), EVO_ERR_USAGE);
        assert_ok(evo_ledger_resolve_applied(pg, &l, &files[1], &err), &err);
        assert_rows(pg, without[k], "001_one 002_two");
        assert_int_equal(evo_ledger_resolve_applied(pg, &l, &files[1], &err), EVO_ERR_USAGE);
        assert_int_equal(clear(state), 0);
    }
}

static void test_golang_migrate_holds_one_version(void **state)
{
    struct evo_pg *pg = *state;
    static const struct {
        const char *row; /* version, dirty */
        const char *rows;
        size_t file;
        const char *says; /* why the file cannot be recorded; NULL: it can */
    } table[] = {
        { "(1, false)", "001_one", 1, NULL },
        { "(1, false)", "001_one", 2, "\"002_two\" comes before it" },
        { "(1, false)", "001_one", 0, "the database is at version 1" },
        { "(1, true)", "001_one!", 0, NULL },
        { "(1, true)", "001_one!", 1, NULL },
        { "(5, false)", "001_one 002_two 5", 2, NULL },
        { "(5, true)", "001_one 002_two 5!", 1, "the database is at version 5" },
        { "(10, false)", "001_one 002_two 010_ten", 1, "the database is at version 10" },
        { "(-1, true)", "001_one!", 0, NULL },
        { "(-1, true)", "001_one!", 1, "\"001_one\" comes before it" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(ledger) l = { 0 };
        begin(pg, EVO_LAYOUT_GOLANG_MIGRATE, &l);
        assert_ok(evo_pg_execf(pg, &err, "INSERT INTO schema_migrations VALUES %s", table[i].row), &err);
        assert_rows(pg, EVO_LAYOUT_GOLANG_MIGRATE, table[i].rows);
        load(pg, EVO_LAYOUT_GOLANG_MIGRATE, &l);
        enum evo_errc rc = evo_ledger_record(pg, &l, &files[table[i].file], evo_wall_ms(), &err);
        if (rc != (table[i].says ? EVO_ERR_UNSUPPORTED : EVO_OK) ||
            (table[i].says && !strstr(err.message, table[i].says)))
            fail_msg("row %zu: %d %s", i, (int)rc, err.message);
        assert_int_equal(clear(state), 0);
    }
}

static void test_golang_migrate_steps_below_and_back(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    begin(pg, EVO_LAYOUT_GOLANG_MIGRATE, &l);
    assert_ok(evo_ledger_record(pg, &l, &files[0], 1, &err), &err);
    assert_ok(evo_ledger_record(pg, &l, &files[1], 1, &err), &err);
    assert_int_equal(evo_ledger_start_down(pg, &l, &files[0], &err), EVO_ERR_NOT_FOUND);
    assert_ok(evo_ledger_start_down(pg, &l, &files[1], &err), &err);
    assert_rows(pg, EVO_LAYOUT_GOLANG_MIGRATE, "001_one!");
    assert_ok(evo_ledger_keep(pg, &l, &files[1], &err), &err);
    assert_rows(pg, EVO_LAYOUT_GOLANG_MIGRATE, "001_one 002_two");
    assert_ok(evo_ledger_start_down(pg, &l, &files[1], &err), &err);
    assert_ok(evo_ledger_roll_back(pg, &l, &files[1], &err), &err);
    assert_ok(evo_ledger_start_down(pg, &l, &files[0], &err), &err);
    assert_ok(evo_ledger_resolve_rolled_back(pg, &l, "001_one", &err), &err);
    assert_rows(pg, EVO_LAYOUT_GOLANG_MIGRATE, "");
}

/* The lock that TRUNCATE takes is not waited for without end, and nothing is left half written. */
static void test_golang_migrate_writes_both_or_neither(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    begin(pg, EVO_LAYOUT_GOLANG_MIGRATE, &l);
    assert_ok(evo_ledger_record(pg, &l, &files[0], 1, &err), &err);
    assert_ok(evo_pg_exec(pg, "ALTER TABLE schema_migrations ADD CHECK (version <> 2)", &err), &err);
    assert_int_equal(evo_ledger_record(pg, &l, &files[1], 1, &err), EVO_ERR_DATABASE);
    assert_false(evo_pg_in_transaction(pg));
    assert_rows(pg, EVO_LAYOUT_GOLANG_MIGRATE, "001_one");
}

static void test_permission_errors_carry_the_grant(void **state)
{
    struct evo_pg *pg = *state;
    static const struct {
        enum evo_layout_kind kind;
        const char *create, *read;
    } rows[] = {
        { EVO_LAYOUT_DBMATE, "USAGE, CREATE ON SCHEMA public",
          "GRANT SELECT, INSERT, DELETE ON public.schema_migrations" },
        { EVO_LAYOUT_GOLANG_MIGRATE, "USAGE, CREATE ON SCHEMA public",
          "GRANT SELECT, INSERT, TRUNCATE ON public.schema_migrations" },
        { EVO_LAYOUT_GOOSE, "USAGE, CREATE ON SCHEMA public",
          "GRANT SELECT, INSERT, DELETE ON public.goose_db_version" },
    };
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "DROP ROLE IF EXISTS ledger_tools; CREATE ROLE ledger_tools", &err), &err);
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(ledger) none = { 0 };
        EVO_AUTO(ledger) l = { 0 };
        const struct evo_project p = project_of(rows[i].kind);
        struct evo_error create = EVO_ERROR_INIT, read = EVO_ERROR_INIT;
        assert_ok(evo_pg_exec(pg, "SET ROLE ledger_tools", &err), &err);
        load(pg, rows[i].kind, &none);
        enum evo_errc created = evo_ledger_create(pg, &none, &create);
        assert_ok(evo_pg_exec(pg, "RESET ROLE", &err), &err);
        begin(pg, rows[i].kind, &l);
        assert_ok(evo_pg_exec(pg, "SET ROLE ledger_tools", &err), &err);
        enum evo_errc loaded = evo_ledger_load(pg, &p, NULL, &none, &read);
        assert_ok(evo_pg_exec(pg, "RESET ROLE", &err), &err);
        assert_int_equal(created, EVO_ERR_PERMISSION);
        assert_non_null(strstr(create.hint, rows[i].create));
        assert_int_equal(loaded, EVO_ERR_PERMISSION);
        assert_non_null(strstr(read.hint, rows[i].read));
        assert_int_equal(clear(state), 0);
    }
    assert_ok(evo_pg_exec(pg, "DROP ROLE ledger_tools", &err), &err);
}

static void test_settle_looks_at_table_files_and_path(void **state)
{
    struct evo_pg *pg = *state;
    static struct evo_migration one_file = { .name = (char *)"1_a",
                                             .parts = EVO_PARTS_MIGRATE,
                                             .path = (char *)"1_a.sql" };
    static struct evo_migration folder = { .name = (char *)"1_a", .path = (char *)"1_a/up.sql" };
    static const char dbmate[] = "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)";
    static const char migrate[] =
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean)";
    /* What fits is read anew, from a folder that is not there: so a project that changes hands cannot be opened here. */
    static const struct {
        const char *sql;
        struct evo_migration *file;
        bool told, taken;
    } rows[] = {
        { dbmate, &one_file, false, true },   { dbmate, &one_file, true, false },
        { dbmate, &folder, false, false },    { migrate, &folder, false, false },
        { migrate, &one_file, false, false }, { "SELECT 1", &one_file, false, false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        struct evo_project p = { .kind = EVO_LAYOUT_SQL,
                                 .told = rows[i].told,
                                 .root = (char *)"/nonexistent",
                                 .migrations = (char *)"/nonexistent",
                                 .items = rows[i].file,
                                 .count = 1 };
        assert_ok(evo_pg_exec(pg, rows[i].sql, &err), &err);
        struct evo_migration kept = *rows[i].file;
        p.count = rows[i].taken ? 0 : 1; /* nothing of ours may be released */
        enum evo_errc rc = evo_project_settle(pg, NULL, &p, &err);
        *rows[i].file = kept;
        assert_int_equal(rc, rows[i].taken ? EVO_ERR_CONFIG : EVO_OK);
        assert_int_equal(p.kind, rows[i].taken ? EVO_LAYOUT_DBMATE : EVO_LAYOUT_SQL);
        assert_null(p.ledger_schema);
        assert_int_equal(clear(state), 0);
    }
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_project goose = project_of(EVO_LAYOUT_GOOSE);
    assert_ok(evo_project_settle(pg, "sales", &goose, &err), &err);
    assert_null(goose.ledger_schema);
    assert_ok(evo_pg_exec(pg, "SET search_path = nowhere", &err), &err);
    enum evo_errc rc = evo_project_settle(pg, NULL, &goose, &err);
    struct evo_error reset = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "SET search_path = pg_catalog", &reset), &reset);
    assert_int_equal(rc, EVO_ERR_CONFIG);
    assert_ok(evo_project_settle(pg, NULL, &goose, &err), &err);
    assert_string_equal(goose.ledger_schema, "pg_catalog");
    free(goose.ledger_schema);
    assert_ok(evo_pg_exec(pg, "RESET search_path", &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_come_and_go_as_the_tool_writes_them, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_is_seen_where_the_table_has_room_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_adds_what_only_the_journal_knows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_golang_migrate_holds_one_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_golang_migrate_steps_below_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_golang_migrate_writes_both_or_neither, setup, teardown),
        cmocka_unit_test_setup_teardown(test_permission_errors_carry_the_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settle_looks_at_table_files_and_path, setup, teardown),
    };
    return cmocka_run_group_tests_name("layout/ledger_tools", tests, server_begin, NULL);
}
