#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"

static void test_origin_shows_neither_user_nor_path(void **state)
{
    (void)state;
    static const struct {
        const char *url, *origin;
    } row[] = {
        { "https://hooks.slack.com/services/T0/B0/secret", "https://hooks.slack.com" },
        { "http://user:geheim@127.0.0.1:8080/a?b#c", "http://127.0.0.1:8080" },
        { "https://[::1]:9/x", "https://[::1]:9" },
        { "s3://bucket/prefix", "s3://bucket" },
        { "geheim", "(not a URL)" },
        { "http://", "(not a URL)" },
        { "https:///services/geheim", "(not a URL)" },
        { "", "(not a URL)" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO_STR origin = evo_http_origin(row[i].url);
        assert_string_equal(origin, row[i].origin);
    }
}

static void test_url_parse_gives_the_parts_as_written(void **state)
{
    (void)state;
    EVO_AUTO(http_url) u = { 0 };
    assert_int_equal(evo_http_url_parse("https://Example.org:444/a/../b%2Fc?q=1%20&r", &u, NULL), EVO_OK);
    assert_string_equal(u.scheme, "https");
    assert_string_equal(u.host, "Example.org");
    assert_string_equal(u.port, "444");
    assert_string_equal(u.path, "/a/../b%2Fc");
    assert_string_equal(u.query, "q=1%20&r");
    assert_false(u.has_user);
    evo_http_url_release(&u);

    assert_int_equal(evo_http_url_parse("s3://bucket", &u, NULL), EVO_OK);
    assert_string_equal(u.host, "bucket");
    assert_string_equal(u.port, "");
    assert_null(u.query);
    evo_http_url_release(&u);

    assert_int_equal(evo_http_url_parse("http://me:geheim@h/", &u, NULL), EVO_OK);
    assert_true(u.has_user);
}

static void test_url_parse_refuses_without_showing_the_text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "geheim", "http://", "http:// geheim/", "http://h:99999/geheim", "://geheim", "http://geheim\n/"
    };
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        struct evo_http_url u = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_http_url_parse(bad[i], &u, &err) != EVO_ERR_CONFIG)
            fail_msg("taken: \"%s\"", bad[i]);
        assert_null(strstr(err.message, "geheim"));
        assert_null(u.host);
    }
}

static void test_is_loopback(void **state)
{
    (void)state;
    static const char *const yes[] = { "localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]", "::1" };
    static const char *const no[] = { "", "localhost.example.org", "128.0.0.1", "127.0.0.1.nip.io", "[::2]" };
    for (size_t i = 0; i < EVO_COUNT(yes); i++)
        assert_true(evo_http_is_loopback(yes[i]));
    for (size_t i = 0; i < EVO_COUNT(no); i++)
        assert_false(evo_http_is_loopback(no[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origin_shows_neither_user_nor_path),
        cmocka_unit_test(test_url_parse_gives_the_parts_as_written),
        cmocka_unit_test(test_url_parse_refuses_without_showing_the_text),
        cmocka_unit_test(test_is_loopback),
    };
    return cmocka_run_group_tests_name("http/url", tests, NULL, NULL);
}
