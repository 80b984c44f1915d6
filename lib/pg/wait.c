#include "pg/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#include "base/cancel.h"

enum evo_errc evo_pg_wait(struct evo_pg *pg, short events, struct evo_error *err)
{
    for (;;) {
        if (!pg->unattended && evo_cancelled())
            return evo_cancel_check(err);
        struct pollfd fds[2] = { { .fd = PQsocket(pg->conn), .events = events },
                                 { .fd = pg->unattended ? -1 : evo_cancel_fd(), .events = POLLIN } };
        if (fds[0].fd < 0)
            return evo_pg_lost(pg, PQerrorMessage(pg->conn), err);
        int n = poll(fds, 2, evo_deadline_left(pg->deadline));
        if (n < 0 && errno != EINTR)
            return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not wait for the server");
        if (n == 0)
            return evo_error_set(err, EVO_ERR_TIMEOUT, "the server did not answer in time");
        if (n > 0 && fds[0].revents)
            return EVO_OK;
    }
}

static enum evo_errc ready_to_send(struct evo_pg *pg, struct evo_error *err)
{
    enum evo_errc rc = pg->unattended ? EVO_OK : evo_cancel_check(err);
    if (rc)
        return rc;
    if (!evo_pg_alive(pg))
        return evo_pg_lost(pg, NULL, err);
    return EVO_OK;
}

static enum evo_errc sent(struct evo_pg *pg, int ok, struct evo_error *err)
{
    if (!ok && PQstatus(pg->conn) == CONNECTION_OK)
        return evo_error_set(err, EVO_ERR_INTERNAL, "could not send a query: %s", PQerrorMessage(pg->conn));
    if (!ok)
        return evo_pg_lost(pg, PQerrorMessage(pg->conn), err);
    return evo_pg_flush(pg, err);
}

enum evo_errc evo_pg_send(struct evo_pg *pg, const char *sql, struct evo_error *err)
{
    enum evo_errc rc = ready_to_send(pg, err);
    return rc ? rc : sent(pg, PQsendQuery(pg->conn, sql), err);
}

enum evo_errc evo_pg_send_params(struct evo_pg *pg, const char *sql, int nparams, const char *const *params,
                                 struct evo_error *err)
{
    enum evo_errc rc = ready_to_send(pg, err);
    return rc ? rc : sent(pg, PQsendQueryParams(pg->conn, sql, nparams, NULL, params, NULL, NULL, 0), err);
}

enum evo_errc evo_pg_flush(struct evo_pg *pg, struct evo_error *err)
{
    while (PQflush(pg->conn) == 1) {
        enum evo_errc rc = evo_pg_wait(pg, POLLIN | POLLOUT, err);
        if (rc)
            return evo_pg_give_up(pg, rc);
        /* A server that cannot send stops reading. */
        if (!PQconsumeInput(pg->conn))
            return evo_pg_lost(pg, PQerrorMessage(pg->conn), err);
    }
    /* A connection that broke while writing may have said why before: the result will tell. */
    return EVO_OK;
}

enum evo_errc evo_pg_next(struct evo_pg *pg, PGresult **ret, struct evo_error *err)
{
    while (PQisBusy(pg->conn)) {
        enum evo_errc rc = evo_pg_wait(pg, POLLIN, err);
        if (rc)
            return evo_pg_give_up(pg, rc);
        /* On failure PQgetResult has the reason, a server's last words among them. */
        if (!PQconsumeInput(pg->conn))
            break;
    }
    *ret = PQgetResult(pg->conn);
    return EVO_OK;
}

/* ---- ending a statement ------------------------------------------------------- */

/* PQcancel connects and waits without a time limit, so it has a thread of its own that is left behind if need be. */
struct canceller {
    PGcancel *cancel;
    int done; /* closed at the end */
};

static void *send_cancel(void *ctx)
{
    struct canceller *c = ctx;
    char why[256];
    (void)PQcancel(c->cancel, why, sizeof(why)); /* whether it helped shows in the drain */
    PQfreeCancel(c->cancel);
    (void)close(c->done);
    free(c);
    return NULL;
}

static void request_cancel(struct evo_pg *pg, struct evo_deadline deadline)
{
    int fd[2];
    PGcancel *cancel = PQgetCancel(pg->conn);
    if (!cancel)
        return;
    if (pipe2(fd, O_CLOEXEC) != 0) {
        PQfreeCancel(cancel);
        return;
    }
    EVO_AUTO_FD done = fd[0];
    struct canceller *c = evo_malloc(sizeof(*c));
    *c = (struct canceller){ .cancel = cancel, .done = fd[1] };
    pthread_t thread;
    if (pthread_create(&thread, NULL, send_cancel, c) != 0) {
        (void)send_cancel(c);
        return;
    }
    struct pollfd p = { .fd = done, .events = POLLIN };
    while (poll(&p, 1, evo_deadline_left(deadline)) < 0 && errno == EINTR)
        continue;
    if (p.revents)
        (void)pthread_join(thread, NULL);
    else
        (void)pthread_detach(thread);
}

/* Waits for input, writing what is still to be written: a server that waits for us says nothing. */
static bool pump(struct evo_pg *pg)
{
    int left = PQflush(pg->conn);
    return left >= 0 && !evo_pg_wait(pg, left ? POLLIN | POLLOUT : POLLIN, NULL) && PQconsumeInput(pg->conn);
}

static bool drop_rows(struct evo_pg *pg)
{
    for (;;) {
        char *row = NULL;
        int n = PQgetCopyData(pg->conn, &row, 1);
        PQfreemem(row);
        if (n < 0)
            return true;
        if (n == 0 && !pump(pg))
            return false;
    }
}

/* Takes and drops what the statement still has to say. False: the deadline, or the connection broke. */
static bool drain(struct evo_pg *pg)
{
    for (;;) {
        while (PQisBusy(pg->conn))
            if (!pump(pg))
                return false;
        EVO_AUTO_PGRESULT r = PQgetResult(pg->conn);
        if (!r)
            return true;
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_COPY_IN && PQputCopyEnd(pg->conn, "ended by the client") <= 0)
            return false;
        if ((status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) && !drop_rows(pg))
            return false;
    }
}

void evo_pg_cleanup_begin(struct evo_pg *pg)
{
    pg->unattended = true;
    pg->deadline = evo_deadline_in(EVO_PG_CLEANUP_MS);
}

void evo_pg_cleanup_end(struct evo_pg *pg)
{
    pg->unattended = false;
    pg->deadline = EVO_DEADLINE_NEVER;
}

static void end_statement(struct evo_pg *pg, bool cancel)
{
    if (!evo_pg_alive(pg))
        return;
    evo_pg_cleanup_begin(pg);
    if (cancel && PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE)
        request_cancel(pg, pg->deadline);
    if (!drain(pg))
        pg->lost = true;
    evo_pg_cleanup_end(pg);
}

void evo_pg_abandon(struct evo_pg *pg)
{
    end_statement(pg, true);
}

void evo_pg_drain(struct evo_pg *pg)
{
    end_statement(pg, false);
}

enum evo_errc evo_pg_give_up(struct evo_pg *pg, enum evo_errc rc)
{
    if (pg->unattended) /* clean-up does not clean up after itself */
        pg->lost = true;
    else
        evo_pg_abandon(pg);
    return rc;
}

enum evo_errc evo_pg_lost(struct evo_pg *pg, const char *why, struct evo_error *err)
{
    pg->lost = true;
    size_t n = why ? strcspn(why, "\n") : 0;
    (void)evo_error_set(err, EVO_ERR_CONNECT, "connection to \"%s\" was lost%s%.*s", pg->redacted,
                        n > 0 ? ": " : "", (int)n, n > 0 ? why : "");
    (void)evo_error_hint(err, "See whether the server is up: pg_isready -d \"%s\"", pg->redacted);
    return EVO_ERR_CONNECT;
}
