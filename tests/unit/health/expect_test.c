#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/expect.h"

/* The expectation of comma-separated statuses and line-separated JSON checks. */
static enum evo_errc parse(const char *status, const char *body, const char *json,
                           struct evo_health_expect *ret, struct evo_error *err)
{
    EVO_AUTO(strvec) statuses = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) pointers = EVO_STRVEC_INIT;
    evo_strvec_split(&statuses, status);
    if (json)
        (void)evo_strvec_push(&pointers, json);
    return evo_health_expect_parse(&statuses, body, &pointers, ret, err);
}

static void test_check_says_what_failed_first(void **state)
{
    (void)state;
    static const struct {
        const char *status, *body, *json;
        int answer_status;
        const char *answer;
        const char *why; /* NULL: as expected */
    } row[] = {
        { "", NULL, NULL, 200, "", NULL },
        { "", NULL, NULL, 299, "", NULL },
        { "", NULL, NULL, 302, "", "status 302, expected 200-299" },
        { "200,301-302,404", NULL, NULL, 302, "", NULL },
        { "200,301-302,404", NULL, NULL, 303, "", "status 303, expected 200,301-302,404" },
        { "", "ready", NULL, 200, "is ready now", NULL },
        { "", "ready", NULL, 200, "is read", "body does not hold \"ready\"" },
        { "", "ready", NULL, 503, "is ready now", "status 503, expected 200-299" },
        { "", NULL, "/a=x", 200, "{\"a\":\"x\"}", NULL },
        { "", NULL, "/a=x", 200, "{\"a\":\"y\"}", "JSON pointer \"/a\" is \"y\", expected \"x\"" },
        { "", NULL, "/a=5", 200, "{\"a\":5}", NULL },
        { "", NULL, "/a=5", 200, "{\"a\":\"5\"}", NULL },
        { "", NULL, "/a=5", 200, "{\"a\":50}", "JSON pointer \"/a\" is 50, expected \"5\"" },
        { "", NULL, "/a=true", 200, "{\"a\":true}", NULL },
        { "", NULL, "/a=true", 200, "{\"a\":1}", "JSON pointer \"/a\" is 1, expected \"true\"" },
        { "", NULL, "/a=null", 200, "{\"a\":null}", NULL },
        { "", NULL, "/a=", 200, "{\"a\":\"\"}", NULL },
        { "", NULL, "/a=b=c", 200, "{\"a\":\"b=c\"}", NULL },
        { "", NULL, "/0/b=1.5", 200, "[{\"b\":1.5}]", NULL },
        { "", NULL, "/a={\"b\":[1]}", 200, "{\"a\":{\"b\":[1]}}", NULL },
        { "", NULL, "=\"ok\"", 200, "\"ok\"", "JSON pointer \"\" is \"ok\", expected \"\"ok\"\"" },
        { "", NULL, "=ok", 200, "\"ok\"", NULL },
        { "", NULL, "/b=1", 200, "{\"a\":1}", "JSON pointer \"/b\" finds nothing, expected \"1\"" },
        { "", NULL, "/a=1", 200, "<html>", "body is not valid JSON at line 1, column 1: " },
        { "", NULL, "/a=1", 200, "", "body is not valid JSON at line 1, column 1: " },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO(health_expect) e = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (parse(row[i].status, row[i].body, row[i].json, &e, &err))
            fail_msg("row %zu: %s", i, err.message);
        EVO_AUTO(strbuf) why = EVO_STRBUF_INIT;
        bool passed =
            evo_health_expect_check(&e, row[i].answer_status, row[i].answer, strlen(row[i].answer), &why);
        if (passed != (row[i].why == NULL) || (row[i].why && !evo_starts_with(why.buf, row[i].why)))
            fail_msg("row %zu: %s", i, why.buf);
    }
}

static void test_check_shows_a_long_value_short(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) body = EVO_STRBUF_INIT;
    evo_strbuf_adds(&body, "{\"a\":\"");
    for (int i = 0; i < 1000; i++)
        evo_strbuf_adds(&body, "\xC3\xA9");
    evo_strbuf_adds(&body, "\"}");
    EVO_AUTO(health_expect) e = { 0 };
    assert_int_equal(parse("", NULL, "/a=x", &e, NULL), EVO_OK);
    EVO_AUTO(strbuf) why = EVO_STRBUF_INIT;
    assert_false(evo_health_expect_check(&e, 200, body.buf, body.len, &why));
    assert_true(why.len < 200);
    assert_non_null(strstr(why.buf, "\xC3\xA9..., expected \"x\""));
}

static void test_parse_refuses_and_names_the_text(void **state)
{
    (void)state;
    static const char *const status[] = { "99",   "600",     "2xx",      "20",      "0200", "200-",
                                          "-299", "299-200", "200-299-", "200 299", "+20" };
    for (size_t i = 0; i < EVO_COUNT(status); i++) {
        struct evo_health_expect e = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (parse(status[i], NULL, NULL, &e, &err) != EVO_ERR_CONFIG)
            fail_msg("taken: %s", status[i]);
        assert_non_null(strstr(err.message, status[i]));
        assert_non_null(strstr(err.hint, "--expect-status"));
    }
    static const char *const json[] = { "/a", "a=b", "" };
    for (size_t i = 0; i < EVO_COUNT(json); i++) {
        struct evo_health_expect e = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(parse("", NULL, json[i], &e, &err), EVO_ERR_CONFIG);
        assert_non_null(strstr(err.hint, "--expect-json"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_says_what_failed_first),
        cmocka_unit_test(test_check_shows_a_long_value_short),
        cmocka_unit_test(test_parse_refuses_and_names_the_text),
    };
    return cmocka_run_group_tests_name("health/expect", tests, NULL, NULL);
}
