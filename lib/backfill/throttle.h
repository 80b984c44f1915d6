/*
 * throttle.h - when a backfill has to hold still. Pure.
 *
 * How far a standby is behind is asked of positions, not of pg_stat_replication's replay_lag alone: that one is NULL,
 * or old, where a standby has stopped to replay. evo notes where the server's log was at what time; a standby that has
 * replayed up to some place is behind by the time since the log was there.
 */
#ifndef EVO_BACKFILL_THROTTLE_H
#define EVO_BACKFILL_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVO_LAG_SAMPLES = 256 };

struct evo_lag {
    struct {
        int64_t at_ms; /* monotonic */
        uint64_t position; /* bytes of log written up to then */
    } samples[EVO_LAG_SAMPLES];
    size_t count;
};
/* Where the log is at this time. Old samples are thinned out, so that any span of time has a place. */
void evo_lag_note(struct evo_lag *l, int64_t now_ms, uint64_t position);
/* For how long the log has been further than `replayed`, in ms; 0: it is not. */
int64_t evo_lag_of(const struct evo_lag *l, int64_t now_ms, uint64_t replayed);

/* Whether to hold still: from over the limit until it is under three quarters of it. limit_ms < 0: never. */
bool evo_lag_holds(bool holding, int64_t lag_ms, int64_t limit_ms);

/* How long to stay away after a batch behind which `blocked` other sessions had to wait: as long as it took, and at
 * least 50 ms, 5 s at most; 0 where nobody waits. */
int64_t evo_throttle_for_blocked(int64_t blocked, int64_t batch_ms);

#endif
