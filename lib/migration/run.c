#include "migration/run.h"

#include <inttypes.h>

#include "base/cancel.h"
#include "base/parse.h"
#include "base/quote.h"
#include "migration/apply.h"
#include "migration/atomic.h"
#include "migration/delegate.h"
#include "migration/failure.h"
#include "migration/prisma.h"
#include "migration/render.h"
#include "pg/lock.h"

/* Names in one warning. */
#define NAMED 5

void evo_run_release(struct evo_run *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        evo_step_release(&r->steps[i]);
    free(r->steps);
    evo_plan_release(&r->plan);
    evo_strvec_release(&r->warnings);
    evo_note_release(&r->note);
    evo_json_free(r->stopped);
    *r = (struct evo_run){ 0 };
}

/* Prisma's P3005: tables, and no record of how they came to be. */
static enum evo_errc refuse_unrecorded(const struct evo_session *s, struct evo_error *err)
{
    if (!evo_layout_of(s->o->project->kind)->wants_baseline || s->ledger.exists || s->ledger.schema_empty)
        return EVO_OK;
    const char *more = s->o->plan.next_options;
    size_t count = s->o->project->count;
    EVO_AUTO_STR name = evo_quote_shell(count ? s->o->project->items[count - 1].name : "NAME");
    (void)evo_error_set(err, EVO_ERR_TARGET_NOT_EMPTY,
                        "schema \"%s\" has tables, but no record of migrations (\"%s\")", s->ledger.schema,
                        s->ledger.table);
    (void)evo_error_detail(err,
                           "Either this is another database than you think, or its schema was made without "
                           "migrations.");
    (void)evo_error_hint(
        err,
        "If the schema has what the migrations make, say up to which; --dry-run shows what their "
        "probes prove: evo-migrate baseline --to NAME%s",
        more);
    (void)evo_error_next(err, "evo-migrate baseline --to %s --dry-run%s", name, more);
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
        if (s->o->render)
            rc = evo_render_step(s, step, err);
        else if (step->mode == EVO_STEP_DELEGATED)
            rc = evo_delegate_prepare(s->o->project, step, err);
        if (!rc && step->mode == EVO_STEP_DELEGATED)
            rc = evo_delegate_admit(s, step, err);
        if (rc)
            return rc;
        step->resume = item->resume;
        if (!item->resume)
            continue;
        if (step->mode == EVO_STEP_TRANSACTION)
            evo_step_without_transaction(step); /* it was, when it was begun */
        rc = evo_journal_prove(&s->journal, s->o->project->kind, step, err);
        if (rc) {
            evo_failure_unfinished(s, step, err);
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
    if (!rc && s->o->atomic && !down)
        rc = evo_atomic_check(kind, r.steps, r.count, s->o->plan.next_options, err);
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

/* ""a", "b": no verify_up.sql: …" */
static void append_named(struct evo_json *array, const struct evo_strvec *names, const char *lack)
{
    if (!names->count)
        return;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (size_t i = 0; i < names->count && i < NAMED; i++)
        evo_strbuf_addf(&text, "%s\"%s\"", i ? ", " : "", names->items[i]);
    if (names->count > NAMED)
        evo_strbuf_addf(&text, " and %zu more", names->count - NAMED);
    evo_strbuf_addf(&text, ": %s", lack);
    evo_json_append_string(array, text.buf);
}

struct evo_json *evo_run_warnings_json(const struct evo_run *r)
{
    struct evo_json *array = evo_json_array();
    append_warnings(array, &r->session->o->project->warnings);
    append_warnings(array, &r->plan.warnings);
    append_warnings(array, &r->warnings);
    EVO_AUTO(strvec) empty = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) unproven = EVO_STRVEC_INIT;
    for (size_t i = 0; i < r->count; i++) {
        if (r->steps[i].script.count == 0 && r->steps[i].mode != EVO_STEP_DELEGATED)
            evo_strvec_push(&empty, r->steps[i].migration->name);
        if (!r->steps[i].probed)
            evo_strvec_push(&unproven, r->steps[i].migration->name);
    }
    append_named(array, &empty,
                 r->down ? "no statement in its down file: it takes nothing back"
                         : "no statement: an empty skeleton, which changes nothing");
    append_named(array, &unproven,
                 r->down ? "no verify_down.sql: nothing proves what taking it back did"
                         : "no verify_up.sql: nothing proves that it did what it is for");
    return array;
}

static struct evo_json *harm_json(const struct evo_applied *a)
{
    struct evo_json *o = evo_json_object();
    evo_json_set_int(o, "sessions_max", a->harm.sessions_max);
    evo_json_set_int(o, "session_seconds", evo_harm_seconds(a->harm.session_ms));
    evo_json_set_int(o, "cancelled", a->cancelled);
    return o;
}

/* Less is what every statement does to its neighbours. */
#define HARM_WORTH_A_WORD_MS 1000

static void warn_of_harm(struct evo_run *r, const struct evo_step *step, const struct evo_applied *a)
{
    if (!a->cancelled && a->harm.session_ms < HARM_WORTH_A_WORD_MS)
        return;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_addf(
        &text,
        "migration \"%s\": up to %" PRId64 " session%s waited behind it, %" PRId64 " session-second%s in all",
        step->migration->name, a->harm.sessions_max, a->harm.sessions_max == 1 ? "" : "s",
        evo_harm_seconds(a->harm.session_ms), evo_harm_seconds(a->harm.session_ms) == 1 ? "" : "s");
    if (a->cancelled)
        evo_strbuf_addf(&text, "; it was cancelled %" PRId64 " time%s for their sake", a->cancelled,
                        a->cancelled == 1 ? "" : "s");
    evo_warn(r->session->o->task, "%s", text.buf);
    (void)evo_strvec_push(&r->warnings, text.buf);
}

struct evo_json *evo_run_plan_warnings_json(const struct evo_run *r)
{
    EVO_AUTO(strvec) others = EVO_STRVEC_INIT;
    struct evo_json *array = evo_run_warnings_json(r);
    if (r->session->o->project->kind == EVO_LAYOUT_PRISMA && !r->down)
        evo_prisma_differences(r->steps, r->count, &others);
    append_warnings(array, &others);
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
    evo_json_set(o, "harm", harm_json(a));
    evo_json_set_null(o, "fingerprint");
    evo_json_append(done, o);
}

/* The lock was not ours for a while: nobody may have been at what is still to be run. */
static enum evo_errc refuse_changed(const struct evo_run *r, size_t next, const char *when,
                                    struct evo_error *err)
{
    const struct evo_session *s = r->session;
    for (size_t i = next; i < r->count; i++) {
        const char *name = r->steps[i].migration->name;
        for (size_t j = 0; j < s->state.count; j++) {
            const struct evo_state_item *item = &s->state.items[j];
            bool applied = item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED;
            if (!evo_streq(item->name, name) || applied == r->down)
                continue;
            (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE,
                                "another run changed migration \"%s\" while %s", name, when);
            return evo_error_next(err, "evo-status%s", s->o->plan.next_options);
        }
    }
    return EVO_OK;
}

static enum evo_errc recover(struct evo_run *r, size_t next, struct evo_error *err)
{
    enum evo_errc rc = evo_session_reopen(r->session, err);
    if (rc)
        return evo_error_prefix(err, "the connection was lost");
    return refuse_changed(r, next, "the connection was lost", err);
}

/* The file released the migration lock. Goes on only with the lock, and where nobody used the gap. */
static enum evo_errc regain_lock(struct evo_run *r, size_t next, struct evo_error *err)
{
    struct evo_session *s = r->session;
    const char *name = r->steps[next - 1].migration->name;
    bool taken = s->lock == EVO_SESSION_LOCK_TAKEN;
    const char *text = evo_strvec_pushf(&r->warnings, "migration \"%s\" released the migration lock%s", name,
                                        taken ? ", and another session has taken it"
                                              : "; it was taken again when the file was through");
    evo_warn(s->o->task, "%s", text);
    s->lock = EVO_SESSION_LOCK_HELD;
    if (next == r->count)
        return EVO_OK;
    enum evo_errc rc = EVO_OK;
    if (taken)
        rc = evo_pg_lock(s->pg, s->lock_key, 0, "migration lock again", s->o->task, err);
    if (!rc && s->lock_key_too) /* it was released with the other one */
        rc = evo_pg_lock(s->pg, s->lock_key_too, 0, "migration lock again", s->o->task, err);
    if (rc)
        return evo_error_prefix(err, "migration \"%s\" released the migration lock; stopped behind it", name);
    rc = evo_session_reload(s, err);
    return rc ? rc : refuse_changed(r, next, "the migration lock was released", err);
}

/* For machines, and for text.h. */
static struct evo_json *stopped_json(const struct evo_step *step, const struct evo_applied *a)
{
    struct evo_json *o = evo_json_object(), *done = evo_json_array();
    for (size_t i = 0; i < a->done; i++) {
        const struct evo_sql_statement *st = &step->script.items[i];
        EVO_AUTO_STR summary = evo_sql_summary(step->text.buf + st->start, st->len);
        struct evo_json *statement = evo_json_object();
        evo_json_set_int(statement, "number", (int64_t)i + 1);
        evo_json_set_int(statement, "line", st->line);
        evo_json_set_string(statement, "summary", summary);
        evo_json_append(done, statement);
    }
    evo_json_set_string(o, "name", step->migration->name);
    evo_json_set_int(o, "statements", (int64_t)step->script.count);
    evo_json_set(o, "done", done);
    if (a->stopped_at)
        evo_json_set_int(o, "failed", (int64_t)a->stopped_at);
    else
        evo_json_set_null(o, "failed");
    return o;
}

static void report(const struct evo_run *r, size_t done, const char *current)
{
    struct evo_progress progress = { .what = r->down ? "rollback" : "migrate",
                                     .items = done,
                                     .items_total = r->count,
                                     .item = "migrations",
                                     .current = current,
                                     .done = done == r->count };
    evo_task_progress(r->session->o->task, &progress);
}

/* What was begun here and is on record as applied since, or was being taken back and is not applied any more, was
 * settled by the layout's own tool: its checkpoints would be taken for those of a later attempt, where nothing but the
 * journal knows of attempts. */
static enum evo_errc forget_settled(const struct evo_run *r, struct evo_error *err)
{
    const struct evo_session *s = r->session;
    enum evo_layout_kind kind = s->o->project->kind;
    enum evo_errc rc = EVO_OK;
    bool unsaid = evo_layout_of(kind)->no_attempts || evo_layout_of(kind)->by_files;
    for (size_t i = 0; !rc && unsaid && i < s->state.count; i++) {
        const struct evo_state_item *item = &s->state.items[i];
        bool down = item->state == EVO_STATE_PENDING;
        if ((down || item->state == EVO_STATE_APPLIED) &&
            evo_journal_holds(&s->journal, kind, down, item->name))
            rc = evo_journal_forget(s->pg, kind, down, item->name, err);
    }
    return rc;
}

static void announce(const struct evo_run *r, size_t i)
{
    const struct evo_step *step = &r->steps[i];
    report(r, i, step->migration->name);
    evo_debug(r->session->o->task, "%s: %zu statements, %s", step->migration->name, step->script.count,
              evo_step_mode_name(step->mode));
}

static void note_done(struct evo_run *r, size_t i, size_t left, struct evo_json *done)
{
    const char *fingerprint = evo_note_migration(&r->note, r->steps[i].migration, r->down, left);
    evo_json_set_string(done, "fingerprint", fingerprint);
}

/* All of them or none. */
static enum evo_errc execute_together(struct evo_run *r, struct evo_json *done, struct evo_error *err)
{
    struct evo_applied *applied = evo_calloc(r->count, sizeof(*applied));
    EVO_AUTO_STR owner = (char *)applied; /* freed at the end of the scope */
    announce(r, 0);
    enum evo_errc rc = evo_apply_together(r->session, r->steps, r->count, applied, err);
    for (size_t i = 0; i < r->count; i++)
        if (applied[i].committed)
            append_done(done, &r->steps[i], &applied[i]);
    /* They were watched as one. */
    warn_of_harm(r, &r->steps[r->count - 1], &applied[r->count - 1]);
    if (!rc && applied[r->count - 1].lost)
        rc = recover(r, r->count, err);
    if (!rc && r->session->lock != EVO_SESSION_LOCK_HELD)
        rc = regain_lock(r, r->count, err);
    /* what was between them was never there for anybody to see */
    for (size_t i = 0; !rc && i < r->count; i++)
        note_done(r, i, i + 1 < r->count ? SIZE_MAX : 0, evo_json_at(done, i));
    return rc;
}

static enum evo_errc execute_each(struct evo_run *r, struct evo_json *done, struct evo_error *err)
{
    struct evo_session *s = r->session;
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < r->count; i++) {
        struct evo_step *step = &r->steps[i];
        announce(r, i);
        struct evo_applied applied = { 0 };
        rc = evo_apply(s, step, &applied, err);
        warn_of_harm(r, step, &applied);
        if (!rc || applied.committed)
            append_done(done, step, &applied);
        if (!rc && applied.lost)
            rc = recover(r, i + 1, err);
        if (!rc && s->lock != EVO_SESSION_LOCK_HELD)
            rc = regain_lock(r, i + 1, err);
        if (!rc)
            note_done(r, i, r->count - i - 1, evo_json_at(done, i));
        if (rc && !applied.committed && applied.done)
            r->stopped = stopped_json(step, &applied);
        evo_strbuf_release(&step->text); /* hundreds of files need not be kept to the end */
    }
    return rc;
}

static void warn_of_namesake(struct evo_run *r)
{
    const char *tool = evo_project_namesake(r->session->o->project);
    if (tool)
        evo_strvec_pushf(
            &r->warnings,
            "\"%s\" looks like a folder of %s, whose table this database does not have: what is "
            "applied is recorded in evo.migrations, and %s would apply it again; --layout %s shares "
            "its table instead",
            r->session->o->project->migrations, tool, tool, tool);
}

enum evo_errc evo_run_execute(struct evo_run *r, struct evo_json *done, struct evo_error *err)
{
    struct evo_session *s = r->session;
    enum evo_errc rc = forget_settled(r, err);
    if (!rc && !r->count)
        evo_note_look(&r->note, s, &r->warnings);
    if (rc || !r->count)
        return rc;
    evo_note_begin(&r->note, s, r->steps[0].migration->name, &r->warnings);
    /* The project's own tool makes its ledger itself. */
    if (!s->ledger.exists && r->steps[0].mode != EVO_STEP_DELEGATED) {
        rc = evo_ledger_create(s->pg, &s->ledger, err);
        s->ledger.exists = !rc;
        warn_of_namesake(r);
    }
    if (!rc)
        rc = s->o->atomic && !r->down ? execute_together(r, done, err) : execute_each(r, done, err);
    evo_note_end(&r->note);
    if (!rc)
        report(r, r->count, NULL);
    return rc;
}

/* What a run that failed has left is in the database, not in what was read before it. */
bool evo_run_look_again(struct evo_session *s)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    if (!s->pg || !evo_pg_alive(s->pg))
        return true; /* what was read before is all there is */
    int signo = evo_session_grace_begin();
    enum evo_errc rc = evo_session_reset(s, &ignored);
    if (!rc)
        rc = evo_session_reload(s, &ignored);
    evo_session_grace_end(signo);
    return !rc;
}

void evo_run_warn(struct evo_task *task, const struct evo_run *r)
{
    for (size_t i = 0; i < r->plan.warnings.count; i++)
        evo_warn(task, "%s", r->plan.warnings.items[i]);
}

void evo_run_names(const struct evo_json *done, struct evo_strvec *ret)
{
    for (size_t i = 0; i < evo_json_count(done); i++)
        evo_strvec_push(ret, evo_json_get_string(evo_json_at(done, i), "name", ""));
    evo_strvec_sort(ret);
}

void evo_run_outcome_json(const struct evo_run *r, const struct evo_session *s, const struct evo_json *done,
                          struct evo_json *data)
{
    int64_t total = 0, edited_total = 0, missing_total = 0;
    if (!s->pg)
        return;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_run_names(done, &names);
    for (size_t i = 0; i < s->state.count; i++) {
        const struct evo_state_item *item = &s->state.items[i];
        bool gone = item->state == EVO_STATE_MISSING, edited = item->state == EVO_STATE_EDITED;
        bool applied = item->state == EVO_STATE_APPLIED || edited || gone;
        bool touched = evo_strvec_contains_sorted(&names, item->name);
        total += r->down ? applied && !touched : applied || touched;
        edited_total += edited && !touched;
        missing_total += gone;
    }
    evo_json_set_int(data, "applied_total", total);
    evo_json_set_int(data, "edited_total", edited_total);
    evo_json_set_int(data, "missing_total", missing_total);
    evo_json_set(data, "fingerprints", evo_note_json(&r->note));
    evo_json_set(data, "stopped", r->stopped ? evo_json_ref(r->stopped) : evo_json_null_new());
}

void evo_run_judge_clean(const struct evo_session *s, bool started, const struct evo_json *done,
                         struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_run_names(done, &names);
    evo_failure_judge_clean(s, started, &names, err);
}
