/* Whole runs against a real HTTP server that misbehaves on demand. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "health/health.h"
#include "test_server.h"

static struct test_server server;

static struct evo_health_expect any_2xx(void)
{
    struct evo_health_expect e = { 0 };
    EVO_AUTO(strvec) none = EVO_STRVEC_INIT;
    assert_int_equal(evo_health_expect_parse(&none, NULL, &none, &e, NULL), EVO_OK);
    return e;
}

static void add_http(struct evo_health *h, const struct evo_health_expect *expect, const char *path)
{
    EVO_AUTO_STR url = evo_asprintf("%s%s", server.base, path);
    assert_int_equal(evo_health_target_http(url, expect, evo_health_add(h), NULL), EVO_OK);
}

static void test_run_waits_for_every_target(void **state)
{
    (void)state;
    EVO_AUTO(health_expect) expect = any_2xx();
    EVO_AUTO(health)
    h = { .policy = { .deadline_ms = 20000, .interval_ms = 20, .timeout_ms = 300, .successes = 2 } };
    add_http(&h, &expect, "/sequence/wait/503,200,404,500,200?token=geheim");
    add_http(&h, &expect, "/status/200");
    EVO_AUTO_STR address = evo_asprintf("127.0.0.1:%s", server.port);
    assert_int_equal(evo_health_target_tcp(address, evo_health_add(&h), NULL), EVO_OK);
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_health_run(&h, NULL, &err))
        fail_msg("%s", err.message);
    EVO_AUTO_PTR(json) probes = evo_health_json(&h);
    assert_int_equal(evo_json_count(probes), 3);
    static const struct {
        int attempts;
        const char *message;
    } expected[] = { { 6, "status 200" }, { 2, "status 200" }, { 2, "accepts connections" } };
    for (size_t i = 0; i < 3; i++) {
        const struct evo_json *p = evo_json_at(probes, i);
        assert_string_equal(evo_json_get_string(p, "verdict", ""), "healthy");
        assert_int_equal(evo_json_get_int(p, "attempts", 0), expected[i].attempts);
        assert_string_equal(evo_json_get_string(p, "message", ""), expected[i].message);
        assert_true(evo_json_get_int(p, "latency_ms", -1) >= 0);
        assert_null(strstr(evo_json_get_string(p, "target", ""), "geheim"));
    }
    assert_non_null(strstr(evo_json_get_string(evo_json_at(probes, 0), "target", ""), "/sequence/wait/"));
}

static void test_run_retries_every_class_of_failure(void **state)
{
    (void)state;
    static const struct {
        const char *path, *says;
    } row[] = {
        { "/status/503", "status 503, expected 200-299" },
        { "/status/404", "status 404, expected 200-299" },
        { "/redirect/1", "status 302, expected 200-299 (a redirect)" },
        { "/to/https%3A%2F%2Fexample.org%2Flogin%3Fx", "(a redirect to https://example.org)" },
        { "/close", "lost the connection" },
        { "/reset", "lost the connection" },
        { "/cut", "lost the connection" },
        { "/silence", "no answer from" },
        { "/stall", "did not end within" },
        { "/bytes/2000000", "is larger than 1.0 MiB" },
    };
    EVO_AUTO(health_expect) expect = any_2xx();
    EVO_AUTO(health)
    h = { .policy = { .deadline_ms = 1900, .interval_ms = 50, .timeout_ms = 400, .successes = 1 } };
    for (size_t i = 0; i < EVO_COUNT(row); i++)
        add_http(&h, &expect, row[i].path);
    assert_int_equal(evo_health_target_tcp("127.0.0.1:1", evo_health_add(&h), NULL), EVO_OK);
    assert_int_equal(evo_health_target_http("http://name.invalid/", &expect, evo_health_add(&h), NULL),
                     EVO_OK);
    struct evo_error err = EVO_ERROR_INIT;
    int64_t started = evo_clock_ms();
    assert_int_equal(evo_health_run(&h, NULL, &err), EVO_ERR_UNHEALTHY);
    assert_true(evo_clock_ms() - started < 5000);
    assert_non_null(strstr(err.message, "is not healthy: status 503, expected 200-299"));
    assert_non_null(strstr(err.detail, "times within 1.9 s"));
    for (size_t i = 0; i < h.count; i++) {
        const struct evo_health_watch *w = &h.items[i];
        const char *says = i < EVO_COUNT(row)    ? row[i].says
                           : i == EVO_COUNT(row) ? "connection refused"
                                                 : "name.invalid";
        if (w->verdict != EVO_HEALTH_UNHEALTHY || w->state.attempts < 2 || !strstr(w->last.message.buf, says))
            fail_msg("%s: %s after %lld: %s", w->target.name, evo_health_verdict_name(w->verdict),
                     (long long)w->state.attempts, w->last.message.buf);
    }
}

static void test_run_is_inconclusive_with_too_few_successes(void **state)
{
    (void)state;
    EVO_AUTO(health_expect) expect = any_2xx();
    EVO_AUTO(health)
    h = { .policy = { .deadline_ms = 400, .interval_ms = 100, .timeout_ms = 300, .successes = 1000 } };
    add_http(&h, &expect, "/status/200");
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_health_run(&h, NULL, &err), EVO_ERR_UNHEALTHY);
    assert_int_equal(h.items[0].verdict, EVO_HEALTH_INCONCLUSIVE);
    assert_non_null(strstr(err.message, "is not shown to be healthy: status 200"));
    assert_non_null(strstr(err.detail, "of 1000 successes in a row came within 400 ms."));
}

static void *cancel_soon(void *unused)
{
    (void)unused;
    (void)usleep(100 * 1000);
    evo_cancel_request(SIGINT);
    return NULL;
}

static void test_run_ends_at_once_on_a_cancel(void **state)
{
    (void)state;
    EVO_AUTO(health_expect) expect = any_2xx();
    EVO_AUTO(health)
    h = { .policy = { .deadline_ms = 60000, .interval_ms = 30000, .timeout_ms = 30000, .successes = 1 } };
    add_http(&h, &expect, "/silence");
    add_http(&h, &expect, "/status/503");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    struct evo_error err = EVO_ERROR_INIT;
    int64_t started = evo_clock_ms();
    enum evo_errc rc = evo_health_run(&h, NULL, &err);
    int64_t took = evo_clock_ms() - started;
    (void)pthread_join(thread, NULL);
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_true(took < 3000);
    assert_int_equal(h.items[0].verdict, EVO_HEALTH_INCONCLUSIVE);
    assert_int_equal(h.items[1].verdict, EVO_HEALTH_INCONCLUSIVE);
    EVO_AUTO_PTR(json) probes = evo_health_json(&h);
    assert_int_equal(evo_json_type_of(evo_json_get(evo_json_at(probes, 0), "latency_ms")), EVO_JSON_NULL);
}

static void test_target_refuses_what_cannot_be_asked(void **state)
{
    (void)state;
    static const char *const url[] = { "", "example.org/health", "ftp://example.org", "http://",
                                       "http://me:geheim@example.org/" };
    for (size_t i = 0; i < EVO_COUNT(url); i++) {
        struct evo_health_target t = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_health_target_http(url[i], NULL, &t, &err) != EVO_ERR_CONFIG)
            fail_msg("taken: %s", url[i]);
        assert_null(strstr(err.message, "geheim"));
        assert_true(*err.hint);
    }
    static const char *const address[] = { "",           "host",         "host:",     ":80",
                                           "host:99999", "host:80/path", "u@host:80", "host:80?q",
                                           "host:80#f",  "::1:80" };
    for (size_t i = 0; i < EVO_COUNT(address); i++) {
        struct evo_health_target t = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_health_target_tcp(address[i], &t, &err) != EVO_ERR_CONFIG)
            fail_msg("taken: %s", address[i]);
        assert_true(*err.hint);
    }
    struct evo_health_target t = { 0 };
    assert_int_equal(evo_health_target_tcp("[::1]:5432", &t, NULL), EVO_OK);
    assert_string_equal(t.name, "tcp [::1]:5432");
    evo_health_target_release(&t);
}

static int start(void **state)
{
    (void)state;
    test_server_start(&server, "tests/lib/http_server.py", NULL);
    return evo_cancel_install(NULL) ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_waits_for_every_target),
        cmocka_unit_test(test_run_retries_every_class_of_failure),
        cmocka_unit_test(test_run_is_inconclusive_with_too_few_successes),
        cmocka_unit_test(test_run_ends_at_once_on_a_cancel),
        cmocka_unit_test(test_target_refuses_what_cannot_be_asked),
    };
    return cmocka_run_group_tests_name("health/health", tests, start, stop);
}
