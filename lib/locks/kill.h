/*
 * kill.h - end one session, or the query it runs: named first, and only what it may be.
 *
 * A pid is used again for another session. What is ended is therefore bound to the moment the session began
 * (backend_start), in the same statement that ends it; a role that may not see that moment may not end the session here.
 * Never ended: our own session, those of a superuser, replication, the server's own processes, and a vacuum that
 * prevents wraparound. Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL
 */
#ifndef EVO_LOCKS_KILL_H
#define EVO_LOCKS_KILL_H

#include "locks/view.h"

struct evo_kill {
    int64_t pid;
    const char *role; /* who asks, quoted for SQL; NULL: not known */
    const char *started; /* the session that was meant, as view.h tells it; NULL: whoever has the pid now */
    bool cancel; /* its query only; the session stays */
    int64_t wait_ms; /* for its end */
};

/* Whether it may be ended: EVO_OK, EVO_ERR_PERMISSION (never, or not by this role), EVO_ERR_NOT_FOUND (the pid is of
 * another session by now) or EVO_ERR_USAGE (a query to cancel where none runs). Pure. */
enum evo_errc evo_kill_judge(const struct evo_kill *k, const struct evo_locks_session *s, int64_t own_pid,
                             const char *database, struct evo_error *err) EVO_CHECK;
/* Ends the session s (of evo_locks_find()), and waits until it is gone, or its query over. EVO_ERR_NOT_FOUND: it ended
 * by itself just now. EVO_ERR_TIMEOUT: it was told to end and has not yet. */
enum evo_errc evo_kill_run(struct evo_pg *pg, const struct evo_kill *k, const struct evo_locks_session *s,
                           struct evo_error *err) EVO_CHECK;

#endif
