#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "backup/schedule.h"

static void begin(struct evo_schedule *s)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_schedule_begin(s, &err))
        fail_msg("%s", err.message);
}

static void assert_takes(struct evo_schedule *s, size_t want)
{
    size_t got = (size_t)-1;
    assert_true(evo_schedule_take(s, &got));
    assert_int_equal(got, want);
}

static void assert_waits(struct evo_schedule *s)
{
    size_t got;
    assert_false(evo_schedule_take(s, &got));
}

static void test_take_longest_first_then_in_order(void **state)
{
    (void)state;
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    const uint64_t costs[] = { 5, 9, 5, UINT64_MAX, 0 };
    const size_t want[] = { 3, 1, 0, 2, 4 };
    for (size_t i = 0; i < EVO_COUNT(costs); i++)
        assert_int_equal(evo_schedule_add(s, costs[i]), i);
    begin(s);
    for (size_t i = 0; i < EVO_COUNT(want); i++)
        assert_takes(s, want[i]);
    assert_waits(s);
    assert_int_equal(evo_schedule_left(s), 5);
}

static void test_take_by_the_way_to_the_end_not_by_the_piece(void **state)
{
    (void)state;
    /* A middling table with a long chain behind it goes before the largest one. */
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    size_t largest = evo_schedule_add(s, 100);
    size_t chained = evo_schedule_add(s, 60);
    size_t index = evo_schedule_add(s, 30);
    size_t key = evo_schedule_add(s, 20);
    evo_schedule_need(s, index, chained);
    evo_schedule_need(s, key, index);
    begin(s);
    assert_takes(s, chained);
    assert_takes(s, largest);
    assert_waits(s);
    evo_schedule_finish(s, chained);
    assert_takes(s, index);
    evo_schedule_finish(s, index);
    assert_takes(s, key);
}

static void test_take_an_index_while_other_rows_still_load(void **state)
{
    (void)state;
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    size_t part[2] = { evo_schedule_add(s, 50), evo_schedule_add(s, 50) };
    size_t other = evo_schedule_add(s, 40);
    size_t index = evo_schedule_add(s, 25);
    evo_schedule_need(s, index, part[0]);
    evo_schedule_need(s, index, part[1]);
    begin(s);
    assert_takes(s, part[0]);
    assert_takes(s, part[1]);
    evo_schedule_finish(s, part[0]);
    assert_takes(s, other);
    evo_schedule_finish(s, part[1]);
    assert_takes(s, index);
}

static void test_shared_locks_run_side_by_side_and_one_alone_does_not(void **state)
{
    (void)state;
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    size_t index[2] = { evo_schedule_add(s, 30), evo_schedule_add(s, 20) };
    size_t key = evo_schedule_add(s, 25);
    size_t elsewhere = evo_schedule_add(s, 1);
    evo_schedule_lock(s, index[0], 7, EVO_SCHEDULE_SHARED);
    evo_schedule_lock(s, index[1], 7, EVO_SCHEDULE_SHARED);
    evo_schedule_lock(s, key, 7, EVO_SCHEDULE_ALONE);
    evo_schedule_lock(s, elsewhere, 3, EVO_SCHEDULE_ALONE);
    begin(s);
    assert_takes(s, index[0]);
    /* The key is longer, but nobody waits for its lock while there is other work. */
    assert_takes(s, index[1]);
    assert_takes(s, elsewhere);
    assert_waits(s);
    evo_schedule_finish(s, index[0]);
    assert_waits(s);
    evo_schedule_finish(s, index[1]);
    assert_takes(s, key);
}

static void test_two_keys_between_the_same_tables_are_never_side_by_side(void **state)
{
    (void)state;
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    size_t key[2] = { evo_schedule_add(s, 10), evo_schedule_add(s, 10) };
    for (size_t i = 0; i < 2; i++) {
        evo_schedule_lock(s, key[i], i, EVO_SCHEDULE_ALONE);
        evo_schedule_lock(s, key[i], 1 - i, EVO_SCHEDULE_ALONE);
    }
    begin(s);
    assert_takes(s, key[0]);
    assert_waits(s);
    evo_schedule_finish(s, key[0]);
    assert_takes(s, key[1]);
}

static void test_the_stronger_of_two_locks_on_one_table_counts(void **state)
{
    (void)state;
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    size_t self = evo_schedule_add(s, 9);
    size_t index = evo_schedule_add(s, 8);
    evo_schedule_lock(s, self, 0, EVO_SCHEDULE_SHARED);
    evo_schedule_lock(s, self, 0, EVO_SCHEDULE_ALONE);
    evo_schedule_lock(s, self, 0, EVO_SCHEDULE_SHARED);
    evo_schedule_lock(s, index, 0, EVO_SCHEDULE_SHARED);
    begin(s);
    assert_takes(s, self);
    assert_waits(s);
    evo_schedule_finish(s, self);
    assert_takes(s, index);
}

static void test_begin_refuses_a_circle(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    size_t a = evo_schedule_add(s, 1);
    size_t b = evo_schedule_add(s, 1);
    evo_schedule_need(s, a, b);
    evo_schedule_need(s, b, a);
    assert_int_equal(evo_schedule_begin(s, &err), EVO_ERR_INTEGRITY);
}

static void test_nothing_at_all(void **state)
{
    (void)state;
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    begin(s);
    assert_waits(s);
    assert_int_equal(evo_schedule_left(s), 0);
    evo_schedule_free(NULL);
}

/* Any number of pieces with random needs and locks, some sessions: all are done, and never two at once that may not be. */
static void test_random_schedules_end_and_keep_to_their_locks(void **state)
{
    (void)state;
    enum { PIECES = 200, TABLES = 10, SESSIONS = 4, ROUNDS = 50 };
    unsigned seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        EVO_AUTO_PTR(schedule) s = evo_schedule_new();
        struct {
            size_t need, table;
            bool alone, done;
        } pieces[PIECES];
        for (size_t i = 0; i < PIECES; i++) {
            seed = seed * 1103515245 + 12345;
            pieces[i].need = seed >> 8 & 1 && i ? (seed >> 9) % i : i;
            pieces[i].table = (seed >> 20) % TABLES;
            pieces[i].alone = (seed >> 30) & 1;
            pieces[i].done = false;
            assert_int_equal(evo_schedule_add(s, seed >> 16 & 255), i);
            if (pieces[i].need != i)
                evo_schedule_need(s, i, pieces[i].need);
            evo_schedule_lock(s, i, pieces[i].table,
                              pieces[i].alone ? EVO_SCHEDULE_ALONE : EVO_SCHEDULE_SHARED);
        }
        begin(s);
        size_t running[SESSIONS];
        size_t n = 0;
        while (evo_schedule_left(s)) {
            while (n < SESSIONS && evo_schedule_take(s, &running[n])) {
                size_t got = running[n];
                assert_true(pieces[got].need == got || pieces[pieces[got].need].done);
                for (size_t k = 0; k < n; k++)
                    assert_true(pieces[running[k]].table != pieces[got].table ||
                                (!pieces[running[k]].alone && !pieces[got].alone));
                n++;
            }
            assert_true(n > 0);
            seed = seed * 1103515245 + 12345;
            size_t ends = (seed >> 16) % n;
            pieces[running[ends]].done = true;
            evo_schedule_finish(s, running[ends]);
            running[ends] = running[--n];
        }
        assert_waits(s);
    }
}

/* Twenty thousand tables that refer to the same one. */
static void test_a_crowd_at_one_table_is_not_gone_through_each_time(void **state)
{
    (void)state;
    enum { CROWD = 20000 };
    EVO_AUTO_PTR(schedule) s = evo_schedule_new();
    struct timespec began;
    struct timespec ended;
    size_t piece;
    for (size_t i = 0; i < CROWD; i++)
        evo_schedule_lock(s, evo_schedule_add(s, 10), 0, EVO_SCHEDULE_ALONE);
    size_t small = evo_schedule_add(s, 1);
    begin(s);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
    for (size_t i = 0; i < CROWD; i++) {
        assert_true(evo_schedule_take(s, &piece));
        assert_int_not_equal(piece, small);
        size_t other;
        /* What is free is found as soon as no more than some hundreds stand before it. */
        if (evo_schedule_take(s, &other)) {
            assert_int_equal(other, small);
            assert_true(CROWD - i <= 1000);
            evo_schedule_finish(s, other);
        }
        evo_schedule_finish(s, piece);
    }
    assert_int_equal(evo_schedule_left(s), 0);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
    /* Going through all of them took minutes. */
    assert_true(ended.tv_sec - began.tv_sec < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_longest_first_then_in_order),
        cmocka_unit_test(test_take_by_the_way_to_the_end_not_by_the_piece),
        cmocka_unit_test(test_take_an_index_while_other_rows_still_load),
        cmocka_unit_test(test_shared_locks_run_side_by_side_and_one_alone_does_not),
        cmocka_unit_test(test_two_keys_between_the_same_tables_are_never_side_by_side),
        cmocka_unit_test(test_the_stronger_of_two_locks_on_one_table_counts),
        cmocka_unit_test(test_begin_refuses_a_circle),
        cmocka_unit_test(test_nothing_at_all),
        cmocka_unit_test(test_a_crowd_at_one_table_is_not_gone_through_each_time),
        cmocka_unit_test(test_random_schedules_end_and_keep_to_their_locks),
    };
    return cmocka_run_group_tests_name("backup/schedule", tests, NULL, NULL);
}
