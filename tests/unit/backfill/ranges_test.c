#include "cmocka_all.h"

#include "backfill/ranges.h"
#include "base/strbuf.h"

static char *joined(const struct evo_strvec *v)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (size_t i = 0; i < v->count; i++)
        evo_strbuf_addf(&out, "%s%s", i ? " " : "", v->items[i]);
    return evo_strbuf_detach(&out);
}

static void test_of_integers_cuts_evenly(void **state)
{
    (void)state;
    static const struct {
        int64_t least, greatest;
        size_t parts;
        const char *want;
    } table[] = {
        { 0, 100, 4, "25 50 75" },
        { -10, 10, 2, "0" },
        { 5, 5, 4, "" },
        { 9, 1, 4, "" },
        { 1, 3, 8, "2" },
        { 1, 100, 1, "" },
        { INT64_MIN, INT64_MAX, 2, "-1" },
        { INT64_MAX - 4, INT64_MAX, 2, "9223372036854775805" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(strvec) points = EVO_STRVEC_INIT;
        evo_ranges_of_integers(table[i].least, table[i].greatest, table[i].parts, &points);
        EVO_AUTO_STR text = joined(&points);
        assert_string_equal(text, table[i].want);
    }
}

static void test_of_bounds_takes_equal_shares(void **state)
{
    (void)state;
    static const struct {
        const char *bounds;
        size_t parts;
        const char *want;
    } table[] = {
        { "a b c d e", 4, "b c d" },
        { "a b c d e", 2, "c" },
        { "a,b,c", 8, "b" }, /* fewer bounds than parts */
        { "a b", 4, "" }, /* only the ends */
        { "", 4, "" },
        { "a x x x e", 4, "x" }, /* one value fills several shares */
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(strvec) bounds = EVO_STRVEC_INIT;
        EVO_AUTO(strvec) points = EVO_STRVEC_INIT;
        EVO_AUTO_STR list = evo_strdup(table[i].bounds);
        for (char *p = list; *p; p++)
            *p = *p == ' ' ? ',' : *p;
        evo_strvec_split(&bounds, list);
        evo_ranges_of_bounds(&bounds, table[i].parts, &points);
        EVO_AUTO_STR text = joined(&points);
        assert_string_equal(text, table[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_integers_cuts_evenly),
        cmocka_unit_test(test_of_bounds_takes_equal_shares),
    };
    return cmocka_run_group_tests_name("backfill/ranges", tests, NULL, NULL);
}
