/*
 * tar_stream.h - files of any size as one tar, as it is written: nothing is kept but one block.
 *
 * For what does not fit into memory; tar.h is for a handful of small files, and has the same format and the same rules
 * for paths. GNU format, which every tar unpacks, also beyond 8 GiB.
 *
 * A tar's header stands before its file and holds the size. So the size is told first, and what comes must be so long:
 * more or less of it is EVO_ERR_INTEGRITY. After any error the tar is worthless and every further call returns an error.
 *
 *	EVO_AUTO_PTR(tar_stream) tar = evo_tar_stream_new(sink, ctx);
 *	rc = evo_tar_stream_begin(tar, "toc.dat", size, mtime_ms, 0600, err);
 *	while (!rc && ...)
 *	    rc = evo_tar_stream_write(tar, data, n, err);
 *	if (!rc)
 *	    rc = evo_tar_stream_end(tar, err);
 *	...
 *	if (!rc)
 *	    rc = evo_tar_stream_finish(tar, err);
 */
#ifndef EVO_PACK_TAR_STREAM_H
#define EVO_PACK_TAR_STREAM_H

#include <stdint.h>

#include "pack/sink.h"

struct evo_tar_stream;
/* The sink and ctx are borrowed until evo_tar_stream_free(). It is given blocks of 256 KiB, and at the end what is left. */
struct evo_tar_stream *evo_tar_stream_new(evo_pack_sink *sink, void *ctx) EVO_CHECK;
/* Writes nothing: without finish the tar is not complete. */
void evo_tar_stream_free(struct evo_tar_stream *tar);
EVO_DEFINE_AUTO_PTR(tar_stream, evo_tar_stream_free);
/* mtime_ms since 1970, kept to the second; mode: permission bits. EVO_ERR_CONFIG for a path that is refused: relative
 * ones without ".", ".." and empty segments are taken. */
enum evo_errc evo_tar_stream_begin(struct evo_tar_stream *tar, const char *path, uint64_t size,
                                   int64_t mtime_ms, unsigned mode, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_tar_stream_write(struct evo_tar_stream *tar, const void *data, size_t n,
                                   struct evo_error *err) EVO_CHECK;
enum evo_errc evo_tar_stream_end(struct evo_tar_stream *tar, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_tar_stream_finish(struct evo_tar_stream *tar, struct evo_error *err) EVO_CHECK;

#endif
