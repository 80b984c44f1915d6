/*
 * verify.h - run the probes of several migrations on the database as it is now, and say what they said.
 *
 * Every file is read before the first probe runs, so that a mistake in one of them costs nothing. Each probe runs in a
 * read-only transaction of its own (probe/probe.h). A migration without a verify file is listed and is no failure.
 *
 *	EVO_AUTO(verify) v = { 0 };
 *	rc = evo_verify_load(&project, EVO_VERIFY_UP, &names, &v, err);
 *	if (!rc)
 *	    rc = evo_verify_run(&v, pg, NULL, 0, cmd->task, err);      // EVO_ERR_PROBE_FALSE: a probe does not hold
 *	evo_verify_json(&v, cmd->data);
 */
#ifndef EVO_VERIFY_VERIFY_H
#define EVO_VERIFY_VERIFY_H

#include "base/task.h"
#include "layout/layout.h"
#include "probe/probe.h"
#include "verify/select.h"

struct evo_verify_item {
    char *name; /* of the migration */
    struct evo_probe_file file; /* path NULL: the migration has no verify file */
    bool gone; /* the migration's own file is no longer there */
    struct evo_probe_report report; /* shorter than the file where the run was broken off */
};
struct evo_verify {
    struct evo_verify_item *items; /* in the order of `names` */
    size_t count, alloc;
    size_t probes; /* that ran */
    size_t failed; /* of those, not true */
    size_t without; /* migrations without a verify file */
};
void evo_verify_release(struct evo_verify *v);
EVO_DEFINE_AUTO(verify);

/* Reads the verify files. A name that the project does not have is marked as gone. EVO_ERR_CONFIG: a file that cannot
 * be read or is no probe file. */
enum evo_errc evo_verify_load(const struct evo_project *project, enum evo_verify_direction direction,
                              const struct evo_strvec *names, struct evo_verify *ret,
                              struct evo_error *err) EVO_CHECK;

/* Runs them all, also behind one that is false. EVO_ERR_PROBE_FALSE names the first that is, with its migration. */
enum evo_errc evo_verify_run(struct evo_verify *v, struct evo_pg *pg, const char *role,
                             int64_t statement_timeout_ms, struct evo_task *task,
                             struct evo_error *err) EVO_CHECK;

/* Sets `probes` and `migrations` of lib/schema/data/verify.schema.json. */
void evo_verify_json(const struct evo_verify *v, struct evo_json *data);

#endif
