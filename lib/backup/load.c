#include "backup/load.h"

#include <pthread.h>
#include <stdatomic.h>

#include "backup/object.h"
#include "backup/plan.h"
#include "backup/session.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "pg/copy.h"

/* What pg_restore sets besides (_doSetFixedOutputState in pg_backup_archiver.c). */
static const char settings[] = "SET standard_conforming_strings = on;"
                               "SET check_function_bodies = false;"
                               "SET xmloption = content;"
                               "SET client_min_messages = warning;";

struct piece {
    const struct evo_toc_entry *entry;
    const struct evo_backup_object *object;
};

struct load {
    const struct evo_restore_options *options;
    struct evo_restoration *result; /* under lock */
    char *encoding;
    struct piece *pieces; /* in the order of work */
    size_t count;
    atomic_size_t next, done;
    atomic_ullong bytes;
    atomic_bool stop;
    atomic_int running;
    pthread_mutex_t lock;
    enum evo_errc rc; /* the first failure, under lock */
    struct evo_error error;
};

struct stream {
    struct load *load;
    struct evo_pg *pg;
};

static enum evo_errc send_rows(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct stream *s = ctx;
    if (atomic_load_explicit(&s->load->stop, memory_order_relaxed))
        return evo_error_set(err, EVO_ERR_CANCELLED, "the restore ended early");
    atomic_fetch_add_explicit(&s->load->bytes, n, memory_order_relaxed);
    return evo_pg_copy_write(s->pg, data, n, err);
}

static enum evo_errc load_table(struct load *load, struct evo_pg *pg, const struct piece *piece,
                                struct evo_error *err)
{
    const struct evo_backup_object *o = piece->object;
    struct evo_object_source from = evo_object_source(load->options->store, load->options->backup);
    struct stream s = { .load = load, .pg = pg };
    int64_t rows = -1;
    enum evo_errc rc = evo_pg_copy_begin(pg, piece->entry->copy, err);
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

static void add_result(struct load *load, const struct piece *piece)
{
    struct evo_restoration *r = load->result;
    EVO_ASSERT(pthread_mutex_lock(&load->lock) == 0);
    EVO_GROW(r->tables, r->count, r->alloc);
    r->tables[r->count++] = (struct evo_restored_table){ .name = evo_asprintf("%s.%s", piece->object->schema,
                                                                              piece->object->table),
                                                         .rows = piece->object->rows };
    r->rows += piece->object->rows;
    EVO_ASSERT(pthread_mutex_unlock(&load->lock) == 0);
    atomic_fetch_add(&load->done, 1);
}

static enum evo_errc open_session(struct load *load, struct evo_pg **ret, struct evo_error *err)
{
    struct evo_pg_options options = { .application_name = "evo-restore", .task = load->options->task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(load->options->target, &options, &pg, err);
    if (!rc)
        rc = evo_session_prepare(pg, err);
    if (!rc)
        rc = evo_pg_exec(pg, settings, err);
    if (!rc && load->encoding)
        rc = evo_session_encoding(pg, load->encoding, err);
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

static enum evo_errc work(struct load *load, struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = open_session(load, &pg, err);
    while (!rc && !atomic_load(&load->stop)) {
        size_t i = atomic_fetch_add(&load->next, 1);
        if (i >= load->count)
            break;
        rc = load_table(load, pg, &load->pieces[i], err);
        if (rc)
            return evo_error_prefix(err, "table \"%s.%s\"", load->pieces[i].object->schema,
                                    load->pieces[i].object->table);
        add_result(load, &load->pieces[i]);
    }
    return rc;
}

static void *worker(void *argument)
{
    struct load *load = argument;
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = work(load, &err);
    if (rc) {
        EVO_ASSERT(pthread_mutex_lock(&load->lock) == 0);
        if (!load->rc) {
            load->rc = rc;
            load->error = err;
        }
        EVO_ASSERT(pthread_mutex_unlock(&load->lock) == 0);
        atomic_store(&load->stop, true);
    }
    atomic_fetch_sub(&load->running, 1);
    return NULL;
}

static void report(struct load *load, const struct evo_manifest_totals *t)
{
    struct evo_progress p = { .what = "restore",
                              .bytes = atomic_load(&load->bytes),
                              .bytes_total = t->raw_bytes,
                              .items = atomic_load(&load->done),
                              .items_total = load->count,
                              .item = "tables" };
    evo_task_progress(load->options->task, &p);
}

static void run_threads(struct load *load, int jobs)
{
    enum { MAX = 64, TICK_MS = 100 };
    pthread_t threads[MAX];
    struct evo_manifest_totals totals = evo_manifest_totals(&load->options->backup->manifest);
    int wanted = jobs < MAX ? jobs : MAX;
    if ((size_t)wanted > load->count)
        wanted = (int)load->count;
    int started = 0;
    for (; started < wanted; started++) {
        atomic_fetch_add(&load->running, 1);
        if (pthread_create(&threads[started], NULL, worker, load) != 0) {
            atomic_fetch_sub(&load->running, 1);
            break;
        }
    }
    if (!started && wanted)
        load->rc = evo_error_set(&load->error, EVO_ERR_INTERNAL, "could not start a thread");
    while (atomic_load(&load->running) > 0) {
        struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
        (void)nanosleep(&tick, NULL);
        report(load, &totals);
    }
    for (int i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    report(load, &totals);
}

/* Largest first; an object of the manifest for each entry of the archive and none too many. */
static enum evo_errc plan(struct load *load, const struct evo_toc *toc, struct evo_error *err)
{
    const struct evo_manifest *m = &load->options->backup->manifest;
    EVO_AUTO_STR name = NULL;
    struct piece *found = evo_calloc(toc->count + 1, sizeof(*found));
    struct evo_plan_item *order = evo_calloc(toc->count + 1, sizeof(*order));
    const char *missing = NULL;
    for (size_t i = 0; i < toc->count && !missing; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        if (!evo_toc_is_table_data(e))
            continue;
        free(name);
        name = evo_toc_object_name(toc, e, m->recipients.count > 0);
        const struct evo_backup_object *o = evo_manifest_find(m, name);
        if (!o || !e->copy)
            missing = name;
        else {
            order[load->count] = (struct evo_plan_item){ .index = load->count, .size = o->raw_bytes };
            found[load->count++] = (struct piece){ .entry = e, .object = o };
        }
    }
    evo_plan_longest_first(order, load->count);
    load->pieces = evo_calloc(load->count + 1, sizeof(*load->pieces));
    for (size_t i = 0; i < load->count; i++)
        load->pieces[i] = found[order[i].index];
    free(found);
    free(order);
    if (missing)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "object \"%s\" of toc.dat is not in the manifest",
                             missing);
    size_t named = 0;
    for (size_t i = 0; i < m->count; i++)
        named += m->objects[i].kind == EVO_OBJECT_TABLE;
    if (load->count != named)
        return evo_error_set(err, EVO_ERR_INTEGRITY,
                             "the manifest names %zu objects with rows, the table of contents %zu", named,
                             load->count);
    return EVO_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct evo_restored_table *x = a;
    const struct evo_restored_table *y = b;
    return strcmp(x->name, y->name);
}

enum evo_errc evo_load_tables(const struct evo_restore_options *o, const struct evo_toc *toc, int jobs,
                              struct evo_restoration *ret, struct evo_error *err)
{
    struct load load = { .options = o, .result = ret, .encoding = evo_toc_encoding(toc) };
    EVO_ASSERT(pthread_mutex_init(&load.lock, NULL) == 0);
    enum evo_errc rc = plan(&load, toc, err);
    if (!rc) {
        run_threads(&load, jobs);
        rc = load.rc;
        if (rc && err)
            *err = load.error;
    }
    if (!rc)
        rc = evo_cancel_check(err);
    if (ret->count)
        qsort(ret->tables, ret->count, sizeof(*ret->tables), by_name);
    free(load.pieces);
    free(load.encoding);
    (void)pthread_mutex_destroy(&load.lock);
    return rc;
}
