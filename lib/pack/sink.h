/*
 * sink.h - where a writer or reader of this folder puts its output.
 */
#ifndef EVO_PACK_SINK_H
#define EVO_PACK_SINK_H

#include "base/error.h"

/* Takes the output, in order; data is valid during the call. Its error ends the caller's work and is returned. */
typedef enum evo_errc evo_pack_sink(void *ctx, const void *data, size_t n, struct evo_error *err);

#endif
