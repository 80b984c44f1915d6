/*
 * failure.h - what a failed migration is told as: what happened, what state the schema is in, the exact next command.
 */
#ifndef EVO_MIGRATION_FAILURE_H
#define EVO_MIGRATION_FAILURE_H

#include "base/error.h"
#include "base/strbuf.h"
#include "migration/again.h"
#include "migration/session.h"
#include "migration/step.h"

/* The error of one statement, probe or COMMIT becomes the migration's. EVO_ERR_CANCELLED stays what it is, and so does
 * EVO_ERR_LOCK_UNAVAILABLE where the schema is clean; anything else becomes EVO_ERR_MIGRATION_FAILED. `clean` says whether the schema is as it was
 * before this file. Returns err->code. */
enum evo_errc evo_failure_shape(const struct evo_session *s, const struct evo_step *step,
                                enum evo_tristate clean, struct evo_error *err);
/* The locks were not to be had in so many tries, or the last one was given up for those who waited behind it
 * (evo_tries_were_in_vain()). */
enum evo_errc evo_failure_locks(const struct evo_session *s, const struct evo_step *step,
                                const struct evo_tries *tries, struct evo_error *err);
/* Names what is done and stays, and what stopped the file, in front of the detail. done, stopped_at: as in struct
 * evo_applied. `known`: false where the connection was lost, and nobody knows what became of that statement. */
void evo_failure_done(const struct evo_step *step, size_t done, size_t stopped_at, bool known,
                      struct evo_error *err);
/* Says what stays where a file that is not one transaction stopped: resumable by the same verb. */
void evo_failure_resumable(const struct evo_session *s, const struct evo_step *step, struct evo_error *err);
/* Says which verbs settle what nobody but a person can judge. What a person must look at is no command: no next. */
void evo_failure_unresolved(const struct evo_session *s, const struct evo_step *step, struct evo_error *err);
/* The same for what an earlier run left, by what the journal says of it (layout/unfinished.h): detail, hint and next. */
void evo_failure_unfinished(const struct evo_session *s, const struct evo_step *step, struct evo_error *err);
/* "The schema is clean" is said of the database, not of this run alone: what an earlier run left half applied, and this one
 * did not finish (`done`: the names of what it did), makes EVO_NO of EVO_YES, or EVO_UNKNOWN where nobody knows; and so
 * does a state that was never read. started: the migration of the error was begun by this run, which has judged it. */
void evo_failure_judge_clean(const struct evo_session *s, bool started, const struct evo_strvec *done,
                             struct evo_error *err);
/* The text for the ledger's column logs. */
void evo_failure_logs(const struct evo_error *err, struct evo_strbuf *out);

#endif
