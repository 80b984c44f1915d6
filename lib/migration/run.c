#include "migration/run.h"

#include "base/cancel.h"
#include "base/parse.h"
#include "base/quote.h"
#include "migration/apply.h"
#include "migration/failure.h"

void evo_run_release(struct evo_run *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        evo_step_release(&r->steps[i]);
    free(r->steps);
    evo_plan_release(&r->plan);
    *r = (struct evo_run){ 0 };
}

/* Prisma's P3005: tables, and no record of how they came to be. */
static enum evo_errc refuse_unrecorded(const struct evo_session *s, struct evo_error *err)
{
    if (s->o->project->kind != EVO_LAYOUT_PRISMA || s->ledger.exists || s->ledger.schema_empty)
        return EVO_OK;
    const char *more = s->o->plan.next_options;
    const char *first = s->o->project->count ? s->o->project->items[0].name : "NAME";
    EVO_AUTO_STR name = evo_quote_shell(first);
    (void)evo_error_set(err, EVO_ERR_TARGET_NOT_EMPTY,
                        "schema \"%s\" has tables, but no record of migrations (\"_prisma_migrations\")",
                        s->ledger.schema);
    (void)evo_error_detail(err,
                           "Either this is another database than you think, or its schema was made without "
                           "migrations.");
    (void)evo_error_hint(err,
                         "If the schema has what a migration makes, say so for each such migration: "
                         "evo-migrate resolve --applied %s%s",
                         name, more);
    (void)evo_error_next(err, "evo-migrate resolve --applied %s%s", name, more);
    if (err)
        err->schema_clean = EVO_YES;
    return EVO_ERR_TARGET_NOT_EMPTY;
}

static enum evo_errc load_steps(struct evo_run *r, struct evo_error *err)
{
    const struct evo_session *s = r->session;
    r->steps = evo_calloc(r->plan.count, sizeof(*r->steps));
    for (size_t i = 0; i < r->plan.count; i++) {
        const struct evo_plan_item *item = &r->plan.items[i];
        struct evo_step *step = &r->steps[i];
        enum evo_errc rc = evo_step_load(item->migration, r->down, step, err);
        if (rc)
            return rc;
        r->count++;
        step->resume = item->resume;
        if (!item->resume)
            continue;
        if (step->mode == EVO_STEP_TRANSACTION)
            evo_step_without_transaction(step); /* it was, when it was begun */
        rc = evo_journal_prove(&s->journal, s->o->project->kind, step, err);
        if (rc) {
            evo_failure_unresolved(s, step, err);
            return rc;
        }
    }
    return EVO_OK;
}

enum evo_errc evo_run_prepare(struct evo_session *s, bool down, struct evo_run *ret, struct evo_error *err)
{
    EVO_AUTO(run) r = { .session = s, .down = down };
    enum evo_layout_kind kind = s->o->project->kind;
    enum evo_errc rc = refuse_unrecorded(s, err);
    if (!rc)
        rc = down ? evo_plan_down(kind, &s->state, &s->journal, &s->o->plan, &r.plan, err)
                  : evo_plan_up(kind, &s->state, &s->journal, &s->o->plan, &r.plan, err);
    if (!rc)
        rc = load_steps(&r, err);
    if (rc)
        return rc;
    *ret = r;
    r = (struct evo_run){ 0 };
    return EVO_OK;
}

struct evo_json *evo_run_steps_json(const struct evo_run *r)
{
    struct evo_json *array = evo_json_array();
    for (size_t i = 0; i < r->count; i++)
        evo_json_append(array, evo_step_json(&r->steps[i]));
    return array;
}

static void append_warnings(struct evo_json *array, const struct evo_strvec *warnings)
{
    for (size_t i = 0; i < warnings->count; i++)
        evo_json_append_string(array, warnings->items[i]);
}

struct evo_json *evo_run_warnings_json(const struct evo_run *r)
{
    struct evo_json *array = evo_json_array();
    append_warnings(array, &r->session->o->project->warnings);
    append_warnings(array, &r->plan.warnings);
    size_t unproven = 0;
    for (size_t i = 0; i < r->count; i++)
        unproven += !r->steps[i].probed;
    if (unproven) {
        EVO_AUTO_STR text =
            evo_asprintf("%zu of %zu have no %s: nothing proves that they did what they are for", unproven,
                         r->count, r->down ? "verify_down.sql" : "verify_up.sql");
        evo_json_append_string(array, text);
    }
    return array;
}

static void append_done(struct evo_json *done, const struct evo_step *step, const struct evo_applied *a)
{
    struct evo_json *o = evo_json_object();
    evo_json_set_string(o, "name", step->migration->name);
    evo_json_set_int(o, "elapsed_ms", a->elapsed_ms);
    evo_json_set_bool(o, "transaction", a->transaction);
    evo_json_set_int(o, "retries", a->retries);
    evo_json_set_string(o, "verify",
                        a->verified                    ? "passed"
                        : a->committed && step->probed ? "failed"
                                                       : "none");
    evo_json_append(done, o);
}

/* A connection was lost and the lock with it: nobody may have been at it meanwhile. */
static enum evo_errc recover(struct evo_run *r, size_t next, struct evo_error *err)
{
    struct evo_session *s = r->session;
    enum evo_errc rc = evo_session_reopen(s, err);
    if (rc)
        return evo_error_prefix(err, "the connection was lost");
    for (size_t i = next; i < r->count; i++) {
        const char *name = r->steps[i].migration->name;
        for (size_t j = 0; j < s->state.count; j++) {
            const struct evo_state_item *item = &s->state.items[j];
            bool applied = item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED;
            if (!evo_streq(item->name, name) || applied == r->down)
                continue;
            (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE,
                                "another run changed migration \"%s\" while the connection was lost", name);
            return evo_error_next(err, "evo-status%s", s->o->plan.next_options);
        }
    }
    return EVO_OK;
}

enum evo_errc evo_run_execute(struct evo_run *r, struct evo_json *done, struct evo_error *err)
{
    struct evo_session *s = r->session;
    struct evo_task *task = s->o->task;
    enum evo_errc rc = EVO_OK;
    if (r->count && !s->ledger.exists) {
        rc = evo_ledger_create(s->pg, &s->ledger, err);
        s->ledger.exists = !rc;
    }
    for (size_t i = 0; !rc && i < r->count; i++) {
        struct evo_step *step = &r->steps[i];
        struct evo_progress progress = { .what = r->down ? "rollback" : "migrate",
                                         .items = i,
                                         .items_total = r->count,
                                         .item = "migrations",
                                         .current = step->migration->name };
        evo_task_progress(task, &progress);
        evo_debug(task, "%s: %zu statements, %s", step->migration->name, step->script.count,
                  evo_step_mode_name(step->mode));
        struct evo_applied applied = { 0 };
        rc = evo_apply(s, step, &applied, err);
        if (!rc || applied.committed)
            append_done(done, step, &applied);
        if (!rc && applied.lost)
            rc = recover(r, i + 1, err);
        evo_strbuf_release(&step->text); /* hundreds of files need not be kept to the end */
    }
    return rc;
}
