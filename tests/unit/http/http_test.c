#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "http/http.h"
#include "test_server.h"
#include "json/json.h"

static struct test_server server;

/* What a test needs of one request. */
struct fixture {
    struct evo_http *http;
    struct evo_http_response answer;
    struct evo_error err;
    char url[512];
};

static int setup(void **state)
{
    struct fixture *f = evo_calloc(1, sizeof(*f));
    evo_http_response_init(&f->answer);
    if (evo_http_new(&f->http, &f->err))
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    evo_http_free(f->http);
    evo_http_response_release(&f->answer);
    free(f);
    return 0;
}

static enum evo_errc send_request(struct fixture *f, struct evo_http_request r, const char *path)
{
    (void)snprintf(f->url, sizeof(f->url), "%s%s", server.base, path);
    r.url = f->url;
    r.method = r.method ? r.method : "GET";
    return evo_http_send(f->http, &r, &f->answer, &f->err);
}

static enum evo_errc get(struct fixture *f, const char *path)
{
    return send_request(f, (struct evo_http_request){ .timeout_ms = 10000 }, path);
}

static struct evo_json *answered(const struct fixture *f)
{
    struct evo_json *v = NULL;
    assert_int_equal(
        evo_json_parse(f->answer.body.buf, f->answer.body.len, "echo", EVO_ERR_NETWORK, &v, NULL), EVO_OK);
    return v;
}

static int count_member(const struct evo_json *object)
{
    return object ? 1 : 0;
}

static void test_send_returns_any_status_as_an_answer(void **state)
{
    struct fixture *f = *state;
    static const int status[] = { 200, 204, 302, 404, 503 };
    for (size_t i = 0; i < EVO_COUNT(status); i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "/status/%d", status[i]);
        assert_int_equal(get(f, path), EVO_OK);
        assert_int_equal(f->answer.status, status[i]);
        assert_int_equal(f->answer.failure, EVO_HTTP_NONE);
    }
    assert_string_equal(f->answer.body.buf, "status 503");
    assert_true(f->answer.elapsed_ms >= 0);
}

static void test_send_adds_no_header_of_its_own(void **state)
{
    struct fixture *f = *state;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    (void)evo_strvec_push(&headers, "X-Mine: a b");
    (void)evo_strvec_push(&headers, "X-Empty:");
    struct evo_http_request r = { .method = "PUT", .body = "hello", .body_len = 5, .headers = &headers };
    assert_int_equal(send_request(f, r, "/echo/a/../b//c%2Fd?x=1&y"), EVO_OK);
    EVO_AUTO_PTR(json) echo = answered(f);
    const struct evo_json *h = evo_json_get(echo, "headers");
    assert_string_equal(evo_json_get_string(echo, "method", ""), "PUT");
    assert_string_equal(evo_json_get_string(echo, "path", ""), "/echo/a/../b//c%2Fd?x=1&y");
    assert_string_equal(evo_json_get_string(echo, "body", ""), "hello");
    assert_string_equal(evo_json_get_string(h, "x-mine", ""), "a b");
    assert_string_equal(evo_json_get_string(h, "x-empty", "none"), "");
    assert_string_equal(evo_json_get_string(h, "content-length", ""), "5");
    static const char *const unasked[] = { "accept",     "content-type",      "expect",
                                           "user-agent", "transfer-encoding", "accept-encoding" };
    for (size_t i = 0; i < EVO_COUNT(unasked); i++)
        assert_int_equal(count_member(evo_json_get(h, unasked[i])), 0);
}

static void test_send_knows_every_method(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *method, *length; /* of the request, "" where no Content-Length is sent */
    } row[] = { { "GET", "" }, { "DELETE", "" }, { "POST", "0" }, { "PUT", "0" } };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        assert_int_equal(send_request(f, (struct evo_http_request){ .method = row[i].method }, "/echo"),
                         EVO_OK);
        EVO_AUTO_PTR(json) echo = answered(f);
        assert_string_equal(evo_json_get_string(echo, "method", ""), row[i].method);
        assert_string_equal(evo_json_get_string(evo_json_get(echo, "headers"), "content-length", ""),
                            row[i].length);
    }
    assert_int_equal(send_request(f, (struct evo_http_request){ .method = "HEAD" }, "/status/200"), EVO_OK);
    assert_int_equal(f->answer.status, 200);
    assert_int_equal(f->answer.body.len, 0);
    assert_string_equal(evo_http_header(&f->answer, "content-length"), "10");
}

static void test_send_takes_a_large_body_over_one_connection(void **state)
{
    struct fixture *f = *state;
    size_t n = (size_t)5 << 20;
    EVO_AUTO(strbuf) body = EVO_STRBUF_INIT;
    assert_true(evo_strbuf_reserve(&body, n));
    memset(body.buf, 1, n);
    evo_strbuf_advance(&body, n);
    for (int i = 0; i < 3; i++) {
        struct evo_http_request r = { .method = "PUT", .body = body.buf, .body_len = body.len };
        assert_int_equal(send_request(f, r, "/echo"), EVO_OK);
        EVO_AUTO_PTR(json) echo = answered(f);
        assert_int_equal(evo_json_get_int(echo, "body_len", 0), n);
        assert_int_equal(evo_json_get_int(echo, "body_sum", 0), n);
    }
}

/* Neither server reads the body, which is more than the buffers of a socket hold. */
static void test_send_reads_an_answer_that_comes_before_the_body_is_sent(void **state)
{
    struct fixture *f = *state;
    size_t n = (size_t)32 << 20;
    EVO_AUTO_STR body = evo_calloc(1, n);
    struct evo_http_request r = { .method = "PUT", .body = body, .body_len = n, .timeout_ms = 10000 };
    assert_int_equal(send_request(f, r, "/early"), EVO_OK);
    assert_int_equal(f->answer.status, 403);
    assert_string_equal(f->answer.body.buf, "not with that body");
    for (int i = 0; i < 20; i++) {
        enum evo_errc rc = EVO_ERR_NETWORK;
        f->err.retryable = true;
        for (int attempt = 0; attempt < 3 && rc && f->err.retryable; attempt++)
            rc = send_request(f, r, "/refuse");
        assert_int_equal(f->answer.status, 403);
        assert_string_equal(f->answer.body.buf, "not with that body");
    }
}

static void test_send_says_which_failure_it_was(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path;
        enum evo_http_failure failure;
        bool retryable;
        int status;
        const char *says;
    } row[] = {
        { "/close?token=geheim", EVO_HTTP_RESET, true, 0, "lost the connection to" },
        { "/reset?token=geheim", EVO_HTTP_RESET, true, 0, "lost the connection to" },
        { "/cut?token=geheim", EVO_HTTP_RESET, true, 200, "in the middle of its answer" },
        { "/silence?token=geheim", EVO_HTTP_TIMEOUT, true, 0, "no answer from" },
        { "/stall?token=geheim", EVO_HTTP_TIMEOUT, true, 200, "did not end within" },
        { "/wide?token=geheim", EVO_HTTP_TOO_LARGE, false, 200, "is larger than 256.0 KiB" },
        { "/bytes/2000?token=geheim", EVO_HTTP_TOO_LARGE, false, 200, "is larger than 1000 B" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_http_request r = { .timeout_ms = 300, .max_body = 1000 };
        assert_int_equal(send_request(f, r, row[i].path), EVO_ERR_NETWORK);
        if (f->answer.failure != row[i].failure || !strstr(f->err.message, row[i].says))
            fail_msg("%s: %s: %s", row[i].path, evo_http_failure_name(f->answer.failure), f->err.message);
        assert_int_equal(f->err.retryable, row[i].retryable);
        assert_int_equal(f->answer.status, row[i].status);
        assert_non_null(strstr(f->err.message, server.base));
        assert_null(strstr(f->err.message, "geheim"));
    }
}

static void test_send_keeps_what_came_before_the_connection_was_lost(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "/cut"), EVO_ERR_NETWORK);
    assert_int_equal(f->answer.status, 200);
    assert_string_equal(f->answer.body.buf, "0123456789");
    assert_int_equal(get(f, "/status/200"), EVO_OK); /* and the next request starts afresh */
    assert_string_equal(f->answer.body.buf, "status 200");
}

static void test_send_to_nobody_names_the_class(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *url;
        enum evo_http_failure failure;
        enum evo_errc code;
        const char *says;
    } row[] = {
        { "http://127.0.0.1:1/geheim", EVO_HTTP_REFUSED, EVO_ERR_NETWORK,
          "could not reach \"http://127.0.0.1:1\": connection refused" },
        { "https://name.invalid/geheim", EVO_HTTP_DNS, EVO_ERR_NETWORK,
          "could not reach \"https://name.invalid\": host name not found" },
        { "ftp://127.0.0.1/geheim", EVO_HTTP_URL, EVO_ERR_CONFIG,
          "cannot request \"ftp://127.0.0.1\": it is no http or https URL" },
        { "geheim geheim", EVO_HTTP_URL, EVO_ERR_CONFIG,
          "cannot request \"(not a URL)\": it is no http or https URL" },
        { "", EVO_HTTP_URL, EVO_ERR_CONFIG, "cannot request \"(not a URL)\": it is no http or https URL" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_http_request r = { .method = "GET", .url = row[i].url, .timeout_ms = 5000 };
        assert_int_equal(evo_http_send(f->http, &r, &f->answer, &f->err), row[i].code);
        assert_string_equal(f->err.message, row[i].says);
        assert_int_equal(f->answer.failure, row[i].failure);
        assert_int_equal(f->answer.status, 0);
        assert_int_equal(f->err.retryable, row[i].code == EVO_ERR_NETWORK);
    }
}

static void test_send_ends_a_stalled_transfer(void **state)
{
    struct fixture *f = *state;
    int64_t started = evo_clock_ms();
    assert_int_equal(send_request(f, (struct evo_http_request){ .stall_timeout_ms = 200 }, "/stall"),
                     EVO_ERR_NETWORK);
    assert_int_equal(f->answer.failure, EVO_HTTP_TIMEOUT);
    assert_true(evo_clock_ms() - started >= 200);
    assert_true(evo_clock_ms() - started < 5000);
}

static void test_send_can_make_the_connection_alone(void **state)
{
    struct fixture *f = *state;
    struct evo_http_request r = { .timeout_ms = 5000, .connect_only = true };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_request(f, r, "/silence"), EVO_OK);
        assert_int_equal(f->answer.status, 0);
    }
    r.method = "GET";
    r.url = "http://127.0.0.1:1";
    assert_int_equal(evo_http_send(f->http, &r, &f->answer, &f->err), EVO_ERR_NETWORK);
    assert_int_equal(f->answer.failure, EVO_HTTP_REFUSED);
    assert_string_equal(f->err.message, "could not reach \"127.0.0.1:1\": connection refused");
    assert_int_equal(get(f, "/status/200"), EVO_OK); /* the pool is as it was */
    assert_int_equal(f->answer.status, 200);
}

static enum evo_errc count_bytes(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)data;
    size_t *count = ctx;
    *count += n;
    if (*count > 1000000)
        return evo_error_set(err, EVO_ERR_DISK, "sink is full");
    return EVO_OK;
}

static void test_send_gives_a_good_body_to_the_sink(void **state)
{
    struct fixture *f = *state;
    size_t count = 0;
    struct evo_http_request r = { .sink = count_bytes, .sink_ctx = &count, .max_body = 100 };
    assert_int_equal(send_request(f, r, "/bytes/900000"), EVO_OK);
    assert_int_equal(count, 900000);
    assert_int_equal(f->answer.body.len, 0);

    count = 0; /* what is no 2xx is collected: it is the server's explanation */
    assert_int_equal(send_request(f, r, "/status/404"), EVO_OK);
    assert_int_equal(count, 0);
    assert_string_equal(f->answer.body.buf, "status 404");

    assert_int_equal(send_request(f, r, "/bytes/2000000"), EVO_ERR_DISK);
    assert_string_equal(f->err.message, "sink is full");
    assert_int_equal(f->answer.failure, EVO_HTTP_SINK);
}

static void test_send_follows_redirects_only_when_asked(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "/redirect/2"), EVO_OK);
    assert_int_equal(f->answer.status, 302);
    assert_string_equal(f->answer.body.buf, "elsewhere");

    struct evo_http_request r = { .max_redirects = 2 };
    assert_int_equal(send_request(f, r, "/redirect/2"), EVO_OK);
    assert_int_equal(f->answer.status, 200);
    assert_null(strstr(f->answer.body.buf, "elsewhere"));
    assert_null(evo_http_header(&f->answer, "location"));

    assert_int_equal(send_request(f, r, "/redirect/3"), EVO_ERR_NETWORK);
    assert_int_equal(f->answer.failure, EVO_HTTP_OTHER);
    assert_int_equal(send_request(f, r, "/to/ftp%3A%2F%2F127.0.0.1%2F"), EVO_ERR_CONFIG);
}

static void test_header_is_of_the_last_answer_and_trimmed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "/interim"), EVO_OK);
    assert_int_equal(f->answer.status, 200);
    assert_string_equal(evo_http_header(&f->answer, "x-which"), "second");
    assert_null(evo_http_header(&f->answer, "link"));
    assert_null(evo_http_header(&f->answer, "x-whic"));
}

static void test_retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    static const struct {
        const char *date, *value;
        int64_t ms;
    } row[] = {
        { NULL, NULL, -1 },
        { NULL, "0", 0 },
        { NULL, "120", 120000 },
        { NULL, "999999999999", (int64_t)86400 * 1000 },
        { NULL, "soon", -1 },
        { NULL, "-5", -1 },
        { NULL, "", -1 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT", 30000 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:00:00 GMT", 0 },
        { NULL, "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO(http_response) r;
        evo_http_response_init(&r);
        if (row[i].value)
            (void)evo_strvec_pushf(&r.headers, "retry-after: %s", row[i].value);
        if (row[i].date)
            r.date_ms = 784111777000; /* as evo_http_send() reads that Date */
        assert_int_equal(evo_http_retry_after_ms(&r), row[i].ms);
    }
}

static void test_send_reads_the_date_of_the_server(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "/header/Date/Sun%2C%2006%20Nov%201994%2008%3A49%3A37%20GMT"), EVO_OK);
    assert_int_equal(f->answer.date_ms, 784111777000);
    assert_int_equal(get(f, "/status/200"), EVO_OK);
    assert_int_equal(f->answer.date_ms, -1);
}

static void test_send_refuses_a_header_with_a_line_break(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = { "X: a\r\nY: b", "X: a\n", "no colon", ": no name" };
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
        (void)evo_strvec_push(&headers, bad[i]);
        struct evo_http_request r = { .headers = &headers };
        assert_int_equal(send_request(f, r, "/echo"), EVO_ERR_CONFIG);
    }
}

static void *cancel_soon(void *unused)
{
    (void)unused;
    (void)usleep(100 * 1000);
    evo_cancel_request(SIGTERM);
    return NULL;
}

static void test_send_ends_within_a_moment_of_a_cancel(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    int64_t started = evo_clock_ms();
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    enum evo_errc rc = get(f, "/silence");
    int64_t took = evo_clock_ms() - started;
    (void)pthread_join(thread, NULL);
    /* a second request does not even start, but one for clean-up does */
    enum evo_errc again = get(f, "/status/200");
    struct evo_http_request r = { .timeout_ms = 5000, .despite_cancel = true };
    enum evo_errc cleanup = send_request(f, r, "/status/204");
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_true(took < 3000);
    assert_int_equal(again, EVO_ERR_CANCELLED);
    assert_int_equal(cleanup, EVO_OK);
    assert_int_equal(f->answer.status, 204);
}

static void *stop_soon(void *stop)
{
    (void)usleep(100 * 1000);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

static void test_send_ends_soon_after_it_was_stopped(void **state)
{
    struct fixture *f = *state;
    atomic_bool stop = false;
    pthread_t thread;
    int64_t started = evo_clock_ms();
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    struct evo_http_request r = { .stop = &stop };
    enum evo_errc rc = send_request(f, r, "/silence");
    int64_t took = evo_clock_ms() - started;
    (void)pthread_join(thread, NULL);
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_string_equal(f->err.message, "the request was stopped");
    assert_true(took < 3000);
    assert_int_equal(get(f, "/status/200"), EVO_OK); /* it was that request alone */
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_send_returns_any_status_as_an_answer),
        TEST(test_send_adds_no_header_of_its_own),
        TEST(test_send_knows_every_method),
        TEST(test_send_takes_a_large_body_over_one_connection),
        TEST(test_send_reads_an_answer_that_comes_before_the_body_is_sent),
        TEST(test_send_says_which_failure_it_was),
        TEST(test_send_keeps_what_came_before_the_connection_was_lost),
        TEST(test_send_to_nobody_names_the_class),
        TEST(test_send_ends_a_stalled_transfer),
        TEST(test_send_can_make_the_connection_alone),
        TEST(test_send_gives_a_good_body_to_the_sink),
        TEST(test_send_follows_redirects_only_when_asked),
        TEST(test_header_is_of_the_last_answer_and_trimmed),
        TEST(test_retry_after_is_seconds_or_a_date),
        TEST(test_send_reads_the_date_of_the_server),
        TEST(test_send_refuses_a_header_with_a_line_break),
        TEST(test_send_ends_within_a_moment_of_a_cancel),
        TEST(test_send_ends_soon_after_it_was_stopped),
    };
    return cmocka_run_group_tests_name("http/http", tests, start, stop);
}
