#include "cmocka_all.h"

#include "backfill/throttle.h"

static void test_lag_is_the_time_since_the_log_was_there(void **state)
{
    (void)state;
    struct evo_lag l = { 0 };
    assert_int_equal(evo_lag_of(&l, 1000, 5), 0);
    evo_lag_note(&l, 1000, 100);
    evo_lag_note(&l, 2000, 200);
    evo_lag_note(&l, 3000, 300);
    assert_int_equal(evo_lag_of(&l, 3500, 300), 0);
    assert_int_equal(evo_lag_of(&l, 3500, 250), 500);
    assert_int_equal(evo_lag_of(&l, 3500, 100), 1500);
    assert_int_equal(evo_lag_of(&l, 9000, 0), 8000);
}

static void test_lag_of_a_log_that_does_not_move_counts_from_when_it_got_there(void **state)
{
    (void)state;
    struct evo_lag l = { 0 };
    for (int64_t t = 0; t < 5000; t += 500)
        evo_lag_note(&l, t, 100);
    assert_int_equal(evo_lag_of(&l, 5000, 99), 5000);
    assert_int_equal(evo_lag_of(&l, 5000, 100), 0);
}

static void test_lag_keeps_old_times_however_many_samples_there_are(void **state)
{
    (void)state;
    struct evo_lag l = { 0 };
    for (int64_t i = 1; i <= 100000; i++)
        evo_lag_note(&l, i * 500, (uint64_t)i);
    const int64_t now = 100000 * 500;
    for (int64_t behind = 1; behind < 100000; behind = behind * 3 + 1) {
        int64_t lag = evo_lag_of(&l, now, (uint64_t)(100000 - behind));
        assert_true(lag <= behind * 500 && lag >= behind * 500 / 16 * 14 - 500);
    }
    assert_in_range(evo_lag_of(&l, 100000 * 500, 99999), 0, 500);
    assert_in_range(l.count, 1, EVO_LAG_SAMPLES);
}

static void test_holds_from_over_the_limit_until_well_under_it(void **state)
{
    (void)state;
    assert_false(evo_lag_holds(false, 1000, 1000));
    assert_true(evo_lag_holds(false, 1001, 1000));
    assert_true(evo_lag_holds(true, 800, 1000));
    assert_false(evo_lag_holds(true, 750, 1000));
    assert_false(evo_lag_holds(false, -1, 1000));
    assert_false(evo_lag_holds(true, 99999, -1));
    assert_true(evo_lag_holds(false, 1, 0));
}

static void test_for_blocked_stays_away_as_long_as_a_batch_took(void **state)
{
    (void)state;
    assert_int_equal(evo_throttle_for_blocked(0, 5000), 0);
    assert_int_equal(evo_throttle_for_blocked(1, 10), 50);
    assert_int_equal(evo_throttle_for_blocked(3, 700), 700);
    assert_int_equal(evo_throttle_for_blocked(1, 60000), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lag_is_the_time_since_the_log_was_there),
        cmocka_unit_test(test_lag_of_a_log_that_does_not_move_counts_from_when_it_got_there),
        cmocka_unit_test(test_lag_keeps_old_times_however_many_samples_there_are),
        cmocka_unit_test(test_holds_from_over_the_limit_until_well_under_it),
        cmocka_unit_test(test_for_blocked_stays_away_as_long_as_a_batch_took),
    };
    return cmocka_run_group_tests_name("backfill/throttle", tests, NULL, NULL);
}
