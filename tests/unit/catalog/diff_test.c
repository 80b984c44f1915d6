#include "cmocka_all.h"

#include "catalog/catalog.h"

#define HEAD EVO_CATALOG_FORMAT "\n"

static void test_diff_tells_what_is_on_one_side_alone(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *expected;
        size_t count;
    } table[] = {
        { HEAD, HEAD, "", 0 },
        { HEAD "a\nb\n", HEAD "a\nb\n", "", 0 },
        { HEAD "a\nc\n", HEAD "a\nb\nc\n", "+ b\n", 1 },
        { HEAD "a\nb\nc\n", HEAD "a\nc\n", "- b\n", 1 },
        { HEAD "a: 1\nb: 1\n", HEAD "a: 2\nb: 2\n", "- a: 1\n+ a: 2\n- b: 1\n+ b: 2\n", 4 },
        { HEAD, HEAD "a\nb\n", "+ a\n+ b\n", 2 },
        { HEAD "a\nb\n", HEAD, "- a\n- b\n", 2 },
        /* one line is the beginning of another */
        { HEAD "table a\ntable a: x\n", HEAD "table a: x\n", "- table a\n", 1 },
        /* bytes, not characters or signed ones */
        { HEAD "z\n\xc3\xbc\n", HEAD "z\n", "- \xc3\xbc\n", 1 },
        /* as often as it is there */
        { HEAD "a\na\n", HEAD "a\n", "- a\n", 1 },
        /* a text without an end of line, an empty text, another format */
        { HEAD "a", HEAD "a\n", "", 0 },
        { "", HEAD "a\n", "+ " HEAD "+ a\n", 2 },
        { HEAD "a\n", "", "- " HEAD "- a\n", 2 },
        { "", "", "", 0 },
        { "z format 0\na\n", HEAD "a\n", "- z format 0\n+ " HEAD, 2 },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        assert_int_equal(evo_catalog_diff(table[i].before, table[i].after, SIZE_MAX, &out), table[i].count);
        assert_string_equal(out.buf, table[i].expected);
    }
}

static void test_diff_counts_beyond_what_it_writes(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    assert_int_equal(evo_catalog_diff(HEAD "a\nb\nc\n", HEAD "d\n", 2, &out), 4);
    assert_string_equal(out.buf, "- a\n- b\n");
    evo_strbuf_clear(&out);
    assert_int_equal(evo_catalog_diff(HEAD "a\n", HEAD "b\n", 0, &out), 2);
    assert_string_equal(out.buf, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diff_tells_what_is_on_one_side_alone),
        cmocka_unit_test(test_diff_counts_beyond_what_it_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
