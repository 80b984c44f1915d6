#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/retry.h"

static void test_after_waits_longer_each_time_up_to_the_limit(void **state)
{
    (void)state;
    const struct evo_retry_policy policy = EVO_RETRY_POLICY(20);
    static const int64_t steps[] = { 250, 500, 1000, 2000, 4000, 8000, 15000, 15000 };
    for (int64_t i = 0; i < 8; i++) {
        int64_t least = -1;
        int64_t most = -1;
        /* random 0 is the lower end, half the step; step - half the upper one */
        assert_true(evo_retry_after(&policy, i + 1, 0, &least));
        assert_int_equal(least, steps[i] / 2);
        assert_true(evo_retry_after(&policy, i + 1, (uint64_t)(steps[i] - steps[i] / 2), &most));
        assert_int_equal(most, steps[i]);
    }
}

static void test_after_spreads_within_the_upper_half(void **state)
{
    (void)state;
    const struct evo_retry_policy policy = EVO_RETRY_POLICY(3);
    for (uint64_t random = 0; random < 100000; random += 777) {
        int64_t wait = -1;
        assert_true(evo_retry_after(&policy, 3, random * 0x9E3779B97F4A7C15U, &wait));
        assert_in_range(wait, 500, 1000);
    }
}

static void test_after_ends_when_the_retries_are_used_up(void **state)
{
    (void)state;
    const struct evo_retry_policy none = EVO_RETRY_POLICY(0);
    const struct evo_retry_policy two = EVO_RETRY_POLICY(2);
    int64_t wait = -1;
    assert_false(evo_retry_after(&none, 1, 0, &wait));
    assert_true(evo_retry_after(&two, 2, 0, &wait));
    wait = -1;
    assert_false(evo_retry_after(&two, 3, 0, &wait));
    assert_int_equal(wait, -1);
}

static void test_wants_only_locks_not_gotten(void **state)
{
    (void)state;
    assert_true(evo_retry_wants("55P03"));
    assert_true(evo_retry_wants("40P01"));
    assert_false(evo_retry_wants("57014"));
    assert_false(evo_retry_wants("42P01"));
    assert_false(evo_retry_wants(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_waits_longer_each_time_up_to_the_limit),
        cmocka_unit_test(test_after_spreads_within_the_upper_half),
        cmocka_unit_test(test_after_ends_when_the_retries_are_used_up),
        cmocka_unit_test(test_wants_only_locks_not_gotten),
    };
    return cmocka_run_group_tests_name("migration/retry", tests, NULL, NULL);
}
