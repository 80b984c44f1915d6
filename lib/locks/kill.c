#include "locks/kill.h"

#include <inttypes.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"

#define POLL_MS 50

static enum evo_errc refuse(const struct evo_kill *k, struct evo_error *err, enum evo_errc code,
                            const char *why, const char *what)
{
    return evo_error_set(err, code, "cannot end pid %" PRId64 ": %s%s", k->pid, why, what);
}

static bool prevents_wraparound(const struct evo_locks_session *s)
{
    return s->query && evo_starts_with(s->query, "autovacuum: ") &&
           strstr(s->query, "(to prevent wraparound)");
}

/* Of sessions that the role may see. */
static enum evo_errc judge_visible(const struct evo_kill *k, const struct evo_locks_session *s,
                                   const char *database, struct evo_error *err)
{
    bool autovacuum = evo_streq(s->type, "autovacuum worker");
    if (evo_streq(s->type, "walsender"))
        return refuse(k, err, EVO_ERR_PERMISSION, "it sends the write-ahead log to a replica or a backup",
                      "");
    if (evo_streq(s->type, "parallel worker"))
        return refuse(k, err, EVO_ERR_PERMISSION, "it is a worker of a parallel query",
                      ": end the session that runs it");
    if (!autovacuum && !evo_streq(s->type, "client backend"))
        return refuse(k, err, EVO_ERR_PERMISSION, "it is a process of the server's own, ",
                      s->type ? s->type : "of unknown kind");
    if (autovacuum && (!s->query || prevents_wraparound(s)))
        return refuse(k, err, EVO_ERR_PERMISSION,
                      "it is a vacuum that prevents transaction id wraparound, and would begin again", "");
    if (!evo_streq(s->database, database)) {
        (void)refuse(k, err, EVO_ERR_PERMISSION, "it is connected to another database, ",
                     s->database ? s->database : "");
        return evo_error_hint(err, "Name that one with --database or DATABASE_URL.");
    }
    if (k->cancel && !evo_streq(s->state, "active")) {
        (void)evo_error_set(err, EVO_ERR_USAGE,
                            "pid %" PRId64 " runs no query that could be cancelled: it is %s", k->pid,
                            s->state ? s->state : "idle");
        return evo_error_hint(err, "Without --cancel the session is ended, and its transaction rolled back.");
    }
    return EVO_OK;
}

enum evo_errc evo_kill_judge(const struct evo_kill *k, const struct evo_locks_session *s, int64_t own_pid,
                             const char *database, struct evo_error *err)
{
    if (s->pid == own_pid)
        return refuse(k, err, EVO_ERR_PERMISSION, "it is this very session", "");
    if (s->superuser) {
        (void)refuse(k, err, EVO_ERR_PERMISSION, "it belongs to a superuser, ", s->user ? s->user : "");
        return evo_error_hint(
            err, "If it must be, a superuser can: SELECT pg_terminate_backend(%" PRId64 ");", k->pid);
    }
    if (!s->started) {
        (void)refuse(k, err, EVO_ERR_PERMISSION, "this role may not see whose it is and since when", "");
        return evo_error_hint(err, "Let it: GRANT pg_read_all_stats, pg_signal_backend TO %s;",
                              k->role ? k->role : "the role");
    }
    if (k->started && !evo_streq(k->started, s->started)) {
        (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "the session that was pid %" PRId64 " has ended", k->pid);
        return evo_error_detail(err, "That pid is of another session now, which began at %s and not at %s.",
                                s->started, k->started);
    }
    return judge_visible(k, s, database, err);
}

static enum evo_errc is_there(struct evo_pg *pg, const struct evo_kill *k, const struct evo_locks_session *s,
                              bool *ret, struct evo_error *err)
{
    static const char sql[] =
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) a"
        " WHERE a.backend_start = $2::pg_catalog.timestamptz AND ($3::pg_catalog.text IS NULL"
        " OR (a.state = 'active' AND a.query_start = $3::pg_catalog.timestamptz)))";
    EVO_AUTO_STR pid = evo_asprintf("%" PRId64, k->pid);
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(
        pg, sql, 3, (const char *const[]){ pid, s->started, k->cancel ? s->query_started : NULL }, &r, err);
    if (!rc)
        *ret = evo_pg_value_bool(r, 0, 0);
    return rc;
}

/* True where the signal was sent. */
static enum evo_errc send_signal(struct evo_pg *pg, const struct evo_kill *k,
                                 const struct evo_locks_session *s, bool *ret_sent, struct evo_error *err)
{
    static const char terminate_sql[] = "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM "
                                        "pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) a"
                                        " WHERE a.backend_start = $2::pg_catalog.timestamptz";
    static const char cancel_sql[] =
        "SELECT pg_catalog.pg_cancel_backend(a.pid) FROM "
        "pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) a"
        " WHERE a.backend_start = $2::pg_catalog.timestamptz AND a.state = 'active'"
        " AND a.query_start = $3::pg_catalog.timestamptz";
    EVO_AUTO_STR pid = evo_asprintf("%" PRId64, k->pid);
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *params[] = { pid, s->started, s->query_started };
    enum evo_errc rc =
        evo_pg_query(pg, k->cancel ? cancel_sql : terminate_sql, k->cancel ? 3 : 2, params, &r, err);
    if (rc == EVO_ERR_PERMISSION)
        (void)evo_error_hint(err, "A member of the session's own role can, or of pg_signal_backend.");
    if (!rc)
        *ret_sent = evo_pg_rows(r) == 1 && evo_pg_value_bool(r, 0, 0);
    return rc;
}

enum evo_errc evo_kill_run(struct evo_pg *pg, const struct evo_kill *k, const struct evo_locks_session *s,
                           struct evo_error *err)
{
    bool sent = false, there = true;
    char human[EVO_HUMAN_MAX];
    enum evo_errc rc = send_signal(pg, k, s, &sent, err);
    if (!rc && !sent)
        return evo_error_set(err, EVO_ERR_NOT_FOUND,
                             k->cancel ? "the query of pid %" PRId64 " ended by itself"
                                       : "pid %" PRId64 " ended by itself",
                             k->pid);
    struct evo_deadline deadline = evo_deadline_in(k->wait_ms);
    while (!rc) {
        rc = is_there(pg, k, s, &there, err);
        if (rc || !there)
            return rc;
        if (evo_deadline_passed(deadline))
            break;
        rc = evo_cancel_sleep(POLL_MS, err);
    }
    if (rc)
        return rc;
    (void)evo_error_set(err, EVO_ERR_TIMEOUT, "pid %" PRId64 " was told to end and has not within %s", k->pid,
                        evo_format_duration(k->wait_ms, human));
    return evo_error_detail(err,
                            "It ends when it next looks for such a request; nothing more is to be done.");
}
