#include "backup/load.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "backup/object.h"
#include "backup/self_key.h"
#include "backup/session.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "pg/copy.h"

enum { LOCK_TIMEOUT_MS = 60000, SESSIONS_MAX = 64, TICK_MS = 100, CANCEL_TICKS = 10 };

struct worker {
    struct crew *crew;
    pthread_t thread;
    atomic_int backend; /* process id of its session at the server; 0: none */
};

struct crew {
    const struct evo_load *load;
    struct evo_worklist *work; /* under lock */
    struct evo_restoration *result; /* under lock */
    char *encoding;
    struct worker workers[SESSIONS_MAX];
    int count;
    bool serial; /* in one session, nobody beside it watches */
    atomic_int running;
    atomic_bool stop;
    atomic_ullong bytes;
    atomic_size_t tables; /* that are full, or analyzed */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a piece is finished, or all is to stop */
    enum evo_errc rc; /* the first failure, under lock */
    struct evo_error error;
};

static void lock(struct crew *c)
{
    EVO_ASSERT(pthread_mutex_lock(&c->lock) == 0);
}

static void unlock(struct crew *c)
{
    EVO_ASSERT(pthread_mutex_unlock(&c->lock) == 0);
}

static void fail(struct crew *c, enum evo_errc rc, const struct evo_error *error)
{
    lock(c);
    if (!c->rc) {
        c->rc = rc;
        c->error = *error;
    }
    atomic_store(&c->stop, true);
    (void)pthread_cond_broadcast(&c->changed);
    unlock(c);
}

static void report(struct crew *c)
{
    /* Where no rows are loaded, each table is one piece. */
    size_t pieces = evo_schedule_count(c->work->schedule);
    struct evo_progress p = { .what = c->load->what,
                              .bytes = atomic_load(&c->bytes),
                              .bytes_total = c->work->raw_bytes,
                              .items = atomic_load(&c->tables),
                              .items_total = c->work->ntables ? c->work->ntables : pieces,
                              .item = "tables" };
    evo_task_progress(c->load->options->task, &p);
}

/* ---- pieces ----------------------------------------------------------------- */

struct stream {
    struct crew *crew;
    struct evo_pg *pg;
};

static enum evo_errc send_rows(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct stream *s = ctx;
    if (atomic_load_explicit(&s->crew->stop, memory_order_relaxed))
        return evo_error_set(err, EVO_ERR_CANCELLED, "the restore ended early");
    atomic_fetch_add_explicit(&s->crew->bytes, n, memory_order_relaxed);
    if (s->crew->serial)
        report(s->crew);
    return evo_pg_copy_write(s->pg, data, n, err);
}

static enum evo_errc copy(struct crew *c, struct evo_pg *pg, const struct evo_work *work,
                          struct evo_error *err)
{
    const struct evo_restore_options *options = c->load->options;
    const struct evo_backup_object *o = work->object;
    struct evo_object_source from = evo_object_source(options->store, options->backup);
    struct stream s = { .crew = c, .pg = pg };
    int64_t rows = -1;
    enum evo_errc rc = evo_pg_copy_begin(pg, work->sql ? work->sql : work->entry->copy, err);
    if (rc)
        return rc;
    rc = evo_object_read_rows(&from, o, send_rows, &s, err);
    if (rc) {
        /* Ends it where a lie, and not the server, ended the reading. */
        evo_pg_copy_abort(pg, "the backup's object could not be read");
        return rc;
    }
    rc = evo_pg_copy_end(pg, &rows, err);
    if (!rc && rows != o->rows)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "the server took %lld rows of %lld", (long long)rows,
                             (long long)o->rows);
    return rc;
}

/* All objects of a table that refers to itself. */
static enum evo_errc load_deferred(struct crew *c, struct evo_pg *pg, const struct evo_work *work,
                                   struct evo_error *err)
{
    EVO_AUTO(strvec) undo = EVO_STRVEC_INIT;
    int64_t timeout = c->load->options->lock_timeout_ms;
    enum evo_errc rc = evo_self_key_defer(pg, work->entry->schema, work->entry->tag,
                                          timeout ? timeout : LOCK_TIMEOUT_MS, &undo, err);
    for (; !rc && work; work = work->next ? &c->work->items[work->next] : NULL)
        rc = copy(c, pg, work, err);
    return rc ? rc : evo_self_key_settle(pg, &undo, err);
}

static enum evo_errc load_rows(struct crew *c, struct evo_pg *pg, const struct evo_work *work,
                               struct evo_error *err)
{
    const struct evo_toc_entry *e = work->entry;
    enum evo_errc rc = EVO_OK;
    if (work->freeze) {
        EVO_AUTO_STR table = evo_session_qualified(pg, e->schema, e->tag);
        /* Emptied in the transaction that fills it: rows may then be written as frozen, and with wal_level = minimal no
         * WAL is. */
        rc = evo_pg_execf(pg, err, "BEGIN; TRUNCATE ONLY %s", table);
    }
    if (!rc)
        rc = work->deferred ? load_deferred(c, pg, work, err) : copy(c, pg, work, err);
    if (!rc && work->freeze)
        rc = evo_pg_exec(pg, "COMMIT", err);
    return rc ? evo_error_prefix(err, "table \"%s.%s\"", e->schema, e->tag) : EVO_OK;
}

static enum evo_errc run_statement(struct evo_pg *pg, const struct evo_work *work, struct evo_error *err)
{
    const struct evo_toc_entry *e = work->entry;
    enum evo_errc rc = EVO_OK;
    if (e->tablespace) {
        EVO_AUTO_STR tablespace = evo_pg_identifier(pg, e->tablespace);
        rc = evo_pg_execf(pg, err, "SET default_tablespace = %s", *e->tablespace ? tablespace : "''");
    }
    if (!rc)
        rc = evo_pg_exec(pg, work->sql ? work->sql : e->defn, err);
    return rc ? evo_error_prefix(err, "%s \"%s.%s\"", e->desc, e->schema ? e->schema : "", e->tag) : EVO_OK;
}

static enum evo_errc analyze(const struct crew *c, struct evo_pg *pg, const struct evo_work *work,
                             struct evo_error *err)
{
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_exec(pg, work->sql, &why);
    if (rc && (rc == EVO_ERR_CANCELLED || !evo_pg_alive(pg))) {
        *err = why;
        return rc;
    }
    if (rc)
        evo_warn(c->load->options->task, "could not analyze \"%s.%s\": %s", work->entry->schema,
                 work->entry->tag, why.message);
    return EVO_OK;
}

static enum evo_errc do_piece(struct crew *c, struct evo_pg *pg, const struct evo_work *work,
                              struct evo_error *err)
{
    const struct evo_restore_options *options = c->load->options;
    const struct evo_object_source from = evo_object_source(options->store, options->backup);
    switch (work->kind) {
    case EVO_WORK_ROWS:
        return load_rows(c, pg, work, err);
    case EVO_WORK_STATEMENT:
        return run_statement(pg, work, err);
    case EVO_WORK_LARGE_OBJECTS:
        return evo_pgrestore_object(c->load->tool, &from, work->object, &c->stop, err);
    case EVO_WORK_ANALYZE:
        return analyze(c, pg, work, err);
    case EVO_WORK_TAIL:
    case EVO_WORK_MILESTONE:
        break;
    }
    return EVO_OK;
}

/* ---- sessions --------------------------------------------------------------- */

/* What pg_restore sets besides (_doSetFixedOutputState in pg_backup_archiver.c). */
static const char settings[] =
    "SET standard_conforming_strings = on;"
    "SET check_function_bodies = false;"
    "SET array_nulls = on;" /* not of pg_restore: the text was written with it on */
    "SET xmloption = content;"
    "SET client_min_messages = warning;";

static enum evo_errc open_session(const struct crew *c, struct evo_pg **ret, struct evo_error *err)
{
    const struct evo_restore_options *o = c->load->options;
    struct evo_pg_options options = { .application_name = "evo-restore", .task = o->task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(o->target, &options, &pg, err);
    if (!rc)
        rc = evo_session_prepare(pg, err);
    if (!rc)
        rc = evo_pg_exec(pg, settings, err);
    if (!rc && c->encoding)
        rc = evo_session_encoding(pg, c->encoding, err);
    if (!rc && o->role)
        rc = evo_session_role(pg, o->role, err);
    if (!rc && o->maintenance_work_mem)
        rc = evo_pg_execf(pg, err, "SET maintenance_work_mem = '%llukB'",
                          (unsigned long long)(o->maintenance_work_mem / 1024));
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

/* The next piece; waits where all that is left waits for what others do. False: nothing more to do. */
static bool take(struct crew *c, size_t *ret_piece)
{
    bool found = false;
    lock(c);
    while (!atomic_load(&c->stop) && evo_schedule_left(c->work->schedule)) {
        found = evo_schedule_take(c->work->schedule, ret_piece);
        if (found)
            break;
        EVO_ASSERT(pthread_cond_wait(&c->changed, &c->lock) == 0);
    }
    unlock(c);
    return found;
}

/* One more object of its table is loaded. */
static void count_rows(struct crew *c, const struct evo_work *work)
{
    struct evo_work_table *t = &c->work->tables[work->table];
    struct evo_restoration *r = c->result;
    if (++t->loaded < t->objects)
        return;
    EVO_GROW(r->tables, r->count, r->alloc);
    r->tables[r->count++] =
        (struct evo_restored_table){ .name = evo_asprintf("%s.%s", t->entry->schema, t->entry->tag),
                                     .rows = t->rows };
    r->rows += t->rows;
    atomic_fetch_add(&c->tables, 1);
}

static void finish(struct crew *c, size_t piece)
{
    const struct evo_work *work = &c->work->items[piece];
    lock(c);
    evo_schedule_finish(c->work->schedule, piece);
    if (work->kind == EVO_WORK_ROWS || work->kind == EVO_WORK_TAIL)
        count_rows(c, work);
    else if (work->kind == EVO_WORK_ANALYZE)
        atomic_fetch_add(&c->tables, 1);
    (void)pthread_cond_broadcast(&c->changed);
    unlock(c);
}

static enum evo_errc work_on(struct worker *w, struct evo_error *err)
{
    struct crew *c = w->crew;
    EVO_AUTO_PTR(pg) pg = NULL;
    size_t piece;
    enum evo_errc rc = open_session(c, &pg, err);
    if (!rc)
        atomic_store(&w->backend, evo_pg_backend_pid(pg));
    while (!rc && take(c, &piece)) {
        rc = do_piece(c, pg, &c->work->items[piece], err);
        if (!rc)
            finish(c, piece);
    }
    atomic_store(&w->backend, 0);
    return rc;
}

static void *worker_main(void *argument)
{
    struct worker *w = argument;
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = work_on(w, &err);
    if (rc)
        fail(w->crew, rc, &err);
    atomic_fetch_sub(&w->crew->running, 1);
    return NULL;
}

/* One session failed: what the others run now, an index perhaps, would be of no use. */
static void cancel_others(struct crew *c)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    const struct evo_pg_options options = { .application_name = "evo-restore" };
    if (evo_pg_open(c->load->options->target, &options, &pg, &ignored))
        return;
    for (int i = 0; i < c->count; i++) {
        int backend = atomic_load(&c->workers[i].backend);
        if (backend && evo_pg_execf(pg, &ignored, "SELECT pg_catalog.pg_cancel_backend(%d)", backend) &&
            !evo_pg_alive(pg))
            return;
    }
}

static void watch(struct crew *c)
{
    int ticks = 0;
    while (atomic_load(&c->running) > 0) {
        struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
        struct evo_error why = EVO_ERROR_INIT;
        (void)nanosleep(&tick, NULL);
        report(c);
        enum evo_errc rc = evo_cancel_check(&why);
        if (rc && !atomic_load(&c->stop))
            fail(c, rc, &why);
        /* On a cancel by signal each session ends its own statement. Once may be too early: one may just begin. */
        if (!rc && atomic_load(&c->stop) && ticks++ % CANCEL_TICKS == 0)
            cancel_others(c);
    }
}

static void run_threads(struct crew *c)
{
    size_t pieces = evo_schedule_count(c->work->schedule);
    int wanted = c->load->jobs < SESSIONS_MAX ? c->load->jobs : SESSIONS_MAX;
    if ((size_t)wanted > pieces)
        wanted = (int)pieces;
    for (; c->count < wanted; c->count++) {
        struct worker *w = &c->workers[c->count];
        w->crew = c;
        atomic_fetch_add(&c->running, 1);
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
            atomic_fetch_sub(&c->running, 1);
            break;
        }
    }
    if (!c->count && wanted)
        c->rc = evo_error_set(&c->error, EVO_ERR_INTERNAL, "could not start a thread");
    watch(c);
    for (int i = 0; i < c->count; i++)
        (void)pthread_join(c->workers[i].thread, NULL);
    report(c);
}

static int by_name(const void *a, const void *b)
{
    const struct evo_restored_table *x = a;
    const struct evo_restored_table *y = b;
    return strcmp(x->name, y->name);
}

static void sort(struct evo_restoration *r)
{
    if (r->count)
        qsort(r->tables, r->count, sizeof(*r->tables), by_name);
}

enum evo_errc evo_load_run(const struct evo_load *load, struct evo_worklist *work,
                           struct evo_restoration *ret, struct evo_error *err)
{
    struct crew c = { .load = load, .work = work, .result = ret, .encoding = evo_toc_encoding(load->toc) };
    EVO_ASSERT(pthread_mutex_init(&c.lock, NULL) == 0 && pthread_cond_init(&c.changed, NULL) == 0);
    run_threads(&c);
    enum evo_errc rc = c.rc;
    if (rc && err)
        *err = c.error;
    if (!rc)
        rc = evo_cancel_check(err);
    sort(ret);
    free(c.encoding);
    (void)pthread_cond_destroy(&c.changed);
    (void)pthread_mutex_destroy(&c.lock);
    return rc;
}

enum evo_errc evo_load_serially(const struct evo_load *load, struct evo_pg *pg, struct evo_worklist *work,
                                struct evo_restoration *ret, struct evo_error *err)
{
    struct crew c = { .load = load, .work = work, .result = ret, .serial = true };
    enum evo_errc rc = evo_pg_exec(pg, settings, err);
    for (size_t i = 0; !rc && i < work->count; i++) {
        if (work->items[i].kind != EVO_WORK_ROWS)
            continue;
        rc = load_rows(&c, pg, &work->items[i], err);
        if (!rc)
            count_rows(&c, &work->items[i]);
        report(&c);
    }
    sort(ret);
    return rc;
}
