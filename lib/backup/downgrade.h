/*
 * downgrade.h - a table of contents for an older pg_restore, which refuses an archive that is newer than itself. Pure.
 *
 * The versions (K_VERS_* in PostgreSQL's pg_backup_archiver.h): 1.14 has a table access method an entry (12 to 15), 1.15
 * the name of the compression (16), 1.16 a relkind, and large objects in groups (17 and 18). What an older one cannot
 * say is left out and named. STATISTICS DATA (18 with --statistics) calls functions that no older server has. Large objects
 * become entries of their own again, as dumpBlob of pg_dump 15 writes them; the entries that hold their data stay.
 */
#ifndef EVO_BACKUP_DOWNGRADE_H
#define EVO_BACKUP_DOWNGRADE_H

#include "backup/toc.h"
#include "base/strvec.h"

/* The newest archive version (its minor number) that a pg_restore of this major version reads. */
int evo_downgrade_minor_of(int major);
/* Makes it one of version 1.minor; nothing is done where it is older. Adds what was lost to warnings.
 * EVO_ERR_UNSUPPORTED: below 1.12; EVO_ERR_INTEGRITY: a group of large objects makes no sense. */
enum evo_errc evo_toc_downgrade(struct evo_toc *toc, int minor, struct evo_strvec *warnings,
                                struct evo_error *err) EVO_CHECK;

#endif
