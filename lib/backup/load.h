/*
 * load.h - the tables of a backup into a database, by many sessions. Part of restore.h.
 */
#ifndef EVO_BACKUP_LOAD_H
#define EVO_BACKUP_LOAD_H

#include "backup/restore.h"
#include "backup/toc.h"

/* Every entry of the archive with its object; EVO_ERR_INTEGRITY where archive and manifest disagree. Adds each loaded table to
 * ret. The first failure ends all of it. */
enum evo_errc evo_load_tables(const struct evo_restore_options *o, const struct evo_toc *toc, int jobs,
                              struct evo_restoration *ret, struct evo_error *err) EVO_CHECK;

#endif
