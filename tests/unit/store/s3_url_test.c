#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/s3_url.h"

static void test_init_splits_and_addresses_the_bucket(void **state)
{
    (void)state;
    static const struct {
        const char *url, *endpoint, *addressing, *region, *key, *expected;
    } rows[] = {
        { "s3://shop/backups/eu", NULL, NULL, "eu-central-1", "backups/eu/a b",
          "https shop.s3.eu-central-1.amazonaws.com /backups/eu/a%20b" },
        { "s3://shop", NULL, "", "us-east-1", NULL, "https shop.s3.us-east-1.amazonaws.com /" },
        { "s3://shop", NULL, "path", "us-east-1", NULL, "https s3.us-east-1.amazonaws.com /shop" },
        { "s3://my.shop/", NULL, "auto", "us-east-1", "k", "https s3.us-east-1.amazonaws.com /my.shop/k" },
        { "s3://My_Shop", NULL, "auto", "us-east-1", "k", "https s3.us-east-1.amazonaws.com /My_Shop/k" },
        { "s3://shop", NULL, NULL, "cn-north-1", "k", "https shop.s3.cn-north-1.amazonaws.com.cn /k" },
        { "s3://shop", "http://127.0.0.1:9000", NULL, "us-east-1", "k", "http 127.0.0.1:9000 /shop/k" },
        { "s3://shop", "http://[::1]:9000/", NULL, "us-east-1", "k", "http [::1]:9000 /shop/k" },
        { "s3://shop", "https://minio.example.org:443/", NULL, "us-east-1", "k",
          "https minio.example.org /shop/k" },
        { "s3://shop", "https://db.example.org/storage/v1/s3/", NULL, "us-east-1", "k",
          "https db.example.org /storage/v1/s3/shop/k" },
        { "s3://shop", "https://r2.example.org", "virtual", "auto", "k", "https shop.r2.example.org /k" },
        { "s3://shop", "http://s3.localhost:8333", "virtual", "us-east-1", "k",
          "http shop.s3.localhost:8333 /k" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(s3_url) u = { 0 };
        EVO_AUTO(strbuf) host = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) path = EVO_STRBUF_INIT;
        if (evo_s3_url_init(&u, rows[i].url, rows[i].endpoint, rows[i].addressing, false, &err))
            fail_msg("%s: %s", rows[i].url, err.message);
        evo_s3_url_locate(&u, rows[i].region, rows[i].key, &host, &path);
        EVO_AUTO_STR got = evo_asprintf("%s %s %s", u.scheme, host.buf, path.buf);
        assert_string_equal(got, rows[i].expected);
    }
}

static void test_init_keeps_the_prefix_with_one_slash(void **state)
{
    (void)state;
    static const struct {
        const char *url, *prefix;
    } rows[] = {
        { "s3://shop", "" }, { "s3://shop//", "" }, { "s3://shop/a/b", "a/b/" }, { "s3://shop/a/b//", "a/b/" }
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(s3_url) u = { 0 };
        assert_int_equal(evo_s3_url_init(&u, rows[i].url, NULL, NULL, false, &err), EVO_OK);
        assert_string_equal(u.bucket, "shop");
        assert_string_equal(u.prefix, rows[i].prefix);
    }
}

static void test_init_refuses_what_cannot_be_used(void **state)
{
    (void)state;
    static const struct {
        const char *url, *endpoint, *addressing, *message;
    } rows[] = {
        { "s3://", NULL, NULL, "not the name of a bucket" },
        { "s3:///x", NULL, NULL, "not the name of a bucket" },
        { "s3://ab", NULL, NULL, "not the name of a bucket" },
        { "s3://sh op", NULL, NULL, "not the name of a bucket" },
        { "s3://key:canary@shop", NULL, NULL, "cannot hold credentials" },
        { "s3://shop/x?token=canary", NULL, NULL, "cannot hold credentials" },
        { "s3://shop/a/../b", NULL, NULL, "as a prefix" },
        { "s3://shop/a//b", NULL, NULL, "as a prefix" },
        { "s3://shop", "minio:9000", NULL, "not the URL of a server" },
        { "s3://shop", "ftp://minio", NULL, "not the URL of a server" },
        { "s3://shop", "https://", NULL, "not the URL of a server" },
        { "s3://shop", "https://key:canary@minio", NULL, "cannot hold a user or a password" },
        { "s3://shop", "http://minio.example.org", NULL, "plain http to \"minio.example.org\"" },
        { "s3://shop", "http://127.0.0.1.example.org", NULL, "plain http" },
        { "s3://shop", NULL, "sideways", "unknown S3 addressing \"sideways\"" },
        { "s3://my.shop", NULL, "virtual", "by virtual host" },
        { "s3://shop", "https://db.example.org/s3", "virtual", "by virtual host" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(s3_url) u = { 0 };
        assert_int_equal(evo_s3_url_init(&u, rows[i].url, rows[i].endpoint, rows[i].addressing, false, &err),
                         EVO_ERR_CONFIG);
        if (!strstr(err.message, rows[i].message))
            fail_msg("%s: %s", rows[i].url, err.message);
        assert_null(strstr(err.message, "canary"));
        assert_null(strstr(err.hint, "canary"));
    }
}

static void test_init_takes_plain_http_where_allowed(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_url) u = { 0 };
    assert_int_equal(evo_s3_url_init(&u, "s3://shop", "http://minio.lan:9000", NULL, true, &err), EVO_OK);
    assert_string_equal(u.host, "minio.lan:9000");
}

static void test_is_loopback_knows_names_and_addresses(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "localhost", "s3.localhost", "127.0.0.1", "127.255.0.9", "::1", "[::1]"
    };
    static const char *const no[] = { "localhost.example.org",
                                      "127.0.0.1.example.org",
                                      "127.0.0",
                                      "127.0.0.256",
                                      "127.0.0.1.1",
                                      "10.0.0.1",
                                      "mylocalhost",
                                      "127.",
                                      "" };
    for (size_t i = 0; i < EVO_COUNT(yes); i++)
        assert_true(evo_s3_is_loopback(yes[i]));
    for (size_t i = 0; i < EVO_COUNT(no); i++)
        assert_false(evo_s3_is_loopback(no[i]));
}

static void test_region_valid_is_a_label(void **state)
{
    (void)state;
    assert_true(evo_s3_region_valid("eu-central-1"));
    assert_true(evo_s3_region_valid("auto"));
    assert_false(evo_s3_region_valid(""));
    assert_false(evo_s3_region_valid("eu.example.org/"));
    assert_false(evo_s3_region_valid("a b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_splits_and_addresses_the_bucket),
        cmocka_unit_test(test_init_keeps_the_prefix_with_one_slash),
        cmocka_unit_test(test_init_refuses_what_cannot_be_used),
        cmocka_unit_test(test_init_takes_plain_http_where_allowed),
        cmocka_unit_test(test_is_loopback_knows_names_and_addresses),
        cmocka_unit_test(test_region_valid_is_a_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
