#include "migration/session.h"

#include <inttypes.h>

#include "base/cancel.h"
#include "pg/lock.h"

/* client_connection_check_interval, so that the server ends the statement of a killed evo. */
#define CHECK_CLIENT_SINCE 140000

void evo_session_release(struct evo_session *s)
{
    if (!s)
        return;
    evo_watch_free(s->watch);
    evo_state_release(&s->state);
    evo_journal_release(&s->journal);
    evo_ledger_release(&s->ledger);
    evo_pg_close(s->pg);
    free(s->search_path);
    *s = (struct evo_session){ 0 };
}

int evo_session_grace_begin(void)
{
    int signo = evo_cancel_signal();
    if (signo)
        evo_cancel_acknowledge();
    return signo;
}

void evo_session_grace_end(int signo)
{
    if (signo)
        evo_cancel_request(signo);
}

static enum evo_errc connect_to(const struct evo_migrate_options *o, struct evo_pg **ret,
                                struct evo_error *err)
{
    struct evo_pg_options options = { .application_name = "evo-migrate", .task = o->task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(o->info, &options, &pg, err);
    if (!rc)
        rc = evo_pg_guard(pg, o->expect_database, o->expect_system_identifier, err);
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

static enum evo_errc ask_pid(struct evo_session *s, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(s->pg, "SELECT pg_catalog.pg_backend_pid()", 0, NULL, &r, err);
    if (!rc)
        s->backend_pid = evo_pg_value_int(r, 0, 0, 0);
    return rc;
}

static enum evo_errc prepare(struct evo_session *s, bool lock, struct evo_error *err)
{
    const struct evo_migrate_options *o = s->o;
    enum evo_errc rc = connect_to(o, &s->pg, err);
    if (!rc)
        rc = evo_pg_refuse_pooler(s->pg, o->info, err);
    if (!rc)
        rc = ask_pid(s, err);
    if (!rc)
        rc = evo_project_settle(s->pg, o->info->schema, o->project, err);
    if (rc)
        return rc;
    s->lock_key = evo_ledger_lock_key(o->project, evo_pg_database(s->pg), o->info->schema);
    s->lock_key_too = evo_ledger_lock_key_too(o->project, evo_pg_database(s->pg), o->info->schema);
    rc = s->search_path ? EVO_OK
                        : evo_project_search_path(s->pg, o->project, o->info->schema, &s->search_path, err);
    if (rc)
        return rc;
    s->settings = (struct evo_settings){ .search_path = s->search_path,
                                         .lock_timeout_ms = o->lock_timeout_ms,
                                         .statement_timeout_ms = o->statement_timeout_ms };
    if (evo_pg_version(s->pg) >= CHECK_CLIENT_SINCE) {
        /* Not every platform has it; where it is refused we do without. */
        struct evo_error ignored = EVO_ERROR_INIT;
        s->settings.check_client =
            evo_pg_exec(s->pg, "SET client_connection_check_interval = '1s'", &ignored) == EVO_OK;
    }
    rc = evo_session_reset(s, err);
    if (!rc && lock)
        rc = evo_pg_lock(s->pg, s->lock_key, o->wait_ms, "migration lock", o->task, err);
    if (!rc && lock && s->lock_key_too)
        rc = evo_pg_lock(s->pg, s->lock_key_too, o->wait_ms, "migration lock", o->task, err);
    if (rc)
        return rc;
    s->locked = lock;
    s->lock = EVO_SESSION_LOCK_HELD;
    return evo_session_reload(s, err);
}

enum evo_errc evo_session_open(const struct evo_migrate_options *o, bool lock, struct evo_session *ret,
                               struct evo_error *err)
{
    EVO_AUTO(session) s = { .o = o };
    enum evo_errc rc = prepare(&s, lock, err);
    if (rc)
        return rc;
    if (lock)
        s.watch = evo_watch_new(o->info, o->task);
    *ret = s;
    s = (struct evo_session){ 0 };
    return EVO_OK;
}

enum evo_errc evo_session_reload(struct evo_session *s, struct evo_error *err)
{
    evo_state_release(&s->state);
    evo_journal_release(&s->journal);
    evo_ledger_release(&s->ledger);
    enum evo_errc rc = evo_ledger_load(s->pg, s->o->project, s->o->info->schema, &s->ledger, err);
    if (!rc)
        rc = evo_journal_load(s->pg, &s->journal, err);
    if (!rc)
        rc = evo_state_of(s->o->project, &s->ledger, &s->state, err);
    return rc;
}

enum evo_errc evo_session_reopen(struct evo_session *s, struct evo_error *err)
{
    evo_pg_close(s->pg);
    s->pg = NULL;
    bool lock = s->locked;
    s->locked = false;
    return prepare(s, lock, err);
}

enum evo_errc evo_session_second(const struct evo_session *s, struct evo_pg **ret, struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = connect_to(s->o, &pg, err);
    if (rc)
        return rc;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_reset(&s->settings, &sql);
    rc = evo_pg_exec(pg, sql.buf, err);
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

void evo_session_lock_look(const struct evo_session *s, struct evo_strbuf *sql)
{
    uint64_t key = (uint64_t)s->lock_key;
    evo_strbuf_addf(sql,
                    "CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory'"
                    " AND pid = pg_catalog.pg_backend_pid() AND granted AND mode = 'ExclusiveLock'"
                    " AND objsubid = 1 AND classid = '%" PRIu32 "'::pg_catalog.oid AND objid = '%" PRIu32
                    "'::pg_catalog.oid) THEN 'held'"
                    " WHEN pg_catalog.pg_try_advisory_lock('%" PRId64
                    "'::pg_catalog.int8) THEN 'retaken' ELSE 'taken' END",
                    (uint32_t)(key >> 32), (uint32_t)(key & UINT32_MAX), (int64_t)key);
}

void evo_session_lock_note(struct evo_session *s, const char *answer)
{
    if (answer && evo_streq(answer, "taken"))
        s->lock = EVO_SESSION_LOCK_TAKEN;
    else if (answer && evo_streq(answer, "retaken") && s->lock == EVO_SESSION_LOCK_HELD)
        s->lock = EVO_SESSION_LOCK_RETAKEN;
}

static enum evo_errc note_lock(void *ctx, const struct evo_pg_result *rows, struct evo_error *err)
{
    (void)err;
    if (evo_pg_rows(rows) == 1 && evo_pg_columns(rows) == 1)
        evo_session_lock_note(ctx, evo_pg_value(rows, 0, 0));
    return EVO_OK;
}

enum evo_errc evo_session_reset(struct evo_session *s, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_reset(&s->settings, &sql);
    if (s->locked) {
        evo_strbuf_adds(&sql, "SELECT ");
        evo_session_lock_look(s, &sql);
    }
    return evo_pg_script(s->pg, sql.buf, note_lock, s, NULL, err);
}

int64_t evo_session_lock_timeout(const struct evo_session *s, const struct evo_step *step)
{
    int64_t own = evo_step_directives(step)->lock_timeout_ms;
    return own >= 0 ? own : s->settings.lock_timeout_ms;
}

int64_t evo_session_statement_timeout(const struct evo_session *s, const struct evo_step *step)
{
    int64_t own = evo_step_directives(step)->statement_timeout_ms;
    return own >= 0 ? own : s->settings.statement_timeout_ms;
}

enum evo_errc evo_session_begin(struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_discard(&sql, true);
    /* SET TRANSACTION has to be the first that is said in a transaction, and a message is one until it says BEGIN. */
    if (step->script.count && evo_step_is_setting(step, 0)) {
        enum evo_errc rc = evo_pg_exec(s->pg, sql.buf, err);
        if (rc)
            return rc;
        evo_strbuf_clear(&sql);
    }
    evo_strbuf_adds(&sql, "BEGIN; ");
    const struct evo_directives *d = evo_step_directives(step);
    evo_settings_timeouts(d->lock_timeout_ms, d->statement_timeout_ms, true, &sql);
    return evo_pg_exec(s->pg, sql.buf, err);
}

enum evo_errc evo_session_go_on(struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_discard(&sql, false);
    const struct evo_directives *d = evo_step_directives(step);
    evo_settings_timeouts(d->lock_timeout_ms, d->statement_timeout_ms, true, &sql);
    return evo_pg_exec(s->pg, sql.buf, err);
}

enum evo_errc evo_session_commit(struct evo_session *s, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(s->pg, "COMMIT", 0, NULL, &r, err);
    if (!rc && !evo_streq(evo_pg_command_tag(r), "COMMIT"))
        rc = evo_error_set(err, EVO_ERR_DATABASE, "the server answered COMMIT with \"%s\"",
                           evo_pg_command_tag(r));
    return rc;
}

void evo_session_rollback(struct evo_session *s)
{
    int signo = evo_session_grace_begin();
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_pg_alive(s->pg) && evo_pg_in_transaction(s->pg))
        (void)!evo_pg_exec(s->pg, "ROLLBACK", &ignored);
    evo_session_grace_end(signo);
}
