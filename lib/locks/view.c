#include "locks/view.h"

#include <inttypes.h>

#include "base/clock.h"
#include "locks/advisory.h"
#include "locks/describe.h"

void evo_locks_session_release(struct evo_locks_session *s)
{
    if (!s)
        return;
    char *texts[] = { s->gid,   s->user,  s->application, s->address, s->database,     s->type,
                      s->state, s->waits, s->query,       s->started, s->query_started };
    for (size_t i = 0; i < EVO_COUNT(texts); i++)
        free(texts[i]);
    *s = (struct evo_locks_session){ 0 };
}

void evo_locks_view_release(struct evo_locks_view *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->nsessions; i++)
        evo_locks_session_release(&v->sessions[i]);
    for (size_t i = 0; i < v->nwaits; i++) {
        char *texts[] = { v->waits[i].type, v->waits[i].object, v->waits[i].relation, v->waits[i].mode,
                          v->waits[i].held };
        for (size_t k = 0; k < EVO_COUNT(texts); k++)
            free(texts[k]);
    }
    free(v->sessions);
    free(v->waits);
    *v = (struct evo_locks_view){ 0 };
}

size_t evo_locks_index(const struct evo_locks_view *v, int64_t pid, const char *gid)
{
    for (size_t i = 0; i < v->nsessions; i++)
        if (v->sessions[i].pid == pid && evo_streq(v->sessions[i].gid, gid))
            return i;
    return v->nsessions;
}

/* ---- sessions ------------------------------------------------------------------ */

#define MS_SINCE(time)                                                                                \
    "pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - " time ") * 1000)" \
    "::pg_catalog.int8"

#define MOMENT(time) "pg_catalog.to_char(" time " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* Whoever may not see a session gets its pid, user and application, and this text as its query. */
#define HIDDEN "<insufficient privilege>"

enum session_column {
    S_PID,
    S_GID,
    S_USER,
    S_APPLICATION,
    S_ADDRESS,
    S_DATABASE,
    S_TYPE,
    S_STATE,
    S_WAITS,
    S_QUERY,
    S_STARTED,
    S_QUERY_STARTED,
    S_TRANSACTION,
    S_STATE_MS,
    S_SUPERUSER
};
static const char sessions_sql[] =
    "SELECT a.pid, NULL, r.rolname, a.application_name,"
    " CASE WHEN a.backend_start IS NULL THEN NULL WHEN a.client_addr IS NULL THEN 'local'"
    " ELSE pg_catalog.host(a.client_addr) END,"
    " d.datname, a.backend_type, a.state, a.wait_event_type || '/' || a.wait_event,"
    " pg_catalog.left(a.query, 1000),"
    " " MOMENT("a.backend_start") ", " MOMENT(
        "a.query_start") ","
                         " " MS_SINCE("a.xact_start") ", " MS_SINCE(
                             "a.state_change") ", r.rolsuper"
                                               " FROM pg_catalog.pg_stat_get_activity(NULL) a"
                                               " LEFT JOIN pg_catalog.pg_database d ON d.oid = a.datid"
                                               " LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid"
                                               " WHERE a.pid = ANY ($1::pg_catalog.int4[]) ORDER BY "
                                               "a.xact_start NULLS LAST, a.pid";

static const char prepared_sql[] =
    "SELECT 0, p.gid, r.rolname, NULL, NULL, pg_catalog.current_database(), 'prepared transaction', "
    "'prepared',"
    " NULL, NULL, NULL, NULL, " MS_SINCE("p.prepared") ", " MS_SINCE(
        "p.prepared") ", r.rolsuper"
                      " FROM pg_catalog.pg_prepared_xact() p LEFT JOIN pg_catalog.pg_roles r ON r.oid = "
                      "p.ownerid"
                      " WHERE p.gid = ANY ($1::pg_catalog.text[]) ORDER BY p.prepared, p.gid";

static char *clean(const struct evo_pg_result *r, int row, int column)
{
    return evo_locks_clean(evo_pg_value(r, row, column), EVO_LOCKS_NAME_MAX);
}

static void read_session(const struct evo_pg_result *r, int row, struct evo_locks_session *s)
{
    const char *query = evo_pg_value(r, row, S_QUERY);
    *s = (struct evo_locks_session){
        .pid = evo_pg_value_int(r, row, S_PID, 0),
        .gid = evo_strdup(evo_pg_value(r, row, S_GID)),
        .hidden = evo_streq(query, HIDDEN),
        .user = clean(r, row, S_USER),
        .application = clean(r, row, S_APPLICATION),
        .address = clean(r, row, S_ADDRESS),
        .database = clean(r, row, S_DATABASE),
        .type = clean(r, row, S_TYPE),
        .state = clean(r, row, S_STATE),
        .waits = clean(r, row, S_WAITS),
        .query = evo_streq(query, HIDDEN) ? NULL : evo_locks_query(query),
        .started = evo_strdup(evo_pg_value(r, row, S_STARTED)),
        .query_started = evo_strdup(evo_pg_value(r, row, S_QUERY_STARTED)),
        .transaction_ms = evo_pg_value_int(r, row, S_TRANSACTION, -1),
        .state_ms = evo_pg_value_int(r, row, S_STATE_MS, -1),
        .superuser = evo_pg_value_bool(r, row, S_SUPERUSER),
    };
}

static enum evo_errc add_sessions(struct evo_pg *pg, const char *sql, const char *which,
                                  struct evo_locks_view *view, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 1, (const char *const[]){ which }, &r, err);
    for (int row = 0; !rc && row < evo_pg_rows(r); row++) {
        EVO_GROW(view->sessions, view->nsessions, view->sessions_alloc);
        read_session(r, row, &view->sessions[view->nsessions++]);
    }
    return rc;
}

enum evo_errc evo_locks_sessions(struct evo_pg *pg, const char *pids, struct evo_locks_view *view,
                                 struct evo_error *err)
{
    return add_sessions(pg, sessions_sql, pids, view, err);
}

enum evo_errc evo_locks_find(struct evo_pg *pg, int64_t pid, bool *ret_found, struct evo_locks_session *ret,
                             struct evo_error *err)
{
    EVO_AUTO_STR pids = evo_asprintf("{%" PRId64 "}", pid);
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sessions_sql, 1, (const char *const[]){ pids }, &r, err);
    if (rc)
        return rc;
    *ret_found = evo_pg_rows(r) > 0;
    if (*ret_found)
        read_session(r, 0, ret);
    return EVO_OK;
}

/* ---- waits --------------------------------------------------------------------- */

enum wait_column {
    W_PID,
    W_BLOCKER,
    W_GID,
    W_TYPE,
    W_CLASSID,
    W_OBJID,
    W_OBJSUBID,
    W_RELATION,
    W_OID,
    W_MODE,
    W_HELD,
    W_WAIT_MS
};

#define SAME_LOCK(x, y)                                                                               \
    "ROW(" x ".locktype, " x ".database, " x ".relation, " x ".page, " x ".tuple, " x ".virtualxid, " \
    "" x ".transactionid::pg_catalog.text, " x ".classid, " x ".objid, " x ".objsubid)"               \
    " IS NOT DISTINCT FROM "                                                                          \
    "ROW(" y ".locktype, " y ".database, " y ".relation, " y ".page, " y ".tuple, " y ".virtualxid, " \
    "" y ".transactionid::pg_catalog.text, " y ".classid, " y ".objid, " y ".objsubid)"

/* %s: the time of waiting, which the server tells from version 14 on; %d: EVO_LOCKS_WAITERS_MAX + 1. A waiter in a
 * parallel query stands for its leader, as in pg_blocking_pids(). The relation of a row that is waited for is that of
 * the tuple lock which the first in the row's queue holds; of a virtual transaction, the one of the concurrent build
 * that waits. A prepared transaction has no pid: pg_blocking_pids() says 0, and its locks stand without one; which it is
 * says the transaction lock of the same virtual transaction. */
static const char waits_sql[] =
    "WITH here AS MATERIALIZED (SELECT d.oid FROM pg_catalog.pg_database d"
    " WHERE d.datname = pg_catalog.current_database()),"
    " l AS MATERIALIZED (SELECT * FROM pg_catalog.pg_lock_status()),"
    " w AS MATERIALIZED (SELECT DISTINCT ON (coalesce(a.leader_pid, l.pid)) l.*, coalesce(a.leader_pid, "
    "l.pid) AS who"
    "  FROM l JOIN pg_catalog.pg_stat_get_activity(NULL) a ON a.pid = l.pid"
    "  WHERE NOT l.granted AND a.datid = (SELECT oid FROM here)"
    "  ORDER BY coalesce(a.leader_pid, l.pid), l.locktype LIMIT %d),"
    " e AS MATERIALIZED (SELECT w.*, b.pid AS blocker FROM w"
    "  CROSS JOIN LATERAL (SELECT DISTINCT pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS pid) b)"
    " SELECT e.who, e.blocker, p.gid, e.locktype, e.classid, e.objid, e.objsubid,"
    " CASE WHEN n.oid IS NOT NULL THEN pg_catalog.format('%%I.%%I', n.nspname, c.relname) END, x.relation, "
    "e.mode, h.mode,"
    " %s"
    " FROM e"
    " LEFT JOIN LATERAL (SELECT coalesce(e.relation,"
    "   (SELECT t.relation FROM l t WHERE t.pid = e.pid AND t.granted AND t.locktype = 'tuple'"
    "     AND e.locktype = 'transactionid' LIMIT 1),"
    "   (SELECT i.relid FROM pg_catalog.pg_stat_progress_create_index i WHERE i.pid = e.pid"
    "     AND e.locktype = 'virtualxid' LIMIT 1)) AS relation) x ON true"
    " LEFT JOIN pg_catalog.pg_class c ON c.oid = x.relation"
    " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN LATERAL (SELECT h.mode, h.virtualtransaction FROM l h WHERE h.granted AND " SAME_LOCK(
        "h", "e") "   AND (h.pid = e.blocker OR (h.pid IS NULL AND e.blocker = 0))) h ON true"
                  " LEFT JOIN l t ON e.blocker = 0 AND t.pid IS NULL AND t.granted AND t.locktype = "
                  "'transactionid'"
                  "   AND t.virtualtransaction = h.virtualtransaction"
                  " LEFT JOIN pg_catalog.pg_prepared_xact() p ON p.transaction = t.transactionid"
                  " ORDER BY e.who, e.blocker, p.gid";

/* What is waited for, as people say it. */
static char *object_of(const struct evo_pg_result *r, int row, const char *relation)
{
    const char *type = evo_pg_value(r, row, W_TYPE);
    if (evo_streq(type, "advisory"))
        return evo_advisory_name((uint32_t)evo_pg_value_int(r, row, W_CLASSID, 0),
                                 (uint32_t)evo_pg_value_int(r, row, W_OBJID, 0),
                                 (int)evo_pg_value_int(r, row, W_OBJSUBID, 0));
    if (evo_streq(type, "relation") && relation)
        return evo_strdup(relation);
    if (evo_streq(type, "relation"))
        return evo_asprintf("relation %" PRId64, evo_pg_value_int(r, row, W_OID, 0));
    if (evo_streq(type, "transactionid") || evo_streq(type, "tuple"))
        return relation ? evo_asprintf("a row of %s", relation) : evo_strdup("a row");
    if (evo_streq(type, "virtualxid"))
        return relation ? evo_asprintf("the end of a transaction, to build on %s", relation)
                        : evo_strdup("the end of a transaction");
    return relation ? evo_asprintf("%s of %s", type, relation) : evo_strdup(type);
}

/* "ShareLock" of a transaction is no mode of a table. */
static char *mode_of(const char *text)
{
    enum evo_lock_mode mode = evo_lock_mode_parse(text);
    return evo_strdup(mode ? evo_lock_mode_name(mode) : text);
}

static void read_wait(const struct evo_pg_result *r, int row, size_t blocked, size_t blocking,
                      struct evo_locks_view *v)
{
    char *relation = clean(r, row, W_RELATION);
    EVO_GROW(v->waits, v->nwaits, v->waits_alloc);
    v->waits[v->nwaits++] = (struct evo_locks_wait){
        .blocked = blocked,
        .blocking = blocking,
        .type = evo_strdup(evo_pg_value(r, row, W_TYPE)),
        .object = object_of(r, row, relation),
        .relation = relation,
        .mode = mode_of(evo_pg_value(r, row, W_MODE)),
        .held = mode_of(evo_pg_value(r, row, W_HELD)),
        .wait_ms = evo_pg_value_int(r, row, W_WAIT_MS, -1),
    };
}

/* A prepared transaction that holds the lock in a mode which does not matter is not in the way; and two modes that one
 * session holds are one wait, by the stronger. */
static bool is_no_more(const struct evo_pg_result *r, int row, struct evo_locks_view *v, size_t blocked,
                       size_t blocking)
{
    enum evo_lock_mode held = evo_lock_mode_parse(evo_pg_value(r, row, W_HELD));
    if (v->sessions[blocking].gid && evo_streq(evo_pg_value(r, row, W_TYPE), "relation") &&
        !evo_lock_modes_conflict(evo_lock_mode_parse(evo_pg_value(r, row, W_MODE)), held))
        return true;
    for (size_t i = 0; i < v->nwaits; i++) {
        struct evo_locks_wait *w = &v->waits[i];
        if (w->blocked != blocked || w->blocking != blocking)
            continue;
        if (held > evo_lock_mode_parse(w->held)) {
            free(w->held);
            w->held = mode_of(evo_pg_value(r, row, W_HELD));
        }
        return true;
    }
    return false;
}

void evo_locks_add_element(struct evo_strbuf *array, const char *text)
{
    evo_strbuf_adds(array, array->len > 1 ? ",\"" : "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            evo_strbuf_addch(array, '\\');
        evo_strbuf_addch(array, *text);
    }
    evo_strbuf_addch(array, '"');
}

static enum evo_errc load_sessions(struct evo_pg *pg, const struct evo_pg_result *r, struct evo_locks_view *v,
                                   struct evo_error *err)
{
    EVO_AUTO(strbuf) pids = EVO_STRBUF_INIT, gids = EVO_STRBUF_INIT;
    evo_strbuf_addch(&pids, '{');
    evo_strbuf_addch(&gids, '{');
    for (int row = 0; row < evo_pg_rows(r); row++) {
        evo_locks_add_element(&pids, evo_pg_value(r, row, W_PID));
        evo_locks_add_element(&pids, evo_pg_value(r, row, W_BLOCKER));
        if (evo_pg_value(r, row, W_GID))
            evo_locks_add_element(&gids, evo_pg_value(r, row, W_GID));
    }
    evo_strbuf_addch(&pids, '}');
    evo_strbuf_addch(&gids, '}');
    enum evo_errc rc = add_sessions(pg, sessions_sql, pids.buf, v, err);
    if (!rc && gids.len > 2)
        rc = add_sessions(pg, prepared_sql, gids.buf, v, err);
    return rc;
}

enum evo_errc evo_locks_look(struct evo_pg *pg, struct evo_locks_view *ret, struct evo_error *err)
{
    EVO_AUTO(locks_view) v = { 0 };
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO_STR sql =
        evo_asprintf(waits_sql, EVO_LOCKS_WAITERS_MAX + 1,
                     evo_pg_version(pg) >= 140000 ? MS_SINCE("e.waitstart") : "NULL::pg_catalog.int8");
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    if (!rc && evo_pg_rows(r))
        rc = load_sessions(pg, r, &v, err);
    if (rc)
        return evo_error_prefix(err, "could not look at the locks");
    size_t waiters = 0;
    int64_t last = 0;
    for (int row = 0; row < evo_pg_rows(r); row++) {
        int64_t pid = evo_pg_value_int(r, row, W_PID, 0);
        waiters += pid != last;
        last = pid;
        size_t blocked = evo_locks_index(&v, pid, NULL);
        size_t blocking =
            evo_locks_index(&v, evo_pg_value_int(r, row, W_BLOCKER, 0), evo_pg_value(r, row, W_GID));
        if (blocked < v.nsessions && blocking < v.nsessions && !is_no_more(r, row, &v, blocked, blocking))
            read_wait(r, row, blocked, blocking, &v);
    }
    v.cut = waiters > EVO_LOCKS_WAITERS_MAX;
    *ret = v;
    v = (struct evo_locks_view){ 0 };
    return EVO_OK;
}
