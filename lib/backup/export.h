/*
 * export.h - a backup out of the store as one tar: "<id>/toc.dat", "<id>/RESTORE.txt" and all the rest of its folder.
 *
 * Unpacked, it restores by the commands in RESTORE.txt, with no store and no evo; what is encrypted stays so. It is written as it is read: no more than
 * a block is kept, and sizes and SHA-256 are compared with the manifest as they pass. manifest.json comes behind all
 * objects, as it was written to the store, so that a tar that was cut is no backup either.
 *
 * A file appears whole or not at all: temporary name beside it, fsync, link or rename (mode 0600). On any failure, a lie of the
 * store's included, the temporary file is removed. What went to stdout is gone: there only the exit status tells.
 */
#ifndef EVO_BACKUP_EXPORT_H
#define EVO_BACKUP_EXPORT_H

#include "backup/find.h"

struct evo_export_options {
    struct evo_store *store;
    const struct evo_backup *backup;
    const char *file; /* "-": stdout */
    bool force; /* replace a file that is there */
    struct evo_task *task;
};
/* *ret_bytes: of the tar. EVO_ERR_INTEGRITY for a damaged backup; EVO_ERR_USAGE with err->exists where the file is there
 * already; EVO_ERR_DISK; the errors of the store. */
enum evo_errc evo_backup_export(const struct evo_export_options *o, uint64_t *ret_bytes,
                                struct evo_error *err) EVO_CHECK;

#endif
