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

#endif
