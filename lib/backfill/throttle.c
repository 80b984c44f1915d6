#include "backfill/throttle.h"

enum { AWAY_LEAST_MS = 50, AWAY_MOST_MS = 5000 };

/* Older ones stand wider apart, by a sixteenth of their age: a lag of any length is known to a sixteenth. */
static void thin_out(struct evo_lag *l, int64_t now_ms)
{
    size_t kept = 1;
    for (size_t i = 1; i + 1 < l->count; i++) {
        int64_t gap = l->samples[i + 1].at_ms - l->samples[kept - 1].at_ms;
        if (gap > (now_ms - l->samples[i + 1].at_ms) / 16)
            l->samples[kept++] = l->samples[i];
    }
    l->samples[kept++] = l->samples[l->count - 1];
    /* Samples that come faster than ever: the oldest makes room. */
    if (kept == EVO_LAG_SAMPLES)
        for (size_t i = 1; i < kept; i++)
            l->samples[i - 1] = l->samples[i];
    l->count = kept == EVO_LAG_SAMPLES ? kept - 1 : kept;
}

void evo_lag_note(struct evo_lag *l, int64_t now_ms, uint64_t position)
{
    /* Where the log does not move, the time that counts is the one when it got there. */
    if (l->count && l->samples[l->count - 1].position >= position)
        return;
    if (l->count == EVO_LAG_SAMPLES)
        thin_out(l, now_ms);
    l->samples[l->count].at_ms = now_ms;
    l->samples[l->count++].position = position;
}

int64_t evo_lag_of(const struct evo_lag *l, int64_t now_ms, uint64_t replayed)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->samples[i].position > replayed)
            return now_ms - l->samples[i].at_ms;
    return 0;
}

bool evo_lag_holds(bool holding, int64_t lag_ms, int64_t limit_ms)
{
    if (limit_ms < 0)
        return false;
    return holding ? lag_ms > limit_ms / 4 * 3 : lag_ms > limit_ms;
}

int64_t evo_throttle_for_blocked(int64_t blocked, int64_t batch_ms)
{
    if (blocked <= 0)
        return 0;
    return batch_ms < AWAY_LEAST_MS ? AWAY_LEAST_MS : batch_ms > AWAY_MOST_MS ? AWAY_MOST_MS : batch_ms;
}
