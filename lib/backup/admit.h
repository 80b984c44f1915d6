/*
 * admit.h - into which database a restore goes: who it is, whether it may, and what is left of it after a failure.
 * Part of restore.h.
 */
#ifndef EVO_BACKUP_ADMIT_H
#define EVO_BACKUP_ADMIT_H

#include "backup/restore_run.h"

/* A session with the target; with --create with another database of its server, from where it can be made. As
 * --role. */
enum evo_errc evo_admit_open(const struct evo_restore_options *o, bool create, struct evo_pg **ret,
                             struct evo_error *err) EVO_CHECK;
/* Says what goes where: shown before anything else. Sets server_version and is_source. */
void evo_admit_identify(struct evo_restore_run *r, struct evo_pg *pg);
/* Looks what is there, and refuses (EVO_ERR_TARGET_NOT_EMPTY) what is in the way. Changes nothing but the selection: what
 * is only needed and is there already need not be made. */
enum evo_errc evo_admit_check(struct evo_restore_run *r, struct evo_pg *pg, struct evo_error *err) EVO_CHECK;
/* --create: makes the database, marked as incomplete (created.h); all is there: takes the mark away. */
enum evo_errc evo_admit_create(struct evo_restore_run *r, struct evo_pg *pg, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_admit_finish(struct evo_restore_run *r, struct evo_error *err) EVO_CHECK;
/* Takes back what a failed restore made, or says what is there. */
void evo_admit_take_back(struct evo_restore_run *r);

#endif
