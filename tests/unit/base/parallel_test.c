#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/cancel.h"
#include "base/parallel.h"

enum { ITEMS = 1000 };

struct seen {
    atomic_int times[ITEMS];
    size_t fails_at; /* SIZE_MAX: nowhere */
};

static enum evo_errc see(void *ctx, size_t i, struct evo_error *err)
{
    struct seen *s = ctx;
    atomic_fetch_add(&s->times[i], 1);
    return i == s->fails_at ? evo_error_set(err, EVO_ERR_DISK, "item %zu failed", i) : EVO_OK;
}

static void test_each_item_is_worked_on_once(void **state)
{
    (void)state;
    const int threads[] = { 1, 2, 8, EVO_PARALLEL_MAX };
    for (size_t t = 0; t < EVO_COUNT(threads); t++) {
        struct seen s = { .fails_at = SIZE_MAX };
        assert_int_equal(evo_parallel(ITEMS, threads[t], see, &s, NULL), EVO_OK);
        for (size_t i = 0; i < ITEMS; i++)
            assert_int_equal(atomic_load(&s.times[i]), 1);
    }
}

static void test_nothing_is_no_work(void **state)
{
    (void)state;
    struct seen s = { .fails_at = SIZE_MAX };
    assert_int_equal(evo_parallel(0, 4, see, &s, NULL), EVO_OK);
    assert_int_equal(atomic_load(&s.times[0]), 0);
}

static void test_the_first_failure_ends_it_and_is_returned(void **state)
{
    (void)state;
    struct seen s = { .fails_at = 3 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_parallel(ITEMS, 1, see, &s, &err), EVO_ERR_DISK);
    assert_string_equal(err.message, "item 3 failed");
    assert_int_equal(atomic_load(&s.times[3]), 1);
    assert_int_equal(atomic_load(&s.times[4]), 0);
}

struct rendezvous {
    pthread_barrier_t all;
};

static enum evo_errc meet(void *ctx, size_t i, struct evo_error *err)
{
    (void)i;
    (void)err;
    struct rendezvous *r = ctx;
    int rc = pthread_barrier_wait(&r->all);
    assert_true(rc == 0 || rc == PTHREAD_BARRIER_SERIAL_THREAD);
    return EVO_OK;
}

/* Ends only where as many items as threads are worked on at the same time. */
static void test_items_are_worked_on_side_by_side(void **state)
{
    (void)state;
    struct rendezvous r;
    assert_int_equal(pthread_barrier_init(&r.all, NULL, 4), 0);
    assert_int_equal(evo_parallel(4, 4, meet, &r, NULL), EVO_OK);
    assert_int_equal(pthread_barrier_destroy(&r.all), 0);
}

static void test_a_cancel_lets_no_item_begin(void **state)
{
    (void)state;
    struct seen s = { .fails_at = SIZE_MAX };
    struct evo_error err = EVO_ERROR_INIT;
    evo_cancel_request(SIGTERM);
    assert_int_equal(evo_parallel(ITEMS, 2, see, &s, &err), EVO_ERR_CANCELLED);
    evo_cancel_acknowledge();
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(atomic_load(&s.times[i]), 0);
}

static void *policy_of_a_batch_thread(void *ret_policy)
{
    evo_thread_batch();
    *(int *)ret_policy = sched_getscheduler(0);
    return NULL;
}

static void test_only_the_thread_that_asks_works_for_throughput(void **state)
{
    (void)state;
    int before = sched_getscheduler(0);
    int policy = -1;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, policy_of_a_batch_thread, &policy), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(policy, SCHED_BATCH);
    assert_int_equal(sched_getscheduler(0), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_item_is_worked_on_once),
        cmocka_unit_test(test_nothing_is_no_work),
        cmocka_unit_test(test_the_first_failure_ends_it_and_is_returned),
        cmocka_unit_test(test_items_are_worked_on_side_by_side),
        cmocka_unit_test(test_a_cancel_lets_no_item_begin),
        cmocka_unit_test(test_only_the_thread_that_asks_works_for_throughput),
    };
    return cmocka_run_group_tests_name("base/parallel", tests, NULL, NULL);
}
