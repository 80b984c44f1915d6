/*
 * Both ledgers against a real server: EVO_TEST_PGURL names one, for a superuser. Each test begins with no schema of
 * ours in the database.
 */
#include "cmocka_all.h"

#include "../pg/server.h"
#include "base/clock.h"
#include "layout/ledger.h"

#define SCHEMA "ledger test"

static int clear(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(*state,
                          "DROP SCHEMA IF EXISTS evo, \"" SCHEMA
                          "\", sqitch, prisma_contract, drizzle CASCADE;"
                          "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
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

static enum evo_errc try_load(struct evo_pg *pg, enum evo_layout_kind kind, const char *schema,
                              struct evo_ledger *l, struct evo_error *err)
{
    const struct evo_project no_files = { .kind = kind };
    return evo_ledger_load(pg, &no_files, schema, l, err);
}

static void load(struct evo_pg *pg, enum evo_layout_kind kind, struct evo_ledger *l)
{
    struct evo_error err = EVO_ERROR_INIT;
    evo_ledger_release(l);
    assert_ok(try_load(pg, kind, kind == EVO_LAYOUT_PRISMA ? SCHEMA : NULL, l, &err), &err);
}

/* A ledger that exists and is empty. */
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

static const struct evo_migration first = {
    .name = (char *)"001_first",
    .version = (char *)"001",
    .checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
};
static const struct evo_migration second = {
    .name = (char *)"002_it's a \"second\"",
    .version = (char *)"002",
    .checksum = "0000000000000000000000000000000000000000000000000000000000000000",
};
static const enum evo_layout_kind kinds[] = { EVO_LAYOUT_PRISMA, EVO_LAYOUT_SQL };

/* ---- reading and creating ---------------------------------------------------- */

static void test_load_tells_an_empty_schema_from_one_with_tables(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    assert_ok(try_load(pg, EVO_LAYOUT_PRISMA, NULL, &l, &err), &err);
    assert_string_equal(l.schema, "public");
    assert_false(l.exists);
    assert_true(l.schema_empty);
    assert_true(l.app_schema_exists);
    assert_false(l.evo_schema_exists);
    EVO_AUTO_STR user = server_text(pg, "SELECT current_user");
    assert_string_equal(l.role, user);
    assert_string_equal(l.database, evo_pg_database(pg));

    /* A view is no table to Prisma. */
    assert_ok(evo_pg_exec(pg, "CREATE VIEW v AS SELECT 1", &err), &err);
    evo_ledger_release(&l);
    assert_ok(try_load(pg, EVO_LAYOUT_PRISMA, NULL, &l, &err), &err);
    assert_true(l.schema_empty);
    assert_ok(evo_pg_exec(pg, "CREATE TABLE t ()", &err), &err);
    evo_ledger_release(&l);
    assert_ok(try_load(pg, EVO_LAYOUT_PRISMA, NULL, &l, &err), &err);
    assert_false(l.schema_empty);
}

static void test_create_makes_prismas_own_table(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    begin(pg, EVO_LAYOUT_PRISMA, &l);
    assert_string_equal(l.schema, SCHEMA);
    EVO_AUTO_STR columns = server_text(
        pg, "SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), "
            "CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY "
            "a.attnum) "
            "FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
            "WHERE a.attrelid = '\"" SCHEMA "\"._prisma_migrations'::regclass AND a.attnum > 0");
    assert_string_equal(columns,
                        "id character varying(36) not null, checksum character varying(64) not null, "
                        "finished_at timestamp with time zone, "
                        "migration_name character varying(255) not null, logs text, "
                        "rolled_back_at timestamp with time zone, "
                        "started_at timestamp with time zone not null now(), "
                        "applied_steps_count integer not null 0");
    EVO_AUTO_STR key =
        server_text(pg, "SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint "
                        "WHERE conrelid = '\"" SCHEMA "\"._prisma_migrations'::regclass");
    assert_string_equal(key, "_prisma_migrations_pkey PRIMARY KEY (id)");
    assert_ok(evo_ledger_create(pg, &l, &err), &err);
    assert_false(l.evo_schema_exists);
}

static void test_create_again_needs_no_privilege(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    begin(pg, EVO_LAYOUT_SQL, &l);
    assert_ok(evo_pg_exec(pg,
                          "CREATE ROLE evo_ledger_test; GRANT USAGE ON SCHEMA evo TO evo_ledger_test;"
                          "SET SESSION AUTHORIZATION evo_ledger_test",
                          &err),
              &err);
    enum evo_errc rc = evo_ledger_create(pg, &l, &err);
    struct evo_error other = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(
                  pg, "RESET SESSION AUTHORIZATION; DROP OWNED BY evo_ledger_test; DROP ROLE evo_ledger_test",
                  &other),
              &other);
    assert_ok(rc, &err);
}

static void test_permission_errors_carry_the_grant(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT, read = EVO_ERROR_INIT,
                     create[2] = { EVO_ERROR_INIT, EVO_ERROR_INIT };
    EVO_AUTO(ledger) prisma = { 0 };
    EVO_AUTO(ledger) none = { 0 };
    EVO_AUTO(ledger) blocked = { 0 };
    begin(pg, EVO_LAYOUT_PRISMA, &prisma);
    assert_ok(evo_pg_exec(pg,
                          "CREATE ROLE \"Evo-ledger\"; REVOKE ALL ON SCHEMA public FROM public;"
                          "SET SESSION AUTHORIZATION \"Evo-ledger\"",
                          &err),
              &err);
    enum evo_errc rc_read = try_load(pg, EVO_LAYOUT_PRISMA, SCHEMA, &blocked, &read);
    enum evo_errc rc_load = try_load(pg, EVO_LAYOUT_PRISMA, NULL, &none, &err);
    enum evo_errc rc_create[2] = { evo_ledger_create(pg, &none, &create[0]),
                                   evo_ledger_create_evo_schema(pg, &none, &create[1]) };
    struct evo_error other = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "RESET SESSION AUTHORIZATION; DROP ROLE \"Evo-ledger\"", &other), &other);
    assert_int_equal(rc_read, EVO_ERR_PERMISSION);
    assert_string_equal(read.hint,
                        "Ask for it: GRANT USAGE ON SCHEMA \"" SCHEMA "\" TO \"Evo-ledger\"; GRANT SELECT, "
                        "INSERT, UPDATE ON \"" SCHEMA "\"._prisma_migrations TO \"Evo-ledger\";");
    assert_ok(rc_load, &err);
    assert_int_equal(rc_create[0], EVO_ERR_PERMISSION);
    assert_string_equal(create[0].hint,
                        "Ask for it: GRANT USAGE, CREATE ON SCHEMA public TO \"Evo-ledger\";");
    assert_int_equal(rc_create[1], EVO_ERR_PERMISSION);
    assert_true(evo_starts_with(create[1].hint, "Ask for it: GRANT CREATE ON DATABASE "));
    assert_non_null(strstr(create[1].hint, " TO \"Evo-ledger\"; or,"));
    assert_true(evo_ends_with(create[1].hint, ": CREATE SCHEMA evo AUTHORIZATION \"Evo-ledger\";"));
}

/* ---- rows -------------------------------------------------------------------- */

static void test_record_writes_what_prisma_writes(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    begin(pg, EVO_LAYOUT_PRISMA, &l);
    assert_ok(evo_ledger_record(pg, &l, &first, 1795337721417, &err), &err);
    EVO_AUTO_STR row = server_text(
        pg,
        "SELECT concat_ws(' ', id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', "
        "checksum = repeat('0', 64), checksum, finished_at >= started_at, migration_name, logs IS NULL, "
        "rolled_back_at IS NULL, extract(epoch FROM started_at) * 1000, "
        "date_trunc('milliseconds', finished_at) = finished_at, applied_steps_count) "
        "FROM \"" SCHEMA "\"._prisma_migrations");
    EVO_AUTO_STR expected = evo_asprintf("t f %s t 001_first t t 1795337721417.000000 t 1", first.checksum);
    assert_string_equal(row, expected);
}

static void test_rows_come_back_as_they_were_written(void **state)
{
    struct evo_pg *pg = *state;
    for (size_t k = 0; k < EVO_COUNT(kinds); k++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(ledger) l = { 0 };
        EVO_AUTO_STR id = NULL;
        int64_t now = evo_wall_ms();
        begin(pg, kinds[k], &l);
        assert_ok(evo_ledger_record(pg, &l, &first, now - 5000, &err), &err);
        assert_ok(evo_ledger_start(pg, &l, &second, &id, &err), &err);
        load(pg, kinds[k], &l);
        assert_int_equal(l.count, 2);
        assert_string_equal(l.items[0].name, first.name);
        assert_string_equal(l.items[0].checksum, first.checksum);
        assert_int_equal(l.items[0].started_ms, now - 5000);
        assert_in_range(l.items[0].finished_ms, now, now + 60000);
        assert_int_equal(l.items[0].rolled_back_ms, -1);
        assert_null(l.items[0].logs);
        assert_string_equal(l.items[1].name, second.name);
        assert_string_equal(l.items[1].id, id);
        assert_int_equal(l.items[1].finished_ms, -1);

        assert_ok(evo_ledger_fail(pg, &l, id, "it broke", &err), &err);
        load(pg, kinds[k], &l);
        assert_string_equal(l.items[1].logs, "it broke");
        assert_int_equal(l.items[1].finished_ms, -1);
        assert_int_equal(l.items[1].steps, 0);

        /* Resumed, and done this time. */
        assert_ok(evo_ledger_finish(pg, &l, id, &err), &err);
        load(pg, kinds[k], &l);
        assert_null(l.items[1].logs);
        assert_true(l.items[1].finished_ms >= l.items[1].started_ms);
        assert_int_equal(l.items[1].steps, kinds[k] == EVO_LAYOUT_PRISMA ? 1 : 0);

        assert_ok(evo_ledger_roll_back(pg, &l, &second, &err), &err);
        load(pg, kinds[k], &l);
        assert_true(l.items[1].rolled_back_ms >= l.items[1].finished_ms);
        assert_int_equal(evo_ledger_roll_back(pg, &l, &second, &err), EVO_ERR_NOT_FOUND);
        assert_ok(evo_ledger_record(pg, &l, &second, now, &err), &err);
        load(pg, kinds[k], &l);
        assert_int_equal(l.count, 3);
        assert_int_equal(clear(state), 0);
    }
}

static void test_sql_keeps_one_live_row_a_name(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    begin(pg, EVO_LAYOUT_SQL, &l);
    assert_ok(evo_ledger_record(pg, &l, &first, 1, &err), &err);
    assert_int_equal(evo_ledger_record(pg, &l, &first, 1, &err), EVO_ERR_DATABASE);
    assert_string_equal(err.sqlstate, "23505");
}

static void test_nothing_depends_on_search_path(void **state)
{
    struct evo_pg *pg = *state;
    for (size_t k = 0; k < EVO_COUNT(kinds); k++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(ledger) l = { 0 };
        assert_ok(
            evo_pg_exec(pg, "SET search_path = ''; SET DateStyle = 'German'; SET TimeZone = 'Asia/Kathmandu'",
                        &err),
            &err);
        begin(pg, kinds[k], &l);
        assert_ok(evo_ledger_record(pg, &l, &first, 1795337721417, &err), &err);
        load(pg, kinds[k], &l);
        assert_int_equal(l.items[0].started_ms, 1795337721417);
        assert_ok(evo_pg_exec(pg, "RESET ALL", &err), &err);
        assert_int_equal(clear(state), 0);
    }
}

/* ---- resolve ----------------------------------------------------------------- */

static void test_resolve_applied_makes_the_table_and_one_row(void **state)
{
    struct evo_pg *pg = *state;
    for (size_t k = 0; k < EVO_COUNT(kinds); k++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(ledger) l = { 0 };
        load(pg, kinds[k], &l);
        assert_false(l.exists);
        assert_ok(evo_ledger_resolve_applied(pg, &l, &first, &err), &err);
        assert_false(evo_pg_in_transaction(pg));
        load(pg, kinds[k], &l);
        assert_int_equal(l.count, 1);
        assert_int_equal(l.items[0].started_ms, l.items[0].finished_ms);
        assert_string_equal(l.items[0].logs, "");
        assert_int_equal(l.items[0].steps, 0);

        assert_int_equal(evo_ledger_resolve_applied(pg, &l, &first, &err), EVO_ERR_USAGE);
        assert_non_null(strstr(err.message, "is recorded as applied already"));
        assert_false(evo_pg_in_transaction(pg));
        assert_int_equal(evo_ledger_resolve_rolled_back(pg, &l, first.name, &err), EVO_ERR_USAGE);
        assert_non_null(strstr(err.message, "did not fail: it is applied"));
        assert_int_equal(evo_ledger_resolve_rolled_back(pg, &l, second.name, &err), EVO_ERR_NOT_FOUND);
        assert_non_null(strstr(err.message, "was never applied"));
        assert_int_equal(clear(state), 0);
    }
}

static void test_resolve_ends_a_failed_row(void **state)
{
    struct evo_pg *pg = *state;
    for (size_t k = 0; k < EVO_COUNT(kinds); k++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(ledger) l = { 0 };
        EVO_AUTO_STR id = NULL;
        begin(pg, kinds[k], &l);
        assert_ok(evo_ledger_start(pg, &l, &first, &id, &err), &err);
        assert_ok(evo_ledger_resolve_rolled_back(pg, &l, first.name, &err), &err);
        load(pg, kinds[k], &l);
        assert_int_equal(l.count, 1);
        assert_true(l.items[0].rolled_back_ms >= 0);
        assert_int_equal(l.items[0].finished_ms, -1);
        /* Again is fine, as with Prisma. */
        assert_ok(evo_ledger_resolve_rolled_back(pg, &l, first.name, &err), &err);

        EVO_AUTO_STR again = NULL;
        assert_ok(evo_ledger_start(pg, &l, &first, &again, &err), &err);
        assert_ok(evo_ledger_resolve_applied(pg, &l, &first, &err), &err);
        load(pg, kinds[k], &l);
        assert_int_equal(l.count, 3);
        size_t live = 0;
        for (size_t i = 0; i < l.count; i++)
            live += l.items[i].rolled_back_ms < 0;
        assert_int_equal(live, 1);
        assert_int_equal(clear(state), 0);
    }
}

/* ---- other tools ------------------------------------------------------------- */

static void test_load_refuses_the_ledger_of_another_tool(void **state)
{
    struct evo_pg *pg = *state;
    static const struct {
        const char *sql, *tool, *table;
    } rows[] = {
        { "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)", "dbmate",
          "public.schema_migrations" },
        { "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean)", "golang-migrate",
          "public.schema_migrations" },
        { "CREATE TABLE schema_migrations (version varchar); CREATE TABLE ar_internal_metadata (key text, "
          "value text)",
          "rails", "public.ar_internal_metadata" },
        { "CREATE TABLE goose_db_version (id int, version_id bigint, is_applied boolean)", "goose",
          "public.goose_db_version" },
        { "CREATE TABLE flyway_schema_history (installed_rank int, checksum int, success boolean)", "flyway",
          "public.flyway_schema_history" },
        { "CREATE SCHEMA sqitch; CREATE TABLE sqitch.changes (change_id text, script_hash text)", "sqitch",
          "sqitch.changes" },
        { "CREATE TABLE alembic_version (version_num varchar(32))", "alembic", "public.alembic_version" },
        { "CREATE TABLE migrations (id serial, \"timestamp\" bigint, name varchar)", "typeorm",
          "public.migrations" },
        { "CREATE TABLE migrations (id serial, migration varchar, batch int)", "laravel",
          "public.migrations" },
        { "CREATE SCHEMA drizzle; CREATE TABLE drizzle.__drizzle_migrations (id int, hash text, created_at "
          "bigint)",
          "drizzle", "drizzle.__drizzle_migrations" },
        { "CREATE SCHEMA prisma_contract; CREATE TABLE prisma_contract.ledger (migration_name text, "
          "migration_hash text)",
          "prisma-8", "prisma_contract.ledger" },
        { "CREATE TABLE \"__EFMigrationsHistory\" (\"MigrationId\" text, \"ProductVersion\" text)", "ef-core",
          "public.\"__EFMigrationsHistory\"" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        for (size_t k = 0; k < EVO_COUNT(kinds); k++) {
            struct evo_error err = EVO_ERROR_INIT;
            EVO_AUTO(ledger) l = { 0 };
            assert_ok(evo_pg_exec(pg, rows[i].sql, &err), &err);
            enum evo_errc rc = try_load(pg, kinds[k], NULL, &l, &err);
            EVO_AUTO_STR says = evo_asprintf("recorded by %s, in table %s", rows[i].tool, rows[i].table);
            if (rc != EVO_ERR_UNSUPPORTED || !strstr(err.message, says))
                fail_msg("%s: %d %s", rows[i].tool, (int)rc, err.message);
            assert_true(evo_starts_with(err.hint, "Go on with "));
            assert_int_equal(clear(state), 0);
        }
}

static void test_load_refuses_prismas_ledger_for_sql(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(ledger) sql = { 0 };
    assert_ok(try_load(pg, EVO_LAYOUT_PRISMA, NULL, &l, &err), &err);
    assert_ok(evo_ledger_create(pg, &l, &err), &err);
    assert_int_equal(try_load(pg, EVO_LAYOUT_SQL, NULL, &sql, &err), EVO_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "recorded by prisma, in table public._prisma_migrations"));
}

static void test_load_lets_namesakes_and_former_tools_be(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(ledger) l = { 0 };
    /* An application about birds. */
    assert_ok(evo_pg_exec(pg,
                          "CREATE TABLE migrations (id int, species text); CREATE SCHEMA \"" SCHEMA "\";"
                          "CREATE TABLE \"" SCHEMA "\".alembic_version (version_num text)",
                          &err),
              &err);
    assert_ok(try_load(pg, EVO_LAYOUT_PRISMA, NULL, &l, &err), &err);
    /* Once evo's ledger holds a row, what another tool left behind is history. */
    assert_ok(evo_ledger_resolve_applied(pg, &l, &first, &err), &err);
    assert_ok(evo_pg_exec(pg,
                          "CREATE TABLE knex_migrations (name text, batch int, migration_time timestamptz)",
                          &err),
              &err);
    evo_ledger_release(&l);
    assert_ok(try_load(pg, EVO_LAYOUT_PRISMA, NULL, &l, &err), &err);
    assert_int_equal(l.count, 1);
    /* But for Prisma's own successor. */
    assert_ok(evo_pg_exec(pg,
                          "CREATE SCHEMA prisma_contract;"
                          "CREATE TABLE prisma_contract.ledger (migration_name text, migration_hash text)",
                          &err),
              &err);
    evo_ledger_release(&l);
    assert_int_equal(try_load(pg, EVO_LAYOUT_PRISMA, NULL, &l, &err), EVO_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_load_tells_an_empty_schema_from_one_with_tables, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_create_makes_prismas_own_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_create_again_needs_no_privilege, setup, teardown),
        cmocka_unit_test_setup_teardown(test_permission_errors_carry_the_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record_writes_what_prisma_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_come_back_as_they_were_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sql_keeps_one_live_row_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_depends_on_search_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolve_applied_makes_the_table_and_one_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolve_ends_a_failed_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refuses_the_ledger_of_another_tool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refuses_prismas_ledger_for_sql, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_lets_namesakes_and_former_tools_be, setup, teardown),
    };
    return cmocka_run_group_tests_name("layout/ledger", tests, server_begin, NULL);
}
