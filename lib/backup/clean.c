#include "backup/clean.h"

#include "backup/admit.h"
#include "backup/doomed.h"
#include "backup/drop.h"
#include "backup/session.h"
#include "base/cancel.h"
#include "base/clock.h"

enum { LOCK_TIMEOUT_MS = 60000, VERDICT_MS = 5000, VERDICT_PAUSE_MS = 100, XID_MAX = 24 };
#define SCRIPT_MAX ((size_t)512 << 20)

bool evo_clean_is_whole(const struct evo_restore_options *o)
{
    return o->clean && o->jobs <= 1;
}

/* ---- dropping --------------------------------------------------------------- */

/* The sequence of a column goes with its table, and not before: the column's default needs it. */
static bool goes_with_table(const struct evo_restore_run *r, const struct evo_toc_entry *e)
{
    for (size_t k = 0; k < e->ndeps && evo_streq(e->desc, "SEQUENCE"); k++) {
        size_t dep = evo_toc_map_find(&r->map, e->deps[k]);
        if (dep != EVO_TOC_MAP_NONE && evo_streq(r->toc.items[dep].desc, "TABLE"))
            return true;
    }
    return false;
}

/* The statement that drops the entry, NULL where it is not dropped. The caller frees. */
static char *statement_for(const struct evo_restore_run *r, size_t i)
{
    const struct evo_toc_entry *e = &r->toc.items[i];
    bool asked = r->selection.take[i] && !r->selection.needed[i] && !goes_with_table(r, e);
    return asked ? evo_drop_statement(e) : NULL;
}

static enum evo_errc drop_all(struct evo_restore_run *r, struct evo_pg *pg, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (size_t i = r->toc.count; !rc && i-- > 0;) {
        const struct evo_toc_entry *e = &r->toc.items[i];
        EVO_AUTO_STR drop = statement_for(r, i);
        if (drop)
            rc = evo_pg_exec(pg, drop, err);
        if (rc)
            (void)evo_error_prefix(err, "could not drop %s \"%s%s%s\"", e->desc, e->schema ? e->schema : "",
                                   e->schema ? "." : "", e->tag);
    }
    if (rc == EVO_ERR_DATABASE && err && evo_streq(err->sqlstate, "2BP01"))
        return evo_error_hint(
            err,
            r->selection.whole
                ? "Nothing was changed. Something that the backup does not hold needs it: drop that "
                  "first, or restore beside it."
                : "Nothing was changed. Something needs it that is not restored: where the backup holds that "
                  "too, name it in --table as well; else drop it first, or restore beside it.");
    return rc;
}

enum evo_errc evo_clean_list(struct evo_restore_run *r, struct evo_pg *pg, struct evo_error *err)
{
    bool *dropped = evo_calloc(r->toc.count + 1, sizeof(*dropped));
    for (size_t i = 0; i < r->toc.count; i++) {
        EVO_AUTO_STR drop = statement_for(r, i);
        dropped[i] = drop != NULL;
    }
    enum evo_errc rc = evo_doomed_look(pg, &r->toc, dropped, r->result, err);
    free(dropped);
    return rc;
}

/* ---- what takes its place --------------------------------------------------- */

static enum evo_errc make(struct evo_restore_run *r, struct evo_pg *pg,
                          bool (*which)(const struct evo_toc_entry *e), const char *what,
                          struct evo_error *err)
{
    EVO_AUTO(strbuf) script = EVO_STRBUF_INIT_MAX(SCRIPT_MAX);
    bool *wanted = evo_calloc(r->toc.count + 1, sizeof(*wanted));
    for (size_t i = 0; i < r->toc.count; i++)
        wanted[i] = r->selection.take[i] && which(&r->toc.items[i]);
    enum evo_errc rc = evo_pgrestore_script(&r->tool, &r->toc, wanted, &script, err);
    free(wanted);
    if (rc)
        return rc;
    rc = evo_pg_exec(pg, script.buf, err);
    if (!rc)
        return EVO_OK;
    (void)evo_error_prefix(err, "could not make %s", what);
    return evo_pgrestore_explain(&r->tool, err);
}

static enum evo_errc begin(const struct evo_restore_run *r, struct evo_pg *pg, char xid[XID_MAX],
                           struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO_STR encoding = evo_toc_encoding(&r->toc);
    EVO_AUTO_PTR(pg_result) id = NULL;
    enum evo_errc rc = encoding ? evo_session_encoding(pg, encoding, err) : EVO_OK;
    if (!rc && o->maintenance_work_mem)
        rc = evo_pg_execf(pg, err, "SET maintenance_work_mem = '%llukB'",
                          (unsigned long long)(o->maintenance_work_mem / 1024));
    if (!rc)
        rc = evo_pg_execf(pg, err, "BEGIN; SET LOCAL lock_timeout = %lld",
                          (long long)(o->lock_timeout_ms ? o->lock_timeout_ms : LOCK_TIMEOUT_MS));
    if (!rc)
        rc = evo_pg_query(pg, "SELECT pg_catalog.txid_current()", 0, NULL, &id, err);
    if (!rc)
        (void)snprintf(xid, XID_MAX, "%s", evo_pg_value(id, 0, 0));
    return rc;
}

static enum evo_errc fill(struct evo_restore_run *r, struct evo_pg *pg, const struct evo_load *load,
                          struct evo_error *err)
{
    enum evo_errc rc = drop_all(r, pg, err);
    /* Schemas stay, with what else is in them. */
    if (!rc)
        rc = evo_target_leave_what_is_there(pg, &r->toc, &r->map, true, &r->selection, err);
    if (!rc)
        rc = make(r, pg, evo_restore_is_before_data, "the schema", err);
    if (rc || !evo_clean_is_whole(r->options))
        return rc;
    rc = evo_load_serially(load, pg, &r->work, r->result, err);
    return rc ? rc
              : make(r, pg, evo_restore_is_after_data, "indexes, keys, triggers, views and privileges", err);
}

/* ---- committing ------------------------------------------------------------- */

static enum evo_pg_verdict ask_verdict(struct evo_restore_run *r, const char *xid)
{
    struct evo_deadline deadline = evo_deadline_in(VERDICT_MS);
    enum evo_pg_verdict verdict = EVO_PG_VERDICT_UNKNOWN;
    int signo = evo_cancel_signal();
    evo_cancel_acknowledge();
    for (;;) {
        struct evo_error ignored = EVO_ERROR_INIT;
        EVO_AUTO_PTR(pg) pg = NULL;
        bool answered = !evo_admit_open(r->options, false, &pg, &ignored) &&
                        !evo_pg_xact_verdict(pg, xid, &verdict, &ignored) && verdict != EVO_PG_IN_PROGRESS;
        if (answered || evo_deadline_passed(deadline) || evo_cancel_sleep(VERDICT_PAUSE_MS, &ignored))
            break;
    }
    if (signo)
        evo_cancel_request(signo);
    return verdict;
}

/* Whoever sent COMMIT and had no answer, because the connection died or a signal came, knows nothing: the server does. */
static enum evo_errc commit(struct evo_restore_run *r, struct evo_pg *pg, const char *xid,
                            struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, "COMMIT", err);
    bool answered = rc && rc != EVO_ERR_CANCELLED && evo_pg_alive(pg);
    if (answered)
        return rc; /* it is rolled back: a constraint that was deferred */
    switch (rc ? ask_verdict(r, xid) : EVO_PG_COMMITTED) {
    case EVO_PG_COMMITTED:
        r->stage = EVO_RESTORE_REPLACED;
        return rc == EVO_ERR_CANCELLED ? rc : EVO_OK;
    case EVO_PG_ABORTED:
        return rc;
    case EVO_PG_IN_PROGRESS:
    case EVO_PG_VERDICT_UNKNOWN:
        break;
    }
    r->stage = EVO_RESTORE_UNKNOWN;
    (void)evo_error_detail(
        err, "COMMIT was sent, and the server could not be asked what became of transaction %s.", xid);
    return evo_error_hint(err, "Ask when the server is back: SELECT pg_xact_status('%s');", xid);
}

enum evo_errc evo_clean_replace(struct evo_restore_run *r, struct evo_pg *pg, const struct evo_load *load,
                                struct evo_error *err)
{
    char xid[XID_MAX];
    enum evo_errc rc = begin(r, pg, xid, err);
    if (!rc)
        rc = fill(r, pg, load, err);
    if (!rc)
        rc = commit(r, pg, xid, err);
    if (rc == EVO_ERR_LOCK_UNAVAILABLE)
        return evo_error_hint(err,
                              "Nothing was changed. Look who holds it with evo-status, or wait longer with "
                              "--lock-timeout.");
    return rc;
}
