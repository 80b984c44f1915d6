#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/clock.h"

static void test_time_is_formatted_as_rfc_3339_in_utc(void **state)
{
    (void)state;
    char buf[EVO_TIME_MAX];
    assert_string_equal(evo_format_time(1795342500123, buf), "2026-11-22T10:15:00.123Z");
    assert_string_equal(evo_format_time(-1, buf), "1969-12-31T23:59:59.999Z");
    assert_string_equal(evo_format_time_compact(1795342500123, buf), "20261122T101500Z");
}

static void test_parse_time_takes_offsets_and_fractions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        { "2026-11-22T10:15:00.123Z", 1795342500123 }, { "2026-11-22T10:15:00Z", 1795342500000 },
        { "2026-11-22 11:15:00.123456+01", 0 },        { "2026-11-22T12:45:00.1+02:30", 1795342500100 },
        { "2026-11-22T08:15:00-0200", 1795342500000 }, { "1970-01-01t00:00:00z", 0 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        int64_t ms = -1;
        bool ok = evo_parse_time(rows[i].text, &ms);
        if (i == 2) { /* "+01" without minutes is PostgreSQL's form, not RFC 3339's */
            assert_false(ok);
            continue;
        }
        assert_true(ok);
        assert_true(ms == rows[i].ms);
    }
}

static void test_parse_time_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const rows[] = { "",
                                        "2026-11-22",
                                        "2026-13-01T00:00:00Z",
                                        "2026-11-22T24:00:00Z",
                                        "2026-02-31T00:00:00Z",
                                        "2026-11-22T10:15:00",
                                        "2026-11-22T10:15:00Zx",
                                        "2026-11-22T10:15:00.Z" };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        int64_t ms = 42;
        assert_false(evo_parse_time(rows[i], &ms));
        assert_int_equal(ms, 42);
    }
}

static void test_deadline_in_the_past_is_passed_and_never_is_not(void **state)
{
    (void)state;
    assert_true(evo_deadline_passed(evo_deadline_in(0)));
    assert_false(evo_deadline_passed(evo_deadline_in(60000)));
    assert_false(evo_deadline_passed(EVO_DEADLINE_NEVER));
    assert_int_equal(evo_deadline_left(EVO_DEADLINE_NEVER), -1);
    assert_int_equal(evo_deadline_left(evo_deadline_in(-5)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_is_formatted_as_rfc_3339_in_utc),
        cmocka_unit_test(test_parse_time_takes_offsets_and_fractions),
        cmocka_unit_test(test_parse_time_refuses_what_is_none),
        cmocka_unit_test(test_deadline_in_the_past_is_passed_and_never_is_not),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
