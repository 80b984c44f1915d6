/*
 * plan.h - which steps of the pipeline run, and why the others do not. Pure.
 */
#ifndef EVO_DEPLOY_PLAN_H
#define EVO_DEPLOY_PLAN_H

#include "base/error.h"
#include "base/strvec.h"

/* In the order in which they run. */
enum evo_step {
    EVO_STEP_STATUS,
    EVO_STEP_CHECK, /* promotion check */
    EVO_STEP_BACKUP,
    EVO_STEP_MIGRATE,
    EVO_STEP_VERIFY,
    EVO_STEP_HEALTH,
    EVO_STEP_RECORD, /* promotion record */
    EVO_STEP_NOTIFY,
    EVO_STEPS
};

/* What is known of each step before anything runs. */
struct evo_step_info {
    const char *name; /* in --skip, --only, results */
    const char *program; /* "evo-backup" */
    const char *words[3]; /* its command */
    const char *envelope; /* the `command` of its envelope */
    const char *does; /* for people */
    bool changes_schema;
};
extern const struct evo_step_info evo_steps[EVO_STEPS];
/* The names, separated by blanks: for an option row. */
#define EVO_STEP_NAMES "status promote-check backup migrate verify health promote-record notify"

struct evo_deploy_facts {
    const struct evo_strvec *skip, *only; /* names */
    bool has_store, has_health, has_slack;
    const char *promote_from; /* NULL: no promotion check is configured */
    bool backup_always; /* else only with something pending */
    int64_t pending; /* -1: not known yet (before status ran) */
};

struct evo_step_plan {
    bool run;
    const char *reason; /* why not; static */
};

/* Decides one step from what is known now. */
struct evo_step_plan evo_deploy_plan(enum evo_step step, const struct evo_deploy_facts *facts);

/* Refuses before anything starts what could only fail later: a backup that has no store to go to, a promotion check
 * without one. EVO_ERR_CONFIG. */
enum evo_errc evo_deploy_check_facts(const struct evo_deploy_facts *facts, struct evo_error *err) EVO_CHECK;

#endif
