/*
 * internal.h - what the files of this folder share; include it first, and nowhere else.
 *
 * How a statement runs: evo_pg_send_* puts it on its way, evo_pg_next waits for one result after the other,
 * evo_pg_finish takes what is left. Every wait polls the cancel descriptor, unless `unattended` says that this is
 * clean-up work, which has a deadline instead.
 */
#ifndef EVO_PG_INTERNAL_H
#define EVO_PG_INTERNAL_H

/* Before anything of ours: its macros name functions that base/banned.h poisons. */
#include <libpq-fe.h>

#include "base/clock.h"
#include "pg/conn.h"

/* How long a cancelled statement may take to end, and how long clean-up may take. */
#define EVO_PG_CLEANUP_MS 2000

struct evo_pg {
    PGconn *conn;
    struct evo_task *task;
    char *redacted;
    char *database;
    char *version_text;
    bool lost; /* the session is of no more use, whatever libpq thinks */
    bool unattended; /* clean-up: waits end at `deadline`, and a cancel does not end them */
    size_t unflushed; /* COPY FROM: bytes given to libpq since they were last written out */
    struct evo_deadline deadline; /* of every wait; never, but in clean-up and where a caller sets one */
};

#define EVO_AUTO_PGRESULT __attribute__((cleanup(evo_pg_result_auto_))) PGresult *
static inline EVO_UNUSED void evo_pg_result_auto_(PGresult **r)
{
    PQclear(*r);
}

/* ---- wait.c ---- */

/* Waits until libpq's socket is readable (or writable, as `events` says), a cancel, or the deadline. Does not end
 * the statement. */
enum evo_errc evo_pg_wait(struct evo_pg *pg, short events, struct evo_error *err) EVO_CHECK;
/* Refuses when cancelled or lost, else sends one simple-protocol message, or one statement with parameters. */
enum evo_errc evo_pg_send(struct evo_pg *pg, const char *sql, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_pg_send_params(struct evo_pg *pg, const char *sql, int nparams, const char *const *params,
                                 struct evo_error *err) EVO_CHECK;
/* Writes what libpq has buffered. On failure the statement has been ended. */
enum evo_errc evo_pg_flush(struct evo_pg *pg, struct evo_error *err) EVO_CHECK;
/* The next result, NULL after the last. Failed statements are results too. On failure (cancelled, lost) the
 * statement has been ended. */
enum evo_errc evo_pg_next(struct evo_pg *pg, PGresult **ret, struct evo_error *err) EVO_CHECK;
/* Ends the running statement: cancels it at the server and takes what comes until it is over, or the session is
 * given up. Not ended by a cancel. */
void evo_pg_abandon(struct evo_pg *pg);
/* The same for a statement that ends by itself. */
void evo_pg_drain(struct evo_pg *pg);
/* As evo_pg_abandon, and an error for `rc`, the failure of evo_pg_wait. */
enum evo_errc evo_pg_give_up(struct evo_pg *pg, enum evo_errc rc);
/* The error for a connection that broke; marks it. */
enum evo_errc evo_pg_lost(struct evo_pg *pg, const char *why, struct evo_error *err);
/* Between these two, waits belong to clean-up. */
void evo_pg_cleanup_begin(struct evo_pg *pg);
void evo_pg_cleanup_end(struct evo_pg *pg);

/* ---- error.c ---- */

/* Is this the result of a statement that failed? */
bool evo_pg_failed(const PGresult *r);
/* The server's error as ours. */
enum evo_errc evo_pg_server_error(struct evo_pg *pg, const PGresult *r, struct evo_error *err);
/* A failed PQconnectPoll: `text` is libpq's message at verbosity PQERRORS_VERBOSE, which alone tells the SQLSTATE
 * of a refused connection. Pure. */
enum evo_errc evo_pg_connect_error(const char *text, bool needs_password, const struct evo_conninfo *info,
                                   struct evo_error *err);

/* ---- query.c ---- */

/* Runs what was sent; the last result that did not fail goes to *ret (may be NULL). COPY is refused. */
enum evo_errc evo_pg_collect(struct evo_pg *pg, PGresult **ret, struct evo_error *err) EVO_CHECK;

#endif
