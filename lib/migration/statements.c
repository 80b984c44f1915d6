#include "migration/statements.h"

#include <strings.h>

#include "base/cancel.h"
#include "migration/again.h"
#include "migration/begun.h"
#include "migration/checkpoint.h"
#include "migration/concurrent.h"
#include "migration/failure.h"
#include "migration/script.h"

/* "2147483647ms" */
#define TIMEOUT_MAX 32

struct run {
    struct evo_session *s;
    struct evo_step *step;
    struct evo_applied *applied;
    enum evo_layout_kind kind;
    char *id; /* of the ledger's row; NULL for down */
    char lock_timeout[TIMEOUT_MAX], statement_timeout[TIMEOUT_MAX]; /* of the session, for this file */
    size_t before; /* statements before it are done */
    size_t at; /* statement that is being run; script.count: all are through */
    struct evo_checkpoint checkpoint;
    bool changed; /* something of this file is in the schema already */
    bool unsure; /* a statement that leaves something where it fails in the middle failed */
    bool partly; /* a statement that may commit inside failed */
    bool committing; /* a COMMIT was sent whose answer may have been missed */
    struct evo_tries tries; /* of the unit that is being run; harm: of all of them */
    bool asks; /* what an earlier run began cannot be found out */
};

static enum evo_bare class_of(const struct run *r, size_t unit)
{
    const struct evo_sql_statement *st = &r->step->script.items[r->step->units[unit].first];
    return evo_bare_class(st->kind, r->step->text.buf + st->start, st->len);
}

static const char *unit_sql(const struct run *r, size_t unit, size_t *n)
{
    const struct evo_sql_statement *st = &r->step->script.items[r->step->units[unit].first];
    *n = st->len;
    return r->step->text.buf + st->start;
}

/* Settings are sent again each time; what is not resumed starts from nothing. */
static enum evo_unit_state state_of(const struct run *r, size_t unit)
{
    if (!r->step->resume || r->step->units[unit].setting)
        return EVO_UNIT_NEW;
    return evo_journal_state(&r->s->journal, r->kind, r->step, unit);
}

/* Row of the ledger and first row of the journal: both or neither. An earlier attempt's row becomes history. */
static enum evo_errc start(struct run *r, struct evo_error *err)
{
    struct evo_session *s = r->s;
    enum evo_errc rc = evo_journal_create(s->pg, &s->journal, &s->ledger, err);
    if (!rc)
        rc = evo_checkpoint_init(&r->checkpoint, s, r->step, err);
    if (!rc)
        rc = evo_session_begin(s, r->step, err);
    if (!rc && r->step->resume && !r->step->down)
        rc = evo_ledger_resolve_rolled_back(s->pg, &s->ledger, r->step->migration->name, err);
    if (!rc)
        rc = r->step->down ? evo_ledger_start_down(s->pg, &s->ledger, r->step->migration, err)
                           : evo_ledger_start(s->pg, &s->ledger, r->step->migration, &r->id, err);
    if (!rc)
        rc = evo_journal_start(s->pg, r->kind, r->step, err);
    if (!rc)
        rc = evo_session_commit(s, err);
    if (rc)
        evo_session_rollback(s);
    return rc;
}

/* The time-outs as the options, the directives and the file's own SET left them: what evo sets around a statement is put
 * back to these. */
static enum evo_errc remember_timeouts(struct run *r, struct evo_error *err)
{
    EVO_AUTO_STR lock = NULL;
    EVO_AUTO_STR statement = NULL;
    enum evo_errc rc = evo_pg_setting(r->s->pg, "lock_timeout", &lock, err);
    if (!rc)
        rc = evo_pg_setting(r->s->pg, "statement_timeout", &statement, err);
    if (rc)
        return rc;
    (void)snprintf(r->lock_timeout, sizeof(r->lock_timeout), "%s", lock ? lock : "0");
    (void)snprintf(r->statement_timeout, sizeof(r->statement_timeout), "%s", statement ? statement : "0");
    return EVO_OK;
}

static enum evo_errc set_timeouts(const struct run *r, bool concurrent, struct evo_error *err)
{
    const char *params[] = { concurrent ? "0" : r->lock_timeout, r->statement_timeout };
    return evo_pg_query(r->s->pg,
                        "SELECT pg_catalog.set_config('lock_timeout', $1, false),"
                        " pg_catalog.set_config('statement_timeout', $2, false)",
                        2, params, NULL, err);
}

/* Directives of the file, for the whole of it. */
static enum evo_errc apply_directives(struct run *r, struct evo_error *err)
{
    const struct evo_directives *d = evo_step_directives(r->step);
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_timeouts(d->lock_timeout_ms, d->statement_timeout_ms, false, &sql);
    enum evo_errc rc = sql.len ? evo_pg_exec(r->s->pg, sql.buf, err) : EVO_OK;
    return rc ? rc : remember_timeouts(r, err);
}

/* Statements [first, first + count) of the script. */
static enum evo_errc send(struct run *r, size_t first, size_t count, struct evo_error *err)
{
    struct evo_script_outcome outcome = { 0 };
    enum evo_errc rc = evo_script_run(r->s->pg, r->step, first, count, &outcome, err);
    r->at = first + (outcome.done < count ? outcome.done : count - 1);
    return rc;
}

static enum evo_errc refuse_open(const struct run *r, struct evo_error *err)
{
    if (!evo_pg_in_transaction(r->s->pg))
        return EVO_OK;
    return evo_error_set(err, EVO_ERR_DATABASE, "the statement left a transaction open");
}

/* In a transaction of ours, with its checkpoint. */
static enum evo_errc run_wrapped(struct run *r, size_t unit, struct evo_error *err)
{
    struct evo_session *s = r->s;
    const struct evo_step_unit *u = &r->step->units[unit];
    bool read_only = false;
    enum evo_errc rc = evo_pg_exec(s->pg, "BEGIN", err);
    if (!rc)
        rc = set_timeouts(r, false, err);
    if (!rc)
        rc = send(r, u->first, u->count, err);
    if (!rc)
        rc = evo_checkpoint_inside(&r->checkpoint, unit, &read_only, err);
    r->committing = !rc;
    if (!rc)
        rc = evo_session_commit(s, err);
    if (!rc && read_only)
        rc = evo_checkpoint_done(&r->checkpoint, unit, err);
    if (rc)
        evo_session_rollback(s);
    return rc;
}

enum ending { ENDS_IN_COMMIT, ENDS_IN_ROLLBACK, ENDS_OTHERWISE };

/* How a block of the file's own ends. */
static enum ending ending_of(const struct run *r, size_t unit)
{
    static const struct {
        const char *text;
        enum ending ending;
    } table[] = {
        { "COMMIT", ENDS_IN_COMMIT },
        { "COMMIT WORK", ENDS_IN_COMMIT },
        { "COMMIT TRANSACTION", ENDS_IN_COMMIT },
        { "END", ENDS_IN_COMMIT },
        { "END WORK", ENDS_IN_COMMIT },
        { "END TRANSACTION", ENDS_IN_COMMIT },
        { "ROLLBACK", ENDS_IN_ROLLBACK },
        { "ABORT", ENDS_IN_ROLLBACK },
    };
    const struct evo_step_unit *u = &r->step->units[unit];
    const struct evo_sql_statement *last = &r->step->script.items[u->first + u->count - 1];
    EVO_AUTO_STR line = evo_sql_one_line(r->step->text.buf + last->start, last->len, 64);
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        if (strcasecmp(line, table[i].text) == 0)
            return table[i].ending;
    return ENDS_OTHERWISE;
}

/* A BEGIN … COMMIT of the file's own, its checkpoint before its COMMIT. */
static enum evo_errc run_block(struct run *r, size_t unit, struct evo_error *err)
{
    const struct evo_step_unit *u = &r->step->units[unit];
    size_t body = u->count - 1;
    bool inside = ending_of(r, unit) == ENDS_IN_COMMIT;
    bool read_only = false;
    enum evo_errc rc = set_timeouts(r, false, err);
    if (!rc)
        rc = send(r, u->first, body, err);
    if (!rc && inside)
        rc = evo_checkpoint_inside(&r->checkpoint, unit, &read_only, err);
    r->committing = !rc;
    if (!rc)
        rc = send(r, u->first + body, 1, err);
    if (!rc)
        rc = refuse_open(r, err);
    r->changed = r->changed || !rc;
    if (!rc && (!inside || read_only))
        rc = evo_checkpoint_done(&r->checkpoint, unit, err);
    if (rc)
        evo_session_rollback(r->s);
    return rc;
}

/* Without a transaction around it. */
static enum evo_errc run_bare(struct run *r, size_t unit, struct evo_error *err)
{
    const struct evo_step_unit *u = &r->step->units[unit];
    size_t n = 0;
    const char *sql = unit_sql(r, unit, &n);
    enum evo_errc rc = u->concurrent_index ? evo_index_prepare(r->s->pg, sql, n, r->s->o->task, err) : EVO_OK;
    if (rc)
        return rc;
    rc = set_timeouts(r, u->concurrent_index, err);
    if (!rc)
        rc = send(r, u->first, u->count, err);
    if (!rc)
        rc = refuse_open(r, err);
    if (rc && evo_pg_alive(r->s->pg) && evo_pg_in_transaction(r->s->pg))
        evo_session_rollback(r->s);
    if (!rc && u->concurrent_index)
        rc = evo_index_check(r->s->pg, sql, n, err);
    if (rc && u->concurrent_index)
        evo_index_clean_up(r->s->pg, sql, n, err);
    return rc;
}

static void note_done(const struct run *r, size_t unit)
{
    evo_notice(r->s->o->task, "migration \"%s\": an earlier run had done line %d already",
               r->step->migration->name, r->step->script.items[r->step->units[unit].first].line);
}

/* What an earlier run sent without getting its answer is for a person to look at. */
static enum evo_errc ask(struct run *r, size_t unit, const char *found, struct evo_error *err)
{
    size_t n = 0;
    const char *sql = unit_sql(r, unit, &n);
    EVO_AUTO_STR summary = evo_sql_summary(sql, n);
    int line = r->step->script.items[r->step->units[unit].first].line;
    r->asks = true;
    (void)evo_error_set(err, EVO_ERR_FAILED,
                        "an earlier run sent %s (line %d), and what became of it cannot be proven", summary,
                        line);
    (void)evo_error_detail(
        err,
        "%s%s%sIt cannot run in a transaction, so a part of it may have been done; evo does not "
        "run it a second time by itself.",
        found ? "What is there is not what the statement makes: " : "", found ? found : "",
        found ? ". " : "");
    return evo_error_at(err, r->step->path, line);
}

/* A unit that was begun. *ret_done: it happened. */
static enum evo_errc judge_begun(struct run *r, size_t unit, bool same_text, bool *ret_done,
                                 struct evo_error *err)
{
    size_t n = 0;
    const char *sql = unit_sql(r, unit, &n);
    EVO_AUTO_STR found = NULL;
    enum evo_proof proof = EVO_PROOF_NONE;
    bool there = true;
    enum evo_errc rc = EVO_OK;
    if (!same_text)
        return ask(r, unit, NULL, err);
    switch (class_of(r, unit)) {
    case EVO_BARE_AGAIN:
        return EVO_OK;
    case EVO_BARE_INDEX:
        rc = evo_bare_prove_index(r->s->pg, sql, n, &proof, &found, err);
        break;
    case EVO_BARE_DROP_INDEX: /* it was there before it */
        rc = evo_bare_dropped_is_there(r->s->pg, sql, n, &there, err);
        proof = there ? EVO_PROOF_UNDONE : EVO_PROOF_DONE;
        break;
    case EVO_BARE_ONCE:
    case EVO_BARE_COMMITS:
        break;
    }
    if (!rc && proof == EVO_PROOF_NONE)
        return ask(r, unit, found, err);
    *ret_done = !rc && proof == EVO_PROOF_DONE;
    return rc;
}

/* Whether its row must be written before it is sent. A DROP INDEX of nothing is the server's to refuse. */
static enum evo_errc wants_begin(const struct run *r, size_t unit, bool *ret, struct evo_error *err)
{
    const struct evo_step_unit *u = &r->step->units[unit];
    *ret = u->block ? ending_of(r, unit) == ENDS_OTHERWISE : u->bare && !u->setting;
    if (!*ret || u->block || class_of(r, unit) != EVO_BARE_DROP_INDEX)
        return EVO_OK;
    size_t n = 0;
    const char *sql = unit_sql(r, unit, &n);
    return evo_bare_dropped_is_there(r->s->pg, sql, n, ret, err);
}

/* What may commit inside is not cancelled for the sake of others: it could not be tried again. */
static enum evo_errc run_watched(struct run *r, size_t unit, struct evo_error *err)
{
    const struct evo_step_unit *u = &r->step->units[unit];
    enum evo_errc rc;
    evo_try_begin(r->s, r->step, &r->tries, u->concurrent_index,
                  !u->bare || u->block || class_of(r, unit) != EVO_BARE_COMMITS);
    rc = u->block ? run_block(r, unit, err) : u->bare ? run_bare(r, unit, err) : run_wrapped(r, unit, err);
    evo_try_end(r->s, &r->tries);
    r->tries.goes_on = !rc; /* what was given up has waited for a quiet moment, and starts anew */
    return rc;
}

static enum evo_errc try_unit(struct run *r, size_t unit, struct evo_error *err)
{
    const struct evo_step_unit *u = &r->step->units[unit];
    bool begun = false;
    r->committing = false;
    enum evo_errc rc = u->setting ? EVO_OK : evo_try_look(r->s, r->step, u->first, u->count, err);
    if (!rc)
        rc = wants_begin(r, unit, &begun, err);
    if (!rc && begun)
        rc = evo_checkpoint_begin(&r->checkpoint, unit, err);
    if (rc)
        return rc;
    rc = run_watched(r, unit, err);
    if (!rc && u->bare && !u->block && !u->setting) {
        r->changed = true;
        return evo_checkpoint_done(&r->checkpoint, unit, err);
    }
    if (!rc || !begun)
        return rc;
    enum evo_bare class = class_of(r, unit);
    bool commits = class == EVO_BARE_COMMITS;
    r->unsure = r->unsure || class == EVO_BARE_ONCE || class == EVO_BARE_DROP_INDEX;
    r->partly = r->partly || commits;
    /* refused: it did not happen */
    if (!commits && rc != EVO_ERR_CANCELLED && err->sqlstate[0] && evo_pg_alive(r->s->pg))
        evo_checkpoint_unbegin(&r->checkpoint, unit);
    return rc;
}

/* The server says that it cannot run in a transaction, which the parser could not see. */
static bool wants_none(const struct run *r, const struct evo_step_unit *u, const struct evo_error *e)
{
    return !u->bare && evo_step_wants_none(r->step, u->first, e->sqlstate);
}

static enum evo_errc run_unit(struct run *r, size_t unit, struct evo_error *err)
{
    struct evo_step_unit *u = &r->step->units[unit];
    enum evo_unit_state state = state_of(r, unit);
    r->at = r->before = u->first;
    enum evo_errc rc = evo_cancel_check(err);
    bool done = state == EVO_UNIT_DONE;
    if (!rc && (state == EVO_UNIT_BEGUN || state == EVO_UNIT_BEGUN_OTHERWISE)) {
        rc = judge_begun(r, unit, state == EVO_UNIT_BEGUN, &done, err);
        if (!rc && done)
            rc = evo_checkpoint_done(&r->checkpoint, unit, err);
        if (!rc && done)
            note_done(r, unit);
    }
    if (done)
        r->changed = true;
    if (rc || done)
        return rc;
    r->tries.failed = 0;
    while ((rc = try_unit(r, unit, err)) != EVO_OK) {
        if (wants_none(r, u, err)) {
            u->bare = true;
            continue;
        }
        if (r->partly || !evo_try_again(r->s, r->step, u->first, u->count, &r->tries, err))
            break;
        r->applied->retries++;
    }
    r->applied->harm = r->tries.harm;
    r->applied->cancelled = r->tries.cancelled;
    if (!rc) {
        r->changed = r->changed || !u->setting;
        return u->setting ? remember_timeouts(r, err) : EVO_OK;
    }
    return evo_tries_were_in_vain(r->s, &r->tries, err) && !r->partly
               ? evo_failure_locks(r->s, r->step, &r->tries, err)
               : rc;
}

static enum evo_errc finish(struct run *r, struct evo_error *err)
{
    struct evo_session *s = r->s;
    const struct evo_migration *m = r->step->migration;
    int signo = evo_session_grace_begin(); /* all is done: a cancel must not make it look undone */
    enum evo_errc rc = evo_session_begin(s, r->step, err);
    if (!rc)
        rc = r->step->down ? evo_ledger_roll_back(s->pg, &s->ledger, m, err)
                           : evo_ledger_finish(s->pg, &s->ledger, r->id, err);
    if (!rc)
        rc = evo_journal_forget(s->pg, r->kind, r->step->down, m->name, err);
    if (!rc)
        rc = evo_session_commit(s, err);
    if (rc)
        evo_session_rollback(s);
    evo_session_grace_end(signo);
    return rc;
}

/* Ledger and error say where it stopped. */
static enum evo_errc stop(struct run *r, struct evo_error *err)
{
    struct evo_session *s = r->s;
    r->applied->done = r->changed ? r->before : 0;
    r->applied->stopped_at = r->at < r->step->script.count ? r->at + 1 : 0;
    evo_failure_done(r->step, r->applied->done, r->applied->stopped_at, evo_pg_alive(s->pg), err);
    int signo = evo_session_grace_begin();
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_pg_alive(s->pg) && !evo_session_reset(s, &ignored) && r->id) {
        EVO_AUTO(strbuf) logs = EVO_STRBUF_INIT;
        evo_failure_logs(err, &logs);
        (void)!evo_ledger_fail(s->pg, &s->ledger, r->id, logs.buf, &ignored);
    }
    evo_session_grace_end(signo);

    if (r->asks) {
        err->schema_clean = EVO_NO;
        evo_failure_unresolved(s, r->step, err);
        return evo_error_migration(err, r->step->migration->name);
    }
    bool left = strstr(err->detail, "Left behind") != NULL;
    bool unheard = !evo_pg_alive(s->pg) || (r->committing && err->code == EVO_ERR_CANCELLED);
    enum evo_tristate clean = r->changed || left                  ? EVO_NO
                              : unheard || r->unsure || r->partly ? EVO_UNKNOWN
                                                                  : EVO_YES;
    if (r->partly) {
        EVO_AUTO_STR detail = evo_strdup(err->detail);
        (void)evo_error_detail(
            err,
            "It runs outside a transaction and may commit inside: a part of it may have been "
            "done, and it is not run a second time.%s%s",
            detail[0] ? " " : "", detail);
        (void)evo_failure_shape(s, r->step, clean, err);
        evo_failure_unresolved(s, r->step, err);
        return err->code;
    }
    if (clean != EVO_YES)
        evo_failure_resumable(s, r->step, err);
    if (err->code == EVO_ERR_LOCK_UNAVAILABLE) {
        err->schema_clean = clean;
        return err->code;
    }
    return evo_failure_shape(s, r->step, clean, err);
}

enum evo_errc evo_statements_run(struct evo_session *s, struct evo_step *step, struct evo_applied *ret,
                                 struct evo_error *err)
{
    struct run r = {
        .s = s, .step = step, .applied = ret, .kind = s->o->project->kind, .tries = EVO_TRIES_INIT
    };
    ret->transaction = false;
    enum evo_errc rc = step->resume ? evo_journal_prove(&s->journal, r.kind, step, err) : EVO_OK;
    if (rc)
        return rc; /* complete as it is: nothing was started */
    rc = start(&r, err);
    EVO_AUTO_STR id = r.id;
    EVO_AUTO(checkpoint) checkpoint = r.checkpoint; /* released at the end of the scope */
    if (rc == EVO_ERR_PERMISSION) {
        err->schema_clean = EVO_YES;
        return evo_error_migration(err, step->migration->name);
    }
    if (!rc)
        rc = apply_directives(&r, err);
    for (size_t u = 0; !rc && u < step->nunits; u++)
        rc = run_unit(&r, u, err);
    evo_tries_release(&r.tries);
    if (!rc) {
        r.at = r.before = step->script.count;
        rc = evo_session_reset(s, err);
    }
    if (!rc)
        rc = evo_apply_probes_anew(s, step, err);
    if (!rc)
        rc = finish(&r, err);
    return rc ? stop(&r, err) : EVO_OK;
}
