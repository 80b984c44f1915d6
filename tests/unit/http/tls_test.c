/* https with an authority of our own: made by openssl for each run, so no key lies in the repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"
#include "test_server.h"

static struct test_server server;
static char folder[] = "/tmp/evo-tls-XXXXXX";
static char key[64], certificate[64], other[64];

static int make_certificate(const char *cert, const char *name)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    static const char *const fixed[] = { "openssl", "req", "-x509", "-newkey",      "rsa:2048", "-nodes",
                                         "-days",   "2",   "-subj", "/CN=evo test", "-keyout" };
    for (size_t i = 0; i < EVO_COUNT(fixed); i++)
        (void)evo_strvec_push(&argv, fixed[i]);
    (void)evo_strvec_push(&argv, key);
    (void)evo_strvec_push(&argv, "-out");
    (void)evo_strvec_push(&argv, cert);
    (void)evo_strvec_push(&argv, "-addext");
    (void)evo_strvec_pushf(&argv, "subjectAltName=%s", name);
    struct evo_process_options o = { .argv = argv.items, .in = EVO_FD_NULL, .out = EVO_FD_NULL };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    int status = -1;
    return evo_process_run(&o, NULL, NULL, &text, evo_deadline_in(30000), &status, NULL) || status ? -1 : 0;
}

static int start(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(key, sizeof(key), "%s/key.pem", folder);
    (void)snprintf(certificate, sizeof(certificate), "%s/cert.pem", folder);
    (void)snprintf(other, sizeof(other), "%s/other.pem", folder);
    /* in this order: the key that stays is that of the second */
    if (make_certificate(other, "IP:127.0.0.1") || make_certificate(certificate, "IP:127.0.0.1"))
        return -1;
    const char *args[] = { "--tls", certificate, key, NULL };
    test_server_start(&server, "tests/lib/http_server.py", args);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    (void)unlink(key);
    (void)unlink(certificate);
    (void)unlink(other);
    (void)rmdir(folder);
    return 0;
}

static enum evo_errc get(const char *bundle, const char *origin, struct evo_http_response *answer,
                         struct evo_error *err)
{
    if (bundle)
        (void)setenv("CURL_CA_BUNDLE", bundle, 1);
    else
        (void)unsetenv("CURL_CA_BUNDLE");
    EVO_AUTO_PTR(http) http = NULL;
    assert_int_equal(evo_http_new(&http, err), EVO_OK);
    EVO_AUTO_STR url = evo_asprintf("%s/status/200?geheim", origin);
    struct evo_http_request r = { .method = "GET", .url = url, .timeout_ms = 10000 };
    return evo_http_send(http, &r, answer, err);
}

static void test_send_trusts_the_bundle_it_was_given(void **state)
{
    (void)state;
    EVO_AUTO(http_response) answer;
    struct evo_error err = EVO_ERROR_INIT;
    evo_http_response_init(&answer);
    if (get(certificate, server.base, &answer, &err))
        fail_msg("%s", err.message);
    assert_int_equal(answer.status, 200);
}

static void test_send_refuses_what_it_cannot_trust(void **state)
{
    (void)state;
    EVO_AUTO_STR wrong_name = evo_asprintf("https://localhost:%s", server.port);
    EVO_AUTO_STR plain = evo_asprintf("http://127.0.0.1:%s", server.port);
    const struct {
        const char *bundle, *origin;
        const char *says;
    } row[] = {
        { NULL, server.base, "self-signed certificate" },
        { other, server.base, "certificate" },
        { certificate, wrong_name, "localhost" },
        { "/nonexistent/bundle.pem", server.base, "/nonexistent/bundle.pem" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO(http_response) answer;
        struct evo_error err = EVO_ERROR_INIT;
        evo_http_response_init(&answer);
        assert_int_equal(get(row[i].bundle, row[i].origin, &answer, &err), EVO_ERR_NETWORK);
        if (answer.failure != EVO_HTTP_TLS || !strstr(err.message, row[i].says))
            fail_msg("row %zu: %s: %s", i, evo_http_failure_name(answer.failure), err.message);
        assert_false(err.retryable);
        assert_int_equal(answer.status, 0);
        assert_null(strstr(err.message, "geheim"));
    }
    EVO_AUTO(http_response) answer;
    struct evo_error err = EVO_ERROR_INIT;
    evo_http_response_init(&answer);
    assert_int_equal(get(NULL, plain, &answer, &err), EVO_ERR_NETWORK);
    assert_int_equal(answer.failure, EVO_HTTP_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send_trusts_the_bundle_it_was_given),
        cmocka_unit_test(test_send_refuses_what_it_cannot_trust),
    };
    return cmocka_run_group_tests_name("http/tls", tests, start, stop);
}
