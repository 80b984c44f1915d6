/*
 * evo_pg_refuse_pooler() against a real PgBouncer in front of the server under test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "server.h"

struct pooler {
    char folder[40];
    struct evo_process process;
};

static int setup(void **state)
{
    struct pooler *p = evo_calloc(1, sizeof(*p));
    *state = p;
    (void)snprintf(p->folder, sizeof(p->folder), "/tmp/evo-pooler.XXXXXX");
    return mkdtemp(p->folder) ? 0 : -1;
}

static int teardown(void **state)
{
    struct pooler *p = *state;
    evo_process_release(&p->process); /* kills it: nothing of it is worth keeping */
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    if (evo_dir_list(p->folder, &names, NULL) == EVO_OK) {
        for (size_t i = 0; i < names.count; i++) {
            EVO_AUTO_STR path = evo_path_join(p->folder, names.items[i]);
            (void)unlink(path);
        }
    }
    (void)rmdir(p->folder);
    free(p);
    evo_cancel_acknowledge();
    return 0;
}

static char *write_configuration(const struct pooler *p, const char *mode, int pool_size)
{
    EVO_AUTO(conninfo) info = { 0 };
    server_conninfo(&info);
    const char *port = evo_conninfo_get(&info, "port");
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_addf(&text, "[databases]\n* = host=%s port=%s user=%s", evo_conninfo_get(&info, "host"),
                    port ? port : "5432", evo_conninfo_get(&info, "user"));
    if (evo_secret_is_set(&info.password))
        evo_strbuf_addf(&text, " password=%s", evo_secret_reveal(&info.password));
    evo_strbuf_addf(&text,
                    "\n[pgbouncer]\nunix_socket_dir=%s\nlisten_addr=\nlisten_port=6432\nauth_type=any\n"
                    "pool_mode=%s\ndefault_pool_size=%d\nlogfile=%s/log\n",
                    p->folder, mode, pool_size, p->folder);
    char *path = evo_path_join(p->folder, "pgbouncer.ini");
    assert_int_equal(evo_file_write(path, text.buf, text.len, NULL), EVO_OK);
    return path;
}

/* PgBouncer, like the server, does not run as root. */
static void start(struct pooler *p, const char *mode, int pool_size, struct evo_conninfo *ret)
{
    EVO_AUTO_STR path = write_configuration(p, mode, pool_size);
    EVO_AUTO_STR log = evo_path_join(p->folder, "stderr");
    EVO_AUTO_FD out = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    if (geteuid() == 0) {
        const struct passwd *user = getpwnam("postgres");
        assert_non_null(user);
        assert_int_equal(chown(p->folder, user->pw_uid, user->pw_gid), 0);
        assert_int_equal(chown(path, user->pw_uid, user->pw_gid), 0);
        static const char *const drop[] = { "setpriv", "--reuid=postgres", "--regid=postgres",
                                            "--init-groups", "--pdeathsig=TERM" };
        for (size_t i = 0; i < EVO_COUNT(drop); i++)
            evo_strvec_push(&argv, drop[i]);
    }
    evo_strvec_push(&argv, "/usr/sbin/pgbouncer");
    evo_strvec_push(&argv, path);
    const struct evo_process_options options = {
        .argv = argv.items, .in = EVO_FD_NULL, .out = out, .err = out
    };
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_process_start(&p->process, &options, &err), &err);

    EVO_AUTO_STR url = evo_asprintf("postgresql://app@:6432/postgres?host=%s", p->folder);
    assert_ok(evo_conninfo_parse(url, ret, &err), &err);
    struct evo_deadline deadline = evo_deadline_in(10000);
    for (;;) {
        EVO_AUTO_PTR(pg) pg = NULL;
        enum evo_errc rc = evo_pg_open(ret, NULL, &pg, &err);
        if (!rc)
            return;
        if (evo_deadline_passed(deadline))
            fail_msg("%s", err.message);
        assert_int_equal(evo_cancel_sleep(20, NULL), EVO_OK);
    }
}

static enum evo_errc judge(const struct evo_conninfo *info, struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    assert_ok(evo_pg_open(info, NULL, &pg, err), err);
    enum evo_errc rc = evo_pg_refuse_pooler(pg, info, err);
    EVO_AUTO_STR usable = server_text(pg, "SELECT 'still'");
    assert_string_equal(usable, "still");
    return rc;
}

static void assert_refused(struct pooler *p, const char *mode, int pool_size)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) info = { 0 };
    start(p, mode, pool_size, &info);
    assert_int_equal(judge(&info, &err), EVO_ERR_UNSUPPORTED);
    EVO_AUTO_STR message = evo_asprintf("cannot work through a transaction pooler at \"%s\"", info.redacted);
    assert_string_equal(err.message, message);
    assert_non_null(strstr(err.hint, "export DIRECT_URL=\"postgresql://"));
}

static void test_transaction_pooler_is_refused(void **state)
{
    assert_refused(*state, "transaction", 20);
}

static void test_transaction_pooler_of_one_is_refused(void **state)
{
    assert_refused(*state, "transaction", 1);
}

static void test_statement_pooler_is_refused(void **state)
{
    assert_refused(*state, "statement", 20);
}

static void test_session_pooler_passes(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) info = { 0 };
    start(*state, "session", 20, &info);
    assert_ok(judge(&info, &err), &err);
}

static void test_session_pooler_of_one_passes(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) info = { 0 };
    start(*state, "session", 1, &info);
    int64_t began = evo_clock_ms();
    assert_ok(judge(&info, &err), &err);
    assert_true(evo_clock_ms() - began < 10000);
}

/* ---- while others use the pool -------------------------------------------------- */

struct traffic {
    const struct evo_conninfo *info;
    atomic_bool stop;
    atomic_int done;
};

static void *make_traffic(void *ctx)
{
    struct traffic *t = ctx;
    EVO_AUTO_PTR(pg) pg = NULL;
    if (evo_pg_open(t->info, NULL, &pg, NULL))
        return NULL;
    while (!atomic_load(&t->stop) && !evo_pg_exec(pg, "SELECT 1", NULL))
        atomic_fetch_add(&t->done, 1);
    return NULL;
}

static enum evo_errc judge_under_traffic(struct pooler *p, const char *mode, struct evo_error *err)
{
    EVO_AUTO(conninfo) info = { 0 };
    start(p, mode, 6, &info);
    struct traffic t = { .info = &info };
    pthread_t threads[3];
    for (size_t i = 0; i < EVO_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_traffic, &t), 0);
    struct evo_deadline deadline = evo_deadline_in(10000);
    while (atomic_load(&t.done) < 100 && !evo_deadline_passed(deadline))
        (void)sched_yield();
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(&info, NULL, &pg, err);
    if (!rc)
        rc = evo_pg_refuse_pooler(pg, &info, err);
    atomic_store(&t.stop, true);
    for (size_t i = 0; i < EVO_COUNT(threads); i++)
        (void)pthread_join(threads[i], NULL);
    assert_true(atomic_load(&t.done) >= 100);
    return rc;
}

static void test_transaction_pooler_under_traffic_is_refused(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(judge_under_traffic(*state, "transaction", &err), EVO_ERR_UNSUPPORTED);
}

static void test_session_pooler_under_traffic_passes(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(judge_under_traffic(*state, "session", &err), &err);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_transaction_pooler_is_refused),
        WITH_FOLDER(test_transaction_pooler_of_one_is_refused),
        WITH_FOLDER(test_statement_pooler_is_refused),
        WITH_FOLDER(test_session_pooler_passes),
        WITH_FOLDER(test_session_pooler_of_one_passes),
        WITH_FOLDER(test_transaction_pooler_under_traffic_is_refused),
        WITH_FOLDER(test_session_pooler_under_traffic_passes),
    };
    return cmocka_run_group_tests_name("pg/pooler", tests, server_begin, NULL);
}
