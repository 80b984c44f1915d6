#include "migration/apply.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/quote.h"
#include "crypto/random.h"
#include "migration/again.h"
#include "migration/delegate.h"
#include "migration/failure.h"
#include "migration/script.h"
#include "migration/statements.h"
#include "migration/transaction.h"

enum evo_errc evo_apply_probes(struct evo_pg *pg, const struct evo_step *step, struct evo_error *err)
{
    if (!step->probed)
        return EVO_OK;
    EVO_AUTO(probe_report) report = { 0 };
    enum evo_errc rc = evo_probe_run(pg, &step->probes, NULL, 0, &report, err);
    if (!rc && report.failed)
        rc = evo_probe_error(&step->probes, &report, err);
    return rc;
}

enum evo_errc evo_apply_probes_anew(const struct evo_session *s, const struct evo_step *step,
                                    struct evo_error *err)
{
    if (!step->probed)
        return EVO_OK;
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_session_second(s, &pg, err);
    if (!rc)
        rc = evo_apply_probes(pg, step, err);
    return rc;
}

/* The same behind COMMIT, where a cancel changes nothing any more: the migration is in, and its probes have passed. The
 * next one says that it was cancelled. */
enum evo_errc evo_apply_probes_committed(const struct evo_session *s, const struct evo_step *step,
                                         struct evo_error *err)
{
    if (evo_cancelled())
        return EVO_OK;
    enum evo_errc rc = evo_apply_probes_anew(s, step, err);
    return rc == EVO_ERR_CANCELLED ? EVO_OK : rc;
}

/* A ledger that tells failures gets one although nothing is left of it. Nothing depends on that row. */
static void tell_failure(struct evo_session *s, const struct evo_step *step, const struct evo_error *err)
{
    if (step->down || err->code != EVO_ERR_MIGRATION_FAILED || !evo_pg_alive(s->pg) ||
        !evo_layout_of(s->o->project->kind)->tells_failures)
        return;
    EVO_AUTO(strbuf) logs = EVO_STRBUF_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    evo_failure_logs(err, &logs);
    if (!evo_session_reset(s, &ignored))
        (void)!evo_ledger_fail(s->pg, &s->ledger, step->migration->version, logs.buf, &ignored);
}

/* The migration is in, and its probe says no: what the next run would build upon is wrong. */
enum evo_errc evo_apply_fail_committed(const struct evo_session *s, const struct evo_step *step, size_t steps,
                                       struct evo_error *err)
{
    const char *more = s->o->plan.next_options;
    const char *found = err->code == EVO_ERR_CANCELLED ? "its probes have not been run"
                                                       : "its probes do not pass on a new connection";
    (void)evo_failure_shape(s, step, EVO_NO, err);
    if (!step->down && evo_migration_has_down(step->migration)) {
        (void)evo_error_hint(
            err, "It is committed, and %s.%s Take it back: evo-migrate down --steps %zu%s", found,
            step->mode == EVO_STEP_DELEGATED ? "" : " Inside the transaction they passed.", steps, more);
        return evo_error_next(err, "evo-migrate down --steps %zu%s", steps, more);
    }
    EVO_AUTO_STR name = evo_quote_shell(step->migration->name);
    (void)evo_error_hint(err, "It is committed, and %s. Look again: evo-verify %s %s%s", found,
                         step->down ? "down" : "up", name, more);
    return evo_error_next(err, "evo-verify %s %s%s", step->down ? "down" : "up", name, more);
}

enum evo_errc evo_apply_committed(const struct evo_session *s, const struct evo_step *step,
                                  struct evo_error *err)
{
    enum evo_errc rc = evo_apply_probes_committed(s, step, err);
    return rc ? evo_apply_fail_committed(s, step, 1, err) : EVO_OK;
}

/* Whether the start of such a file stands in the journal: the way back has no row in the ledger, and in some ledgers
 * nothing that is not finished has. */
static bool starts_in_journal(const struct evo_session *s, const struct evo_step *step)
{
    return step->down || evo_layout_of(s->o->project->kind)->no_attempts;
}

/* What the ledger says of a file that handles transactions itself and stopped. False: it could not be written. */
static bool record_failure(struct evo_session *s, const struct evo_step *step, const char *id, bool clean,
                           const struct evo_error *err)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    int signo = evo_session_grace_begin();
    bool recorded = evo_pg_alive(s->pg) && !evo_session_reset(s, &ignored);
    if (recorded && id) {
        EVO_AUTO(strbuf) logs = EVO_STRBUF_INIT;
        evo_failure_logs(err, &logs);
        recorded = !evo_ledger_fail(s->pg, &s->ledger, id, logs.buf, &ignored);
        /* Nothing happened: the row is history, not a riddle. */
        if (recorded && clean && !starts_in_journal(s, step))
            recorded = !evo_ledger_resolve_rolled_back(s->pg, &s->ledger, step->migration->name, &ignored);
    }
    if (recorded && step->down && clean)
        recorded = !evo_ledger_keep(s->pg, &s->ledger, step->migration, &ignored);
    if (recorded && starts_in_journal(s, step) && clean)
        recorded =
            !evo_journal_forget(s->pg, s->o->project->kind, step->down, step->migration->name, &ignored);
    evo_session_grace_end(signo);
    return recorded;
}

/* How much of it is committed, so that nobody takes it for undone. A service: whoever may not write the journal is told
 * by the error all the same. */
static void count_done(struct evo_session *s, const struct evo_step *step, size_t done)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    int signo = evo_session_grace_begin();
    enum evo_errc rc = evo_pg_alive(s->pg) ? evo_session_reset(s, &ignored) : EVO_ERR_CONNECT;
    if (!rc)
        rc = evo_journal_create(s->pg, &s->journal, &s->ledger, &ignored);
    if (!rc)
        rc = evo_journal_counted(s->pg, s->o->project->kind, step, done, &ignored);
    if (rc)
        evo_debug(s->o->task, "what is done is not on record: %s", ignored.message);
    evo_session_grace_end(signo);
}

/* What a person must look at is no command: err->next stays empty, but for a file that left nothing. */
static enum evo_errc fail_as_is(struct evo_session *s, const struct evo_step *step, const char *id,
                                bool clean, const struct evo_applied *at, struct evo_error *err)
{
    bool known = evo_pg_alive(s->pg);
    if (!clean)
        evo_failure_done(step, at->done, at->stopped_at, known, err);
    bool recorded = record_failure(s, step, id, clean, err);
    if (!clean && at->done)
        count_done(s, step, at->done);
    if (clean && recorded)
        return evo_failure_shape(s, step, EVO_YES, err);
    (void)evo_failure_shape(s, step, evo_pg_alive(s->pg) && !clean ? EVO_NO : EVO_UNKNOWN, err);
    evo_failure_unresolved(s, step, err);
    return err->code;
}

/* It begins and ends no more than one: where it is stopped before its COMMIT, nothing of it is left. */
static bool is_one_transaction(const struct evo_step *step)
{
    size_t controls = 0;
    for (size_t i = 0; i < step->script.count; i++) {
        controls += step->script.items[i].kind == EVO_SQL_TRANSACTION;
        if (step->script.items[i].kind == EVO_SQL_NO_TRANSACTION)
            return false;
    }
    return controls <= 2;
}

static enum evo_errc run_as_is(struct evo_session *s, const struct evo_step *step, struct evo_tries *tries,
                               struct evo_script_outcome *outcome, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_discard(&sql, true);
    const struct evo_directives *d = evo_step_directives(step);
    evo_settings_timeouts(d->lock_timeout_ms, d->statement_timeout_ms, false, &sql);
    enum evo_errc rc = evo_pg_exec(s->pg, sql.buf, err);
    if (!rc)
        rc = evo_try_look(s, step, 0, step->script.count, err);
    if (rc)
        return rc;
    evo_try_begin(s, step, tries, false, is_one_transaction(step));
    rc = evo_script_run(s->pg, step, 0, step->script.count, outcome, err);
    evo_try_end(s, tries);
    if (!rc && evo_pg_in_transaction(s->pg)) {
        rc = evo_error_set(err, EVO_ERR_DATABASE, "the file begins a transaction and does not end it");
        (void)evo_error_hint(err, "Write COMMIT at its end, or leave BEGIN out: evo runs a file in one "
                                  "transaction.");
        (void)evo_error_at(err, step->path, 0);
    }
    return rc;
}

/* Whether nothing of a file that handles transactions itself is left, once what is open is rolled back. The result of
 * a COMMIT may have been missed behind a cancel: then only an open transaction proves that its one COMMIT was not
 * reached. */
static bool is_undone(const struct evo_session *s, const struct evo_step *step,
                      const struct evo_script_outcome *outcome, enum evo_errc rc)
{
    if (outcome->ended || !evo_pg_alive(s->pg))
        return false;
    if (rc != EVO_ERR_CANCELLED)
        return true;
    return evo_pg_in_transaction(s->pg) && is_one_transaction(step);
}

static enum evo_errc start_as_is(struct evo_session *s, const struct evo_step *step, char **ret_id,
                                 struct evo_error *err)
{
    if (!starts_in_journal(s, step))
        return evo_ledger_start(s->pg, &s->ledger, step->migration, ret_id, err);
    enum evo_errc rc = evo_journal_create(s->pg, &s->journal, &s->ledger, err);
    if (!rc)
        rc = evo_pg_exec(s->pg, "BEGIN", err);
    if (!rc)
        rc = evo_journal_start(s->pg, s->o->project->kind, step, err);
    if (!rc)
        rc = step->down ? evo_ledger_start_down(s->pg, &s->ledger, step->migration, err)
                        : evo_ledger_start(s->pg, &s->ledger, step->migration, ret_id, err);
    if (!rc)
        rc = evo_session_commit(s, err);
    if (rc)
        evo_session_rollback(s);
    return rc;
}

static enum evo_errc record_as_is(struct evo_session *s, const struct evo_step *step, const char *id,
                                  struct evo_error *err)
{
    if (!starts_in_journal(s, step))
        return evo_ledger_finish(s->pg, &s->ledger, id, err);
    enum evo_errc rc = evo_pg_exec(s->pg, "BEGIN", err);
    if (!rc)
        rc = step->down ? evo_ledger_roll_back(s->pg, &s->ledger, step->migration, err)
                        : evo_ledger_finish(s->pg, &s->ledger, id, err);
    if (!rc)
        rc = evo_journal_forget(s->pg, s->o->project->kind, step->down, step->migration->name, err);
    if (!rc)
        rc = evo_session_commit(s, err);
    if (rc)
        evo_session_rollback(s);
    return rc;
}

/* A part of the file is committed although it was to be one transaction: no second run may take it for new. */
static enum evo_errc fail_escaped(struct evo_session *s, const struct evo_step *step,
                                  const struct evo_applied *at, struct evo_error *err)
{
    EVO_AUTO_STR id = NULL;
    EVO_AUTO_STR said = evo_strdup(err->detail);
    struct evo_error ignored = EVO_ERROR_INIT;
    (void)evo_error_detail(err,
                           "The file ended the transaction that it was run in, by words that are none in its "
                           "text as evo reads it: how much of it is committed is on no record.%s%s",
                           said[0] ? " " : "", said);
    int signo = evo_session_grace_begin();
    if (evo_pg_alive(s->pg) && !evo_session_reset(s, &ignored))
        (void)!start_as_is(s, step, &id, &ignored);
    evo_session_grace_end(signo);
    return fail_as_is(s, step, id, false, at, err);
}

static enum evo_errc apply_in_transaction(struct evo_session *s, struct evo_step *step,
                                          struct evo_applied *ret, struct evo_error *err)
{
    bool unfit = false;
    enum evo_errc rc = evo_transaction_run(s, step, 1, ret, &unfit, err);
    if (rc && ret->escaped)
        return fail_escaped(s, step, ret, err);
    if (rc && !unfit && !ret->committed)
        tell_failure(s, step, err);
    if (!rc || !unfit)
        return rc;
    evo_notice(s->o->task,
               "migration \"%s\" holds a statement that cannot run in a transaction (%s): rolled back, now "
               "statement by statement",
               step->migration->name, err->message);
    evo_step_without_transaction(step);
    return evo_statements_run(s, step, ret, err);
}

/* The file is through and what it did is committed: from here on a cancel ends the waiting for the probes, and no
 * more. */
static enum evo_errc finish_as_is(struct evo_session *s, const struct evo_step *step, const char *id,
                                  struct evo_applied *ret, struct evo_error *err)
{
    int signo = evo_session_grace_begin();
    enum evo_errc rc = evo_session_reset(s, err);
    evo_session_grace_end(signo);
    ret->done = step->script.count;
    enum evo_errc probed = rc ? EVO_OK : evo_apply_probes(s->pg, step, err);
    if (rc || (probed && probed != EVO_ERR_CANCELLED))
        return fail_as_is(s, step, id, false, ret, err);

    struct evo_error e = EVO_ERROR_INIT;
    signo = evo_session_grace_begin();
    rc = record_as_is(s, step, id, &e);
    evo_session_grace_end(signo);
    if (rc) {
        *err = e;
        return fail_as_is(s, step, id, false, ret, err);
    }
    ret->committed = true;
    if (!probed)
        probed = evo_apply_probes_committed(s, step, err);
    return probed ? evo_apply_fail_committed(s, step, 1, err) : EVO_OK;
}

static enum evo_errc apply_as_is(struct evo_session *s, const struct evo_step *step, struct evo_tries *tries,
                                 struct evo_applied *ret, struct evo_error *err)
{
    EVO_AUTO_STR id = NULL;
    enum evo_errc rc = start_as_is(s, step, &id, err);
    if (rc == EVO_ERR_PERMISSION) {
        err->schema_clean = EVO_YES;
        return evo_error_migration(err, step->migration->name);
    }
    if (rc)
        return evo_failure_shape(s, step, EVO_YES, err);
    struct evo_script_outcome outcome = { 0 };
    bool undone = false;
    while ((rc = run_as_is(s, step, tries, &outcome, err)) != EVO_OK) {
        undone = is_undone(s, step, &outcome, rc);
        evo_session_rollback(s);
        if (!undone || !evo_try_again(s, step, 0, step->script.count, tries, err))
            break;
        ret->retries++;
    }
    ret->harm = tries->harm;
    ret->cancelled = tries->cancelled;
    if (rc) {
        bool clean = undone && evo_pg_alive(s->pg);
        bool locks = evo_tries_were_in_vain(s, tries, err);
        ret->done = clean ? 0 : outcome.committed;
        ret->stopped_at = outcome.done < step->script.count ? outcome.done + 1 : 0;
        if (!clean || !locks || !record_failure(s, step, id, true, err))
            return fail_as_is(s, step, id, clean, ret, err);
        return evo_failure_locks(s, step, tries, err);
    }
    return finish_as_is(s, step, id, ret, err);
}

/* Checkpoints of an attempt that was settled by hand since (resolve, here or by the layout's own tool). */
static enum evo_errc forget_settled(struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    enum evo_layout_kind kind = s->o->project->kind;
    if (step->resume || !evo_journal_holds(&s->journal, kind, step->down, step->migration->name))
        return EVO_OK;
    return evo_journal_forget(s->pg, kind, step->down, step->migration->name, err);
}

enum evo_errc evo_apply(struct evo_session *s, struct evo_step *step, struct evo_applied *ret,
                        struct evo_error *err)
{
    struct evo_error e = EVO_ERROR_INIT;
    struct evo_applied applied = { .started_ms = evo_wall_ms() };
    EVO_AUTO(tries) tries = EVO_TRIES_INIT;
    int64_t began = evo_clock_ms();
    enum evo_errc rc = evo_cancel_check(&e);
    if (!rc)
        rc = forget_settled(s, step, &e);
    /* Where the ledger holds heads alone, what is written depends on what is there. */
    if (!rc && step->mode != EVO_STEP_DELEGATED && evo_layout_of(s->o->project->kind)->graph)
        rc = evo_session_reload(s, &e);
    if (rc)
        rc = evo_failure_shape(s, step, EVO_YES, &e);
    else if (step->mode == EVO_STEP_TRANSACTION)
        rc = apply_in_transaction(s, step, &applied, &e);
    else if (step->mode == EVO_STEP_AS_IS)
        rc = apply_as_is(s, step, &tries, &applied, &e);
    else if (step->mode == EVO_STEP_DELEGATED)
        rc = evo_delegate_apply(s, step, &applied, &e);
    else
        rc = evo_statements_run(s, step, &applied, &e);
    applied.elapsed_ms = evo_clock_ms() - began;
    applied.verified = !rc && step->probed;
    *ret = applied;
    if (rc && err)
        *err = e;
    return rc;
}

enum evo_errc evo_apply_together(struct evo_session *s, struct evo_step *steps, size_t count,
                                 struct evo_applied *ret, struct evo_error *err)
{
    struct evo_error e = EVO_ERROR_INIT;
    enum evo_errc rc = evo_cancel_check(&e);
    for (size_t i = 0; !rc && i < count; i++)
        rc = forget_settled(s, &steps[i], &e);
    rc = rc ? evo_failure_shape(s, &steps[0], EVO_YES, &e)
            : evo_transaction_run(s, steps, count, ret, NULL, &e);
    /* those before it were committed with their rows */
    for (size_t i = 0; rc && i < count; i++)
        if (ret[i].escaped)
            rc = fail_escaped(s, &steps[i], &ret[i], &e);
    if (rc && err)
        *err = e;
    return rc;
}
