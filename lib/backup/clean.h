/*
 * clean.h - --clean: what the backup brings takes the place of what is there of it. Part of restore.h.
 *
 * By one session and in one transaction, as pg_restore --clean --single-transaction does: the drops (drop.h), the schema,
 * the rows, then indexes, keys, triggers, values of sequences, views with rows and privileges, each as pg_restore would
 * write it (script.h). Until it commits everybody else has the old tables, or waits for them: the drops lock them to the
 * end. Whatever comes before that, an error, a lock that is not to be had, a damaged object, kill -9 of evo or of the
 * server, leaves the target exactly as it was. Where the connection dies in COMMIT, the server is asked what became of it.
 * The server needs room for both, old and new, and a lock for each object of both (max_locks_per_transaction).
 *
 * Whoever asks for several sessions (--jobs) has it faster and by halves: only the drops and the schema are one
 * transaction, then rows and indexes come as into a new database. What fails then leaves tables that are not whole, and is
 * told so; to run it again is the way out.
 *
 * Outside in both cases: large objects, which come behind, each for itself; ANALYZE; and --globals, which comes before.
 */
#ifndef EVO_BACKUP_CLEAN_H
#define EVO_BACKUP_CLEAN_H

#include "backup/load.h"
#include "backup/restore_run.h"

/* Is all of it one transaction? */
bool evo_clean_is_whole(const struct evo_restore_options *o);
/* On the session that looked at the target. Sets r->stage: EVO_RESTORE_BEFORE where nothing was changed, else
 * EVO_RESTORE_REPLACED, or EVO_RESTORE_UNKNOWN where COMMIT was sent and no answer is to be had. */
enum evo_errc evo_clean_replace(struct evo_restore_run *r, struct evo_pg *pg, const struct evo_load *load,
                                struct evo_error *err) EVO_CHECK;
/* For --dry-run: fills r->result->drops with what of it is there now. */
enum evo_errc evo_clean_list(struct evo_restore_run *r, struct evo_pg *pg, struct evo_error *err) EVO_CHECK;

#endif
