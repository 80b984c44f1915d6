#include "locks/way.h"

void evo_way_release(struct evo_way *w)
{
    if (!w)
        return;
    evo_locks_view_release(&w->holders);
    *w = (struct evo_way){ 0 };
}

/* $1: relations as SQL writes them. The position in the list comes back, so that the modes need not travel. Locks on a
 * partition or an index of what is named are not looked at: the statement's own rules decide about those. */
static const char sql[] = "SELECT n.at, l.pid, l.mode, l.granted, p.gid"
                          " FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS n(name, at)"
                          " JOIN pg_catalog.pg_lock_status() l ON l.locktype = 'relation'"
                          "  AND l.relation = pg_catalog.to_regclass(n.name)"
                          "  AND l.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d"
                          "   WHERE d.datname = pg_catalog.current_database()))"
                          " LEFT JOIN LATERAL (SELECT x.gid FROM pg_catalog.pg_lock_status() t"
                          "  JOIN pg_catalog.pg_prepared_xact() x ON x.transaction = t.transactionid"
                          "  WHERE l.pid IS NULL AND t.pid IS NULL AND t.locktype = 'transactionid'"
                          "  AND t.virtualtransaction = l.virtualtransaction) p ON l.pid IS NULL"
                          " WHERE l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()";

static void add_prepared(struct evo_locks_view *v, const char *gid)
{
    if (evo_locks_index(v, 0, gid) < v->nsessions)
        return;
    EVO_GROW(v->sessions, v->nsessions, v->sessions_alloc);
    v->sessions[v->nsessions++] = (struct evo_locks_session){ .gid = evo_strdup(gid),
                                                              .type = evo_strdup("prepared transaction"),
                                                              .state = evo_strdup("prepared"),
                                                              .transaction_ms = -1,
                                                              .state_ms = -1 };
}

/* Fills the way from the locks found; pids of the holders are appended to an open array. */
static void sort_out(const struct evo_pg_result *r, const struct evo_way_lock *locks, size_t count,
                     struct evo_way *way, struct evo_strbuf *pids)
{
    for (int row = 0; row < evo_pg_rows(r); row++) {
        int64_t at = evo_pg_value_int(r, row, 0, 0);
        const char *pid = evo_pg_value(r, row, 1);
        bool granted = evo_pg_value_bool(r, row, 3);
        if (at < 1 || (size_t)at > count)
            continue;
        if (!granted) {
            way->waiting++;
            continue;
        }
        if (!evo_lock_modes_conflict(locks[at - 1].mode, evo_lock_mode_parse(evo_pg_value(r, row, 2))))
            continue;
        if (pid)
            evo_strbuf_addf(pids, "%s%s", pids->len > 1 ? "," : "", pid);
        else if (evo_pg_value(r, row, 4))
            add_prepared(&way->holders, evo_pg_value(r, row, 4));
    }
}

enum evo_errc evo_way_look(struct evo_pg *pg, const struct evo_way_lock *locks, size_t count,
                           struct evo_way *ret, struct evo_error *err)
{
    EVO_AUTO(way) way = { 0 };
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT, pids = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (!count) {
        *ret = way;
        return EVO_OK;
    }
    evo_strbuf_addch(&names, '{');
    for (size_t i = 0; i < count; i++)
        evo_locks_add_element(&names, locks[i].relation);
    evo_strbuf_addch(&names, '}');
    enum evo_errc rc = evo_pg_query(pg, sql, 1, (const char *const[]){ names.buf }, &r, err);
    if (rc)
        return rc;
    evo_strbuf_addch(&pids, '{');
    sort_out(r, locks, count, &way, &pids);
    evo_strbuf_addch(&pids, '}');
    if (pids.len > 2)
        rc = evo_locks_sessions(pg, pids.buf, &way.holders, err);
    if (rc)
        return rc;
    *ret = way;
    way = (struct evo_way){ 0 };
    return EVO_OK;
}
