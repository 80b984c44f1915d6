/*
 * gzip.h - gzip's half of codec.h: blocks as independent members (RFC 1952), and a stream of them back again.
 *
 * Internal to lib/pack; the others use codec.h. gunzip, zlib and every pg_restore read several members, one behind
 * another, as one stream.
 */
#ifndef EVO_PACK_GZIP_H
#define EVO_PACK_GZIP_H

#include <stdint.h>

#include "pack/sink.h"

enum evo_gzip_level {
    /* igzip level 1: about zlib 6's ratio at ten times its speed on COPY text. zlib 1 where engine.h says so. */
    EVO_GZIP_FAST,
    EVO_GZIP_BETTER /* libdeflate level 6: a sixth smaller, a fifth of the speed */
};

struct evo_gzip;
/* member_size: at most so many raw bytes a member. */
struct evo_gzip *evo_gzip_new(enum evo_gzip_level level, size_t member_size) EVO_CHECK;
void evo_gzip_free(struct evo_gzip *z);
EVO_DEFINE_AUTO_PTR(gzip, evo_gzip_free);
/* n <= member_size bytes as one member, in z's own memory until the next call. NULL: the library failed, a bug. */
const void *evo_gzip_member(struct evo_gzip *z, const void *raw, size_t n, size_t *ret_n) EVO_CHECK;

/* As evo_decompressor_* (codec.h). */
struct evo_gunzip;
struct evo_gunzip *evo_gunzip_new(evo_pack_sink *sink, void *ctx) EVO_CHECK;
void evo_gunzip_free(struct evo_gunzip *z);
EVO_DEFINE_AUTO_PTR(gunzip, evo_gunzip_free);
enum evo_errc evo_gunzip_write(struct evo_gunzip *z, const void *data, size_t n,
                               struct evo_error *err) EVO_CHECK;
enum evo_errc evo_gunzip_finish(struct evo_gunzip *z, struct evo_error *err) EVO_CHECK;
uint64_t evo_gunzip_members(const struct evo_gunzip *z);

#endif
