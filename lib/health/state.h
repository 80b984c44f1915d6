/*
 * state.h - one target's way to a verdict: when to ask again, and what the answers so far mean. Pure: time is an
 * argument, so every case is tested without a clock.
 *
 * A target is asked until it was healthy `successes` times in a row, or until the deadline. Every class of failure is
 * asked again: a deployment that is starting refuses connections, answers 502 and 404, resets and hangs, in any order.
 *
 *	healthy       enough successes in a row
 *	unhealthy     the deadline came, and the last answer was a failure
 *	inconclusive  the deadline came after some successes in a row but not enough, or before any answer
 */
#ifndef EVO_HEALTH_STATE_H
#define EVO_HEALTH_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct evo_health_policy {
    int64_t deadline_ms; /* for everything, from the start */
    int64_t interval_ms; /* pause between two attempts */
    int64_t timeout_ms; /* of one attempt */
    int64_t successes; /* in a row */
};

struct evo_health_state {
    int64_t attempts;
    int64_t streak; /* successes in a row, up to now */
};

enum evo_health_verdict {
    EVO_HEALTH_PENDING, /* ask again */
    EVO_HEALTH_HEALTHY,
    EVO_HEALTH_UNHEALTHY,
    EVO_HEALTH_INCONCLUSIVE
};
/* "healthy", "unhealthy", "inconclusive"; "pending". */
const char *evo_health_verdict_name(enum evo_health_verdict v);

void evo_health_observe(struct evo_health_state *s, bool passed);
/* How long to wait before the next attempt, -1 for no more. The first one comes at once. Where the interval would
 * pass the deadline, the pauses get shorter, so that the end of the time is used too. */
int64_t evo_health_pause(const struct evo_health_state *s, const struct evo_health_policy *p,
                         int64_t elapsed_ms);
/* Time-out of an attempt that starts now: never past the deadline. */
int64_t evo_health_timeout(const struct evo_health_policy *p, int64_t elapsed_ms);
enum evo_health_verdict evo_health_verdict(const struct evo_health_state *s,
                                           const struct evo_health_policy *p, int64_t elapsed_ms);

#endif
