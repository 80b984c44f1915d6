/*
 * zstd.h - zstd's half of codec.h: blocks as independent frames (RFC 8878), and a stream of them back again.
 *
 * Internal to lib/pack; the others use codec.h. Each frame holds its content's size and checksum.
 */
#ifndef EVO_PACK_ZSTD_H
#define EVO_PACK_ZSTD_H

#include <stdint.h>

#include "pack/sink.h"

/* zstd's own level numbers. On COPY-like text in members of 1 MiB: 400 MB/s at a ratio of 3.86, 103 at 3.95. */
enum evo_zstd_level { EVO_ZSTD_FAST = 1, EVO_ZSTD_BETTER = 6 };

struct evo_zstd;
/* frame_size: at most so many raw bytes a frame. */
struct evo_zstd *evo_zstd_new(enum evo_zstd_level level, size_t frame_size) EVO_CHECK;
void evo_zstd_free(struct evo_zstd *z);
/* n <= frame_size bytes as one frame, in z's own memory until the next call. NULL: the library failed, a bug. */
const void *evo_zstd_frame(struct evo_zstd *z, const void *raw, size_t n, size_t *ret_n) EVO_CHECK;

/* As evo_decompressor_* (codec.h). */
struct evo_unzstd;
struct evo_unzstd *evo_unzstd_new(evo_pack_sink *sink, void *ctx) EVO_CHECK;
void evo_unzstd_free(struct evo_unzstd *z);
enum evo_errc evo_unzstd_write(struct evo_unzstd *z, const void *data, size_t n,
                               struct evo_error *err) EVO_CHECK;
enum evo_errc evo_unzstd_finish(struct evo_unzstd *z, struct evo_error *err) EVO_CHECK;
uint64_t evo_unzstd_members(const struct evo_unzstd *z);

#endif
