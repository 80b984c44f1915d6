#include "migration/transaction.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "migration/again.h"
#include "migration/failure.h"
#include "migration/script.h"

#define XID_MAX 24
/* pg_current_xact_id() came with 13; before, txid_current(). */
#define XACT_ID_SINCE 130000
/* How long to look for a server that says what became of a COMMIT. */
#define VERDICT_MS       (20 * 1000)
#define VERDICT_PAUSE_MS 250

enum stage { STAGE_BEFORE_COMMIT, STAGE_COMMIT };

struct attempt {
    struct evo_session *s;
    const struct evo_step *steps;
    size_t count;
    struct evo_applied *applied; /* one a step */
    enum stage stage;
    size_t at; /* the step that is being run */
    size_t done; /* statements of it */
    char xid[XID_MAX]; /* "" : not known */
    struct evo_tries tries;
};

static void attempt_auto(struct attempt *a)
{
    evo_tries_release(&a->tries);
}

static const struct evo_step *current(const struct attempt *a)
{
    return &a->steps[a->at];
}

static enum evo_errc note_xid(void *ctx, const struct evo_pg_result *rows, struct evo_error *err)
{
    (void)err;
    struct attempt *a = ctx;
    if (evo_pg_rows(rows) != 1 || evo_pg_columns(rows) != 2 || !evo_pg_value(rows, 0, 0))
        return EVO_OK;
    (void)snprintf(a->xid, sizeof(a->xid), "%s", evo_pg_value(rows, 0, 0));
    evo_session_lock_note(a->s, evo_pg_value(rows, 0, 1));
    return EVO_OK;
}

/* Settings as evo wants them again, the id by which the transaction can be asked about, and a look at the lock. */
static enum evo_errc reset_and_note_xid(struct attempt *a, struct evo_error *err)
{
    struct evo_session *s = a->s;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_reset(&s->settings, &sql);
    evo_strbuf_adds(&sql, evo_pg_version(s->pg) >= XACT_ID_SINCE
                              ? "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text, "
                              : "SELECT pg_catalog.txid_current()::pg_catalog.text, ");
    evo_session_lock_look(s, &sql);
    return evo_pg_script(s->pg, sql.buf, note_xid, a, NULL, err);
}

static enum evo_errc record(const struct attempt *a, struct evo_error *err)
{
    struct evo_session *s = a->s;
    const struct evo_step *step = current(a);
    if (step->down)
        return evo_ledger_roll_back(s->pg, &s->ledger, step->migration, err);
    return evo_ledger_record(s->pg, &s->ledger, step->migration, a->applied[a->at].started_ms, err);
}

/* Whoever had the lock in between may have been at what is still to be run. */
static enum evo_errc refuse_released(const struct attempt *a, struct evo_error *err)
{
    if (a->s->lock == EVO_SESSION_LOCK_HELD || a->at + 1 == a->count)
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_DATABASE,
                        "the file released the migration lock, under which those behind it are to run");
    return evo_error_hint(
        err, "Nothing was changed. Apply it by itself, without --atomic: evo-migrate up --to %s%s",
        current(a)->migration->name, a->s->o->plan.next_options);
}

/* Whether the ledger says that the step is done. */
static bool is_recorded(const struct evo_ledger *l, const struct evo_step *step)
{
    bool applied = false;
    for (size_t i = 0; i < l->count; i++)
        applied = applied || (l->items[i].rolled_back_ms < 0 && l->items[i].finished_ms >= 0 &&
                              evo_streq(l->items[i].name, step->migration->name));
    return applied != step->down;
}

/* The lock was not ours for a while, and this is not committed yet: whoever has it or had it may have taken up the same
 * migrations, which were pending. Their rows are looked for by another session: the file may have chosen a snapshot. */
static enum evo_errc refuse_overtaken(const struct attempt *a, struct evo_error *err)
{
    const struct evo_session *s = a->s;
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO(ledger) ledger = { 0 };
    bool taken = s->lock == EVO_SESSION_LOCK_TAKEN, done = false;
    if (s->lock == EVO_SESSION_LOCK_HELD)
        return EVO_OK;
    enum evo_errc rc = taken ? EVO_OK : evo_session_second(s, &pg, err);
    if (!rc && !taken)
        rc = evo_ledger_load(pg, s->o->project, s->o->info->schema, &ledger, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < a->count && !taken; i++)
        done = done || is_recorded(&ledger, &a->steps[i]);
    if (!taken && !done)
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE, "the file released the migration lock, and another %s",
                        taken ? "session has taken it" : "run applied it meanwhile");
    if (taken)
        (void)evo_error_detail(err, "It may be a run that is at the same migration.");
    return evo_error_hint(err, "Nothing was changed. See what is applied: evo-status%s",
                          s->o->plan.next_options);
}

/* A probe can release the lock: SELECT true FROM pg_advisory_unlock_all(). */
static enum evo_errc look_behind_probes(const struct attempt *a, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (!current(a)->probed)
        return EVO_OK;
    evo_strbuf_adds(&sql, "SELECT ");
    evo_session_lock_look(a->s, &sql);
    enum evo_errc rc = evo_pg_query(a->s->pg, sql.buf, 0, NULL, &r, err);
    if (!rc)
        evo_session_lock_note(a->s, evo_pg_value(r, 0, 0));
    return rc;
}

static enum evo_errc run_step(struct attempt *a, struct evo_error *err)
{
    struct evo_session *s = a->s;
    const struct evo_step *step = current(a);
    struct evo_script_outcome outcome = { 0 };
    a->applied[a->at].started_ms = evo_wall_ms();
    int64_t began = evo_clock_ms();
    enum evo_errc rc = a->at ? evo_session_go_on(s, step, err) : evo_session_begin(s, step, err);
    if (!rc)
        rc = evo_script_run(s->pg, step, 0, step->script.count, &outcome, err);
    a->done = outcome.done;
    if (outcome.controlled || (!rc && !evo_pg_in_transaction(s->pg))) {
        a->applied[a->at].escaped = true;
        if (!rc)
            rc = evo_error_set(err, EVO_ERR_DATABASE, "the file ended the transaction it was run in");
    }
    if (!rc)
        rc = reset_and_note_xid(a, err);
    if (!rc)
        rc = evo_apply_probes(s->pg, step, err);
    if (!rc)
        rc = look_behind_probes(a, err);
    if (!rc)
        rc = record(a, err);
    if (!rc)
        rc = refuse_released(a, err);
    a->applied[a->at].elapsed_ms = evo_clock_ms() - began;
    return rc;
}

static enum evo_errc run_all(struct attempt *a, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < a->count; i++) {
        a->at = i;
        rc = run_step(a, err);
    }
    if (!rc)
        rc = refuse_overtaken(a, err);
    if (rc)
        return rc;
    a->stage = STAGE_COMMIT;
    return evo_session_commit(a->s, err);
}

/* Watched from BEGIN to COMMIT: the locks are held until then. */
static enum evo_errc try_all(struct attempt *a, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    a->stage = STAGE_BEFORE_COMMIT;
    a->at = a->done = 0;
    for (size_t i = 0; !rc && i < a->count; i++)
        rc = evo_try_look(a->s, &a->steps[i], 0, a->steps[i].script.count, err);
    if (rc)
        return rc;
    evo_try_begin(a->s, a->steps, &a->tries, false, true);
    rc = run_all(a, err);
    evo_try_end(a->s, &a->tries);
    return rc;
}

/* The connection was lost in COMMIT: what became of the transaction? */
static enum evo_pg_verdict ask_verdict(struct evo_session *s, const char *xid)
{
    struct evo_deadline deadline = evo_deadline_in(VERDICT_MS);
    enum evo_pg_verdict verdict = EVO_PG_VERDICT_UNKNOWN;
    int signo = evo_session_grace_begin();
    while (xid[0]) {
        struct evo_error ignored = EVO_ERROR_INIT;
        EVO_AUTO_PTR(pg) pg = NULL;
        bool answered = !evo_session_second(s, &pg, &ignored) &&
                        !evo_pg_xact_verdict(pg, xid, &verdict, &ignored) && verdict != EVO_PG_IN_PROGRESS;
        if (answered || evo_deadline_passed(deadline) || evo_cancel_sleep(VERDICT_PAUSE_MS, &ignored))
            break;
    }
    evo_session_grace_end(signo);
    return verdict;
}

/* COMMIT was sent and its answer is not known: the connection was lost, or a cancel came in between. */
static enum evo_errc judge_commit(struct attempt *a, struct evo_error *err)
{
    struct evo_session *s = a->s;
    const struct evo_step *step = current(a);
    evo_notice(s->o->task, "%s in COMMIT of migration \"%s\"; asking what became of it",
               evo_pg_alive(s->pg) ? "cancelled" : "the connection was lost", step->migration->name);
    switch (ask_verdict(s, a->xid)) {
    case EVO_PG_COMMITTED:
        a->applied[a->at].lost = !evo_pg_alive(s->pg);
        return EVO_OK;
    case EVO_PG_ABORTED:
        (void)evo_error_detail(err,
                               "The connection was lost in COMMIT; the server says that transaction %s was "
                               "rolled back.",
                               a->xid);
        return evo_failure_shape(s, step, EVO_YES, err);
    case EVO_PG_IN_PROGRESS:
    case EVO_PG_VERDICT_UNKNOWN:
        break;
    }
    (void)evo_error_detail(err,
                           "The connection was lost in COMMIT, and the server could not be asked what became "
                           "of transaction %s. The ledger's row is part of it: evo-status says whether the "
                           "migration is applied.",
                           a->xid);
    (void)evo_error_hint(err, "Ask when the server is back: evo-status%s", s->o->plan.next_options);
    (void)evo_failure_shape(s, step, EVO_UNKNOWN, err);
    return evo_error_next(err, "evo-status%s", s->o->plan.next_options);
}

/* What cannot run in a transaction block although the parser could not see it: CALL and DO with COMMIT inside,
 * statements newer than the parser. */
static bool is_unfit(const struct attempt *a, const struct evo_error *e)
{
    if (a->stage != STAGE_BEFORE_COMMIT || a->done >= current(a)->script.count)
        return false;
    /* SET TRANSACTION behind another statement is 25001, too: that is the file's mistake */
    return evo_step_wants_none(current(a), a->done, e->sqlstate);
}

/* Of several: it is not this one alone that is undone, and it may be that it only cannot run together with others. */
static enum evo_errc add_others(const struct attempt *a, bool unfit, struct evo_error *err)
{
    /* a value of an enum type that another file of the same transaction added */
    bool apart = unfit || evo_streq(err->sqlstate, "55P04");
    if (a->count > 1) {
        EVO_AUTO_STR detail = evo_strdup(err->detail);
        (void)evo_error_detail(err,
                               "None of the %zu migrations was applied: they run in one transaction.%s%s",
                               a->count, detail[0] ? " " : "", detail);
    }
    if (apart)
        (void)evo_error_hint(
            err,
            "Nothing was changed. It does not work in that transaction; without --atomic each "
            "has its own: evo-migrate up%s",
            a->s->o->plan.next_options);
    return err->code;
}

/* Behind COMMIT, on a new connection each. The first that does not pass is the one to tell. */
static enum evo_errc probe_all(const struct attempt *a, struct evo_error *err)
{
    enum evo_errc first = EVO_OK;
    for (size_t i = 0; i < a->count; i++) {
        struct evo_error e = EVO_ERROR_INIT;
        enum evo_errc rc = evo_apply_probes_committed(a->s, &a->steps[i], &e);
        a->applied[i].verified = !rc && a->steps[i].probed;
        if (!rc || first)
            continue;
        *err = e;
        first = evo_apply_fail_committed(a->s, &a->steps[i], a->count - i, err);
    }
    return first;
}

static enum evo_errc commit_all(struct attempt *a, bool *ret_unfit, struct evo_error *err)
{
    enum evo_errc rc;
    while ((rc = try_all(a, err)) != EVO_OK) {
        if (a->stage == STAGE_COMMIT && (!evo_pg_alive(a->s->pg) || rc == EVO_ERR_CANCELLED))
            return judge_commit(a, err);
        evo_session_rollback(a->s);
        if (a->applied[a->at].escaped)
            return rc;
        bool unfit = is_unfit(a, err);
        if (unfit && ret_unfit) {
            *ret_unfit = true;
            return rc;
        }
        if (evo_try_again(a->s, current(a), 0, current(a)->script.count, &a->tries, err)) {
            for (size_t i = 0; i < a->count; i++)
                a->applied[i].retries++;
            continue;
        }
        (void)(evo_tries_were_in_vain(a->s, &a->tries, err)
                   ? evo_failure_locks(a->s, current(a), &a->tries, err)
                   : evo_failure_shape(a->s, current(a), EVO_YES, err));
        return ret_unfit ? err->code : add_others(a, unfit, err);
    }
    return EVO_OK;
}

enum evo_errc evo_transaction_run(struct evo_session *s, const struct evo_step *steps, size_t count,
                                  struct evo_applied *ret, bool *ret_unfit, struct evo_error *err)
{
    __attribute__((cleanup(attempt_auto))) struct attempt a = {
        .s = s, .steps = steps, .count = count, .applied = ret, .tries = EVO_TRIES_INIT
    };
    for (size_t i = 0; i < count; i++)
        ret[i].transaction = true;
    enum evo_errc rc = commit_all(&a, ret_unfit, err);
    for (size_t i = 0; i < count; i++) {
        ret[i].harm = a.tries.harm;
        ret[i].cancelled = a.tries.cancelled;
    }
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++)
        ret[i].committed = true;
    return probe_all(&a, err);
}
