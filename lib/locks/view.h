/*
 * view.h - who waits for whom in this database at one moment: sessions and the waits between them.
 *
 * From pg_locks, pg_blocking_pids(), pg_stat_activity and pg_prepared_xacts
 * (https://www.postgresql.org/docs/current/monitoring-stats.html, view-pg-locks.html, functions-info.html). The functions
 * under the views are asked: a session that has just begun would spend most of its time on planning their joins. A
 * session waits for one lock at a time; for it, it may wait for several sessions, also for ones that only stand before
 * it in the queue. pg_blocking_pids() takes the lock manager's tables exclusively for a moment, so it is asked for at
 * most EVO_LOCKS_WAITERS_MAX sessions.
 *
 * A view is also filled by hand (tests): graph.h, describe.h and the texts are functions of it.
 *
 *	EVO_AUTO(locks_view) view = { 0 };
 *	rc = evo_locks_look(pg, &view, err);
 */
#ifndef EVO_LOCKS_VIEW_H
#define EVO_LOCKS_VIEW_H

#include "locks/mode.h"
#include "pg/conn.h"

#define EVO_LOCKS_WAITERS_MAX 500

/* Texts are as the server has them, but on one line, without control characters and bounded (describe.h); NULL where
 * they are not known. */
struct evo_locks_session {
    int64_t pid; /* 0: a prepared transaction */
    char *gid; /* of a prepared transaction; NULL: it is a session */
    bool
        hidden; /* a role without pg_read_all_stats (or pg_monitor) does not see more than pid, user and application */
    char *user, *application, *address, *database;
    char *type; /* "client backend", "autovacuum worker", … */
    char *state; /* "active", "idle in transaction" … */
    char *waits; /* what it waits for, "Lock/relation" */
    char *query; /* current or last; NULL also where it may hold a password */
    char *started; /* backend_start, to the microsecond: with the pid it names one session for ever */
    char *query_started; /* of the query, likewise */
    int64_t transaction_ms, state_ms; /* since its transaction, its state began; -1 unknown or none */
    bool superuser; /* its role is one */
};

struct evo_locks_wait {
    size_t blocked, blocking; /* sessions of the view */
    char *type; /* "relation", "transactionid", "advisory" … as pg_locks has it */
    char *object; /* what is waited for: "public.orders", "row of public.orders", "advisory lock 42" … */
    char *relation; /* the table or index in question, qualified and quoted; NULL: none or not known */
    char *mode; /* that is asked for: "ACCESS EXCLUSIVE" */
    char *held; /* what the other one has of the same lock; NULL: it only waits in front */
    int64_t wait_ms; /* -1: not known (PostgreSQL 13) */
};

struct evo_locks_view {
    struct evo_locks_session *sessions; /* that wait or are waited for */
    size_t nsessions, sessions_alloc;
    struct evo_locks_wait *waits;
    size_t nwaits, waits_alloc;
    bool cut; /* more sessions wait than were looked at */
};
void evo_locks_session_release(struct evo_locks_session *s);
EVO_DEFINE_AUTO(locks_session);
void evo_locks_view_release(struct evo_locks_view *v);
EVO_DEFINE_AUTO(locks_view);

/* Waits of sessions that are connected to this database. What ended between two questions is left out. */
enum evo_errc evo_locks_look(struct evo_pg *pg, struct evo_locks_view *ret, struct evo_error *err) EVO_CHECK;
/* One session, of whatever database; *ret_found false where there is none of this pid (ret is untouched then). */
enum evo_errc evo_locks_find(struct evo_pg *pg, int64_t pid, bool *ret_found, struct evo_locks_session *ret,
                             struct evo_error *err) EVO_CHECK;
/* Sessions by their pids, as a text array ("{1,2}"), longest transaction first; appended to a view. */
enum evo_errc evo_locks_sessions(struct evo_pg *pg, const char *pids, struct evo_locks_view *view,
                                 struct evo_error *err) EVO_CHECK;
/* One more element of an open text array ("{" is there; the caller closes it), quoted. */
void evo_locks_add_element(struct evo_strbuf *array, const char *text);
/* The session of a pid, or with pid 0 the prepared transaction of this gid; nsessions: none. */
size_t evo_locks_index(const struct evo_locks_view *v, int64_t pid, const char *gid);

#endif
