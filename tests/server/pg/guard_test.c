/*
 * Locks, guards and verdicts against a real server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "pg/lock.h"
#include "server.h"

/* Not one that evo uses, and with both halves filled. */
#define KEY ((int64_t)-0x123456789abcdef0)

/* ---- locks --------------------------------------------------------------------- */

static void test_lock_names_its_holder(void **state)
{
    struct evo_pg *holder = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    assert_ok(evo_pg_lock(holder, KEY, 0, "test lock", NULL, &err), &err);
    assert_int_equal(evo_pg_lock(pg, KEY, 0, "test lock", NULL, &err), EVO_ERR_LOCK_UNAVAILABLE);
    assert_true(err.retryable);
    assert_string_equal(err.message, "could not take the test lock: another session holds it");
    EVO_AUTO_STR who = evo_asprintf("It is held by session %d of user ", evo_pg_backend_pid(holder));
    assert_non_null(strstr(err.detail, who));
    assert_non_null(strstr(err.detail, "(application \"evo-test\", address "));
    assert_non_null(strstr(err.detail, "has been idle since 20"));
    assert_non_null(strstr(err.detail, "its query is \"SELECT pg_catalog.pg_try_advisory_lock("));
    EVO_AUTO_STR command = evo_asprintf("pg_terminate_backend(%d)", evo_pg_backend_pid(holder));
    assert_non_null(strstr(err.hint, command));

    assert_true(evo_pg_unlock(holder, KEY));
    assert_false(evo_pg_unlock(holder, KEY));
    assert_ok(evo_pg_lock(pg, KEY, 0, "test lock", NULL, &err), &err);
}

static void test_lock_tells_a_plain_role_what_it_may_see(void **state)
{
    struct evo_pg *holder = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_lock(holder, KEY, 0, "test lock", NULL, &err), &err);
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    assert_ok(evo_pg_exec(pg, "BEGIN; CREATE ROLE evo_test_plain; SET LOCAL ROLE evo_test_plain", &err),
              &err);
    assert_int_equal(evo_pg_lock(pg, KEY, 0, "test lock", NULL, &err), EVO_ERR_LOCK_UNAVAILABLE);
    EVO_AUTO_STR who = evo_asprintf("It is held by session %d of user \"", evo_pg_backend_pid(holder));
    assert_non_null(strstr(err.detail, who));
    assert_non_null(strstr(err.detail, "address hidden) has been hidden since hidden; its query is hidden."));
    assert_ok(evo_pg_exec(pg, "ROLLBACK", &err), &err);
}

static void test_lock_hides_a_query_with_a_password(void **state)
{
    struct evo_pg *holder = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    assert_ok(evo_pg_lock(holder, KEY, 0, "test lock", NULL, &err), &err);
    assert_ok(evo_pg_exec(holder, "SELECT 'ALTER ROLE x PASSWORD ''canary''' /* Password */", &err), &err);
    assert_int_equal(evo_pg_lock(pg, KEY, 0, "test lock", NULL, &err), EVO_ERR_LOCK_UNAVAILABLE);
    assert_null(strstr(err.detail, "canary"));
    assert_non_null(strstr(err.detail, "its query is hidden"));
}

static void end_holder(void *ctx, enum evo_level level, const char *message)
{
    struct evo_pg *holder = ctx;
    assert_int_equal(level, EVO_LOG_NOTICE);
    assert_non_null(strstr(message, "waiting for the test lock, held by session "));
    assert_true(evo_pg_unlock(holder, KEY));
}

static void test_lock_waits_until_it_is_free(void **state)
{
    struct evo_pg *holder = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    assert_ok(evo_pg_lock(holder, KEY, 0, "test lock", NULL, &err), &err);
    struct evo_task task = { .ctx = holder, .log = end_holder };
    assert_ok(evo_pg_lock(pg, KEY, 10000, "test lock", &task, &err), &err);
}

static void test_lock_gives_up_in_time(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    assert_ok(evo_pg_lock(*state, KEY, 0, "test lock", NULL, &err), &err);
    int64_t began = evo_clock_ms();
    assert_int_equal(evo_pg_lock(pg, KEY, 120, "test lock", NULL, &err), EVO_ERR_LOCK_UNAVAILABLE);
    int64_t took = evo_clock_ms() - began;
    assert_true(took >= 120 && took < 5000);
}

static void request_cancel(void *ctx, enum evo_level level, const char *message)
{
    (void)ctx;
    (void)level;
    (void)message;
    evo_cancel_request(SIGINT);
}

static void test_lock_wait_ends_on_cancel_and_unlock_still_works(void **state)
{
    struct evo_pg *holder = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    assert_ok(evo_pg_lock(holder, KEY, 0, "test lock", NULL, &err), &err);
    struct evo_task task = { .log = request_cancel };
    enum evo_errc rc = evo_pg_lock(pg, KEY, -1, "test lock", &task, &err);
    bool unlocked = evo_pg_unlock(holder, KEY);
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_true(unlocked);
}

static void test_lock_ends_with_its_session(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_pg *holder = server_open(NULL);
    assert_ok(evo_pg_lock(holder, KEY, 0, "test lock", NULL, &err), &err);
    evo_pg_close(holder);
    assert_ok(evo_pg_lock(*state, KEY, 5000, "test lock", NULL, &err), &err);
}

/* ---- guards, verdicts, poolers ------------------------------------------------- */

static void test_guard_lets_the_right_database_pass(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR identifier = server_text(pg, "SELECT system_identifier FROM pg_control_system()");
    assert_ok(evo_pg_guard(pg, NULL, NULL, &err), &err);
    assert_ok(evo_pg_guard(pg, evo_pg_database(pg), identifier, &err), &err);
}

static void test_guard_refuses_another_database_or_cluster(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_pg_guard(pg, "production", NULL, &err), EVO_ERR_CONFIG);
    EVO_AUTO_STR expected =
        evo_asprintf("refused: the database's name is \"%s\", expected \"production\"", evo_pg_database(pg));
    assert_string_equal(err.message, expected);
    assert_non_null(strstr(err.hint, "expect-database"));
    assert_int_equal(evo_pg_guard(pg, evo_pg_database(pg), "1", &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "refused: the system identifier is \""));
    assert_non_null(strstr(err.hint, "expect-system-identifier"));
}

static enum evo_pg_verdict verdict_of(struct evo_pg *pg, const char *xid)
{
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_pg_verdict verdict = (enum evo_pg_verdict) - 1;
    assert_ok(evo_pg_xact_verdict(pg, xid, &verdict, &err), &err);
    return verdict;
}

static void test_xact_verdict_knows_what_became_of_it(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) other = server_open(NULL);
    assert_ok(evo_pg_exec(other, "BEGIN", &err), &err);
    EVO_AUTO_STR committed = server_text(other, "SELECT pg_current_xact_id()::text");
    assert_int_equal(verdict_of(pg, committed), EVO_PG_IN_PROGRESS);
    assert_ok(evo_pg_exec(other, "COMMIT; BEGIN", &err), &err);
    EVO_AUTO_STR aborted = server_text(other, "SELECT pg_current_xact_id()::text");
    assert_ok(evo_pg_exec(other, "ROLLBACK", &err), &err);
    assert_int_equal(verdict_of(pg, committed), EVO_PG_COMMITTED);
    assert_int_equal(verdict_of(pg, aborted), EVO_PG_ABORTED);
    /* Older than what any server still remembers. */
    assert_int_equal(verdict_of(pg, "3"), EVO_PG_VERDICT_UNKNOWN);
    enum evo_pg_verdict verdict = EVO_PG_VERDICT_UNKNOWN;
    assert_int_equal(evo_pg_xact_verdict(pg, "9223372036854775807", &verdict, &err), EVO_ERR_DATABASE);
    assert_int_equal(evo_pg_xact_verdict(pg, "none", &verdict, &err), EVO_ERR_INTERNAL);
    assert_int_equal(verdict, EVO_PG_VERDICT_UNKNOWN);
}

static void test_xact_verdict_after_the_session_was_ended(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) other = server_open(NULL);
    assert_ok(evo_pg_exec(other, "BEGIN", &err), &err);
    EVO_AUTO_STR xid = server_text(other, "SELECT pg_current_xact_id()::text");
    assert_ok(evo_pg_execf(pg, &err, "SELECT pg_terminate_backend(%d, 5000)", evo_pg_backend_pid(other)),
              &err);
    assert_int_equal(evo_pg_exec(other, "COMMIT", &err), EVO_ERR_CONNECT);
    assert_int_equal(verdict_of(pg, xid), EVO_PG_ABORTED);
}

static void test_refuse_pooler_lets_the_server_itself_pass(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) info = { 0 };
    server_conninfo(&info);
    assert_ok(evo_pg_refuse_pooler(*state, &info, &err), &err);
}

#define WITH_SESSION(test) cmocka_unit_test_setup_teardown(test, server_setup, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SESSION(test_lock_names_its_holder),
        WITH_SESSION(test_lock_tells_a_plain_role_what_it_may_see),
        WITH_SESSION(test_lock_hides_a_query_with_a_password),
        WITH_SESSION(test_lock_waits_until_it_is_free),
        WITH_SESSION(test_lock_gives_up_in_time),
        WITH_SESSION(test_lock_wait_ends_on_cancel_and_unlock_still_works),
        WITH_SESSION(test_lock_ends_with_its_session),
        WITH_SESSION(test_guard_lets_the_right_database_pass),
        WITH_SESSION(test_guard_refuses_another_database_or_cluster),
        WITH_SESSION(test_xact_verdict_knows_what_became_of_it),
        WITH_SESSION(test_xact_verdict_after_the_session_was_ended),
        WITH_SESSION(test_refuse_pooler_lets_the_server_itself_pass),
    };
    return cmocka_run_group_tests_name("pg/guard", tests, server_begin, NULL);
}
