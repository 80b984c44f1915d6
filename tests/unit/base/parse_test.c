#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/parse.h"

static void test_duration_takes_each_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = { { "0", 0 },        { "500ms", 500 },         { "2s", 2000 }, { "30min", 1800000 },
                 { "1h", 3600000 }, { "7d", 7 * 86400000LL }, { "0s", 0 } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        int64_t ms = -1;
        assert_true(evo_parse_duration(rows[i].text, &ms));
        assert_int_equal(ms, rows[i].ms);
    }
}

static void test_duration_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const rows[] = { "",
                                        "5",
                                        "s",
                                        "-1s",
                                        " 1s",
                                        "1s ",
                                        "1 s",
                                        "1.5s",
                                        "1m",
                                        "1S",
                                        "99999999999999999999d",
                                        "9223372036854775807h" };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        int64_t ms = 42;
        assert_false(evo_parse_duration(rows[i], &ms));
        assert_int_equal(ms, 42);
    }
}

static void test_size_takes_both_families_of_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = { { "4096", 4096 }, { "64MiB", 64u << 20 }, { "10GB", 10000000000 },
                 { "1kB", 1000 },  { "1KiB", 1024 },       { "5B", 5 } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        uint64_t bytes = 0;
        assert_true(evo_parse_size(rows[i].text, &bytes));
        assert_true(bytes == rows[i].bytes);
    }
    uint64_t bytes;
    assert_false(evo_parse_size("1.5GiB", &bytes));
    assert_false(evo_parse_size("99999999TiB", &bytes));
    assert_false(evo_parse_size("MiB", &bytes));
}

static void test_int64_holds_its_range(void **state)
{
    (void)state;
    int64_t v = 7;
    assert_true(evo_parse_int64("-5", -10, 10, &v));
    assert_int_equal(v, -5);
    assert_false(evo_parse_int64("11", -10, 10, &v));
    assert_false(evo_parse_int64("--5", -10, 10, &v));
    assert_false(evo_parse_int64("+5", -10, 10, &v));
    assert_false(evo_parse_int64("9223372036854775808", INT64_MIN, INT64_MAX, &v));
    assert_int_equal(v, -5);
}

static void test_bool_takes_the_usual_words(void **state)
{
    (void)state;
    bool v = false;
    assert_true(evo_parse_bool("Yes", &v));
    assert_true(v);
    assert_true(evo_parse_bool("off", &v));
    assert_false(v);
    assert_false(evo_parse_bool("maybe", &v));
    assert_false(evo_parse_bool("", &v));
}

static void test_human_forms_read_well(void **state)
{
    (void)state;
    char buf[EVO_HUMAN_MAX];
    assert_string_equal(evo_format_size(850, buf), "850 B");
    assert_string_equal(evo_format_size(12897485, buf), "12.3 MiB");
    assert_string_equal(evo_format_duration(12, buf), "12 ms");
    assert_string_equal(evo_format_duration(3400, buf), "3.4 s");
    assert_string_equal(evo_format_duration(125000, buf), "2 min 05 s");
    assert_string_equal(evo_format_duration(4320000, buf), "1 h 12 min");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration_takes_each_unit),
        cmocka_unit_test(test_duration_refuses_what_is_none),
        cmocka_unit_test(test_size_takes_both_families_of_units),
        cmocka_unit_test(test_int64_holds_its_range),
        cmocka_unit_test(test_bool_takes_the_usual_words),
        cmocka_unit_test(test_human_forms_read_well),
    };
    return cmocka_run_group_tests_name("base/parse", tests, NULL, NULL);
}
