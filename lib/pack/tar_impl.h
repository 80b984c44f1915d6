/*
 * tar_impl.h - what tar.c and tar_stream.c share. Internal to lib/pack.
 */
#ifndef EVO_PACK_TAR_IMPL_H
#define EVO_PACK_TAR_IMPL_H

#include <archive.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

/* Relative, of plain segments only, and not absurdly long. */
bool evo_tar_path_allowed(const char *path);
/* A tar that is written in blocks of `block` bytes by `write`, which must take all it is given: libarchive does not
 * free its own buffers after a failed write. */
struct archive *evo_tar_archive_open(archive_write_callback *write, void *ctx, int block) EVO_CHECK;
/* The header of a plain file. False: archive_error_string() knows why. */
bool evo_tar_archive_header(struct archive *a, const char *path, uint64_t size, int64_t mtime_s,
                            unsigned mode);

#endif
