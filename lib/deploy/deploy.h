/*
 * deploy.h - the pipeline: status, promotion check, backup, migrate, verify, health, promotion record, notify.
 *
 * Each step is one of evo's executables, a child in a process group of its own. A run lock (an advisory lock on a
 * session of this process) is held from the first step to the last: two runs against one database do not overlap.
 * Everything that was learnt is in the steps' envelopes; this code decides only what runs next, and what to do when
 * a step fails or a signal comes:
 *
 *   failure  stop, or (on request) roll back what this run applied; a restore is a person's decision, and the
 *            error carries the command for it
 *   signal   passed on to the child, which cleans up; then people are told "cancelled"; all within 7 seconds, since
 *            a cancelled GitHub job is killed after 7.5 s + 2.5 s
 */
#ifndef EVO_DEPLOY_DEPLOY_H
#define EVO_DEPLOY_DEPLOY_H

#include "base/task.h"
#include "deploy/plan.h"
#include "pg/conn.h"
#include "json/json.h"

struct evo_deploy_options {
    struct evo_deploy_facts facts; /* pending is filled in here */
    const char *bin_dir; /* where the siblings are */
    const char *run_dir; /* exists */
    const char *environment; /* NULL: none named */
    const struct evo_strvec *args; /* shared options to hand on to each child */
    bool rollback; /* --on-failure rollback */
    bool dry_run;
    int stdout_fd; /* where the children's text goes */
    int64_t wait_ms; /* for the run lock */
    struct evo_task *task;
    /* Called around each step that runs (GitHub's log groups); may be NULL. */
    void (*on_step)(void *ctx, const char *name, bool starts);
    void *ctx;
    /* Called once before notify starts, with the result so far: leaves the provisional envelope. */
    enum evo_errc (*before_notify)(void *ctx, enum evo_errc rc, const struct evo_error *error,
                                   struct evo_error *err);
};

enum evo_step_verdict { EVO_STEP_DONE, EVO_STEP_FAILED, EVO_STEP_SKIPPED, EVO_STEP_CANCELLED };
const char *evo_step_verdict_name(enum evo_step_verdict v);

struct evo_deploy_step {
    const char *name; /* of evo_steps, or "rollback" */
    enum evo_step_verdict verdict;
    int exit;
    int64_t elapsed_ms;
    char *reason; /* why skipped, or the failure's message; NULL */
};

struct evo_deploy_result {
    struct evo_deploy_step steps[EVO_STEPS + 1];
    size_t nsteps;
    int64_t applied, pending; /* -1: not known */
    char *backup_id, *database;
    enum evo_tristate schema_clean; /* no migration is half applied */
};
void evo_deploy_result_release(struct evo_deploy_result *r);
EVO_DEFINE_AUTO(deploy_result);
/* The `data` of the envelope. */
struct evo_json *evo_deploy_result_json(const struct evo_deploy_result *r) EVO_CHECK;

/* Runs it. `pg` is the session that will hold the run lock (already guarded). On failure the error is the failing step's,
 * with its reason and so its exit status. */
enum evo_errc evo_deploy(const struct evo_deploy_options *o, struct evo_pg *pg, struct evo_deploy_result *ret,
                         struct evo_error *err) EVO_CHECK;

#endif
