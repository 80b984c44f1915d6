/*
 * run.h - a plan carried out: its files loaded and judged before the first is run, then run in order.
 *
 * Reading, cutting and deciding all files first means that a file which cannot be run (an open quote, a wrong probe) is
 * refused before anything was started. The texts are kept until they are run, so what was judged is what is sent.
 */
#ifndef EVO_MIGRATION_RUN_H
#define EVO_MIGRATION_RUN_H

#include "base/error.h"
#include "migration/note.h"
#include "migration/session.h"
#include "migration/step.h"
#include "json/json.h"

struct evo_run {
    struct evo_session *session; /* borrowed */
    bool down;
    struct evo_plan plan;
    struct evo_step *steps; /* one for each item of the plan */
    size_t count; /* loaded */
    struct evo_strvec warnings; /* of what came up while it ran */
    struct evo_note note; /* the schema, as it was recorded */
    struct evo_json
        *stopped; /* {name, statements, done[], failed}: a file that is half done; NULL: none is */
};
void evo_run_release(struct evo_run *r);
EVO_DEFINE_AUTO(run);

/* Plans on the session's state and loads every file. EVO_ERR_TARGET_NOT_EMPTY: tables but no ledger, where the layout wants a baseline (Prisma's P3005). */
enum evo_errc evo_run_prepare(struct evo_session *s, bool down, struct evo_run *ret,
                              struct evo_error *err) EVO_CHECK;
/* Array of step objects (step.h). */
struct evo_json *evo_run_steps_json(const struct evo_run *r) EVO_CHECK;
/* Array of what to know about the whole run: beforehand, and what came up while it ran. */
struct evo_json *evo_run_warnings_json(const struct evo_run *r) EVO_CHECK;
/* The same, and what is worth knowing of a plan alone. */
struct evo_json *evo_run_plan_warnings_json(const struct evo_run *r) EVO_CHECK;
/* Behind a run that failed: the state, read again. False: it could not be, and nothing of it is known. */
bool evo_run_look_again(struct evo_session *s) EVO_CHECK;
/* Tells what the plan warns of, as it is said beforehand. */
void evo_run_warn(struct evo_task *task, const struct evo_run *r);
/* The names of a list of objects, sorted. */
void evo_run_names(const struct evo_json *done, struct evo_strvec *ret);
/* Sets, where the state was read at all: applied_total (migrations applied when the run ended; edited_total and
 * missing_total of them are), stopped, fingerprints. */
void evo_run_outcome_json(const struct evo_run *r, const struct evo_session *s, const struct evo_json *done,
                          struct evo_json *data);
/* Behind an error: evo_failure_judge_clean() with what is done. */
void evo_run_judge_clean(const struct evo_session *s, bool started, const struct evo_json *done,
                         struct evo_error *err);
/* Runs them; each one that is in the database and on record is appended to `done` {name, elapsed_ms, transaction, retries, verify,
 * harm, fingerprint}, also when a later one fails. */
enum evo_errc evo_run_execute(struct evo_run *r, struct evo_json *done, struct evo_error *err) EVO_CHECK;

#endif
