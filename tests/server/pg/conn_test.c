/*
 * A session against a real server: EVO_TEST_PGURL names one, for a superuser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "pg/conn.h"
#include "server.h"

static void test_open_says_what_it_reached(void **state)
{
    struct evo_pg *pg = *state;
    assert_true(evo_pg_version(pg) >= 100000);
    assert_true(evo_starts_with(evo_pg_version_text(pg), "1"));
    assert_null(strchr(evo_pg_version_text(pg), ' '));
    assert_true(evo_pg_backend_pid(pg) > 0);
    assert_true(evo_pg_alive(pg));
    assert_false(evo_pg_in_transaction(pg));
    EVO_AUTO_STR name = server_text(pg, "SELECT current_database()");
    assert_string_equal(evo_pg_database(pg), name);
    EVO_AUTO_STR encoding = server_text(pg, "SHOW client_encoding");
    assert_string_equal(encoding, "UTF8");
    EVO_AUTO_STR application = server_text(pg, "SHOW application_name");
    assert_string_equal(application, "evo-test");
}

static void test_query_returns_rows_as_text(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    assert_ok(evo_pg_query(pg, "SELECT $1::int + 1 AS n, $2::text AS \"T\", true AS b, $2 IS NULL AS none", 2,
                           (const char *const[]){ "41", NULL }, &r, &err),
              &err);
    assert_int_equal(evo_pg_rows(r), 1);
    assert_int_equal(evo_pg_columns(r), 4);
    assert_string_equal(evo_pg_column_name(r, 1), "T");
    assert_int_equal(evo_pg_column_index(r, "T"), 1);
    assert_int_equal(evo_pg_column_index(r, "t"), -1);
    assert_int_equal(evo_pg_column_type(r, 2), 16);
    assert_int_equal(evo_pg_value_int(r, 0, 0, -1), 42);
    assert_int_equal(evo_pg_value_int(r, 0, 1, -1), -1);
    assert_null(evo_pg_value(r, 0, 1));
    assert_true(evo_pg_value_bool(r, 0, 2));
    assert_false(evo_pg_value_bool(r, 0, 1));
    assert_true(evo_pg_value_bool(r, 0, 3));
    assert_string_equal(evo_pg_command_tag(r), "SELECT 1");
}

static void test_affected_counts_rows(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "CREATE TEMP TABLE counted AS SELECT generate_series(1, 5) AS i", &err), &err);
    EVO_AUTO_PTR(pg_result) deleted = NULL;
    assert_ok(
        evo_pg_query(pg, "DELETE FROM counted WHERE i > $1", 1, (const char *const[]){ "3" }, &deleted, &err),
        &err);
    assert_int_equal(evo_pg_affected(deleted), 2);
    EVO_AUTO_PTR(pg_result) dropped = NULL;
    assert_ok(evo_pg_query(pg, "DROP TABLE counted", 0, NULL, &dropped, &err), &err);
    assert_int_equal(evo_pg_affected(dropped), -1);
    assert_string_equal(evo_pg_command_tag(dropped), "DROP TABLE");
}

/* What the server says becomes which code. */
static void test_errors_are_told_apart(void **state)
{
    static const struct {
        const char *sql, *sqlstate;
        enum evo_errc code;
        bool retryable;
        const char *message, *detail, *hint;
    } table[] = {
        { "SELECT nothing_here", "42703", EVO_ERR_DATABASE, false, "column \"nothing_here\" does not exist",
          "", "" },
        { "DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'Because.', HINT = 'Try again.'; END $$", "P0001",
          EVO_ERR_DATABASE, false, "no",
          "Because. Context: PL/pgSQL function inline_code_block line 1 at RAISE", "Try again." },
        { "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '42501'; END $$", "42501", EVO_ERR_PERMISSION,
          false, "x", NULL, "" },
        { "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '55P03'; END $$", "55P03",
          EVO_ERR_LOCK_UNAVAILABLE, true, "x", NULL, "" },
        { "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$", "40P01",
          EVO_ERR_LOCK_UNAVAILABLE, true, "x", NULL, "" },
        { "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$", "40001", EVO_ERR_DATABASE, true,
          "x", NULL, "" },
        { "SET LOCAL statement_timeout = 20; SELECT pg_sleep(30)", "57014", EVO_ERR_TIMEOUT, false,
          "canceling statement due to statement timeout", "", "" },
    };
    struct evo_pg *pg = *state;
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_pg_exec(pg, table[i].sql, &err), table[i].code);
        assert_int_equal(err.code, table[i].code);
        assert_string_equal(err.sqlstate, table[i].sqlstate);
        assert_string_equal(err.message, table[i].message);
        if (table[i].detail)
            assert_string_equal(err.detail, table[i].detail);
        assert_string_equal(err.hint, table[i].hint);
        assert_int_equal(err.retryable, table[i].retryable);
        assert_true(evo_pg_alive(pg));
        assert_false(evo_pg_in_transaction(pg));
    }
}

static enum evo_errc count_rows(void *ctx, const struct evo_pg_result *rows, struct evo_error *err)
{
    struct evo_strvec *seen = ctx;
    (void)err;
    evo_strvec_push(seen, evo_pg_command_tag(rows));
    return EVO_OK;
}

static void test_script_shows_each_result_and_is_one_transaction(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) seen = EVO_STRVEC_INIT;
    int position = -1;
    assert_ok(evo_pg_script(
                  pg, "CREATE TEMP TABLE s (i int); INSERT INTO s VALUES (1), (2);; SELECT * FROM s; -- end",
                  count_rows, &seen, &position, &err),
              &err);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.items[0], "CREATE TABLE");
    assert_string_equal(seen.items[1], "INSERT 0 2");
    assert_string_equal(seen.items[2], "SELECT 2");
    assert_int_equal(position, -1);

    assert_int_equal(evo_pg_script(pg, "INSERT INTO s VALUES (3); SELECT 1 / 0", NULL, NULL, &position, &err),
                     EVO_ERR_DATABASE);
    assert_int_equal(position, 0);
    assert_int_equal(err.line, 0);
    EVO_AUTO_STR count = server_text(pg, "SELECT count(*) FROM s");
    assert_string_equal(count, "2");
}

static void test_script_of_nothing_is_no_error(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_script(pg, "", NULL, NULL, NULL, &err), &err);
    assert_ok(evo_pg_script(pg, "-- only a comment\n", NULL, NULL, NULL, &err), &err);
}

static void test_script_position_is_a_byte_whatever_the_characters(void **state)
{
    static const struct {
        const char *script;
        int line, column;
    } table[] = {
        { "SELEC 1", 1, 1 },
        { "SELECT 1;\nSELECT 'ä€𝄞' AS \"ü\" FRM x", 2, 21 },
        { "/* 日本語 */ SELECT 1;\n\n  SELECT wrong_column", 3, 10 },
    };
    static const char *const at[] = { "SELEC", "FRM", "wrong_column" };
    struct evo_pg *pg = *state;
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        int position = 0;
        assert_int_equal(evo_pg_script(pg, table[i].script, NULL, NULL, &position, &err), EVO_ERR_DATABASE);
        assert_true(position > 0);
        assert_ptr_equal(table[i].script + position - 1, strstr(table[i].script, at[i]));
        assert_int_equal(err.line, table[i].line);
        assert_int_equal(err.column, table[i].column);
    }
}

static enum evo_errc refuse_rows(void *ctx, const struct evo_pg_result *rows, struct evo_error *err)
{
    (void)ctx;
    (void)rows;
    return evo_error_set(err, EVO_ERR_PROBE_FALSE, "seen enough");
}

static void test_script_ends_where_the_callback_refuses(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "BEGIN", &err), &err);
    assert_int_equal(evo_pg_script(pg, "SELECT 1; SELECT repeat('x', 1000000); SELECT pg_sleep(30)",
                                   refuse_rows, NULL, NULL, &err),
                     EVO_ERR_PROBE_FALSE);
    assert_string_equal(err.message, "seen enough");
    assert_true(evo_pg_in_transaction(pg));
    assert_ok(evo_pg_exec(pg, "ROLLBACK", &err), &err);
}

static void test_copy_without_data_is_refused_and_the_session_goes_on(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "CREATE TEMP TABLE c (i int)", &err), &err);
    assert_int_equal(evo_pg_script(pg, "COPY c FROM STDIN; SELECT 1", NULL, NULL, NULL, &err),
                     EVO_ERR_UNSUPPORTED);
    assert_int_equal(evo_pg_query(pg, "COPY c FROM STDIN", 0, NULL, NULL, &err), EVO_ERR_UNSUPPORTED);
    assert_ok(evo_pg_exec(pg, "COPY (SELECT generate_series(1, 10000)) TO STDOUT", &err), &err);
    EVO_AUTO_STR one = server_text(pg, "SELECT 1");
    assert_string_equal(one, "1");
}

static void test_identifier_and_literal_survive_the_server(void **state)
{
    static const char *const texts[] = { "plain", "Say \"x\"", "it's", "back\\slash", "é€", "a b;--" };
    struct evo_pg *pg = *state;
    for (size_t i = 0; i < EVO_COUNT(texts); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_STR name = evo_pg_identifier(pg, texts[i]);
        EVO_AUTO_STR text = evo_pg_literal(pg, texts[i]);
        EVO_AUTO_STR sql = evo_asprintf("SELECT %s AS %s", text, name);
        EVO_AUTO_PTR(pg_result) r = NULL;
        assert_ok(evo_pg_query(pg, sql, 0, NULL, &r, &err), &err);
        assert_string_equal(evo_pg_value(r, 0, 0), texts[i]);
        assert_string_equal(evo_pg_column_name(r, 0), texts[i]);
    }
    EVO_AUTO_STR bad_name = evo_pg_identifier(pg, "\xff");
    EVO_AUTO_STR bad_text = evo_pg_literal(pg, "\xff");
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_pg_execf(pg, &err, "SELECT 1 AS %s", bad_name), EVO_ERR_DATABASE);
    assert_int_equal(evo_pg_execf(pg, &err, "SELECT %s", bad_text), EVO_ERR_DATABASE);
}

static void test_setting_reads_and_reset_session_restores(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR none = NULL;
    assert_ok(evo_pg_setting(pg, "nothing.like_it", &none, &err), &err);
    assert_null(none);
    assert_ok(evo_pg_exec(
                  pg, "SET search_path TO ''; SET client_encoding TO 'LATIN1'; SET lock_timeout TO 77", &err),
              &err);
    EVO_AUTO_STR timeout = NULL;
    assert_ok(evo_pg_setting(pg, "lock_timeout", &timeout, &err), &err);
    assert_string_equal(timeout, "77ms");
    assert_ok(evo_pg_reset_session(pg, &err), &err);
    EVO_AUTO_STR after = NULL;
    EVO_AUTO_STR encoding = NULL;
    assert_ok(evo_pg_setting(pg, "lock_timeout", &after, &err), &err);
    assert_string_equal(after, "0");
    assert_ok(evo_pg_setting(pg, "client_encoding", &encoding, &err), &err);
    assert_string_equal(encoding, "UTF8");
}

static void collect_log(void *ctx, enum evo_level level, const char *message)
{
    assert_int_equal(level, EVO_LOG_DEBUG);
    evo_strvec_push(ctx, message);
}

static void test_notices_go_to_the_task(void **state)
{
    (void)state;
    EVO_AUTO(strvec) said = EVO_STRVEC_INIT;
    struct evo_task task = { .ctx = &said, .log = collect_log };
    EVO_AUTO_PTR(pg) pg = server_open(&task);
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "DO $$ BEGIN RAISE NOTICE 'half way'; RAISE WARNING 'careful'; END $$", &err),
              &err);
    assert_int_equal(said.count, 2);
    assert_string_equal(said.items[0], "server notice: half way");
    assert_string_equal(said.items[1], "server warning: careful");
}

/* ---- cancel -------------------------------------------------------------------- */

/* Requests a cancel once the server says that the session runs its statement. */
struct watcher {
    int pid;
    bool seen;
    int64_t requested_ms;
};

static void *request_when_active(void *ctx)
{
    struct watcher *w = ctx;
    EVO_AUTO_PTR(pg) pg = server_open_unwatched();
    EVO_AUTO_STR sql =
        evo_asprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND state = 'active' "
                     "AND wait_event = 'PgSleep'",
                     w->pid);
    struct evo_deadline deadline = evo_deadline_in(10000);
    while (pg && !w->seen && !evo_deadline_passed(deadline)) {
        EVO_AUTO_PTR(pg_result) r = NULL;
        if (evo_pg_query(pg, sql, 0, NULL, &r, NULL) == EVO_OK)
            w->seen = evo_pg_value_int(r, 0, 0, 0) == 1;
    }
    w->requested_ms = evo_clock_ms();
    evo_cancel_request(SIGTERM);
    return NULL;
}

static void test_cancel_ends_the_query_at_the_server(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    struct watcher w = { .pid = evo_pg_backend_pid(pg) };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, request_when_active, &w), 0);
    enum evo_errc rc = evo_pg_exec(pg, "SELECT pg_sleep(60)", &err);
    int64_t ended = evo_clock_ms();
    (void)pthread_join(thread, NULL);
    enum evo_errc meanwhile = evo_pg_exec(pg, "SELECT 1", NULL);
    evo_cancel_acknowledge();
    assert_true(w.seen);
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_int_equal(err.code, EVO_ERR_CANCELLED);
    assert_int_equal(meanwhile, EVO_ERR_CANCELLED);
    assert_true(ended - w.requested_ms < 2000);

    EVO_AUTO_PTR(pg) other = server_open(NULL);
    EVO_AUTO_STR sql = evo_asprintf("SELECT state FROM pg_stat_activity WHERE pid = %d", w.pid);
    EVO_AUTO_STR activity = server_text(other, sql);
    assert_string_equal(activity, "idle");
    EVO_AUTO_STR usable = server_text(pg, "SELECT 'still'");
    assert_string_equal(usable, "still");
}

static void test_close_ends_a_failed_transaction(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_pg *pg = server_open(NULL);
    assert_ok(evo_pg_exec(pg, "BEGIN", &err), &err);
    assert_true(evo_pg_in_transaction(pg));
    assert_int_equal(evo_pg_exec(pg, "SELECT 1 / 0", &err), EVO_ERR_DATABASE);
    assert_true(evo_pg_in_transaction(pg));
    evo_pg_close(pg);
}

/* ---- a lost connection --------------------------------------------------------- */

static void test_lost_connection_is_said_and_remembered(void **state)
{
    struct evo_pg *admin = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) victim = server_open(NULL);
    assert_ok(evo_pg_execf(admin, &err, "SELECT pg_terminate_backend(%d, 5000)", evo_pg_backend_pid(victim)),
              &err);
    assert_int_equal(evo_pg_exec(victim, "SELECT 1", &err), EVO_ERR_CONNECT);
    assert_false(evo_pg_alive(victim));
    assert_string_equal(err.sqlstate, "57P01");
    assert_non_null(strstr(err.message, "was lost: terminating connection due to administrator command"));
    assert_non_null(strstr(err.message, evo_pg_redacted(victim)));
    assert_non_null(strstr(err.hint, "pg_isready -d \"postgresql://"));
    assert_int_equal(evo_pg_query(victim, "SELECT 1", 0, NULL, NULL, &err), EVO_ERR_CONNECT);
    assert_false(evo_pg_alive(victim));
}

static void test_backend_that_ends_itself_is_a_lost_connection(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    assert_int_equal(evo_pg_script(pg, "SELECT 1; SELECT pg_terminate_backend(pg_backend_pid()); SELECT 2",
                                   NULL, NULL, NULL, &err),
                     EVO_ERR_CONNECT);
    assert_string_equal(err.sqlstate, "57P01");
    assert_false(evo_pg_alive(pg));
}

#define WITH_SESSION(test) cmocka_unit_test_setup_teardown(test, server_setup, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SESSION(test_open_says_what_it_reached),
        WITH_SESSION(test_query_returns_rows_as_text),
        WITH_SESSION(test_affected_counts_rows),
        WITH_SESSION(test_errors_are_told_apart),
        WITH_SESSION(test_script_shows_each_result_and_is_one_transaction),
        WITH_SESSION(test_script_of_nothing_is_no_error),
        WITH_SESSION(test_script_position_is_a_byte_whatever_the_characters),
        WITH_SESSION(test_script_ends_where_the_callback_refuses),
        WITH_SESSION(test_copy_without_data_is_refused_and_the_session_goes_on),
        WITH_SESSION(test_identifier_and_literal_survive_the_server),
        WITH_SESSION(test_setting_reads_and_reset_session_restores),
        cmocka_unit_test(test_notices_go_to_the_task),
        WITH_SESSION(test_cancel_ends_the_query_at_the_server),
        cmocka_unit_test(test_close_ends_a_failed_transaction),
        WITH_SESSION(test_lost_connection_is_said_and_remembered),
        cmocka_unit_test(test_backend_that_ends_itself_is_a_lost_connection),
    };
    return cmocka_run_group_tests_name("pg/conn", tests, server_begin, NULL);
}
