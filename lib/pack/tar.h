/*
 * tar.h - a handful of small files as one tar, in memory.
 *
 * For the migration files that travel with a passport: GNU format, which every tar can
 * unpack; the same files give the same bytes (no times, owners or modes of this machine).
 * Paths are relative and hold no ".."; anything else is refused, when writing and when reading.
 *
 *	EVO_AUTO_PTR(tar) tar = evo_tar_new(out);
 *	rc = evo_tar_add(tar, "20260101000000_init/migration.sql", sql.buf, sql.len, err);
 *	...
 *	rc = evo_tar_finish(tar, err);
 */
#ifndef EVO_PACK_TAR_H
#define EVO_PACK_TAR_H

#include "base/error.h"
#include "base/strbuf.h"

struct evo_tar;
/* Appends to out, which must outlive it; out's own limit is the limit of the whole. */
struct evo_tar *evo_tar_new(struct evo_strbuf *out) EVO_CHECK;
/* Without finish the tar is not complete. */
void evo_tar_free(struct evo_tar *tar);
EVO_DEFINE_AUTO_PTR(tar, evo_tar_free);
/* EVO_ERR_CONFIG for a path that is refused. */
enum evo_errc evo_tar_add(struct evo_tar *tar, const char *path, const void *data, size_t n,
                          struct evo_error *err) EVO_CHECK;
enum evo_errc evo_tar_finish(struct evo_tar *tar, struct evo_error *err) EVO_CHECK;

/* Calls fn for each file in order (data is valid during the call). EVO_ERR_INTEGRITY for what is no tar, is cut, holds anything
 * but plain files and folders, a refused path, or more than `max` bytes of files. */
typedef enum evo_errc evo_tar_file(void *ctx, const char *path, const void *data, size_t n,
                                   struct evo_error *err);
enum evo_errc evo_tar_read(const void *data, size_t n, size_t max, evo_tar_file *fn, void *ctx,
                           struct evo_error *err) EVO_CHECK;

#endif
