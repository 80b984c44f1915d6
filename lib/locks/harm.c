#include "locks/harm.h"

/* Between two looks for a quiet moment. */
#define LOOK_MIN_MS 250
#define LOOK_MAX_MS 1000
/* How often a table must be found unused before a statement that is slow by itself is tried again. */
#define LOOKS_HELD 4

void evo_harm_add(struct evo_harm *h, int64_t began_at, int64_t now, const int64_t *waits_ms, size_t count)
{
    int64_t since = h->looked_at > began_at ? now - h->looked_at : now - began_at;
    if (since < 0)
        since = 0;
    for (size_t i = 0; i < count; i++)
        h->session_ms += waits_ms[i] >= 0 && waits_ms[i] < since ? waits_ms[i] : since;
    if ((int64_t)count > h->sessions_max)
        h->sessions_max = (int64_t)count;
    h->looked_at = now;
}

bool evo_harm_is_too_much(const struct evo_harm *h, int64_t budget_ms)
{
    return budget_ms > 0 && h->session_ms >= budget_ms;
}

int64_t evo_harm_seconds(int64_t session_ms)
{
    return (session_ms + 999) / 1000;
}

struct evo_quiet_policy evo_quiet_policy(int64_t failed, bool held)
{
    struct evo_quiet_policy p = { .least_ms = EVO_QUIET_LEAST_MS,
                                  .most_ms = EVO_QUIET_MOST_MS,
                                  .looks = held ? LOOKS_HELD : 1 };
    /* what was too much several times will be again: more time for others in between */
    for (int64_t i = 1; i < failed && p.least_ms < EVO_QUIET_MOST_MS / 4; i++)
        p.least_ms *= 2;
    return p;
}

enum evo_quiet evo_quiet_decide(const struct evo_quiet_policy *p, int64_t waited_ms, unsigned looks,
                                int64_t *ret_next_ms)
{
    if (waited_ms >= p->least_ms && looks >= p->looks)
        return EVO_QUIET_GO;
    if (waited_ms >= p->most_ms)
        return EVO_QUIET_GO_ANYWAY;
    int64_t next = waited_ms / 4;
    if (next < LOOK_MIN_MS)
        next = LOOK_MIN_MS;
    if (next > LOOK_MAX_MS)
        next = LOOK_MAX_MS;
    if (waited_ms < p->least_ms && next > p->least_ms - waited_ms)
        next = p->least_ms - waited_ms;
    if (next > p->most_ms - waited_ms)
        next = p->most_ms - waited_ms;
    *ret_next_ms = next > 0 ? next : 1;
    return EVO_QUIET_LOOK_AGAIN;
}
