/*
 * rate.h - a limit of bytes a second that several threads share.
 *
 * A token bucket that may go into debt: a take is entered at once, in the order of arrival, and then waits until what
 * was entered up to and with it is paid for. So nobody overtakes, threads that take pieces of one size get equal
 * shares, a piece may be larger than the bucket, and over any time no more passes than the rate allows for it and the
 * burst: what a quiet quarter of a second would have let through.
 *
 * A call costs a lock: take once a block, not once a row. A small rate and a large block make a long wait, which ends
 * early on a cancel (base/cancel.h) and on evo_rate_stop().
 *
 *	struct evo_rate rate;
 *	evo_rate_init(&rate, 20 * 1000 * 1000);
 *	...                                            // in each thread, before the block leaves
 *	rc = evo_rate_take(&rate, n, err);
 */
#ifndef EVO_BASE_RATE_H
#define EVO_BASE_RATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"

enum { EVO_RATE_BURST_MS = 250 };

struct evo_rate {
    uint64_t bytes_per_second; /* 0: no limit */
    int64_t paid_at; /* monotonic milliseconds: when all that was taken is paid for */
    uint64_t rest; /* what paid_at lacks, in thousandths of a byte: less than a millisecond's worth */
    atomic_bool stopped;
    pthread_mutex_t mutex;
};

/* 0: no limit. Release it when no thread uses it any more. */
void evo_rate_init(struct evo_rate *r, uint64_t bytes_per_second);
void evo_rate_release(struct evo_rate *r);
EVO_DEFINE_AUTO(rate);

/* Waits for its turn. EVO_ERR_CANCELLED on a cancel or after a stop; the bytes count as taken all the same. */
enum evo_errc evo_rate_take(struct evo_rate *r, uint64_t bytes, struct evo_error *err) EVO_CHECK;
/* Ends every wait, of now and later: for a run that failed in another thread. */
void evo_rate_stop(struct evo_rate *r);

/* The arithmetic alone, without lock, clock and sleep: enters bytes at the time now_ms, and returns for how many
 * milliseconds the taker has to wait. now_ms never goes back. */
int64_t evo_rate_enter(struct evo_rate *r, uint64_t bytes, int64_t now_ms) EVO_CHECK;

#endif
