/*
 * The copying: a session, a compressor and an upload in one thread. Where client and server share a small machine that
 * is the fastest arrangement, because nothing is handed from one thread to another (measured in scripts/bench).
 */
#include "backup/object.h"
#include "backup/run.h"
#include "backup/session.h"
#include "base/cancel.h"
#include "base/parallel.h"
#include "pg/copy.h"

/* An upload that could not hold one more row, the largest of which is 1 GiB, ends; the rows go on in another. */
#define ROOM_LEAST ((uint64_t)2 << 30)
/* So does one of this many stored bytes: a table that cannot be cut beforehand (parts.h) is then still read by several
 * sessions when it is restored. */
#define OBJECT_BYTES ((uint64_t)128 << 20)
enum {
    COUNT_EVERY = 64 * 1024, /* bytes after which the run's counters hear of it */
    BATCH_MAX = 16
};

/* One piece on its way: rows in, one object or several out. */
struct stream {
    struct evo_backup_run *run;
    const struct evo_backup_piece *piece;
    struct evo_output *out;
    struct evo_backup_object object; /* the one that is being written */
    uint32_t turn; /* which one of the piece, from 0 */
    bool inside; /* of a row so long that it comes in pieces */
    int64_t rows; /* of this object */
    int64_t rows_before; /* of those of the piece before it */
    uint64_t raw_bytes; /* of the piece */
    uint64_t uncounted;
};

static enum evo_errc open_object(struct stream *s, struct evo_error *err)
{
    struct evo_backup_run *run = s->run;
    int32_t id = s->turn ? atomic_fetch_add(&run->next_id, 1) : s->piece->dump_id;
    EVO_AUTO_STR base = evo_asprintf("%d.dat", (int)id);
    s->object = (struct evo_backup_object){ .kind = EVO_OBJECT_TABLE, .dump_id = id, .part = 1 };
    s->object.name = evo_output_name(&run->output, base, run->codec);
    s->rows = 0;
    evo_run_begun(run, s->object.name);
    return evo_output_open(&run->output, s->object.name, run->codec, &s->out, err);
}

static enum evo_errc close_object(struct stream *s, struct evo_error *err)
{
    const struct evo_toc_entry *e = s->piece->entry;
    struct evo_backup_object *o = &s->object;
    enum evo_errc rc = evo_output_write(s->out, EVO_BACKUP_END, strlen(EVO_BACKUP_END), err);
    if (!rc)
        rc = evo_output_commit(s->out, o, err);
    evo_output_free(s->out);
    s->out = NULL;
    if (rc)
        return rc;
    o->rows = s->rows;
    if (!s->run->output.recipients) {
        o->schema = evo_strdup(e->schema);
        o->table = evo_strdup(e->tag);
    }
    evo_run_written(
        s->run, o,
        &(struct evo_backup_written){
            .entry_id = e->id, .dump_id = o->dump_id, .range = s->piece->range, .turn = s->turn });
    *o = (struct evo_backup_object){ 0 };
    s->rows_before += s->rows;
    return EVO_OK;
}

static void count(struct stream *s)
{
    atomic_fetch_add_explicit(&s->run->raw_bytes, s->uncounted, memory_order_relaxed);
    s->raw_bytes += s->uncounted;
    s->uncounted = 0;
}

static bool is_full(const struct stream *s)
{
    uint64_t most = s->run->options->object_bytes ? s->run->options->object_bytes : OBJECT_BYTES;
    return evo_output_room(s->out) < ROOM_LEAST || evo_output_stored(s->out) >= most;
}

static enum evo_errc take_row(void *ctx, const char *row, size_t n, struct evo_error *err)
{
    struct stream *s = ctx;
    enum evo_errc rc = EVO_OK;
    s->uncounted += n;
    if (s->uncounted >= COUNT_EVERY) {
        count(s);
        if (atomic_load_explicit(&s->run->stop, memory_order_relaxed))
            return evo_error_set(err, EVO_ERR_CANCELLED, "the backup ended early");
        if (s->rows && !s->inside && is_full(s)) {
            rc = close_object(s, err);
            s->turn++;
            if (!rc)
                rc = open_object(s, err);
        }
    }
    s->inside = row[n - 1] != '\n';
    s->rows += !s->inside;
    return rc ? rc : evo_output_write(s->out, row, n, err);
}

/* The COPY that reads what the entry's own COPY will load. The table is the entry's, not the statement's: that may be
 * the root of a partition tree, through which the rows go back in. */
static enum evo_errc copy_statement(struct evo_pg *pg, const struct evo_backup_piece *piece,
                                    struct evo_strbuf *sql, struct evo_error *err)
{
    const struct evo_toc_entry *e = piece->entry;
    EVO_AUTO_STR columns = NULL;
    EVO_AUTO_STR table = evo_session_qualified(pg, e->schema, e->tag);
    enum evo_errc rc = evo_toc_copy_columns(e->copy, &columns, err);
    if (rc)
        return rc;
    if (!piece->condition && !piece->ranged) {
        evo_strbuf_addf(sql, "COPY %s %s TO STDOUT", table, columns);
        return EVO_OK;
    }
    /* "(a, b)" without its parentheses */
    size_t n = strlen(columns);
    evo_strbuf_addf(sql, "COPY (SELECT %.*s FROM ONLY %s ", n > 2 ? (int)(n - 2) : 0,
                    n > 2 ? columns + 1 : "", table);
    if (piece->condition)
        evo_strbuf_adds(sql, piece->condition);
    else
        evo_strbuf_addf(sql, "WHERE ctid >= '(%u,0)'::pg_catalog.tid", piece->from_block);
    if (piece->ranged && piece->to_block)
        evo_strbuf_addf(sql, " AND ctid < '(%u,0)'::pg_catalog.tid", piece->to_block);
    evo_strbuf_adds(sql, ") TO STDOUT");
    return EVO_OK;
}

static enum evo_errc copy_rows(struct stream *s, struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    int64_t rows = -1;
    enum evo_errc rc = copy_statement(pg, s->piece, &sql, err);
    if (!rc)
        rc = open_object(s, err);
    if (!rc)
        rc = evo_pg_copy_out(pg, sql.buf, take_row, s, &rows, err);
    if (rc)
        return rc;
    count(s);
    if (rows != s->rows_before + s->rows)
        return evo_error_set(err, EVO_ERR_INTERNAL, "the server sent %lld rows and counted %lld",
                             (long long)(s->rows_before + s->rows), (long long)rows);
    return close_object(s, err);
}

/* The locks of some tables at once, without waiting. They go with the savepoint: a session would otherwise gather one
 * for each table of the database. */
static enum evo_errc lock_nowait(struct evo_pg *pg, const struct evo_backup_piece *pieces, size_t n,
                                 struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    for (size_t i = 0; i < n; i++) {
        EVO_AUTO_STR table = evo_session_qualified(pg, pieces[i].entry->schema, pieces[i].entry->tag);
        evo_strbuf_addf(&sql, "%s%s", i ? ", ONLY " : "SAVEPOINT evo; LOCK TABLE ONLY ", table);
    }
    evo_strbuf_adds(&sql, " IN ACCESS SHARE MODE NOWAIT");
    enum evo_errc rc = evo_pg_exec(pg, sql.buf, err);
    if (rc == EVO_ERR_LOCK_UNAVAILABLE) {
        struct evo_error again = EVO_ERROR_INIT;
        if (evo_pg_exec(pg, "ROLLBACK TO SAVEPOINT evo", &again)) {
            *err = again;
            return again.code;
        }
    }
    return rc;
}

static enum evo_errc unlock(struct evo_pg *pg, struct evo_error *err)
{
    return evo_pg_exec(pg, "ROLLBACK TO SAVEPOINT evo", err);
}

static enum evo_errc copy_locked(struct evo_backup_run *run, struct evo_pg *pg,
                                 const struct evo_backup_piece *piece, struct evo_error *err)
{
    if (!evo_run_reserve(run))
        return evo_error_set(err, EVO_ERR_CANCELLED, "the backup ended early");
    struct stream s = { .run = run, .piece = piece };
    enum evo_errc rc = copy_rows(&s, pg, err);
    evo_output_free(s.out);
    free(s.object.name);
    evo_run_unreserve(run);
    if (rc)
        return evo_error_prefix(err, "table \"%s.%s\"", piece->entry->schema, piece->entry->tag);
    evo_run_piece_done(run, piece, s.raw_bytes);
    return EVO_OK;
}

enum evo_errc evo_worker_copy(struct evo_backup_run *run, struct evo_pg *pg,
                              const struct evo_backup_piece *piece, bool nowait, struct evo_error *err)
{
    enum evo_errc rc = nowait ? lock_nowait(pg, piece, 1, err) : EVO_OK;
    if (rc == EVO_ERR_LOCK_UNAVAILABLE)
        return rc;
    if (rc)
        return evo_error_prefix(err, "table \"%s.%s\"", piece->entry->schema, piece->entry->tag);
    rc = copy_locked(run, pg, piece, err);
    return !rc && nowait ? unlock(pg, err) : rc;
}

static enum evo_errc copy_or_leave(struct evo_backup_run *run, struct evo_pg *pg,
                                   const struct evo_backup_piece *piece, struct evo_error *err)
{
    enum evo_errc rc = evo_worker_copy(run, pg, piece, true, err);
    if (rc != EVO_ERR_LOCK_UNAVAILABLE)
        return rc;
    evo_debug(run->options->task, "table \"%s.%s\" is left to the session that holds its lock",
              piece->entry->schema, piece->entry->tag);
    evo_run_leave(run, piece);
    return EVO_OK;
}

/* Many small tables under one lock statement; where one of them cannot be locked, each by itself. */
static enum evo_errc copy_batch(struct evo_backup_run *run, struct evo_pg *pg,
                                const struct evo_backup_piece *pieces, size_t n, struct evo_error *err)
{
    enum evo_errc rc = lock_nowait(pg, pieces, n, err);
    bool together = rc == EVO_OK;
    if (rc == EVO_ERR_LOCK_UNAVAILABLE)
        rc = EVO_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = together ? copy_locked(run, pg, &pieces[i], err) : copy_or_leave(run, pg, &pieces[i], err);
    return !rc && together ? unlock(pg, err) : rc;
}

static enum evo_errc work(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc =
        evo_session_join(run->options->conninfo, run->snapshot, run->encoding, run->options->task, &pg, err);
    for (;;) {
        size_t n = BATCH_MAX;
        const struct evo_backup_piece *piece = rc ? NULL : evo_run_take(run, &n);
        if (!piece)
            return rc;
        if (!piece->entry)
            rc = evo_large_objects_dump(run, piece, err);
        else
            rc = n > 1 ? copy_batch(run, pg, piece, n, err) : copy_or_leave(run, pg, piece, err);
    }
}

void *evo_worker_main(void *argument)
{
    struct evo_backup_run *run = argument;
    struct evo_error err = EVO_ERROR_INIT;
    evo_thread_batch();
    enum evo_errc rc = work(run, &err);
    if (rc)
        evo_run_fail(run, rc, &err);
    evo_run_worker_ended(run);
    return NULL;
}
