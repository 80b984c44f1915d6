#include "cmocka_all.h"

#include "base/alloc.h"
#include "locks/harm.h"

static void test_add_counts_sessions_times_the_time_between_looks(void **state)
{
    (void)state;
    struct evo_harm h = { 0 };
    static const int64_t long_ones[] = { 60000, 60000, -1 };
    evo_harm_add(&h, 1000, 1500, long_ones, 3);
    assert_int_equal(h.session_ms, 1500); /* nobody waited for it before it began */
    evo_harm_add(&h, 1000, 1750, long_ones, 2);
    assert_int_equal(h.session_ms, 2000);
    assert_int_equal(h.sessions_max, 3);
}

static void test_add_counts_a_newcomer_for_as_long_as_it_waits(void **state)
{
    (void)state;
    struct evo_harm h = { 0 };
    static const int64_t waits[] = { 10, 0 };
    evo_harm_add(&h, 1000, 2000, waits, 2);
    assert_int_equal(h.session_ms, 10);
    assert_int_equal(h.sessions_max, 2);
}

static void test_add_of_nobody_counts_nothing_and_moves_on(void **state)
{
    (void)state;
    struct evo_harm h = { 0 };
    static const int64_t one[] = { -1 };
    evo_harm_add(&h, 1000, 5000, NULL, 0);
    assert_int_equal(h.session_ms, 0);
    evo_harm_add(&h, 1000, 5250, one, 1);
    assert_int_equal(h.session_ms, 250);
}

static void test_is_too_much_from_the_budget_on(void **state)
{
    (void)state;
    struct evo_harm h = { .session_ms = 1999 };
    assert_false(evo_harm_is_too_much(&h, 2000));
    h.session_ms = 2000;
    assert_true(evo_harm_is_too_much(&h, 2000));
    assert_false(evo_harm_is_too_much(&h, 0));
}

static void test_seconds_round_up(void **state)
{
    (void)state;
    assert_int_equal(evo_harm_seconds(0), 0);
    assert_int_equal(evo_harm_seconds(1), 1);
    assert_int_equal(evo_harm_seconds(2000), 2);
    assert_int_equal(evo_harm_seconds(2001), 3);
}

static void test_policy_gives_others_more_time_after_each_try(void **state)
{
    (void)state;
    int64_t last = 0;
    for (int64_t failed = 1; failed < 40; failed++) {
        struct evo_quiet_policy p = evo_quiet_policy(failed, false);
        assert_true(p.least_ms >= last && p.least_ms > 0);
        assert_true(p.least_ms < p.most_ms);
        last = p.least_ms;
    }
    assert_int_equal(evo_quiet_policy(1, false).least_ms, EVO_QUIET_LEAST_MS);
}

static void test_policy_asks_more_of_one_that_held_its_locks(void **state)
{
    (void)state;
    assert_int_equal(evo_quiet_policy(1, false).looks, 1);
    assert_true(evo_quiet_policy(1, true).looks > 1);
}

static void test_decide(void **state)
{
    (void)state;
    const struct evo_quiet_policy kept_waiting = { .least_ms = 250, .most_ms = 30000, .looks = 1 };
    const struct evo_quiet_policy held = { .least_ms = 250, .most_ms = 30000, .looks = 4 };
    static const struct {
        bool held;
        int64_t waited_ms;
        unsigned looks;
        enum evo_quiet what;
    } rows[] = {
        { false, 0, 1, EVO_QUIET_LOOK_AGAIN }, /* quiet, but those who queued have not had their turn */
        { false, 250, 1, EVO_QUIET_GO },           { false, 250, 0, EVO_QUIET_LOOK_AGAIN },
        { false, 29999, 0, EVO_QUIET_LOOK_AGAIN }, { false, 30000, 0, EVO_QUIET_GO_ANYWAY },
        { true, 5000, 3, EVO_QUIET_LOOK_AGAIN }, /* one free moment is not quiet */
        { true, 5000, 4, EVO_QUIET_GO },           { true, 30000, 3, EVO_QUIET_GO_ANYWAY },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        int64_t next = 0;
        assert_int_equal(
            evo_quiet_decide(rows[i].held ? &held : &kept_waiting, rows[i].waited_ms, rows[i].looks, &next),
            rows[i].what);
        if (rows[i].what == EVO_QUIET_LOOK_AGAIN)
            assert_in_range(next, 1, 1000);
    }
}

static void test_decide_comes_to_an_end_when_it_never_gets_quiet(void **state)
{
    (void)state;
    const struct evo_quiet_policy p = evo_quiet_policy(1, true);
    int64_t waited = 0, next = 0;
    int looks = 0;
    while (evo_quiet_decide(&p, waited, 0, &next) == EVO_QUIET_LOOK_AGAIN) {
        waited += next;
        assert_true(++looks < 200);
    }
    assert_int_equal(waited, EVO_QUIET_MOST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_counts_sessions_times_the_time_between_looks),
        cmocka_unit_test(test_add_counts_a_newcomer_for_as_long_as_it_waits),
        cmocka_unit_test(test_add_of_nobody_counts_nothing_and_moves_on),
        cmocka_unit_test(test_is_too_much_from_the_budget_on),
        cmocka_unit_test(test_seconds_round_up),
        cmocka_unit_test(test_policy_gives_others_more_time_after_each_try),
        cmocka_unit_test(test_policy_asks_more_of_one_that_held_its_locks),
        cmocka_unit_test(test_decide),
        cmocka_unit_test(test_decide_comes_to_an_end_when_it_never_gets_quiet),
    };
    return cmocka_run_group_tests_name("locks/harm", tests, NULL, NULL);
}
