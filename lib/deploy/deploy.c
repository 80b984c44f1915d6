#include "deploy/deploy.h"

#include <inttypes.h>
#include <signal.h>

#include "base/cancel.h"
#include "deploy/child.h"
#include "pg/lock.h"

/* After a signal: what the running child gets to clean up, and what telling people may take. Together under 7 s. */
enum { GRACE_MS = 4500, NOTIFY_AFTER_CANCEL_MS = 2000, NOTIFY_MS = 60000 };

const char *evo_step_verdict_name(enum evo_step_verdict v)
{
    static const char *const name[] = { "done", "failed", "skipped", "cancelled" };
    return name[v];
}

void evo_deploy_result_release(struct evo_deploy_result *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->nsteps; i++)
        free(r->steps[i].reason);
    free(r->backup_id);
    free(r->database);
    *r = (struct evo_deploy_result){ 0 };
}

struct evo_json *evo_deploy_result_json(const struct evo_deploy_result *r)
{
    struct evo_json *json = evo_json_object(), *steps = evo_json_array();
    for (size_t i = 0; i < r->nsteps; i++) {
        const struct evo_deploy_step *s = &r->steps[i];
        struct evo_json *one = evo_json_object();
        evo_json_set_string(one, "name", s->name);
        if (s->verdict == EVO_STEP_SKIPPED)
            evo_json_set_null(one, "exit");
        else
            evo_json_set_int(one, "exit", s->exit);
        evo_json_set_int(one, "elapsed_ms", s->elapsed_ms);
        evo_json_set_string(one, "verdict", evo_step_verdict_name(s->verdict));
        evo_json_set_string(one, "reason", s->reason);
        evo_json_append(steps, one);
    }
    evo_json_set(json, "steps", steps);
    if (r->schema_clean == EVO_UNKNOWN)
        evo_json_set_null(json, "schema_clean");
    else
        evo_json_set_bool(json, "schema_clean", r->schema_clean == EVO_YES);
    evo_json_set_string(json, "backup_id", r->backup_id);
    evo_json_set_string(json, "database", r->database);
    evo_json_set(json, "applied", r->applied < 0 ? evo_json_null_new() : evo_json_int_new(r->applied));
    evo_json_set(json, "pending", r->pending < 0 ? evo_json_null_new() : evo_json_int_new(r->pending));
    return json;
}

/* One run of the pipeline. */
struct run {
    const struct evo_deploy_options *o;
    struct evo_deploy_facts facts;
    struct evo_pg *pg;
    struct evo_deploy_result *result;
    int number; /* of the next child's envelope */
};

static struct evo_deploy_step *add_step(struct run *r, const char *name, enum evo_step_verdict verdict,
                                        const char *reason)
{
    EVO_ASSERT(r->result->nsteps < EVO_COUNT(r->result->steps));
    struct evo_deploy_step *s = &r->result->steps[r->result->nsteps++];
    *s = (struct evo_deploy_step){ .name = name, .verdict = verdict, .reason = evo_strdup(reason) };
    return s;
}

static int64_t list_length(const struct evo_envelope *e, const char *key)
{
    const struct evo_json *list = evo_json_get(e->data, key);
    return evo_json_type_of(list) == EVO_JSON_ARRAY ? (int64_t)evo_json_count(list) : -1;
}

/* What later decisions need of a step's result. */
static void learn(struct run *r, enum evo_step step, const struct evo_child_result *child)
{
    struct evo_deploy_result *result = r->result;
    if (!child->has_envelope)
        return;
    const struct evo_envelope *e = &child->envelope;
    switch (step) {
    case EVO_STEP_STATUS:
        result->pending = list_length(e, "pending");
        /* What was interrupted outside a transaction goes on: it is work for migrate as well. (A failure that does not
         * go on ends the status step, and the run with it.) */
        r->facts.pending = result->pending;
        if (result->pending >= 0 && list_length(e, "failed") > 0)
            r->facts.pending += list_length(e, "failed");
        if (evo_json_get_int(e->data, "unfinished", 0) > 0) /* until this run has finished it */
            result->schema_clean = EVO_NO;
        break;
    case EVO_STEP_BACKUP:
        if (!e->failed)
            result->backup_id = evo_strdup(evo_json_get_string(e->data, "id", NULL));
        break;
    case EVO_STEP_MIGRATE:
        result->applied = list_length(e, "applied");
        if (list_length(e, "pending") >= 0)
            result->pending = list_length(e, "pending");
        result->schema_clean = e->failed ? e->error.schema_clean : EVO_YES;
        break;
    default:
        break;
    }
}

/* The failing child's error as ours: its reason decides our exit status. */
static enum evo_errc adopt_error(const char *name, const struct evo_child_result *child,
                                 struct evo_error *err)
{
    if (!child->has_envelope) {
        (void)evo_error_set(err, EVO_ERR_INTERNAL, "step \"%s\" ended with status %d and left no result",
                            name, child->exit);
        return evo_error_hint(err, "Its messages are above; run the step by itself to see it again.");
    }
    if (!child->envelope.failed)
        return evo_error_set(err, EVO_ERR_INTERNAL, "step \"%s\" reported success but ended with status %d",
                             name, child->exit);
    *err = child->envelope.error;
    return evo_error_prefix(err, "step \"%s\"", name);
}

static enum evo_errc run_child(struct run *r, const struct evo_step_info *info, const char *name,
                               const char *const *words, const struct evo_strvec *env,
                               struct evo_deadline deadline, struct evo_child_result *child,
                               struct evo_error *err)
{
    struct evo_child_options co = { .bin_dir = r->o->bin_dir,
                                    .program = info->program,
                                    .words = words,
                                    .args = r->o->args,
                                    .env = env,
                                    .run_dir = r->o->run_dir,
                                    .number = r->number++,
                                    .envelope = info->envelope,
                                    .stdout_fd = r->o->stdout_fd };
    if (r->o->on_step)
        r->o->on_step(r->o->ctx, name, true);
    enum evo_errc rc = evo_child_run(&co, deadline, GRACE_MS, child, err);
    if (r->o->on_step)
        r->o->on_step(r->o->ctx, name, false);
    return rc;
}

/* The session that holds the run lock may have been ended by the server: then another run may have started. */
static enum evo_errc still_locked(struct run *r, struct evo_error *err)
{
    struct evo_error lost = EVO_ERROR_INIT;
    if (evo_pg_exec(r->pg, "SELECT 1", &lost) == EVO_OK)
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE, "the session that held the run lock was lost: %s",
                        lost.message);
    (void)evo_error_detail(err, "Nothing more was started, since another run may have begun. What the "
                                "finished steps did stays done.");
    return evo_error_hint(err, "Run evo deploy again.");
}

static enum evo_errc run_step(struct run *r, enum evo_step step, struct evo_error *err)
{
    const struct evo_step_info *info = &evo_steps[step];
    struct evo_step_plan plan = evo_deploy_plan(step, &r->facts);
    if (!plan.run) {
        (void)add_step(r, info->name, EVO_STEP_SKIPPED, plan.reason);
        return EVO_OK;
    }
    enum evo_errc rc = evo_cancel_check(err);
    if (!rc)
        rc = still_locked(r, err);
    if (rc)
        return rc;
    EVO_AUTO(child_result) child = { 0 };
    struct evo_deploy_step *s = add_step(r, info->name, EVO_STEP_DONE, NULL);
    rc = run_child(r, info, info->name, info->words, NULL, EVO_DEADLINE_NEVER, &child, err);
    s->exit = child.exit;
    s->elapsed_ms = child.elapsed_ms;
    if (rc) {
        s->verdict = EVO_STEP_FAILED;
        s->reason = evo_strdup(err ? err->message : NULL);
        return rc;
    }
    learn(r, step, &child);
    if (child.exit == 0)
        return EVO_OK;
    bool cancelled =
        evo_cancelled() || (child.has_envelope && child.envelope.error.code == EVO_ERR_CANCELLED);
    rc = adopt_error(info->name, &child, err);
    s->verdict = cancelled ? EVO_STEP_CANCELLED : EVO_STEP_FAILED;
    s->reason = evo_strdup(child.has_envelope ? child.envelope.error.message : "it left no result");
    if (info->changes_schema && !child.has_envelope)
        r->result->schema_clean = EVO_UNKNOWN;
    if (cancelled && rc != EVO_ERR_CANCELLED) /* the child was killed before it could say so */
        return evo_error_set(err, EVO_ERR_CANCELLED, "cancelled during step \"%s\"", info->name);
    return rc;
}

/* --on-failure rollback: undo what this run applied, newest first. The run stays failed. */
static void roll_back(struct run *r, struct evo_error *failure)
{
    EVO_AUTO_STR steps = evo_asprintf("--steps=%" PRId64, r->result->applied);
    const char *const words[] = { "down", steps, NULL };
    struct evo_step_info info = evo_steps[EVO_STEP_MIGRATE];
    info.envelope = "migrate down";
    EVO_AUTO(child_result) child = { 0 };
    struct evo_error error = EVO_ERROR_INIT;
    struct evo_deploy_step *s = add_step(r, "rollback", EVO_STEP_DONE, NULL);
    enum evo_errc rc = run_child(r, &info, "rollback", words, NULL, EVO_DEADLINE_NEVER, &child, &error);
    s->exit = child.exit;
    s->elapsed_ms = child.elapsed_ms;
    if (!rc && child.exit == 0) {
        (void)evo_error_detail(failure,
                               "%s%sWhat this run had applied was rolled back (%" PRId64 " migrations).",
                               failure->detail, failure->detail[0] ? "\n" : "", r->result->applied);
        r->result->schema_clean = EVO_YES;
        return;
    }
    if (!rc)
        (void)adopt_error("rollback", &child, &error);
    s->verdict = EVO_STEP_FAILED;
    s->reason = evo_strdup(error.message);
    r->result->schema_clean = error.schema_clean;
    (void)evo_error_detail(failure, "%s%sRolling back failed too: %s", failure->detail,
                           failure->detail[0] ? "\n" : "", error.message);
    if (error.next[0])
        (void)evo_error_next(failure, "%s", error.next);
}

/* A restore is never started here; the command for it goes with the failure. */
static void add_restore_command(const struct run *r, struct evo_error *err)
{
    if (r->result->applied > 0 && r->result->schema_clean == EVO_YES && !r->o->rollback)
        (void)evo_error_detail(
            err,
            "%s%s%" PRId64
            " migration%s applied and stay%s; to take %s back: evo migrate down --steps %" PRId64 "%s%s",
            err->detail, err->detail[0] ? "\n" : "", r->result->applied,
            r->result->applied == 1 ? " was" : "s were", r->result->applied == 1 ? "s" : "",
            r->result->applied == 1 ? "it" : "them", r->result->applied,
            r->o->environment ? " --environment " : "", r->o->environment ? r->o->environment : "");
    bool changed = r->result->applied > 0 || r->result->schema_clean == EVO_NO;
    if (!changed || !r->result->backup_id || err->next[0])
        return;
    (void)evo_error_next(
        err,
        "evo restore %s%s%s --to postgresql://HOST/%s_restored --create   # only if the data must come back",
        r->result->backup_id, r->o->environment ? " --environment " : "",
        r->o->environment ? r->o->environment : "", r->result->database);
}

static enum evo_errc notify(struct run *r, enum evo_errc outcome, const struct evo_error *error)
{
    const struct evo_step_info *info = &evo_steps[EVO_STEP_NOTIFY];
    struct evo_step_plan plan = evo_deploy_plan(EVO_STEP_NOTIFY, &r->facts);
    bool quiet = outcome == EVO_OK && r->result->applied <= 0;
    if (!plan.run || quiet) {
        (void)add_step(r, info->name, EVO_STEP_SKIPPED, plan.run ? "nothing changed" : plan.reason);
        return EVO_OK;
    }
    bool cancelled = outcome == EVO_ERR_CANCELLED;
    if (cancelled)
        evo_cancel_acknowledge(); /* the clean-up is done; this child must be waited for */
    struct evo_error failed = EVO_ERROR_INIT;
    if (r->o->before_notify && r->o->before_notify(r->o->ctx, outcome, error, &failed))
        evo_warn(r->o->task, "could not leave the result for the notification: %s", failed.message);
    const char *const words[] = { outcome == EVO_OK ? "--status=success"
                                  : cancelled       ? "--status=cancelled"
                                                    : "--status=failure",
                                  NULL };
    EVO_AUTO(child_result) child = { 0 };
    struct evo_deploy_step *s = add_step(r, info->name, EVO_STEP_DONE, NULL);
    enum evo_errc rc =
        run_child(r, info, info->name, words, NULL,
                  evo_deadline_in(cancelled ? NOTIFY_AFTER_CANCEL_MS : NOTIFY_MS), &child, &failed);
    s->exit = child.exit;
    s->elapsed_ms = child.elapsed_ms;
    if (rc == EVO_OK && child.exit == 0)
        return EVO_OK;
    if (rc == EVO_OK)
        rc = adopt_error(info->name, &child, &failed);
    s->verdict = EVO_STEP_FAILED;
    s->reason = evo_strdup(failed.message);
    /* The database is as the run left it, told or not: an unsent message must not turn a good run red. */
    evo_warn(r->o->task, "people could not be told: %s", failed.message);
    return rc;
}

static enum evo_errc lock_run(struct run *r, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_lock(r->pg, EVO_LOCK_RUN, r->o->wait_ms, "run lock", r->o->task, err);
    if (rc == EVO_ERR_LOCK_UNAVAILABLE && err) {
        (void)evo_error_prefix(err, "another run is under way");
        if (!err->hint[0])
            (void)evo_error_hint(err, "Wait for it, or give --wait 10min.");
    }
    return rc;
}

/* --dry-run: what each step would do, by the steps' own read-only forms. */
static enum evo_errc dry_run(struct run *r, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (enum evo_step step = 0; step < EVO_STEPS && !rc; step++) {
        const struct evo_step_info *info = &evo_steps[step];
        struct evo_step_plan plan = evo_deploy_plan(step, &r->facts);
        struct evo_step_info shown = *info;
        if (!plan.run) {
            (void)add_step(r, info->name, EVO_STEP_SKIPPED, plan.reason);
            continue;
        }
        if (step == EVO_STEP_MIGRATE) {
            shown.words[0] = "plan";
            shown.envelope = "migrate plan";
        } else if (step != EVO_STEP_STATUS && step != EVO_STEP_CHECK) {
            (void)add_step(r, info->name, EVO_STEP_SKIPPED, "dry run: would run");
            continue;
        }
        EVO_AUTO(child_result) child = { 0 };
        struct evo_deploy_step *s = add_step(r, info->name, EVO_STEP_DONE, NULL);
        rc = run_child(r, &shown, info->name, shown.words, NULL, EVO_DEADLINE_NEVER, &child, err);
        s->exit = child.exit;
        s->elapsed_ms = child.elapsed_ms;
        if (!rc && step == EVO_STEP_STATUS)
            learn(r, step, &child);
        if (!rc && child.exit != 0) {
            s->verdict = EVO_STEP_FAILED;
            rc = adopt_error(info->name, &child, err);
            s->reason = evo_strdup(err ? err->message : NULL);
        }
    }
    return rc;
}

enum evo_errc evo_deploy(const struct evo_deploy_options *o, struct evo_pg *pg, struct evo_deploy_result *ret,
                         struct evo_error *err)
{
    struct run r = { .o = o, .facts = o->facts, .pg = pg, .result = ret, .number = 1 };
    r.facts.pending = -1;
    ret->applied = -1;
    ret->pending = -1;
    ret->database = evo_strdup(evo_pg_database(pg));

    enum evo_errc rc = evo_deploy_check_facts(&r.facts, err);
    if (!rc && o->dry_run)
        return dry_run(&r, err);
    if (!rc)
        rc = lock_run(&r, err);
    if (rc)
        return rc;
    ret->schema_clean = EVO_YES; /* until a migration starts */
    for (enum evo_step step = 0; step < EVO_STEP_NOTIFY; step++) {
        if (rc)
            (void)add_step(&r, evo_steps[step].name, EVO_STEP_SKIPPED, "not reached");
        else
            rc = run_step(&r, step, err);
    }
    if (rc && rc != EVO_ERR_CANCELLED && o->rollback && ret->applied > 0 && ret->schema_clean != EVO_NO)
        roll_back(&r, err);
    if (rc)
        add_restore_command(&r, err);
    if (err && rc && err->schema_clean == EVO_UNKNOWN)
        err->schema_clean = ret->schema_clean;
    (void)notify(&r, rc, rc ? err : NULL);
    return rc;
}
