/*
 * gzip.h - a stream as independent gzip members, and back again.
 *
 * RFC 1952 lets a file be several members, one behind another; gunzip, zlib and every
 * pg_restore read them as one stream. Members of about 1 MiB are compressed one by one,
 * so a worker needs no more memory than one of them, and a reader may start at any.
 *
 * Writing: a member ends at the end of a write() wherever it can, so that with one write
 * a row it holds whole rows; only a write larger than a member is cut.
 * Reading: the header, checksum and length of every member are checked; bytes that are no
 * member and a last member that is cut are EVO_ERR_INTEGRITY. A file cut between members
 * looks whole from here: compare evo_gunzip_members() and the size with what was written.
 *
 * An object is used by one thread at a time.
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

/* Raw bytes of a member where the caller has no other wish. */
#define EVO_GZIP_MEMBER ((size_t)1 << 20)

struct evo_gzip;
/* member_size: 1 KiB to 16 MiB. The sink and ctx are borrowed until evo_gzip_free(). */
struct evo_gzip *evo_gzip_new(enum evo_gzip_level level, size_t member_size, evo_pack_sink *sink,
                              void *ctx) EVO_CHECK;
void evo_gzip_free(struct evo_gzip *z);
/* n <= member_size bytes as one member, in z's own memory until the next call; the stream of write() and finish() is
 * not concerned. NULL: the library failed, a bug. */
const void *evo_gzip_member(struct evo_gzip *z, const void *raw, size_t n, size_t *ret_n) EVO_CHECK;
EVO_DEFINE_AUTO_PTR(gzip, evo_gzip_free);
enum evo_errc evo_gzip_write(struct evo_gzip *z, const void *data, size_t n, struct evo_error *err) EVO_CHECK;
/* Writes the last member (an empty one where nothing was written) and makes z ready for the next stream, which may go
 * to another ctx. */
enum evo_errc evo_gzip_finish(struct evo_gzip *z, struct evo_error *err) EVO_CHECK;
void evo_gzip_reset(struct evo_gzip *z, void *ctx);
/* Of the stream so far; kept by finish, zeroed by reset. */
uint64_t evo_gzip_members(const struct evo_gzip *z);
uint64_t evo_gzip_raw_bytes(const struct evo_gzip *z);

struct evo_gunzip;
struct evo_gunzip *evo_gunzip_new(evo_pack_sink *sink, void *ctx) EVO_CHECK;
void evo_gunzip_free(struct evo_gunzip *z);
EVO_DEFINE_AUTO_PTR(gunzip, evo_gunzip_free);
enum evo_errc evo_gunzip_write(struct evo_gunzip *z, const void *data, size_t n,
                               struct evo_error *err) EVO_CHECK;
/* The stream ended here: EVO_ERR_INTEGRITY inside a member, or where there was none at all. */
enum evo_errc evo_gunzip_finish(struct evo_gunzip *z, struct evo_error *err) EVO_CHECK;
uint64_t evo_gunzip_members(const struct evo_gunzip *z);

#endif
