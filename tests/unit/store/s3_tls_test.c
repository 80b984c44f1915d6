/*
 * S3 over https with an authority of one's own, straight and through a proxy. Keys are made by openssl for each run, so
 * that none lies in the repository.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_s3.h"

static struct test_server proxy;
static char folder[] = "/tmp/evo-s3-tls-XXXXXX";
static char *authority, *authority_key, *certificate, *certificate_key;

static int openssl(const char *const *args)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    evo_strvec_push(&argv, "openssl");
    while (*args)
        evo_strvec_push(&argv, *args++);
    struct evo_process_options o = { .argv = argv.items, .in = EVO_FD_NULL, .out = EVO_FD_NULL };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    int status = -1;
    return evo_process_run(&o, NULL, NULL, &text, evo_deadline_in(30000), &status, NULL) || status ? -1 : 0;
}

static int make_certificates(void)
{
    const char *const ca[] = { "req",
                               "-x509",
                               "-newkey",
                               "rsa:2048",
                               "-nodes",
                               "-days",
                               "2",
                               "-subj",
                               "/CN=evo CA",
                               "-addext",
                               "keyUsage=critical,keyCertSign",
                               "-keyout",
                               authority_key,
                               "-out",
                               authority,
                               NULL };
    const char *const server_certificate[] = { "req",
                                               "-x509",
                                               "-newkey",
                                               "rsa:2048",
                                               "-nodes",
                                               "-days",
                                               "2",
                                               "-subj",
                                               "/CN=s3",
                                               "-CA",
                                               authority,
                                               "-CAkey",
                                               authority_key,
                                               "-addext",
                                               "subjectAltName=IP:127.0.0.1",
                                               "-addext",
                                               "basicConstraints=critical,CA:FALSE",
                                               "-keyout",
                                               certificate_key,
                                               "-out",
                                               certificate,
                                               NULL };
    return openssl(ca) || openssl(server_certificate) ? -1 : 0;
}

static void test_bundle_makes_the_servers_certificate_good(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_options o = { .s3_ca_bundle = authority };
    EVO_AUTO_PTR(store) store = open_bucket_with("tls", &o);
    assert_ok(stream_bytes(store, "x", PART + 1, &err));
    assert_sample(store, "x", PART + 1);
}

static void test_unknown_authority_is_refused_with_the_option(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("tls");
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_NETWORK);
    assert_non_null(strstr(err.message, "certificate"));
    assert_non_null(strstr(err.hint, "--s3-ca-bundle"));
}

/* The targets that the proxy was asked for. */
static void proxied(struct evo_strbuf *out)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(http) http = NULL;
    EVO_AUTO(http_response) response;
    evo_http_response_init(&response);
    EVO_AUTO_STR url = evo_asprintf("http://127.0.0.1:%s/log", proxy.port);
    struct evo_http_request request = { .method = "GET", .url = url };
    assert_ok(evo_http_new(&http, &err));
    assert_ok(evo_http_send(http, &request, &response, &err));
    evo_strbuf_add(out, response.body.buf, response.body.len);
}

static void test_proxy_of_the_environment_is_used_unless_no_proxy_names_the_host(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_options o = { .s3_ca_bundle = authority };
    EVO_AUTO_STR address = evo_asprintf("http://127.0.0.1:%s", proxy.port);
    EVO_AUTO_STR target = evo_asprintf("127.0.0.1:%s\n", server.port);
    EVO_AUTO(strbuf) through = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) past = EVO_STRBUF_INIT;
    (void)setenv("HTTPS_PROXY", address, 1);
    {
        EVO_AUTO_PTR(store) store = open_bucket_with("proxied", &o);
        assert_ok(stream_bytes(store, "x", PART + 1, &err));
    }
    proxied(&through);
    (void)setenv("NO_PROXY", "127.0.0.1", 1);
    {
        EVO_AUTO_PTR(store) store = open_bucket_with("proxied", &o);
        assert_sample(store, "x", PART + 1);
    }
    proxied(&past);
    (void)unsetenv("HTTPS_PROXY");
    (void)unsetenv("NO_PROXY");
    assert_true(count(through.buf, target) > 0);
    assert_string_equal(past.buf, through.buf);
}

static void test_proxy_that_is_not_there_is_a_network_error(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_options o = { .s3_ca_bundle = authority };
    (void)setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
    EVO_AUTO_PTR(store) store = open_bucket_with("proxied", &o);
    enum evo_errc rc = evo_store_check(store, &err);
    (void)unsetenv("HTTPS_PROXY");
    assert_int_equal(rc, EVO_ERR_NETWORK);
    assert_true(err.retryable);
}

static int start(void **state)
{
    static const char *const proxies[] = { "HTTPS_PROXY", "https_proxy", "NO_PROXY",   "no_proxy",
                                           "ALL_PROXY",   "all_proxy",   "http_proxy", "CURL_CA_BUNDLE" };
    for (size_t i = 0; i < EVO_COUNT(proxies); i++)
        (void)unsetenv(proxies[i]);
    if (!mkdtemp(folder))
        return -1;
    authority = evo_asprintf("%s/ca.pem", folder);
    authority_key = evo_asprintf("%s/ca.key", folder);
    certificate = evo_asprintf("%s/cert.pem", folder);
    certificate_key = evo_asprintf("%s/cert.key", folder);
    if (make_certificates())
        return -1;
    const char *args[] = { "--tls", certificate, certificate_key, NULL };
    test_server_start(&server, "tests/lib/fake_s3.py", args);
    test_server_start(&proxy, "tests/lib/connect_proxy.py", NULL);
    return fake_s3_keys(state);
}

static int stop(void **state)
{
    test_server_stop(&proxy);
    char *files[] = { authority, authority_key, certificate, certificate_key };
    for (size_t i = 0; i < EVO_COUNT(files); i++) {
        (void)unlink(files[i]);
        free(files[i]);
    }
    return fake_s3_stop(state) == 0 ? rmdir(folder) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle_makes_the_servers_certificate_good),
        cmocka_unit_test(test_unknown_authority_is_refused_with_the_option),
        cmocka_unit_test(test_proxy_of_the_environment_is_used_unless_no_proxy_names_the_host),
        cmocka_unit_test(test_proxy_that_is_not_there_is_a_network_error),
    };
    return cmocka_run_group_tests_name("store/s3_tls", tests, start, stop);
}
