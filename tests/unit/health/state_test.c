#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "health/state.h"

/* Runs a target whose n-th attempt takes `takes` ms and has the n-th outcome ('+', '-'; the last one from then on).
 * Returns the verdict and when it came. */
static enum evo_health_verdict simulate(const struct evo_health_policy *p, const char *outcomes,
                                        int64_t takes, struct evo_health_state *s, int64_t *ret_at)
{
    int64_t now = 0;
    for (;;) {
        int64_t pause = evo_health_pause(s, p, now);
        if (pause < 0)
            break;
        assert_int_equal(evo_health_verdict(s, p, now), EVO_HEALTH_PENDING);
        now += pause;
        int64_t timeout = evo_health_timeout(p, now);
        assert_true(timeout >= 1 && timeout <= p->timeout_ms);
        now += takes < timeout ? takes : timeout;
        evo_health_observe(s, outcomes[0] == '+');
        if (outcomes[1])
            outcomes++;
    }
    *ret_at = now;
    return evo_health_verdict(s, p, now);
}

static void test_verdict_of_whole_runs(void **state)
{
    (void)state;
    static const struct {
        struct evo_health_policy policy;
        const char *outcomes;
        int64_t takes;
        enum evo_health_verdict verdict;
        int64_t attempts, earliest, latest;
    } row[] = {
        /* at once */
        { { 60000, 2000, 5000, 1 }, "+", 10, EVO_HEALTH_HEALTHY, 1, 10, 10 },
        /* three in a row, a failure starts the count anew */
        { { 60000, 2000, 5000, 3 }, "-+-+++", 0, EVO_HEALTH_HEALTHY, 6, 10000, 10000 },
        { { 60000, 2000, 5000, 3 }, "++-+++", 0, EVO_HEALTH_HEALTHY, 6, 10000, 10000 },
        /* never: asked until the end, also in the last interval, which is no whole one */
        { { 5000, 2000, 5000, 1 }, "-", 0, EVO_HEALTH_UNHEALTHY, 6, 4800, 5000 },
        /* hangs: each attempt is cut off by its time-out, the last by the deadline */
        { { 12000, 2000, 5000, 1 }, "-", 99999, EVO_HEALTH_UNHEALTHY, 2, 12000, 12000 },
        { { 11000, 2000, 5000, 1 }, "-", 99999, EVO_HEALTH_UNHEALTHY, 2, 11000, 12000 },
        /* comes up in the last moment */
        { { 5000, 2000, 5000, 1 }, "---+", 0, EVO_HEALTH_HEALTHY, 4, 4500, 4500 },
        /* healthy at the end, but not for long enough */
        { { 5000, 2000, 5000, 9 }, "--+", 0, EVO_HEALTH_INCONCLUSIVE, 6, 4800, 5000 },
        /* flapping to the end */
        { { 3000, 1000, 5000, 2 }, "+-+-+-", 0, EVO_HEALTH_UNHEALTHY, 6, 2800, 3000 },
        /* no time for a single attempt */
        { { 0, 1000, 5000, 1 }, "+", 0, EVO_HEALTH_INCONCLUSIVE, 0, 0, 0 },
        /* a time-out longer than the deadline */
        { { 1000, 1000, 5000, 1 }, "-", 99999, EVO_HEALTH_UNHEALTHY, 1, 1000, 1000 },
        /* no pause at all */
        { { 1000, 0, 5000, 1 }, "-", 250, EVO_HEALTH_UNHEALTHY, 4, 1000, 1000 },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_health_state s = { 0 };
        int64_t at = -1;
        enum evo_health_verdict v = simulate(&row[i].policy, row[i].outcomes, row[i].takes, &s, &at);
        if (v != row[i].verdict || s.attempts != row[i].attempts || at < row[i].earliest ||
            at > row[i].latest)
            fail_msg("row %zu: %s after %lld attempts at %lld", i, evo_health_verdict_name(v),
                     (long long)s.attempts, (long long)at);
    }
}

static void test_observe_counts_successes_in_a_row(void **state)
{
    (void)state;
    struct evo_health_state s = { 0 };
    evo_health_observe(&s, true);
    evo_health_observe(&s, true);
    assert_int_equal(s.streak, 2);
    evo_health_observe(&s, false);
    assert_int_equal(s.streak, 0);
    evo_health_observe(&s, true);
    assert_int_equal(s.streak, 1);
    assert_int_equal(s.attempts, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict_of_whole_runs),
        cmocka_unit_test(test_observe_counts_successes_in_a_row),
    };
    return cmocka_run_group_tests_name("health/state", tests, NULL, NULL);
}
