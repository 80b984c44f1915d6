#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/rate.h"

static void test_enter_without_a_limit_never_waits(void **state)
{
    (void)state;
    EVO_AUTO(rate) r;
    evo_rate_init(&r, 0);
    assert_int_equal(evo_rate_enter(&r, UINT64_MAX, 0), 0);
    assert_int_equal(evo_rate_enter(&r, UINT64_MAX, 0), 0);
}

static void test_enter_lets_the_burst_pass_and_no_more(void **state)
{
    (void)state;
    EVO_AUTO(rate) r;
    evo_rate_init(&r, 1000);
    assert_int_equal(evo_rate_enter(&r, 100, 5000), 0);
    assert_int_equal(evo_rate_enter(&r, 150, 5000), 0);
    assert_int_equal(evo_rate_enter(&r, 100, 5000), 100);
    /* An hour of quiet saves up no more than a quarter of a second does. */
    assert_int_equal(evo_rate_enter(&r, 250, 3600000), 0);
    assert_int_equal(evo_rate_enter(&r, 1, 3600000), 1);
}

static void test_enter_takes_more_than_the_bucket_holds(void **state)
{
    (void)state;
    EVO_AUTO(rate) r;
    evo_rate_init(&r, 1000);
    assert_int_equal(evo_rate_enter(&r, 10250, 0), 10000);
    assert_int_equal(evo_rate_enter(&r, 1, 10000), 1);
}

static void test_enter_holds_the_rate_over_time(void **state)
{
    (void)state;
    const struct {
        uint64_t rate, piece;
    } rows[] = { { 1000, 1 },          { 999, 7 },           { 3, 1 },
                 { 10000000000, 150 }, { 1048576, 1048576 }, { 20000000, 65536 } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(rate) r;
        evo_rate_init(&r, rows[i].rate);
        int64_t now = 1000000;
        uint64_t taken = 0;
        for (int k = 0; k < 100000; k++) {
            now += evo_rate_enter(&r, rows[i].piece, now);
            taken += rows[i].piece;
        }
        /* Every byte in its time, less the burst; a millisecond is the grain. */
        double due = (double)taken / (double)rows[i].rate * 1000 - EVO_RATE_BURST_MS;
        double took = (double)(now - 1000000);
        assert_true(took >= due - 1 && (took <= due + 1 || due < 0));
    }
}

static void test_enter_shares_equally_and_lets_nobody_overtake(void **state)
{
    (void)state;
    EVO_AUTO(rate) r;
    evo_rate_init(&r, 1000);
    /* Three takers, each back as soon as its wait is over; at the same time the first in the list comes first. */
    int64_t ready[3] = { 0, 0, 0 };
    int64_t last_end = 0;
    int turns[3] = { 0 };
    for (int k = 0; k < 300; k++) {
        int next = 0;
        for (int i = 1; i < 3; i++)
            if (ready[i] < ready[next])
                next = i;
        int64_t end = ready[next] + evo_rate_enter(&r, 50, ready[next]);
        assert_true(end >= last_end);
        last_end = end;
        ready[next] = end;
        turns[next]++;
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(turns[i], 95, 105);
}

static void test_enter_of_absurd_sizes_does_not_overflow(void **state)
{
    (void)state;
    EVO_AUTO(rate) r;
    evo_rate_init(&r, 1);
    for (int i = 0; i < 1000; i++)
        assert_true(evo_rate_enter(&r, UINT64_MAX, 1000) > 0);
    EVO_AUTO(rate) fast;
    evo_rate_init(&fast, UINT64_MAX);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(evo_rate_enter(&fast, 1 << 20, 1000), 0);
}

static void *take_some(void *argument)
{
    struct evo_error err = EVO_ERROR_INIT;
    for (int i = 0; i < 10; i++)
        if (evo_rate_take(argument, 10000, &err))
            return argument;
    return NULL;
}

static void test_take_holds_threads_to_one_rate(void **state)
{
    (void)state;
    EVO_AUTO(rate) r;
    evo_rate_init(&r, 1000000);
    pthread_t threads[4];
    int64_t began = evo_clock_ms();
    for (size_t i = 0; i < EVO_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_some, &r), 0);
    for (size_t i = 0; i < EVO_COUNT(threads); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    /* 400000 bytes, of which 250000 are the burst */
    assert_true(evo_clock_ms() - began >= 150);
}

static void test_take_ends_on_a_cancel(void **state)
{
    (void)state;
    EVO_AUTO(rate) r;
    struct evo_error err = EVO_ERROR_INIT;
    evo_rate_init(&r, 1);
    evo_cancel_request(SIGTERM);
    enum evo_errc rc = evo_rate_take(&r, 1000000, &err);
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_string_equal(err.message, "cancelled by signal 15 (Terminated)");
}

static void *stop_it(void *argument)
{
    evo_rate_stop(argument);
    return NULL;
}

static void test_take_ends_on_a_stop_by_another_thread(void **state)
{
    (void)state;
    EVO_AUTO(rate) r;
    struct evo_error err = EVO_ERROR_INIT;
    pthread_t other;
    evo_rate_init(&r, 1);
    assert_int_equal(pthread_create(&other, NULL, stop_it, &r), 0);
    assert_int_equal(evo_rate_take(&r, 1000000, &err), EVO_ERR_CANCELLED);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(evo_rate_take(&r, 1, &err), EVO_ERR_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enter_without_a_limit_never_waits),
        cmocka_unit_test(test_enter_lets_the_burst_pass_and_no_more),
        cmocka_unit_test(test_enter_takes_more_than_the_bucket_holds),
        cmocka_unit_test(test_enter_holds_the_rate_over_time),
        cmocka_unit_test(test_enter_shares_equally_and_lets_nobody_overtake),
        cmocka_unit_test(test_enter_of_absurd_sizes_does_not_overflow),
        cmocka_unit_test(test_take_holds_threads_to_one_rate),
        cmocka_unit_test(test_take_ends_on_a_cancel),
        cmocka_unit_test(test_take_ends_on_a_stop_by_another_thread),
    };
    return cmocka_run_group_tests_name("base/rate", tests, NULL, NULL);
}
