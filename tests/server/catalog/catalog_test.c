/*
 * The schema's fingerprint against a real server: what alters it and what does not. EVO_TEST_PGURL names an empty
 * database of a cluster, for a superuser. Each test has databases of its own, and two roles that the group drops.
 * seconds: 10
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "../pg/server.h"
#include "base/file.h"
#include "base/process.h"
#include "catalog/catalog.h"
#include "catalog/stamp.h"
#include "crypto/random.h"
#include "pg/tools.h"

#include "changes.h"

#define ROLE "evo_catalog_test"

/* ---- databases -------------------------------------------------------------- */

static struct evo_pg *open_database(const char *name)
{
    EVO_AUTO(conninfo) info = { 0 };
    server_conninfo(&info);
    evo_conninfo_set_database(&info, name);
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_pg *pg = NULL;
    assert_ok(evo_pg_open(&info, NULL, &pg, &err), &err);
    return pg;
}

static void exec(struct evo_pg *pg, const char *sql)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_pg_exec(pg, sql, &err))
        fail_msg("%s (%s) %s\n%s", err.message, err.sqlstate, err.detail, sql);
}

/* A new database; the caller frees its name and drops it. */
static char *make_database(void)
{
    char word[9];
    char *name = evo_asprintf("catalog_%s", evo_random_hex(word, 8));
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    EVO_AUTO_STR sql = evo_asprintf("CREATE DATABASE %s TEMPLATE template0", name);
    exec(pg, sql);
    return name;
}

static void drop_database(const char *name)
{
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    EVO_AUTO_STR sql = evo_asprintf("DROP DATABASE %s WITH (FORCE)", name);
    exec(pg, sql);
}

struct fixture {
    char *name;
    struct evo_pg *pg;
};

static int setup(void **state)
{
    struct fixture *f = evo_calloc(1, sizeof(*f));
    f->name = make_database();
    f->pg = open_database(f->name);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    evo_cancel_acknowledge();
    evo_pg_close(f->pg);
    drop_database(f->name);
    free(f->name);
    free(f);
    return 0;
}

static int make_roles(void **state)
{
    if (server_begin(state))
        return -1;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    exec(pg, "SET client_min_messages = error; DROP ROLE IF EXISTS " ROLE ", " ROLE "_plain");
    exec(pg, "CREATE ROLE " ROLE "; CREATE ROLE " ROLE "_plain LOGIN");
    return 0;
}

static int drop_roles(void **state)
{
    (void)state;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    exec(pg, "DROP ROLE " ROLE ", " ROLE "_plain");
    return 0;
}

/* ---- texts ------------------------------------------------------------------ */

static char *describe(struct evo_pg *pg, bool grants)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    const struct evo_fingerprint_options o = { .grants = grants };
    assert_ok(evo_catalog_describe(pg, &o, &text, &err), &err);
    return evo_strbuf_detach(&text);
}

/* Fails where the two differ, and says in what. */
static void assert_same(const char *before, const char *after)
{
    EVO_AUTO(strbuf) diff = EVO_STRBUF_INIT;
    size_t n = evo_catalog_diff(before, after, 20, &diff);
    if (n)
        fail_msg("%zu lines differ:\n%s", n, diff.buf);
}

/* ---- tests ------------------------------------------------------------------ */

static void test_describe_of_an_empty_database_is_the_format_alone(void **state)
{
    struct fixture *f = *state;
    EVO_AUTO_STR text = describe(f->pg, false);
    assert_string_equal(text, EVO_CATALOG_FORMAT "\n");
}

/* Does what the rows of changes.h say. */
static void make_changes(struct evo_pg *pg)
{
    int version = evo_pg_version(pg) / 10000;
    for (size_t i = 0; i < EVO_COUNT(changes); i++)
        if (version >= changes[i].since)
            exec(pg, changes[i].sql);
}

static void test_every_kind_of_change_alters_the_text(void **state)
{
    struct fixture *f = *state;
    int version = evo_pg_version(f->pg) / 10000;
    int wrong = 0;
    char *before = describe(f->pg, true);
    for (size_t i = 0; i < EVO_COUNT(changes); i++) {
        if (version < changes[i].since)
            continue;
        exec(f->pg, changes[i].sql);
        char *after = describe(f->pg, true);
        EVO_AUTO(strbuf) diff = EVO_STRBUF_INIT;
        (void)evo_catalog_diff(before, after, SIZE_MAX, &diff);
        bool right = changes[i].line ? strstr(diff.buf, changes[i].line) != NULL : diff.len == 0;
        if (!right)
            print_error("%s\nexpected: %s\ngot:\n%s", changes[i].sql,
                        changes[i].line ? changes[i].line : "no difference\n", diff.buf);
        wrong += !right;
        free(before);
        before = after;
    }
    assert_int_equal(wrong, 0);
    assert_null(strstr(before, "canary"));
    free(before);
}

static void test_grants_add_lines_and_take_none(void **state)
{
    struct fixture *f = *state;
    exec(f->pg, "CREATE TABLE t (id int); GRANT SELECT ON t TO " ROLE);
    EVO_AUTO_STR without = describe(f->pg, false);
    EVO_AUTO_STR with = describe(f->pg, true);
    assert_null(strstr(without, "owner of "));
    assert_null(strstr(without, "grant on "));
    assert_non_null(strstr(with, "\ngrant on table public.t: SELECT to " ROLE " by postgres\n"));
    EVO_AUTO(strbuf) diff = EVO_STRBUF_INIT;
    (void)evo_catalog_diff(without, with, SIZE_MAX, &diff);
    assert_non_null(strstr(diff.buf, "+ owner of table public.t: postgres\n"));
    assert_null(strstr(diff.buf, "- "));
}

static void test_fingerprint_is_the_hash_of_the_text(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    exec(f->pg, "CREATE TABLE t (id int)");
    char alone[EVO_SHA256_HEX];
    char with_text[EVO_SHA256_HEX];
    char expected[EVO_SHA256_HEX];
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_adds(&text, "before");
    assert_ok(evo_catalog_fingerprint(f->pg, NULL, alone, NULL, &err), &err);
    assert_ok(evo_catalog_fingerprint(f->pg, NULL, with_text, &text, &err), &err);
    assert_string_equal(alone, with_text);
    assert_string_equal(evo_sha256_hex(text.buf + 6, text.len - 6, expected), alone);
    assert_string_equal(text.buf,
                        "before" EVO_CATALOG_FORMAT "\ncolumn public.t.id: integer\ntable public.t\n");
}

static void test_settings_of_the_session_neither_matter_nor_change(void **state)
{
    struct fixture *f = *state;
    exec(f->pg,
         "CREATE TABLE t (at timestamptz DEFAULT '2020-06-01 00:00+00', m money DEFAULT '1.5', "
         "f float8 DEFAULT 0.1::float4, b bytea DEFAULT '\\x00', i interval DEFAULT '1 mon', \"ü\" int)");
    EVO_AUTO_STR before = describe(f->pg, false);
    exec(f->pg,
         "SET search_path = public, pg_catalog; SET TimeZone = 'America/New_York'; SET DateStyle = 'German'; "
         "SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 0; SET bytea_output = 'escape'; "
         "SET quote_all_identifiers = on; SET client_encoding = 'LATIN1'");
    EVO_AUTO_STR outside = describe(f->pg, false);
    assert_same(before, outside);
    exec(f->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    EVO_AUTO_STR inside = describe(f->pg, false);
    assert_same(before, inside);
    EVO_AUTO_STR zone =
        server_text(f->pg, "SELECT current_setting('TimeZone') || current_setting('search_path') || "
                           "current_setting('client_encoding')");
    assert_string_equal(zone, "America/New_Yorkpublic, pg_catalogLATIN1");
    exec(f->pg, "COMMIT");
}

static void test_a_transaction_of_the_callers_goes_on(void **state)
{
    struct fixture *f = *state;
    exec(f->pg, "BEGIN; SAVEPOINT evo_catalog; CREATE TABLE kept (id int)");
    EVO_AUTO_STR text = describe(f->pg, false);
    assert_non_null(strstr(text, "\ntable public.kept\n"));
    exec(f->pg, "RELEASE SAVEPOINT evo_catalog; COMMIT");
    EVO_AUTO_STR found = server_text(f->pg, "SELECT count(*) FROM kept");
    assert_string_equal(found, "0");
}

static void test_a_snapshot_that_was_exported_stays_good(void **state)
{
    struct fixture *f = *state;
    exec(f->pg, "CREATE TABLE t (id int)");
    exec(f->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    EVO_AUTO_STR snapshot = server_text(f->pg, "SELECT pg_export_snapshot()");
    EVO_AUTO_STR text = describe(f->pg, false);
    EVO_AUTO_PTR(pg) other = open_database(f->name);
    exec(other, "INSERT INTO t VALUES (1)");
    exec(other, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    EVO_AUTO_STR join = evo_asprintf("SET TRANSACTION SNAPSHOT '%s'", snapshot);
    exec(other, join);
    EVO_AUTO_STR rows = server_text(other, "SELECT count(*) FROM t");
    assert_string_equal(rows, "0");
}

static void test_a_transaction_that_failed_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    assert_int_equal(evo_pg_exec(f->pg, "BEGIN; SELECT 1 / 0", &err), EVO_ERR_DATABASE);
    assert_int_equal(evo_catalog_describe(f->pg, NULL, &text, &err), EVO_ERR_DATABASE);
    assert_string_equal(err.sqlstate, "25P02");
    assert_true(evo_starts_with(err.message, "could not read the schema: "));
    assert_int_equal(text.len, 0);
}

/* A failure in the middle: the caller's transaction is as usable as before. */
static void test_a_time_out_leaves_the_transaction_usable(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    exec(f->pg, "CREATE VIEW v AS SELECT 1");
    EVO_AUTO_PTR(pg) other = open_database(f->name);
    exec(other, "BEGIN; LOCK TABLE v IN ACCESS EXCLUSIVE MODE");
    exec(f->pg, "BEGIN; SET LOCAL lock_timeout = '100ms'");
    assert_int_equal(evo_catalog_describe(f->pg, NULL, &text, &err), EVO_ERR_LOCK_UNAVAILABLE);
    assert_string_equal(err.message,
                        "could not read the schema (views): canceling statement due to lock timeout");
    assert_int_equal(text.len, 0);
    EVO_AUTO_STR one = server_text(f->pg, "SELECT 1");
    assert_string_equal(one, "1");
}

static void test_a_cancel_ends_it(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_cancel_request(SIGINT);
    assert_int_equal(evo_catalog_describe(f->pg, NULL, &text, &err), EVO_ERR_CANCELLED);
    evo_cancel_acknowledge();
    assert_int_equal(text.len, 0);
}

static void test_a_text_that_does_not_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(20);
    assert_int_equal(evo_catalog_describe(f->pg, NULL, &text, &err), EVO_ERR_UNSUPPORTED);
    assert_int_equal(text.len, 0);
    assert_true(evo_strbuf_ok(&text));
}

/* ---- dump and restore ------------------------------------------------------- */

static void run_tool(const char *name, const char *database, const char *const *args)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR path = NULL;
    int major = 0;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    assert_ok(evo_pg_tool_find(name, evo_pg_version(pg) / 10000, &path, &major, &err), &err);
    EVO_AUTO(conninfo) info = { 0 };
    server_conninfo(&info);
    evo_conninfo_set_database(&info, database);
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    evo_conninfo_environment(&info, &env);
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    evo_strvec_push(&argv, path);
    for (; *args; args++)
        evo_strvec_push(&argv, *args);
    const struct evo_process_options o = { .argv = argv.items, .env = &env };
    EVO_AUTO(strbuf) complaint = EVO_STRBUF_INIT;
    int status = -1;
    assert_ok(evo_process_run(&o, NULL, NULL, &complaint, EVO_DEADLINE_NEVER, &status, &err), &err);
    if (status != 0)
        fail_msg("%s: status %d: %s", name, status, complaint.buf);
}
#define RUN(name, database, ...) run_tool(name, database, (const char *const[]){ __VA_ARGS__, NULL })

/* Dumps the database with stock tools, restores it into a new one, and compares the two. */
static void assert_same_after_restore(const struct fixture *f)
{
    char folder[] = "/tmp/evo-catalog.XXXXXX";
    assert_non_null(mkdtemp(folder));
    EVO_AUTO_STR archive = evo_path_join(folder, "dump");
    EVO_AUTO_STR copy = make_database();
    RUN("pg_dump", f->name, "-Fd", "-f", archive);
    /* The extension that the source has moved is not where the copy of a comment wants it: exit status 0 is asked. */
    RUN("pg_restore", copy, "-Fd", "-e", "-d", copy, archive);
    EVO_AUTO_STR remove = evo_asprintf("\\! rm -r '%s'", folder);
    RUN("psql", f->name, "-Xc", remove);
    EVO_AUTO_PTR(pg) pg = open_database(copy);
    EVO_AUTO_STR before = describe(f->pg, true);
    EVO_AUTO_STR after = describe(pg, true);
    evo_pg_close(pg);
    pg = NULL;
    drop_database(copy);
    assert_true(strlen(before) > 4000);
    assert_same(before, after);
}

static void test_the_same_after_a_restore_of_every_kind_of_object(void **state)
{
    struct fixture *f = *state;
    make_changes(f->pg);
    assert_same_after_restore(f);
}

static void test_the_same_after_a_restore_of_a_nasty_schema(void **state)
{
    struct fixture *f = *state;
    RUN("psql", f->name, "-Xq", "-v", "ON_ERROR_STOP=1", "-v", "owner=" ROLE, "-f",
        "tests/integration/backup/nasty.sql");
    assert_same_after_restore(f);
}

static void test_a_plain_role_sees_the_same(void **state)
{
    struct fixture *f = *state;
    make_changes(f->pg);
    EVO_AUTO_STR before = describe(f->pg, true);
    exec(f->pg, "SET ROLE " ROLE "_plain");
    EVO_AUTO_STR after = describe(f->pg, true);
    assert_same(before, after);
}

/* ---- stamps ----------------------------------------------------------------- */

/* Without the horizon. Static storage, two of them in turn. */
static const char *stamp(struct evo_pg *pg)
{
    static char kept[2][EVO_SHA256_HEX];
    static int turn;
    char whole[EVO_STAMP_MAX];
    struct evo_error err = EVO_ERROR_INIT;
    turn = !turn;
    assert_ok(evo_catalog_stamp(pg, whole, &err), &err);
    (void)snprintf(kept[turn], sizeof(kept[turn]), "%.64s", whole);
    return kept[turn];
}

static void test_stamp_is_another_one_wherever_the_text_is(void **state)
{
    struct fixture *f = *state;
    int version = evo_pg_version(f->pg) / 10000;
    int wrong = 0;
    char *before = describe(f->pg, false);
    const char *old = stamp(f->pg);
    assert_int_equal(strlen(old), EVO_SHA256_HEX - 1);
    for (size_t i = 0; i < EVO_COUNT(changes); i++) {
        if (version < changes[i].since)
            continue;
        exec(f->pg, changes[i].sql);
        char *after = describe(f->pg, false);
        const char *new = stamp(f->pg);
        if (strcmp(before, after) != 0 && strcmp(old, new) == 0) {
            print_error("the same stamp behind: %s\n", changes[i].sql);
            wrong++;
        }
        free(before);
        before = after;
        old = new;
    }
    assert_int_equal(wrong, 0);
    free(before);
}

/* What the rows of changes.h hold once only, or at their beginning: as one change each, behind all of them. */
static void test_stamp_is_another_one_behind_changes_of_what_is_there(void **state)
{
    static const char *const later[] = {
        "ALTER SCHEMA app RENAME TO shop",
        "ALTER ROLE " ROLE " RENAME TO " ROLE "_renamed",
        "ALTER ROLE " ROLE "_renamed RENAME TO " ROLE,
        "ALTER TABLE shop.t RENAME TO tt",
        "ALTER TABLE shop.u SET SCHEMA public",
        "ALTER TABLE shop.tt RESET (fillfactor)",
        "ALTER TABLE shop.tt SET (toast.autovacuum_enabled = true)",
        "ALTER TABLE shop.tt RESET (toast.autovacuum_enabled)",
        "ALTER TABLE shop.tt NO FORCE ROW LEVEL SECURITY",
        "ALTER TYPE shop.mood RENAME VALUE 'ok' TO 'fine'",
        "ALTER EXTENSION hstore DROP FUNCTION public.hstore_hash(public.hstore)",
        "ALTER TEXT SEARCH DICTIONARY shop.dict (STOPWORDS)",
        "ALTER FUNCTION shop.f(int, text) RENAME TO g",
        "ALTER TABLE shop.p DETACH PARTITION shop.p1",
        "ALTER TABLE shop.p ATTACH PARTITION shop.p1 FOR VALUES FROM ('2025-01-01') TO ('2027-01-01')",
        "DROP USER MAPPING FOR public SERVER srv",
        "CREATE USER MAPPING FOR " ROLE " SERVER srv",
        "ALTER ROLE " ROLE " RENAME TO " ROLE "_renamed; DROP POLICY po ON shop.tt",
        "ALTER ROLE " ROLE "_renamed RENAME TO " ROLE,
        "COMMENT ON SCHEMA public IS 'again'",
        "DROP INDEX public.u_c",
        "DROP SCHEMA shop CASCADE",
        "DROP EXTENSION hstore CASCADE",
    };
    struct fixture *f = *state;
    make_changes(f->pg);
    char *before = describe(f->pg, false);
    const char *old = stamp(f->pg);
    for (size_t i = 0; i < EVO_COUNT(later); i++) {
        exec(f->pg, later[i]);
        char *after = describe(f->pg, false);
        const char *new = stamp(f->pg);
        if (strcmp(before, after) == 0)
            fail_msg("nothing is changed by: %s", later[i]);
        if (strcmp(old, new) == 0)
            fail_msg("the same stamp behind: %s", later[i]);
        free(before);
        before = after;
        old = new;
    }
    free(before);
}

static void test_stamp_stays_where_the_schema_is_not_touched(void **state)
{
    static const char *const harmless[] = {
        "SELECT 1",
        "INSERT INTO app.t (id, \"V w\") SELECT g, repeat('x', 3000) FROM generate_series(1, 500) g",
        "ANALYZE",
        "VACUUM (FREEZE, ANALYZE)",
        "VACUUM FULL pg_catalog.pg_class",
        "VACUUM FULL pg_catalog.pg_attribute",
        "VACUUM FULL pg_catalog.pg_proc",
        "VACUUM FULL app.t",
        "CLUSTER app.t USING t_pkey",
        "TRUNCATE app.t RESTART IDENTITY",
        "REINDEX TABLE app.t",
        "SELECT nextval('app.s')",
        "REFRESH MATERIALIZED VIEW app.m",
        "GRANT SELECT ON app.t TO " ROLE,
        "CREATE TEMP TABLE kept (id int PRIMARY KEY, s serial, v text CHECK (v <> ''), UNIQUE (v)); "
        "CREATE TEMP VIEW w AS SELECT id FROM kept; COMMENT ON TABLE kept IS 'here'; "
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE pg_temp.t AS (a "
        "int)",
        "SELECT lo_create(4711); COMMENT ON LARGE OBJECT 4711 IS 'x'",
        "CREATE SCHEMA evo; COMMENT ON SCHEMA evo IS 'evo'; CREATE TABLE evo.x (id bigint GENERATED ALWAYS "
        "AS "
        "IDENTITY PRIMARY KEY, t text DEFAULT 'x' NOT NULL); CREATE INDEX ON evo.x (t); COMMENT ON TABLE "
        "evo.x "
        "IS 'x'",
        "ALTER TABLE evo.x ADD u text",
        "DROP SCHEMA evo CASCADE",
        "DISCARD TEMP",
        "CREATE ROLE " ROLE "_other; DROP ROLE " ROLE "_other",
    };
    struct fixture *f = *state;
    exec(
        f->pg,
        "CREATE SCHEMA app; CREATE TABLE app.t (id serial PRIMARY KEY, \"V w\" text); CREATE SEQUENCE app.s; "
        "CREATE MATERIALIZED VIEW app.m AS SELECT count(*) FROM app.t; CLUSTER app.t USING t_pkey");
    const char *old = stamp(f->pg);
    for (size_t i = 0; i < EVO_COUNT(harmless); i++) {
        exec(f->pg, harmless[i]);
        const char *new = stamp(f->pg);
        if (strcmp(old, new) != 0)
            fail_msg("another stamp behind: %s", harmless[i]);
        old = new;
    }
}

/* DDL of another session, before and behind its COMMIT, seen from an older snapshot and a new one. */
static void test_stamp_is_of_what_is_committed(void **state)
{
    struct fixture *f = *state;
    EVO_AUTO_PTR(pg) other = open_database(f->name);
    exec(f->pg, "CREATE TABLE t (id int)");
    EVO_AUTO_STR old = evo_strdup(stamp(f->pg));
    exec(other, "BEGIN; ALTER TABLE t ADD v text");
    assert_string_equal(stamp(f->pg), old);
    exec(other, "ROLLBACK");
    assert_string_equal(stamp(f->pg), old);
    exec(f->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    assert_string_equal(stamp(f->pg), old);
    exec(other, "ALTER TABLE t ADD v text");
    assert_string_equal(stamp(f->pg), old);
    exec(f->pg, "COMMIT");
    assert_string_not_equal(stamp(f->pg), old);
}

static void test_a_transaction_with_changes_of_its_own_has_no_stamp(void **state)
{
    struct fixture *f = *state;
    EVO_AUTO_STR old = evo_strdup(stamp(f->pg));
    exec(f->pg, "BEGIN");
    assert_string_equal(stamp(f->pg), old);
    exec(f->pg, "CREATE TABLE t (id int)");
    assert_string_equal(stamp(f->pg), "");
    exec(f->pg, "ROLLBACK");
    assert_string_equal(stamp(f->pg), old);
}

static void test_stamp_depends_on_the_database_not_on_session_or_role(void **state)
{
    struct fixture *f = *state;
    EVO_AUTO_STR copy = evo_asprintf("%s_copy", f->name);
    EVO_AUTO_STR make = evo_asprintf("CREATE DATABASE %s TEMPLATE %s", copy, f->name);
    exec(f->pg,
         "CREATE TABLE t (id int); CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
         "CREATE USER MAPPING FOR " ROLE " SERVER s; SET search_path = public, pg_catalog");
    EVO_AUTO_STR old = evo_strdup(stamp(f->pg));
    exec(f->pg, "SET ROLE " ROLE "_plain");
    assert_string_equal(stamp(f->pg), old);
    exec(f->pg,
         "RESET ROLE; REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC; SET ROLE " ROLE
         "_plain");
    assert_string_equal(stamp(f->pg), "");
    evo_pg_close(f->pg);
    f->pg = NULL;
    EVO_AUTO_PTR(pg) admin = server_open(NULL);
    exec(admin, make);
    f->pg = open_database(f->name);
    EVO_AUTO_PTR(pg) twin = open_database(copy);
    EVO_AUTO_STR theirs = evo_strdup(stamp(twin));
    assert_string_equal(stamp(f->pg), old);
    assert_string_not_equal(theirs, old);
    evo_pg_close(twin);
    twin = NULL;
    drop_database(copy);
}

static void test_stamp_in_a_transaction_that_failed_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    char hex[EVO_STAMP_MAX];
    assert_int_equal(evo_pg_exec(f->pg, "BEGIN; SELECT 1 / 0", &err), EVO_ERR_DATABASE);
    assert_int_equal(evo_catalog_stamp(f->pg, hex, &err), EVO_ERR_DATABASE);
    assert_string_equal(err.sqlstate, "25P02");
    assert_true(evo_starts_with(err.message, "could not look at the schema: "));
    assert_string_equal(hex, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_describe_of_an_empty_database_is_the_format_alone),
        TEST(test_every_kind_of_change_alters_the_text),
        TEST(test_grants_add_lines_and_take_none),
        TEST(test_fingerprint_is_the_hash_of_the_text),
        TEST(test_settings_of_the_session_neither_matter_nor_change),
        TEST(test_a_transaction_of_the_callers_goes_on),
        TEST(test_a_snapshot_that_was_exported_stays_good),
        TEST(test_a_transaction_that_failed_is_an_error),
        TEST(test_a_time_out_leaves_the_transaction_usable),
        TEST(test_a_cancel_ends_it),
        TEST(test_a_text_that_does_not_fit_is_refused),
        TEST(test_the_same_after_a_restore_of_every_kind_of_object),
        TEST(test_the_same_after_a_restore_of_a_nasty_schema),
        TEST(test_a_plain_role_sees_the_same),
        TEST(test_stamp_is_another_one_wherever_the_text_is),
        TEST(test_stamp_is_another_one_behind_changes_of_what_is_there),
        TEST(test_stamp_stays_where_the_schema_is_not_touched),
        TEST(test_stamp_is_of_what_is_committed),
        TEST(test_a_transaction_with_changes_of_its_own_has_no_stamp),
        TEST(test_stamp_depends_on_the_database_not_on_session_or_role),
        TEST(test_stamp_in_a_transaction_that_failed_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_roles, drop_roles);
}
