#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encode.h"
#include "store/store.h"

static void test_key_append_makes_a_segment_of_any_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *segment;
    } rows[] = {
        { "shop", "shop" },  { "my db", "my%20db" }, { "a/b", "a%2Fb" },
        { "..", "%2E." },    { ".", "%2E" },         { ".hidden", "%2Ehidden" },
        { "a.b", "a.b" },    { "100%", "100%25" },   { "caf\xc3\xa9", "caf%C3%A9" },
        { "a\nb", "a%0Ab" }, { "\xff", "%FF" },      { ".evo-tmp-x", "%2Eevo-tmp-x" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
        evo_store_key_append(&key, rows[i].text);
        assert_string_equal(key.buf, rows[i].segment);
        assert_true(evo_percent_decode(&back, key.buf, key.len));
        assert_string_equal(back.buf, rows[i].text);
    }
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_store_key_append(&key, "backups");
    evo_store_key_append(&key, "prod/eu");
    evo_store_key_append(&key, "shop");
    assert_string_equal(key.buf, "backups/prod%2Feu/shop");
}

static void test_open_refuses_what_is_no_store(void **state)
{
    (void)state;
    static const struct {
        struct evo_store_options o;
        const char *message, *hint;
    } rows[] = {
        { { .url = NULL }, "no store is configured", "EVO_STORE" },
        { { .url = "" }, "no store is configured", "EVO_STORE" },
        { { .url = "gs://bucket" }, "kind \"gs\"", "s3://bucket/prefix" },
        { { .url = "https://key:canary@host/x" }, "kind \"https\"", "s3://bucket/prefix" },
        { { .url = "s3://" }, "name of a bucket", "s3://bucket/prefix" },
        { { .url = "s3://shop", .s3_region = "eu central" }, "name of a region", "--s3-region" },
        { { .url = "s3://shop", .s3_addressing = "both" }, "addressing \"both\"", "auto, path or virtual" },
        { { .url = "s3://shop", .s3_endpoint = "http://minio.lan" }, "plain http", "--s3-allow-http" },
        { { .url = "s3://shop", .s3_provider = "azure" }, "--s3-profile-of \"azure\"", "seaweedfs" },
        { { .url = "s3://shop", .s3_ca_bundle = "/nonexistent/ca.pem" },
          "/nonexistent/ca.pem",
          "AWS_CA_BUNDLE" },
        { { .url = "s3://shop", .s3_sse = "rot13" }, "--s3-sse \"rot13\"", "aws:kms" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        struct evo_store *store = NULL;
        assert_int_equal(evo_store_open(&rows[i].o, &store, &err), EVO_ERR_CONFIG);
        assert_null(store);
        if (!strstr(err.message, rows[i].message) || !strstr(err.hint, rows[i].hint))
            fail_msg("%s; %s", err.message, err.hint);
        assert_null(strstr(err.message, "canary"));
    }
}

static void test_open_sends_nothing(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = NULL;
    struct evo_store_options o = { .url = "s3://shop/x", .s3_endpoint = "http://127.0.0.1:1" };
    assert_int_equal(evo_store_open(&o, &store, &err), EVO_OK);
    assert_string_equal(evo_store_url(store), "s3://shop/x");
    assert_true(evo_store_is_s3(store));
    evo_store_close(NULL);
    evo_store_writer_free(NULL);
    evo_store_list_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_append_makes_a_segment_of_any_text),
        cmocka_unit_test(test_open_refuses_what_is_no_store),
        cmocka_unit_test(test_open_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
