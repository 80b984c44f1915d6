/*
 * What a connection that fails says, against a real server that asks for passwords on TCP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/secret.h"
#include "server.h"

#define PASSWORD "canary-of-connect-test"

static const char create_roles[] =
    "CREATE ROLE evo_test_login LOGIN PASSWORD '" PASSWORD "';"
    "CREATE ROLE evo_test_nologin NOLOGIN PASSWORD '" PASSWORD "';"
    "CREATE ROLE evo_test_full LOGIN CONNECTION LIMIT 0 PASSWORD '" PASSWORD "'";
static const char drop_roles[] = "DROP ROLE IF EXISTS evo_test_login, evo_test_nologin, evo_test_full";

static int begin(void **state)
{
    if (server_begin(state))
        return -1;
    EVO_AUTO_PTR(pg) pg = server_open_unwatched();
    return pg && !evo_pg_exec(pg, drop_roles, NULL) && !evo_pg_exec(pg, create_roles, NULL) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    EVO_AUTO_PTR(pg) pg = server_open_unwatched();
    return pg && !evo_pg_exec(pg, drop_roles, NULL) ? 0 : -1;
}

/* host:port of the server under test, by TCP, where it asks for passwords. */
static char *address(void)
{
    EVO_AUTO(conninfo) info = { 0 };
    server_conninfo(&info);
    const char *port = evo_conninfo_get(&info, "port");
    return evo_asprintf("127.0.0.1:%s", port ? port : "5432");
}

static enum evo_errc try_open(const char *url, const struct evo_pg_options *options, struct evo_error *err)
{
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO_PTR(pg) pg = NULL;
    assert_ok(evo_conninfo_parse(url, &info, err), err);
    return evo_pg_open(&info, options, &pg, err);
}

static void test_open_tells_refusals_apart(void **state)
{
    static const struct {
        const char *format; /* %s: host:port */
        enum evo_errc code;
        bool retryable;
        const char *sqlstate, *message, *hint;
    } table[] = {
        { "postgresql://evo_test_login:wrong-canary@%s/postgres", EVO_ERR_CONNECT, false, "28P01",
          ": password authentication failed for user \"evo_test_login\"",
          "; try by hand: psql \"postgresql://" },
        { "postgresql://evo_test_login@%s/postgres", EVO_ERR_CONNECT, false, "", ": no password supplied",
          "into DATABASE_URL or PGPASSWORD; try by hand: psql \"postgresql://" },
        { "postgresql://evo_test_nobody:wrong-canary@%s/postgres", EVO_ERR_CONNECT, false, "28P01",
          ": password authentication failed for user \"evo_test_nobody\"", "psql \"postgresql://" },
        { "postgresql://evo_test_nologin:" PASSWORD "@%s/postgres", EVO_ERR_CONNECT, false, "28000",
          ": role \"evo_test_nologin\" is not permitted to log in", "psql \"postgresql://" },
        { "postgresql://evo_test_login:" PASSWORD "@%s/no_such_database", EVO_ERR_CONNECT, false, "3D000",
          ": database \"no_such_database\" does not exist", "psql --list \"postgresql://evo_test_login@" },
        { "postgresql://evo_test_full:" PASSWORD "@%s/postgres", EVO_ERR_CONNECT, true, "53300",
          ": too many connections for role \"evo_test_full\"", "FROM pg_stat_activity" },
        { "postgresql://evo_test_login:" PASSWORD "@%s/postgres?sslmode=require", EVO_ERR_CONNECT, false, "",
          ": server does not support SSL, but SSL was required", "Set sslmode" },
        { "postgresql://evo_test_login:" PASSWORD "@%s/postgres?sslmode=nonsense", EVO_ERR_CONFIG, false, "",
          ": invalid sslmode value: \"nonsense\"", "psql \"postgresql://" },
    };
    (void)state;
    EVO_AUTO_STR at = address();
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(strbuf) url = EVO_STRBUF_INIT;
        const char *mark = strstr(table[i].format, "%s");
        evo_strbuf_add(&url, table[i].format, (size_t)(mark - table[i].format));
        evo_strbuf_addf(&url, "%s%s", at, mark + 2);
        assert_int_equal(try_open(url.buf, NULL, &err), table[i].code);
        assert_true(evo_starts_with(err.message, "could not connect to \"postgresql://evo_test_"));
        if (!strstr(err.message, table[i].message))
            fail_msg("%s", err.message);
        if (!strstr(err.hint, table[i].hint))
            fail_msg("%s: %s", err.message, err.hint);
        assert_string_equal(err.sqlstate, table[i].sqlstate);
        assert_int_equal(err.retryable, table[i].retryable);
        EVO_AUTO_STR all = evo_asprintf("%s %s %s", err.message, err.detail, err.hint);
        assert_null(strstr(all, "canary"));
    }
}

/* A loopback socket that listens and never answers; its port. */
static int silent_server(uint16_t *ret_port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &n), 0);
    assert_int_equal(listen(fd, 8), 0);
    *ret_port = ntohs(addr.sin_port);
    return fd;
}

static void test_open_of_no_server_is_said(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    uint16_t port;
    (void)close(silent_server(&port)); /* nothing listens there now */
    EVO_AUTO_STR url = evo_asprintf("postgresql://app:canary9@127.0.0.1:%d/shop", port);
    assert_int_equal(try_open(url, NULL, &err), EVO_ERR_CONNECT);
    EVO_AUTO_STR message =
        evo_asprintf("could not connect to \"postgresql://app@127.0.0.1:%d/shop\": Connection refused", port);
    assert_string_equal(err.message, message);
    EVO_AUTO_STR hint = evo_asprintf(
        "See whether the server is up: pg_isready -d \"postgresql://app@127.0.0.1:%d/shop\"", port);
    assert_string_equal(err.hint, hint);
    assert_true(err.retryable);

    assert_int_equal(try_open("postgresql://app@/shop?host=/nonexistent/folder", NULL, &err),
                     EVO_ERR_CONNECT);
    assert_string_equal(err.message,
                        "could not connect to \"postgresql://app@/shop?host=/nonexistent/folder\": "
                        "No such file or directory");
    assert_true(err.retryable);
}

static void test_open_gives_up_on_a_server_that_does_not_answer(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    uint16_t port;
    EVO_AUTO_FD fd = silent_server(&port);
    EVO_AUTO_STR url = evo_asprintf("postgresql://app@127.0.0.1:%d/shop", port);
    const struct evo_pg_options options = { .connect_timeout_ms = 150 };
    int64_t began = evo_clock_ms();
    assert_int_equal(try_open(url, &options, &err), EVO_ERR_CONNECT);
    assert_true(evo_clock_ms() - began < 5000);
    assert_non_null(strstr(err.message, ": no answer within 150 ms"));
    assert_true(err.retryable);
}

static void *request_cancel(void *ctx)
{
    int fd = *(int *)ctx;
    int client = accept(fd, NULL, NULL); /* it is connecting now */
    evo_cancel_request(SIGINT);
    if (client >= 0)
        (void)close(client);
    return NULL;
}

static void test_open_ends_on_cancel(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    uint16_t port;
    EVO_AUTO_FD fd = silent_server(&port);
    EVO_AUTO_STR url =
        evo_asprintf("postgresql://app@127.0.0.1:%d/shop?sslmode=disable&gssencmode=disable", port);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, request_cancel, &fd), 0);
    enum evo_errc rc = try_open(url, NULL, &err);
    (void)pthread_join(thread, NULL);
    enum evo_errc again = try_open(url, NULL, &err);
    evo_cancel_acknowledge();
    /* The end of the accepted connection may be seen first. */
    assert_true(rc == EVO_ERR_CANCELLED || rc == EVO_ERR_CONNECT);
    assert_int_equal(again, EVO_ERR_CANCELLED);
}

static void test_password_of_a_passfile_is_redacted(void **state)
{
    (void)state;
    char file[] = "/tmp/evo-pgpass.XXXXXX";
    EVO_AUTO_FD fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "*:*:*:evo_test_login:%s\n", PASSWORD),
                     sizeof("*:*:*:evo_test_login:\n" PASSWORD) - 1);
    evo_redact_forget();
    EVO_AUTO_STR at = address();
    EVO_AUTO_STR url = evo_asprintf("postgresql://evo_test_login@%s/postgres?passfile=%s", at, file);
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = try_open(url, NULL, &err);
    (void)unlink(file);
    assert_ok(rc, &err);
    assert_true(evo_redact_finds(PASSWORD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_tells_refusals_apart),
        cmocka_unit_test(test_open_of_no_server_is_said),
        cmocka_unit_test(test_open_gives_up_on_a_server_that_does_not_answer),
        cmocka_unit_test(test_open_ends_on_cancel),
        cmocka_unit_test(test_password_of_a_passfile_is_redacted),
    };
    return cmocka_run_group_tests_name("pg/connect", tests, begin, end);
}
