/*
 * reader.h - the pg_restore that is used, and an archive that it can read. Part of restore.h.
 *
 * One of the version that wrote the archive, or newer, is best. But a newer one sets what an older server does not know, so
 * for a target that is older it is one of the target's version; and where none is new enough, the newest there is. Either
 * is given the archive in a version that it reads (downgrade.h).
 */
#ifndef EVO_BACKUP_READER_H
#define EVO_BACKUP_READER_H

#include "backup/restore_run.h"

/* Fills r->tool, and may change r->toc, r->map and r->selection with it: entries that are not kept are named there.
 * EVO_ERR_UNSUPPORTED where there is no pg_restore, or none that can read the archive. */
enum evo_errc evo_reader_find(struct evo_restore_run *r, struct evo_error *err) EVO_CHECK;

#endif
