#include "cmocka_all.h"

#include "backfill/pace.h"

static void test_after_grows_to_what_takes_the_target_time(void **state)
{
    (void)state;
    struct evo_pace p;
    evo_pace_init(&p, 200, 0);
    /* a hundredth of a millisecond a row: 20000 rows are 200 ms */
    for (int i = 0; i < 20; i++)
        evo_pace_after(&p, p.rows / 100, true);
    assert_in_range(p.rows, 18000, 22000);
    assert_in_range(p.window, p.rows, 2 * p.rows);
}

static void test_after_changes_by_twice_at_most(void **state)
{
    (void)state;
    struct evo_pace p;
    evo_pace_init(&p, 200, 0);
    evo_pace_after(&p, 0, true);
    assert_int_equal(p.rows, 1000);
    evo_pace_after(&p, 60000, true);
    assert_int_equal(p.rows, 500);
}

static void test_after_stays_within_its_bounds(void **state)
{
    (void)state;
    struct evo_pace p;
    evo_pace_init(&p, 200, 0);
    for (int i = 0; i < 40; i++)
        evo_pace_after(&p, 0, i % 2 == 0);
    assert_int_equal(p.rows, EVO_PACE_ROWS_MAX);
    for (int i = 0; i < 40; i++)
        evo_pace_after(&p, 100000, true);
    assert_int_equal(p.rows, 1);
    assert_in_range(p.window, 1, 2);
}

static void test_init_with_a_batch_takes_it_as_beginning_and_most(void **state)
{
    (void)state;
    struct evo_pace p;
    evo_pace_init(&p, 200, 300000);
    assert_int_equal(p.rows, 300000);
    assert_int_equal(p.window_max, 300000);
    evo_pace_init(&p, 0, 100);
    evo_pace_after(&p, 0, true);
    assert_int_equal(p.rows, 100);
}

static void test_after_widens_the_window_where_few_rows_match(void **state)
{
    (void)state;
    struct evo_pace p;
    evo_pace_init(&p, 200, 0);
    for (int i = 0; i < 12; i++)
        evo_pace_after(&p, 1, false);
    assert_int_equal(p.rows, 500);
    assert_int_equal(p.window, EVO_PACE_WINDOW_MAX);
    /* rows stand densely again: the window follows */
    evo_pace_after(&p, 200, true);
    assert_in_range(p.window, 500, 1000);
}

static void test_yield_halves_down_to_one_row(void **state)
{
    (void)state;
    struct evo_pace p;
    int halved = 0;
    evo_pace_init(&p, 200, 64);
    while (evo_pace_yield(&p))
        halved++;
    assert_int_equal(halved, 6);
    assert_int_equal(p.rows, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_grows_to_what_takes_the_target_time),
        cmocka_unit_test(test_after_changes_by_twice_at_most),
        cmocka_unit_test(test_after_stays_within_its_bounds),
        cmocka_unit_test(test_init_with_a_batch_takes_it_as_beginning_and_most),
        cmocka_unit_test(test_after_widens_the_window_where_few_rows_match),
        cmocka_unit_test(test_yield_halves_down_to_one_row),
    };
    return cmocka_run_group_tests_name("backfill/pace", tests, NULL, NULL);
}
