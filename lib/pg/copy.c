#include "pg/internal.h"

#include <poll.h>

#include "base/cancel.h"
#include "pg/copy.h"

/* libpq's output buffer grows without end in non-blocking mode: so much, then it is flushed. */
#define FLUSH_BYTES ((size_t)128 * 1024)

/* Sends and takes the first result, which must be of this status. */
static enum evo_errc begin(struct evo_pg *pg, const char *sql, ExecStatusType want, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_send(pg, sql, err);
    if (rc)
        return rc;
    EVO_AUTO_PGRESULT r = NULL;
    rc = evo_pg_next(pg, &r, err);
    if (rc)
        return rc;
    if (r && PQresultStatus(r) == want)
        return EVO_OK;
    rc = r && evo_pg_failed(r)
             ? evo_pg_server_error(pg, r, err)
             : evo_error_set(err, EVO_ERR_INTERNAL, "not a COPY of this direction: %s", sql);
    return evo_pg_give_up(pg, rc);
}

/* The count of the command tag, once the data is through. */
static enum evo_errc finish(struct evo_pg *pg, int64_t *ret_rows, struct evo_error *err)
{
    EVO_AUTO_PGRESULT r = NULL;
    enum evo_errc rc = evo_pg_collect(pg, &r, err);
    if (!rc && ret_rows)
        *ret_rows = r ? evo_pg_affected((const struct evo_pg_result *)r) : -1;
    return rc;
}

enum evo_errc evo_pg_copy_out(struct evo_pg *pg, const char *sql,
                              enum evo_errc (*sink)(void *ctx, const char *row, size_t n,
                                                    struct evo_error *err),
                              void *ctx, int64_t *ret_rows, struct evo_error *err)
{
    enum evo_errc rc = begin(pg, sql, PGRES_COPY_OUT, err);
    if (rc)
        return rc;
    bool waited = true;
    /* What no row reaches is never touched, and so is no memory. */
    EVO_AUTO_STR piece = evo_malloc(EVO_PG_COPY_PIECE);
    for (;;) {
        /* PQgetCopyData would copy the row as a whole: the older function copies what fits. */
        int n = PQgetlineAsync(pg->conn, piece, (int)EVO_PG_COPY_PIECE);
        if (n > 0) {
            rc = sink(ctx, piece, (size_t)n, err);
            if (rc)
                return evo_pg_give_up(pg, rc);
            waited = true;
            continue;
        }
        if (n < 0) /* the end, or a failure: the result says */
            return finish(pg, ret_rows, err);
        /* While the server is the faster one, there is more to read without asking poll(). */
        if (!waited || evo_cancelled())
            rc = evo_pg_wait(pg, POLLIN, err);
        if (rc)
            return evo_pg_give_up(pg, rc);
        waited = !waited;
        if (!PQconsumeInput(pg->conn))
            return finish(pg, ret_rows, err);
    }
}

enum evo_errc evo_pg_copy_begin(struct evo_pg *pg, const char *sql, struct evo_error *err)
{
    pg->unflushed = 0;
    return begin(pg, sql, PGRES_COPY_IN, err);
}

/* A write that libpq refused: the connection broke, or no COPY runs. The results say why. */
static enum evo_errc refused(struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO_STR why = evo_strdup(PQerrorMessage(pg->conn));
    enum evo_errc rc = evo_pg_alive(pg) ? evo_pg_collect(pg, NULL, err) : EVO_OK;
    return rc ? rc : evo_pg_lost(pg, why, err);
}

enum evo_errc evo_pg_copy_write(struct evo_pg *pg, const void *data, size_t n, struct evo_error *err)
{
    const char *p = data;
    while (n > 0) {
        size_t piece = n < FLUSH_BYTES ? n : FLUSH_BYTES;
        if (PQputCopyData(pg->conn, p, (int)piece) <= 0)
            return refused(pg, err);
        p += piece;
        n -= piece;
        pg->unflushed += piece;
        if (pg->unflushed < FLUSH_BYTES)
            continue;
        pg->unflushed = 0;
        enum evo_errc rc = pg->unattended ? EVO_OK : evo_cancel_check(err);
        if (rc)
            return evo_pg_give_up(pg, rc);
        rc = evo_pg_flush(pg, err);
        if (rc)
            return rc;
    }
    return EVO_OK;
}

enum evo_errc evo_pg_copy_end(struct evo_pg *pg, int64_t *ret_rows, struct evo_error *err)
{
    if (PQputCopyEnd(pg->conn, NULL) <= 0)
        return refused(pg, err);
    enum evo_errc rc = evo_pg_flush(pg, err);
    return rc ? rc : finish(pg, ret_rows, err);
}

void evo_pg_copy_abort(struct evo_pg *pg, const char *why)
{
    if (!evo_pg_alive(pg) || PQtransactionStatus(pg->conn) != PQTRANS_ACTIVE)
        return;
    if (PQputCopyEnd(pg->conn, why ? why : "ended by the client") <= 0)
        pg->lost = true;
    evo_pg_drain(pg);
}
