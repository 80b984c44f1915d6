#include "migration/statements.h"

#include "base/cancel.h"
#include "migration/concurrent.h"
#include "migration/failure.h"
#include "migration/retry.h"
#include "migration/script.h"

/* A cancelled run has seconds to clean up in. */
#define CLEANUP_MS 2500
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
    bool changed; /* something of this file is in the schema already */
};

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
        rc = evo_session_begin(s, r->step, err);
    if (!rc && r->step->resume && !r->step->down)
        rc = evo_ledger_resolve_rolled_back(s->pg, &s->ledger, r->step->migration->name, err);
    if (!rc && !r->step->down)
        rc = evo_ledger_start(s->pg, &s->ledger, r->step->migration, &r->id, err);
    for (size_t u = 0; !rc && u < r->step->nunits; u++) {
        if (r->step->units[u].setting)
            continue;
        if (state_of(r, u) == EVO_UNIT_NEW)
            rc = evo_journal_begin(s->pg, r->kind, r->step, u, err);
        break; /* only the first: its row says whose this attempt is */
    }
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

static enum evo_errc send(struct run *r, size_t unit, struct evo_strbuf *blockers, struct evo_error *err)
{
    const struct evo_step_unit *u = &r->step->units[unit];
    struct evo_script_outcome outcome = { 0 };
    int64_t lock = u->concurrent_index ? 0 : evo_session_lock_timeout(r->s, r->step);
    evo_watch_arm(r->s->watch, evo_pg_backend_pid(r->s->pg), evo_apply_watch_after(lock));
    enum evo_errc rc = evo_script_run(r->s->pg, r->step, u->first, u->count, &outcome, err);
    r->at = u->first + (outcome.done < u->count ? outcome.done : u->count - 1);
    evo_strbuf_clear(blockers);
    evo_watch_disarm(r->s->watch, blockers);
    if (!rc && u->bare && evo_pg_in_transaction(r->s->pg))
        rc = evo_error_set(err, EVO_ERR_DATABASE, "the statement left a transaction open");
    return rc;
}

/* In a transaction of ours, with its checkpoint. */
static enum evo_errc run_wrapped(struct run *r, size_t unit, struct evo_strbuf *blockers,
                                 struct evo_error *err)
{
    struct evo_session *s = r->s;
    enum evo_errc rc = evo_pg_exec(s->pg, "BEGIN", err);
    if (!rc)
        rc = set_timeouts(r, false, err);
    if (!rc)
        rc = send(r, unit, blockers, err);
    if (!rc)
        rc = evo_journal_done(s->pg, r->kind, r->step, unit, err);
    if (!rc)
        rc = evo_session_commit(s, err);
    if (rc)
        evo_session_rollback(s);
    return rc;
}

/* What a failed concurrent build left behind. Says in err's detail what is still there. */
static void clean_up_index(const struct run *r, size_t unit, struct evo_error *err)
{
    if (!evo_pg_alive(r->s->pg))
        return;
    size_t n = 0;
    const char *sql = unit_sql(r, unit, &n);
    int signo = evo_session_grace_begin();
    struct evo_error ignored = EVO_ERROR_INIT;
    EVO_AUTO(index_remains) remains = { 0 };
    EVO_AUTO(strbuf) left = EVO_STRBUF_INIT;
    bool looked = !evo_index_find(r->s->pg, sql, n, &remains, &ignored);
    if (looked && remains.state == EVO_INDEX_INVALID &&
        evo_index_drop(r->s->pg, remains.name, CLEANUP_MS, &ignored))
        evo_strbuf_adds(&left, remains.name);
    if (looked && !remains.of_table)
        (void)!evo_index_reindex_remains(r->s->pg, &left, &ignored);
    evo_session_grace_end(signo);
    if (!left.len)
        return;
    EVO_AUTO_STR detail = evo_strdup(err->detail);
    (void)evo_error_detail(err, "Left behind, INVALID: %s (DROP INDEX CONCURRENTLY %s;).%s%s", left.buf,
                           left.buf, detail[0] ? " " : "", detail);
}

/* SQLSTATEs by which a statement that was begun before says that it has happened. */
static bool says_it_happened(const struct run *r, size_t unit, const struct evo_error *e)
{
    static const char *const there[] = { "42P07", "42710", "42P04", "42701", "42P06" };
    static const char *const gone[] = { "42704", "42P01", "3D000", "42703" };
    size_t n = 0;
    const char *sql = unit_sql(r, unit, &n);
    EVO_AUTO_STR summary = evo_sql_summary(sql, n);
    bool drops = evo_starts_with(summary, "DROP");
    const char *const *states = drops ? gone : there;
    size_t count = drops ? EVO_COUNT(gone) : EVO_COUNT(there);
    for (size_t i = 0; i < count; i++)
        if (evo_streq(e->sqlstate, states[i]))
            return true;
    return false;
}

/* INVALID remains of an earlier build are dropped. *ret_done: the index stands, and an earlier run began it. */
static enum evo_errc prepare_index(const struct run *r, size_t unit, bool begun, bool *ret_done,
                                   struct evo_error *err)
{
    size_t n = 0;
    const char *sql = unit_sql(r, unit, &n);
    EVO_AUTO(index_remains) remains = { 0 };
    enum evo_errc rc = evo_index_find(r->s->pg, sql, n, &remains, err);
    *ret_done = !rc && begun && remains.state == EVO_INDEX_VALID;
    if (rc || remains.state != EVO_INDEX_INVALID)
        return rc;
    evo_notice(r->s->o->task, "index %s was left INVALID by a build that failed: dropping it", remains.name);
    return evo_index_drop(r->s->pg, remains.name, 0, err);
}

/* IF NOT EXISTS over an index that is not usable is no success. */
static enum evo_errc check_index(const struct run *r, size_t unit, struct evo_error *err)
{
    size_t n = 0;
    const char *sql = unit_sql(r, unit, &n);
    EVO_AUTO(index_remains) remains = { 0 };
    enum evo_errc rc = evo_index_find(r->s->pg, sql, n, &remains, err);
    if (!rc && remains.state == EVO_INDEX_INVALID)
        rc = evo_error_set(err, EVO_ERR_DATABASE, "index %s is INVALID after it was built", remains.name);
    return rc;
}

/* Without a transaction around it. */
static enum evo_errc run_bare(struct run *r, size_t unit, bool begun, struct evo_strbuf *blockers,
                              struct evo_error *err)
{
    const struct evo_step_unit *u = &r->step->units[unit];
    struct evo_pg *pg = r->s->pg;
    bool done = false;
    enum evo_errc rc = EVO_OK;
    if (u->concurrent_index)
        rc = prepare_index(r, unit, begun, &done, err);
    if (rc)
        return rc;
    if (!done) {
        rc = set_timeouts(r, u->concurrent_index, err);
        if (!rc)
            rc = send(r, unit, blockers, err);
        if (rc && evo_pg_alive(pg) && evo_pg_in_transaction(pg))
            evo_session_rollback(r->s);
        if (rc && begun && says_it_happened(r, unit, err)) {
            evo_notice(r->s->o->task, "migration \"%s\": an earlier run had done line %d already (%s)",
                       r->step->migration->name, r->step->script.items[u->first].line, err->message);
            rc = EVO_OK;
        }
        if (!rc && u->concurrent_index)
            rc = check_index(r, unit, err);
        if (rc && u->concurrent_index)
            clean_up_index(r, unit, err);
    }
    if (!rc && !u->setting)
        rc = evo_journal_done(pg, r->kind, r->step, unit, err);
    return rc;
}

static enum evo_errc run_unit(struct run *r, size_t unit, struct evo_error *err)
{
    const struct evo_step_unit *u = &r->step->units[unit];
    enum evo_unit_state state = state_of(r, unit);
    r->at = r->before = u->first;
    if (state == EVO_UNIT_DONE) {
        r->changed = true;
        return EVO_OK;
    }
    enum evo_errc rc = evo_cancel_check(err);
    if (!rc && !u->setting)
        rc = evo_journal_begin(r->s->pg, r->kind, r->step, unit, err);
    if (rc)
        return rc;
    EVO_AUTO(strbuf) blockers = EVO_STRBUF_INIT;
    int64_t failed = 0;
    while ((rc = u->bare ? run_bare(r, unit, state == EVO_UNIT_BEGUN, &blockers, err)
                         : run_wrapped(r, unit, &blockers, err)) != EVO_OK) {
        if (!evo_apply_again(r->s, r->step, &failed, err))
            break;
        r->applied->retries++;
    }
    if (!rc) {
        r->changed = r->changed || !u->setting;
        return u->setting ? remember_timeouts(r, err) : EVO_OK;
    }
    bool locks = evo_retry_wants(err->sqlstate) && err->code != EVO_ERR_CANCELLED && evo_pg_alive(r->s->pg);
    return locks ? evo_failure_locks(r->s, r->step, failed, blockers.buf, err) : rc;
}

static enum evo_errc finish(struct run *r, struct evo_error *err)
{
    struct evo_session *s = r->s;
    const struct evo_migration *m = r->step->migration;
    int signo = evo_session_grace_begin(); /* all is done: a cancel must not make it look undone */
    enum evo_errc rc = evo_session_begin(s, r->step, err);
    if (!rc)
        rc = r->step->down ? evo_ledger_roll_back(s->pg, &s->ledger, m->name, err)
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

    bool left = strstr(err->detail, "Left behind") != NULL;
    enum evo_tristate clean = r->changed || left ? EVO_NO : evo_pg_alive(s->pg) ? EVO_YES : EVO_UNKNOWN;
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
    struct run r = { .s = s, .step = step, .applied = ret, .kind = s->o->project->kind };
    ret->transaction = false;
    enum evo_errc rc = step->resume ? evo_journal_prove(&s->journal, r.kind, step, err) : EVO_OK;
    if (rc)
        return rc; /* complete as it is: nothing was started */
    rc = start(&r, err);
    EVO_AUTO_STR id = r.id;
    if (rc == EVO_ERR_PERMISSION) {
        err->schema_clean = EVO_YES;
        return evo_error_migration(err, step->migration->name);
    }
    if (!rc)
        rc = apply_directives(&r, err);
    for (size_t u = 0; !rc && u < step->nunits; u++)
        rc = run_unit(&r, u, err);
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
