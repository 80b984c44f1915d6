/*
 * codec.h - one interface over the codecs: a stream as independent members, and back again.
 *
 * A member is a gzip member (RFC 1952) or a zstd frame (RFC 8878) that stands for itself: it has its own header and
 * checksum, and a file is several of them, one behind another. gunzip, zstd and every pg_restore that knows the codec
 * read them as one stream, and a reader may start at any of them.
 *
 * Writing: what one write() was given stays within one member wherever it fits into one, so that with one write a row
 * a member holds whole rows and the boundary of members is a boundary of rows. This holds for every codec; NONE has no
 * members, but its blocks are cut in the same way. Only a write that is larger than a member is cut, and it begins one.
 *
 * Reading: every member is decoded to its end, and its checksum and length are compared. What is no member, also behind
 * the last one, and a last member that is cut are EVO_ERR_INTEGRITY. The sink has had the data by then: whoever hands
 * it on must not commit before finish() returned EVO_OK. A file that was cut between two members looks whole from here:
 * compare evo_decompressor_members() and the size with what was written. zstd frames are read that need a window of up
 * to 16 MiB, so that a damaged header cannot ask for more; skippable frames are refused, since nothing here writes them.
 *
 *	EVO_AUTO_PTR(compressor) z = evo_compressor_new(EVO_CODEC_ZSTD, EVO_CODEC_FAST, EVO_CODEC_MEMBER, sink, ctx);
 *	while (next_row(&row, &n) && !rc)
 *	    rc = evo_compressor_write(z, row, n, err);
 *	if (!rc)
 *	    rc = evo_compressor_finish(z, err);
 *
 * An object is used by one thread at a time.
 */
#ifndef EVO_PACK_CODEC_H
#define EVO_PACK_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "pack/sink.h"

enum evo_codec {
    EVO_CODEC_NONE, /* the bytes as they are */
    EVO_CODEC_GZIP, /* FAST: igzip 1 (zlib 1 on a processor that igzip is slow on); BETTER: libdeflate 6 */
    EVO_CODEC_ZSTD /* FAST: level 1; BETTER: level 6 */
};
enum evo_codec_level { EVO_CODEC_FAST, EVO_CODEC_BETTER };

/* Raw bytes of a member where the caller has no other wish. */
#define EVO_CODEC_MEMBER ((size_t)1 << 20)
/* NONE gathers small writes into blocks of at most this size; a larger write is handed on as it is. */
#define EVO_CODEC_BLOCK ((size_t)256 << 10)

/* "none", "gzip", "zstd". */
const char *evo_codec_name(enum evo_codec c);
/* False for any other text. */
bool evo_codec_parse(const char *name, enum evo_codec *ret);
/* "", ".gz", ".zst": as pg_restore looks for the data files of a directory. */
const char *evo_codec_suffix(enum evo_codec c);

struct evo_compressor;
/* member_size: 1 KiB to 16 MiB of raw bytes; NONE does not look at it. The sink and ctx are borrowed until
 * evo_compressor_free() or a reset with another ctx. */
struct evo_compressor *evo_compressor_new(enum evo_codec c, enum evo_codec_level level, size_t member_size,
                                          evo_pack_sink *sink, void *ctx) EVO_CHECK;
void evo_compressor_free(struct evo_compressor *z);
EVO_DEFINE_AUTO_PTR(compressor, evo_compressor_free);
/* Cheap for small writes: a comparison and a memcpy. */
enum evo_errc evo_compressor_write(struct evo_compressor *z, const void *data, size_t n,
                                   struct evo_error *err) EVO_CHECK;
/* Writes what is left: the last member (an empty one where nothing was written), or the last block. */
enum evo_errc evo_compressor_finish(struct evo_compressor *z, struct evo_error *err) EVO_CHECK;
/* Ready for the next stream, which goes to ctx; what an unfinished one left is dropped. Memory is kept. */
void evo_compressor_reset(struct evo_compressor *z, void *ctx);
/* Of the stream so far; kept by finish, zeroed by reset. NONE has no members. */
uint64_t evo_compressor_members(const struct evo_compressor *z);
uint64_t evo_compressor_raw_bytes(const struct evo_compressor *z);

struct evo_decompressor;
struct evo_decompressor *evo_decompressor_new(enum evo_codec c, evo_pack_sink *sink, void *ctx) EVO_CHECK;
void evo_decompressor_free(struct evo_decompressor *z);
EVO_DEFINE_AUTO_PTR(decompressor, evo_decompressor_free);
/* Any piece of the stream, of any size. After an error nothing more is taken. */
enum evo_errc evo_decompressor_write(struct evo_decompressor *z, const void *data, size_t n,
                                     struct evo_error *err) EVO_CHECK;
/* The stream ended here: EVO_ERR_INTEGRITY inside a member, or where there was none at all (NONE: never). */
enum evo_errc evo_decompressor_finish(struct evo_decompressor *z, struct evo_error *err) EVO_CHECK;
/* Whole members so far; 0 with NONE. */
uint64_t evo_decompressor_members(const struct evo_decompressor *z);

#endif
