#include "backup/run.h"

#include "backup/object.h"
#include "backup/session.h"
#include "pack/gzip.h"
#include "pg/copy.h"

/* Rows that are stored as they are go to the store in blocks of about this size. */
enum { BLOCK_SIZE = 256 * 1024 };

/* One table on its way: rows in, parts out. */
struct table_stream {
    struct evo_backup_run *run;
    struct evo_store_writer *writer;
    struct evo_gzip *gzip; /* NULL: stored as they are */
    struct evo_strbuf block;
    uint64_t raw_bytes;
    int64_t rows;
};

static enum evo_errc to_store(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    return evo_store_writer_write(ctx, data, n, err);
}

static enum evo_errc flush_block(struct table_stream *t, struct evo_error *err)
{
    enum evo_errc rc = evo_store_writer_write(t->writer, t->block.buf, t->block.len, err);
    evo_strbuf_clear(&t->block);
    return rc;
}

static enum evo_errc take(struct table_stream *t, const char *data, size_t n, struct evo_error *err)
{
    t->raw_bytes += n;
    if (t->gzip)
        return evo_gzip_write(t->gzip, data, n, err);
    if (n >= BLOCK_SIZE) {
        enum evo_errc rc = flush_block(t, err);
        return rc ? rc : evo_store_writer_write(t->writer, data, n, err);
    }
    evo_strbuf_add(&t->block, data, n);
    return t->block.len >= BLOCK_SIZE ? flush_block(t, err) : EVO_OK;
}

static enum evo_errc take_row(void *ctx, const char *row, size_t n, struct evo_error *err)
{
    struct table_stream *t = ctx;
    if (atomic_load_explicit(&t->run->stop, memory_order_relaxed))
        return evo_error_set(err, EVO_ERR_CANCELLED, "the backup ended early");
    t->rows++;
    atomic_fetch_add_explicit(&t->run->raw_bytes, n, memory_order_relaxed);
    return take(t, row, n, err);
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
    if (!piece->condition) {
        evo_strbuf_addf(sql, "COPY %s %s TO STDOUT", table, columns);
        return EVO_OK;
    }
    /* "(a, b)" without its parentheses */
    size_t n = strlen(columns);
    evo_strbuf_addf(sql, "COPY (SELECT %.*s FROM ONLY %s %s) TO STDOUT", n > 2 ? (int)(n - 2) : 0,
                    n > 2 ? columns + 1 : "", table, piece->condition);
    return EVO_OK;
}

static enum evo_errc finish_stream(struct table_stream *t, int64_t rows, struct evo_backup_object *o,
                                   struct evo_error *err)
{
    if (rows != t->rows)
        return evo_error_set(err, EVO_ERR_INTERNAL, "the server sent %lld rows and counted %lld",
                             (long long)t->rows, (long long)rows);
    enum evo_errc rc = take(t, EVO_BACKUP_END, strlen(EVO_BACKUP_END), err);
    if (!rc)
        rc = t->gzip ? evo_gzip_finish(t->gzip, err) : flush_block(t, err);
    if (!rc)
        rc = evo_store_writer_commit(t->writer, o->sha256, &o->size, err);
    o->rows = rows;
    o->raw_bytes = t->raw_bytes;
    o->members = t->gzip ? evo_gzip_members(t->gzip) : 0;
    return rc;
}

static enum evo_errc stream_table(struct evo_backup_run *run, struct evo_pg *pg,
                                  const struct evo_backup_piece *piece, struct evo_backup_object *o,
                                  struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(store_writer) writer = NULL;
    EVO_AUTO_PTR(gzip) gzip = NULL;
    const char *compress = run->manifest->compress;
    enum evo_errc rc = copy_statement(pg, piece, &sql, err);
    if (rc)
        return rc;
    evo_strbuf_addf(&key, "%s/%s", run->prefix, o->name);
    rc = evo_store_writer_open(run->options->store, key.buf, (size_t)piece->part_size, &writer, err);
    if (rc)
        return rc;
    if (!evo_streq(compress, "none"))
        gzip = evo_gzip_new(evo_streq(compress, "better") ? EVO_GZIP_BETTER : EVO_GZIP_FAST, EVO_GZIP_MEMBER,
                            to_store, writer);
    struct table_stream t = { .run = run, .writer = writer, .gzip = gzip, .block = EVO_STRBUF_INIT };
    int64_t rows = -1;
    rc = evo_pg_copy_out(pg, sql.buf, take_row, &t, &rows, err);
    if (!rc)
        rc = finish_stream(&t, rows, o, err);
    evo_strbuf_release(&t.block);
    return rc;
}

static enum evo_errc lock_nowait(struct evo_pg *pg, const struct evo_toc_entry *e, struct evo_error *err)
{
    EVO_AUTO_STR table = evo_session_qualified(pg, e->schema, e->tag);
    enum evo_errc rc =
        evo_pg_execf(pg, err, "SAVEPOINT evo; LOCK TABLE ONLY %s IN ACCESS SHARE MODE NOWAIT", table);
    if (rc == EVO_ERR_LOCK_UNAVAILABLE) {
        struct evo_error again = EVO_ERROR_INIT;
        if (evo_pg_exec(pg, "ROLLBACK TO SAVEPOINT evo", &again)) {
            *err = again;
            return again.code;
        }
    }
    return rc;
}

enum evo_errc evo_worker_copy(struct evo_backup_run *run, struct evo_pg *pg,
                              const struct evo_backup_piece *piece, bool nowait, struct evo_error *err)
{
    const struct evo_toc_entry *e = piece->entry;
    enum evo_errc rc = nowait ? lock_nowait(pg, e, err) : EVO_OK;
    if (rc)
        return rc == EVO_ERR_LOCK_UNAVAILABLE ? rc
                                              : evo_error_prefix(err, "table \"%s.%s\"", e->schema, e->tag);
    if (!evo_run_reserve(run, piece->part_size))
        return evo_error_set(err, EVO_ERR_CANCELLED, "the backup ended early");
    struct evo_backup_object o = { .kind = EVO_OBJECT_TABLE, .dump_id = e->id, .part = 1 };
    o.name = evo_asprintf("%d.dat%s", (int)e->id, evo_streq(run->manifest->compress, "none") ? "" : ".gz");
    evo_run_begun(run, o.name);
    rc = stream_table(run, pg, piece, &o, err);
    evo_run_unreserve(run, piece->part_size);
    /* Gives the lock back: a session would otherwise gather one for each table. */
    if (!rc && nowait)
        rc = evo_pg_exec(pg, "ROLLBACK TO SAVEPOINT evo", err);
    if (rc) {
        free(o.name);
        return evo_error_prefix(err, "table \"%s.%s\"", e->schema, e->tag);
    }
    o.schema = evo_strdup(e->schema);
    o.table = evo_strdup(e->tag);
    evo_run_written(run, &o);
    return EVO_OK;
}

static enum evo_errc work(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc =
        evo_session_join(run->options->conninfo, run->snapshot, run->encoding, run->options->task, &pg, err);
    struct evo_backup_piece *piece = NULL;
    while (!rc && (piece = evo_run_take(run)) != NULL) {
        rc = piece->entry ? evo_worker_copy(run, pg, piece, true, err)
                          : evo_large_objects_dump(run, piece, err);
        if (rc == EVO_ERR_LOCK_UNAVAILABLE && piece->entry) {
            evo_debug(run->options->task, "table \"%s.%s\" is left to the session that holds its lock",
                      piece->entry->schema, piece->entry->tag);
            evo_run_leave(run, piece);
            rc = EVO_OK;
        }
    }
    return rc;
}

void *evo_worker_main(void *argument)
{
    struct evo_backup_run *run = argument;
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = work(run, &err);
    if (rc)
        evo_run_fail(run, rc, &err);
    evo_run_worker_ended(run);
    return NULL;
}
