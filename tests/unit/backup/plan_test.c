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

static void test_part_budget_never_is_less_than_an_object_needs(void **state)
{
    (void)state;
    assert_int_equal(evo_plan_part_budget(64 * MIB, 2), 32 * MIB);
    assert_int_equal(evo_plan_part_budget(64 * MIB, 4), 24 * MIB);
    assert_int_equal(evo_plan_part_budget(0, 4), 2 * EVO_PLAN_PART_MIN);
    assert_int_equal(evo_plan_part_budget(64 * MIB, 32), 2 * EVO_PLAN_PART_MIN);
}

static void test_part_size_is_a_share_for_two_parts_a_session(void **state)
{
    (void)state;
    const struct {
        uint64_t budget;
        int jobs;
        uint64_t want;
    } rows[] = {
        { 32 * MIB, 2, 8 * MIB },  { 24 * MIB, 4, 5 * MIB }, /* S3 takes no smaller ones */
        { 24 * MIB, 1, 12 * MIB }, { 1024 * MIB, 4, 16 * MIB }, { 33 * MIB, 3, 5 * MIB },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_int_equal(evo_plan_part_size(rows[i].budget, rows[i].jobs), rows[i].want);
}

static void test_tables_are_cut_into_ranges(void **state)
{
    (void)state;
    const struct {
        uint64_t bytes;
        uint32_t blocks;
        uint64_t range;
        uint32_t count, each;
    } rows[] = {
        { 0, 0, 64 * MIB, 1, 0 }, /* empty */
        { 127 * MIB, 16256, 64 * MIB, 1, 16256 }, /* less than two ranges */
        { 128 * MIB, 16384, 64 * MIB, 2, 8192 },
        { 130 * MIB, 16641, 64 * MIB, 2, 8321 }, /* rounded up: no third one for the rest */
        { 640 * MIB, 3, 64 * MIB, 3, 1 }, /* nearly all of it out of line: not more ranges than blocks */
        { 640 * MIB, 1, 64 * MIB, 1, 1 },
        { (uint64_t)10 << 40, 1342177280, 64 * MIB, 512, 2621440 }, /* 10 TiB */
        { 100 * MIB, 10, 10 * MIB, 10, 1 },
        { 100 * MIB, 11, 10 * MIB, 6, 2 }, /* none of them is empty */
        { 100 * MIB, 12800, 0, 1, 12800 }, /* not at all */
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_plan_ranges r = evo_plan_cut(rows[i].bytes, rows[i].blocks, rows[i].range);
        assert_int_equal(r.count, rows[i].count);
        assert_int_equal(r.blocks, rows[i].each);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_first_keeps_the_order_of_equals),
        cmocka_unit_test(test_jobs_are_two_to_four),
        cmocka_unit_test(test_part_budget_never_is_less_than_an_object_needs),
        cmocka_unit_test(test_part_size_is_a_share_for_two_parts_a_session),
        cmocka_unit_test(test_tables_are_cut_into_ranges),
    };
    return cmocka_run_group_tests_name("backup/plan", tests, NULL, NULL);
}
