#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json.h"

static struct evo_json *parsed(const char *text)
{
    struct evo_json *v = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_json_parse(text, strlen(text), "text", EVO_ERR_CONFIG, &v, &err))
        fail_msg("%s", err.message);
    return v;
}

static void assert_formats(const struct evo_json *v, const char *expected)
{
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    evo_json_format(v, EVO_JSON_COMPACT, &sb);
    assert_string_equal(sb.buf, expected);
}

static void test_object_keeps_the_order_of_its_keys(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) v = evo_json_object();
    evo_json_set_string(v, "z", "1");
    evo_json_set_string(v, "a", NULL);
    evo_json_set_int(v, "m", INT64_MAX);
    evo_json_set_bool(v, "b", true);
    evo_json_set_null(v, "n");
    evo_json_set_time(v, "t", 0);
    evo_json_set_time(v, "never", -1);
    evo_json_set(v, "list", evo_json_array());
    evo_json_append_string(evo_json_get(v, "list"), "x");
    evo_json_append(evo_json_get(v, "list"), evo_json_int_new(-1));
    assert_formats(v, "{\"z\":\"1\",\"a\":null,\"m\":9223372036854775807,\"b\":true,\"n\":null,"
                      "\"t\":\"1970-01-01T00:00:00.000Z\",\"never\":null,\"list\":[\"x\",-1]}");
    evo_json_set_int(v, "z", 2);
    evo_json_remove(v, "m");
    evo_json_remove(v, "not there");
    evo_json_remove(v, "list");
    evo_json_remove(v, "t");
    assert_formats(v, "{\"z\":2,\"a\":null,\"b\":true,\"n\":null,\"never\":null}");
}

static void test_string_new_repairs_what_is_not_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *expected;
    } row[] = {
        { "caf\xC3\xA9 \xF0\x9F\x98\x80", "caf\xC3\xA9 \xF0\x9F\x98\x80" },
        { "a\xFF"
          "b",
          "a\xEF\xBF\xBD"
          "b" },
        { "\xC3", "\xEF\xBF\xBD" },
        { "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\xC3\xA9\xC3", "\xC3\xA9\xEF\xBF\xBD" },
        { "", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO_PTR(json) v = evo_json_string_new(row[i].bytes);
        assert_string_equal(evo_json_string(v, NULL), row[i].expected);
        EVO_AUTO_PTR(json) object = evo_json_object();
        evo_json_set_int(object, row[i].bytes, 1);
        assert_int_equal(evo_json_get_int(object, row[i].expected, 0), 1);
    }
}

static void test_getters_fall_back_on_missing_and_other_types(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) v = parsed("{\"s\":\"x\",\"i\":7,\"b\":false,\"a\":[1,2]}");
    assert_string_equal(evo_json_get_string(v, "s", "-"), "x");
    assert_string_equal(evo_json_get_string(v, "i", "-"), "-");
    assert_null(evo_json_get_string(v, "none", NULL));
    assert_int_equal(evo_json_get_int(v, "i", -1), 7);
    assert_int_equal(evo_json_get_int(v, "s", -1), -1);
    assert_false(evo_json_get_bool(v, "b", true));
    assert_true(evo_json_get_bool(v, "i", true));
    assert_int_equal(evo_json_count(evo_json_get(v, "a")), 2);
    assert_int_equal(evo_json_int(evo_json_at(evo_json_get(v, "a"), 1), 0), 2);
    assert_null(evo_json_at(evo_json_get(v, "a"), 2));
    assert_int_equal(evo_json_count(v), 0);
    assert_null(evo_json_get(NULL, "s"));
    assert_null(evo_json_get(evo_json_get(v, "a"), "s"));
    assert_int_equal(evo_json_type_of(NULL), EVO_JSON_NULL);
}

static void test_type_name_knows_every_type(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) v = parsed("[null,true,1,1.5,\"\",[],{}]");
    static const char *const name[] = { "null", "boolean", "integer", "number", "string", "array", "object" };
    assert_int_equal(evo_json_count(v), EVO_COUNT(name));
    for (size_t i = 0; i < EVO_COUNT(name); i++)
        assert_string_equal(evo_json_type_name(evo_json_at(v, i)), name[i]);
}

static bool collect_until_c(void *ctx, const char *key, struct evo_json *value)
{
    evo_strbuf_addf(ctx, "%s=%d ", key, (int)evo_json_int(value, 0));
    return strcmp(key, "c") != 0;
}

static void test_each_goes_in_order_until_told_to_stop(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) v = parsed("{\"d\":1,\"b\":2,\"c\":3,\"a\":4}");
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    evo_json_each(v, collect_until_c, &sb);
    assert_string_equal(sb.buf, "d=1 b=2 c=3 ");
    evo_json_each(NULL, collect_until_c, &sb);
}

static void test_pointer_follows_rfc_6901(void **state)
{
    (void)state;
    /* The document and the pointers of RFC 6901 section 5. */
    EVO_AUTO_PTR(json)
    v = parsed("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
               "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");
    static const struct {
        const char *pointer;
        int expected;
    } row[] = { { "/", 0 },     { "/a~1b", 1 }, { "/c%d", 2 }, { "/e^f", 3 }, { "/g|h", 4 },
                { "/i\\j", 5 }, { "/k\"l", 6 }, { "/ ", 7 },   { "/m~0n", 8 } };
    for (size_t i = 0; i < EVO_COUNT(row); i++)
        assert_int_equal(evo_json_int(evo_json_pointer(v, row[i].pointer), -1), row[i].expected);
    assert_ptr_equal(evo_json_pointer(v, ""), v);
    assert_string_equal(evo_json_string(evo_json_pointer(v, "/foo/1"), ""), "baz");
    static const char *const nothing[] = { "/foo/2", "/foo/01",  "/foo/-",  "/foo/x",
                                           "/foo/",  "/none",    "foo",     "/m~2n",
                                           "/m~",    "/foo/0/x", "/foo/-1", "/foo/99999999999999999999999" };
    for (size_t i = 0; i < EVO_COUNT(nothing); i++)
        assert_null(evo_json_pointer(v, nothing[i]));
}

static void test_parse_refuses_and_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        const char *says;
    } row[] = {
        { "{\n  \"a\": 1,\n  \"a\": 2\n}", 3, 5, "duplicate object key" },
        { "{\n  \"a\": }", 2, 8, "unexpected token" },
        { "", 1, 1, "unexpected token" },
        { "{} x", 1, 4, "end of file expected" },
        { "[\"\\u0000\"]", 1, 9, "NUL" },
        { "[99999999999999999999]", 1, 21, "too big integer" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_json *v = NULL;
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc =
            evo_json_parse(row[i].text, strlen(row[i].text), "evo.json", EVO_ERR_CONFIG, &v, &err);
        assert_int_equal(rc, EVO_ERR_CONFIG);
        assert_int_equal(err.code, EVO_ERR_CONFIG);
        assert_null(v);
        assert_non_null(strstr(err.message, "evo.json is not valid JSON at line "));
        if (!strstr(err.message, row[i].says))
            fail_msg("row %zu: %s", i, err.message);
        assert_int_equal(err.line, row[i].line);
        assert_int_equal(err.column, row[i].column);
    }
}

static void test_parse_error_does_not_quote_the_text(void **state)
{
    (void)state;
    static const char text[] = "{\"token\": xoxb-1234-secret}";
    struct evo_json *v = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_json_parse(text, strlen(text), "answer", EVO_ERR_NETWORK, &v, &err),
                     EVO_ERR_NETWORK);
    assert_null(strstr(err.message, "xoxb"));
    assert_int_equal(err.line, 1);
    /* and no error object at all is fine, too */
    assert_int_equal(evo_json_parse("[", 1, "answer", EVO_ERR_NETWORK, &v, NULL), EVO_ERR_NETWORK);
}

static void test_parse_takes_scalars_and_deep_text(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) s = parsed("\"x\"");
    assert_string_equal(evo_json_string(s, ""), "x");
    EVO_AUTO(strbuf) deep = EVO_STRBUF_INIT;
    for (int i = 0; i < 100000; i++)
        evo_strbuf_addch(&deep, '[');
    struct evo_json *v = NULL;
    assert_int_equal(evo_json_parse(deep.buf, deep.len, "text", EVO_ERR_CONFIG, &v, NULL), EVO_ERR_CONFIG);
}

static void test_format_indents_with_two_spaces(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) v = parsed("{\"a\":[1,\"\xC3\xA9\\n\"],\"b\":{}}");
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    evo_json_format(v, EVO_JSON_INDENT, &sb);
    assert_string_equal(sb.buf, "{\n  \"a\": [\n    1,\n    \"\xC3\xA9\\n\"\n  ],\n  \"b\": {}\n}");
    evo_strbuf_clear(&sb);
    evo_json_format(NULL, EVO_JSON_COMPACT, &sb);
    assert_string_equal(sb.buf, "null");
}

static void test_copy_is_deep_and_ref_is_the_same(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) v = parsed("{\"a\":[1]}");
    EVO_AUTO_PTR(json) copy = evo_json_copy(v);
    EVO_AUTO_PTR(json) same = evo_json_ref(v);
    assert_true(evo_json_equal(v, copy));
    evo_json_append(evo_json_get(v, "a"), evo_json_int_new(2));
    assert_false(evo_json_equal(v, copy));
    assert_true(evo_json_equal(v, same));
    assert_formats(copy, "{\"a\":[1]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object_keeps_the_order_of_its_keys),
        cmocka_unit_test(test_string_new_repairs_what_is_not_utf8),
        cmocka_unit_test(test_getters_fall_back_on_missing_and_other_types),
        cmocka_unit_test(test_type_name_knows_every_type),
        cmocka_unit_test(test_each_goes_in_order_until_told_to_stop),
        cmocka_unit_test(test_pointer_follows_rfc_6901),
        cmocka_unit_test(test_parse_refuses_and_says_where),
        cmocka_unit_test(test_parse_error_does_not_quote_the_text),
        cmocka_unit_test(test_parse_takes_scalars_and_deep_text),
        cmocka_unit_test(test_format_indents_with_two_spaces),
        cmocka_unit_test(test_copy_is_deep_and_ref_is_the_same),
    };
    return cmocka_run_group_tests_name("json/json", tests, NULL, NULL);
}
