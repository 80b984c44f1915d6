#include "health/state.h"

#include "base/error.h"

/* Less time than this is no attempt. */
#define LEAST_MS 200

const char *evo_health_verdict_name(enum evo_health_verdict v)
{
    static const char *const name[] = {
        [EVO_HEALTH_PENDING] = "pending",
        [EVO_HEALTH_HEALTHY] = "healthy",
        [EVO_HEALTH_UNHEALTHY] = "unhealthy",
        [EVO_HEALTH_INCONCLUSIVE] = "inconclusive",
    };
    return name[v];
}

void evo_health_observe(struct evo_health_state *s, bool passed)
{
    s->attempts++;
    s->streak = passed ? s->streak + 1 : 0;
}

int64_t evo_health_pause(const struct evo_health_state *s, const struct evo_health_policy *p,
                         int64_t elapsed_ms)
{
    int64_t left = p->deadline_ms - elapsed_ms;
    if (s->streak >= p->successes || left <= 0)
        return -1;
    if (!s->attempts)
        return 0;
    if (left < LEAST_MS)
        return -1;
    return p->interval_ms < left ? p->interval_ms : left / 2;
}

int64_t evo_health_timeout(const struct evo_health_policy *p, int64_t elapsed_ms)
{
    int64_t left = p->deadline_ms - elapsed_ms;
    if (left < 1)
        left = 1;
    return p->timeout_ms < left ? p->timeout_ms : left;
}

enum evo_health_verdict evo_health_verdict(const struct evo_health_state *s,
                                           const struct evo_health_policy *p, int64_t elapsed_ms)
{
    if (s->attempts && s->streak >= p->successes)
        return EVO_HEALTH_HEALTHY;
    if (evo_health_pause(s, p, elapsed_ms) >= 0)
        return EVO_HEALTH_PENDING;
    return !s->attempts || s->streak ? EVO_HEALTH_INCONCLUSIVE : EVO_HEALTH_UNHEALTHY;
}
