/*
 * drop.h - dropping what an archive would make. Pure.
 *
 * The entries' own statements with IF EXISTS put in, as pg_restore --clean --if-exists has them (RestoreArchive in
 * pg_backup_archiver.c), from the last entry to the first. Nothing with CASCADE: what others made on top of it stops
 * it. Left out is what goes with its table (defaults, indexes, triggers …), which the table of today may lack, and what
 * others share: extensions, schemas.
 */
#ifndef EVO_BACKUP_DROP_H
#define EVO_BACKUP_DROP_H

#include "backup/toc.h"

/* NULL where the entry is not dropped. The caller frees. */
char *evo_drop_statement(const struct evo_toc_entry *e) EVO_CHECK;

#endif
