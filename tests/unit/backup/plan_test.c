#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/plan.h"
#include "base/alloc.h"

#define MIB ((uint64_t)1 << 20)

static void test_longest_first_keeps_the_order_of_equals(void **state)
{
    (void)state;
    struct evo_plan_item items[] = { { 0, 5 }, { 1, 9 }, { 2, 5 }, { 3, UINT64_MAX }, { 4, 0 } };
    const size_t want[] = { 3, 1, 0, 2, 4 };
    evo_plan_longest_first(items, EVO_COUNT(items));
    for (size_t i = 0; i < EVO_COUNT(items); i++)
        assert_int_equal(items[i].index, want[i]);
    evo_plan_longest_first(NULL, 0);
}

static void test_jobs_are_two_to_four(void **state)
{
    (void)state;
    const struct {
        long processors;
        int want;
    } rows[] = { { -1, 2 }, { 1, 2 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 64, 4 } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_int_equal(evo_plan_jobs(rows[i].processors), rows[i].want);
}

static void test_part_budget_never_is_less_than_a_part(void **state)
{
    (void)state;
    assert_int_equal(evo_plan_part_budget(64 * MIB, 2), 32 * MIB);
    assert_int_equal(evo_plan_part_budget(64 * MIB, 4), 24 * MIB);
    assert_int_equal(evo_plan_part_budget(0, 4), EVO_PLAN_PART_MIN);
    assert_int_equal(evo_plan_part_budget(64 * MIB, 32), EVO_PLAN_PART_MIN);
}

static void test_part_size(void **state)
{
    (void)state;
    const struct {
        uint64_t expected, budget;
        int jobs;
        uint64_t want;
    } rows[] = {
        { 0, 32 * MIB, 2, 16 * MIB }, /* a share */
        { 100 * MIB, 24 * MIB, 4, 6 * MIB },
        { 0, 24 * MIB, 8, 5 * MIB }, /* S3 takes no smaller ones */
        { 90000 * MIB, 24 * MIB, 4, 11 * MIB }, /* 10 000 parts have to do */
        { UINT64_MAX, 24 * MIB, 4, 24 * MIB }, /* all there is */
        { 0, 5 * MIB, 1, 5 * MIB },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_int_equal(evo_plan_part_size(rows[i].expected, rows[i].budget, rows[i].jobs), rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_first_keeps_the_order_of_equals),
        cmocka_unit_test(test_jobs_are_two_to_four),
        cmocka_unit_test(test_part_budget_never_is_less_than_a_part),
        cmocka_unit_test(test_part_size),
    };
    return cmocka_run_group_tests_name("backup/plan", tests, NULL, NULL);
}
