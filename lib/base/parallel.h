/*
 * parallel.h - one function over many items, by a few threads.
 *
 * Items are taken in order, each once. The first failure, or a cancel (base/cancel.h), lets no further item begin; its
 * error is returned when those that run have ended. The calling thread works as well: where no other can be started,
 * it only takes longer.
 *
 *	rc = evo_parallel(list.count, 8, read_item, &reading, err);
 */
#ifndef EVO_BASE_PARALLEL_H
#define EVO_BASE_PARALLEL_H

#include <stddef.h>

#include "base/error.h"

#define EVO_PARALLEL_MAX 32

/* Works on item i of ctx, which all threads share. */
typedef enum evo_errc evo_parallel_item(void *ctx, size_t i, struct evo_error *err);
/* `threads`: with the calling one; at most EVO_PARALLEL_MAX. */
enum evo_errc evo_parallel(size_t count, int threads, evo_parallel_item *work, void *ctx,
                           struct evo_error *err) EVO_CHECK;

/* Makes the calling thread, and those it starts, one of throughput: woken, it waits for a processor instead of taking
 * it from whoever has it (SCHED_BATCH, sched(7)). For a thread that reads what a server on the same machine writes in
 * small pieces: it then finds many of them at once, where each alone would have cost two switches. Without effect where
 * processors are free. Not granted: stays as it is. */
void evo_thread_batch(void);

#endif
