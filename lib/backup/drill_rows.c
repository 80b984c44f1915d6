#include "backup/drill_rows.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "pg/conn.h"

enum { JOBS_MAX = 32 };

/* A table of the manifest, and what the restored database has of it. */
struct counted {
    const char *schema, *table; /* borrowed from the table of contents */
    int64_t expected;
    int64_t found; /* -1: no such table */
    char *root; /* of a partition: the name of the whole; NULL */
    bool at_least; /* an extension's: it may have rows of its own */
};
struct list {
    struct counted *items;
    size_t count, alloc;
};

static void list_release(struct list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i].root);
    free(l->items);
}

static int compare(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    int order = strcmp(x->schema, y->schema);
    return order ? order : strcmp(x->table, y->table);
}

/* ---- what is expected ------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const struct evo_toc_entry *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* The manifest of an encrypted backup names no tables, the table of contents does. Several objects may be one table. */
static enum evo_errc list_expected(const struct evo_manifest *m, const struct evo_toc *toc, struct list *l,
                                   struct evo_error *err)
{
    const struct evo_toc_entry **sorted = evo_calloc(toc->count + 1, sizeof(*sorted));
    for (size_t i = 0; i < toc->count; i++)
        sorted[i] = &toc->items[i];
    qsort(sorted, toc->count, sizeof(*sorted), by_id);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; i < m->count && !rc; i++) {
        const struct evo_backup_object *o = &m->objects[i];
        if (o->kind != EVO_OBJECT_TABLE)
            continue;
        const struct evo_toc_entry key = { .id = o->dump_id };
        const struct evo_toc_entry *const wanted = &key;
        const struct evo_toc_entry **e = bsearch(&wanted, sorted, toc->count, sizeof(*sorted), by_id);
        if (!e || !(*e)->schema || !(*e)->tag) {
            rc = evo_error_set(err, EVO_ERR_INTEGRITY, "object \"%s\" belongs to no table of toc.dat",
                               o->name);
            break;
        }
        EVO_GROW(l->items, l->count, l->alloc);
        l->items[l->count++] =
            (struct counted){ .schema = (*e)->schema, .table = (*e)->tag, .expected = o->rows, .found = -1 };
    }
    free(sorted);
    if (rc || !l->count)
        return rc;
    qsort(l->items, l->count, sizeof(*l->items), compare);
    size_t n = 0;
    for (size_t i = 1; i < l->count; i++) {
        if (compare(&l->items[n], &l->items[i]) == 0)
            l->items[n].expected += l->items[i].expected;
        else
            l->items[++n] = l->items[i];
    }
    l->count = n + 1;
    return EVO_OK;
}

/* ---- what is there ---------------------------------------------------------- */

static enum evo_errc look_up(struct evo_pg *pg, struct list *l, struct evo_error *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.relname, CASE WHEN c.relispartition THEN (SELECT rn.nspname || '.' || r.relname "
        "  FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace "
        "  WHERE r.oid = pg_catalog.pg_partition_root(c.oid)) END, "
        "EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = "
        "'pg_catalog.pg_class'::pg_catalog.regclass "
        "  AND d.objid = c.oid AND d.deptype = 'e') "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> "
        "'information_schema'";
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++) {
        const struct counted key = { .schema = evo_pg_value(r, i, 0), .table = evo_pg_value(r, i, 1) };
        struct counted *c = bsearch(&key, l->items, l->count, sizeof(*l->items), compare);
        if (!c)
            continue;
        c->found = 0;
        c->root = evo_strdup(evo_pg_value(r, i, 2));
        c->at_least = evo_pg_value_bool(r, i, 3);
    }
    return rc;
}

/* ---- counting --------------------------------------------------------------- */

struct crew {
    const struct evo_conninfo *restored;
    struct evo_task *task;
    struct list *list;
    atomic_size_t next;
    atomic_size_t done;
    atomic_bool stop;
    pthread_mutex_t lock;
    enum evo_errc rc; /* the first failure, under lock */
    struct evo_error error;
};

static enum evo_errc open_session(const struct evo_conninfo *info, struct evo_task *task, struct evo_pg **ret,
                                  struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    const struct evo_pg_options options = { .application_name = "evo-backup drill", .task = task };
    enum evo_errc rc = evo_pg_open(info, &options, &pg, err);
    /* A policy that hides rows is an error then, not a smaller number. */
    if (!rc)
        rc = evo_pg_exec(pg, "SET search_path = ''; SET row_security = off; SET statement_timeout = 0", err);
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

static enum evo_errc count(struct evo_pg *pg, struct counted *c, struct evo_error *err)
{
    EVO_AUTO_STR schema = evo_pg_identifier(pg, c->schema);
    EVO_AUTO_STR table = evo_pg_identifier(pg, c->table);
    EVO_AUTO_STR sql = evo_asprintf("SELECT pg_catalog.count(*) FROM ONLY %s.%s", schema, table);
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    if (rc)
        return evo_error_prefix(err, "could not count the rows of \"%s.%s\"", c->schema, c->table);
    c->found = evo_pg_value_int(r, 0, 0, -1);
    return EVO_OK;
}

static void *work(void *ctx)
{
    struct crew *c = ctx;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = open_session(c->restored, c->task, &pg, &err);
    while (!rc && !atomic_load(&c->stop)) {
        size_t i = atomic_fetch_add(&c->next, 1);
        if (i >= c->list->count)
            return NULL;
        if (c->list->items[i].found >= 0)
            rc = count(pg, &c->list->items[i], &err);
        const struct evo_progress progress = { .what = "counting",
                                               .items = atomic_fetch_add(&c->done, 1) + 1,
                                               .items_total = c->list->count,
                                               .item = "tables" };
        evo_task_progress(c->task, &progress);
    }
    if (!rc)
        return NULL;
    EVO_ASSERT(pthread_mutex_lock(&c->lock) == 0);
    if (!c->rc) {
        c->rc = rc;
        c->error = err;
    }
    EVO_ASSERT(pthread_mutex_unlock(&c->lock) == 0);
    atomic_store(&c->stop, true);
    return NULL;
}

static enum evo_errc count_all(const struct evo_conninfo *restored, struct list *l, int jobs,
                               struct evo_task *task, struct evo_error *err)
{
    struct crew c = { .restored = restored, .task = task, .list = l, .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t threads[JOBS_MAX];
    int running = 0;
    int failed = 0;
    if (jobs > JOBS_MAX)
        jobs = JOBS_MAX;
    while (running < jobs && (size_t)running < l->count && !failed) {
        failed = pthread_create(&threads[running], NULL, work, &c);
        running += !failed;
    }
    for (int i = 0; i < running; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&c.lock);
    if (!running && failed)
        return evo_error_errno(err, EVO_ERR_INTERNAL, failed, "could not start a thread");
    if (c.rc && err)
        *err = c.error;
    return c.rc;
}

/* ---- verdicts --------------------------------------------------------------- */

static bool is_wrong(const struct counted *c)
{
    return c->at_least ? c->found < c->expected : c->found != c->expected;
}

static void add_table(struct evo_drill *d, char *name, int64_t expected, int64_t found, bool wrong)
{
    EVO_GROW(d->tables, d->count, d->alloc);
    d->tables[d->count++] = (struct evo_drilled_table){
        .name = name, .rows_expected = expected, .rows_found = found, .wrong = wrong
    };
    d->wrong += wrong;
    d->rows += found > 0 ? found : 0;
}

/* Rows may have gone to other partitions than they came from: then only the whole can be compared. */
static bool was_dealt_anew(const struct list *l, const char *root, int64_t *ret_expected, int64_t *ret_found)
{
    bool differ = false;
    bool all_there = true;
    *ret_expected = *ret_found = 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct counted *c = &l->items[i];
        if (!evo_streq(c->root, root))
            continue;
        differ = differ || is_wrong(c);
        all_there = all_there && c->found >= 0;
        *ret_expected += c->expected;
        *ret_found += c->found;
    }
    return differ && all_there && *ret_expected == *ret_found;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct evo_drilled_table *)a)->name, ((const struct evo_drilled_table *)b)->name);
}

static void judge(const struct list *l, struct evo_drill *d)
{
    EVO_AUTO(strvec) together = EVO_STRVEC_INIT; /* roots that are compared as one */
    EVO_AUTO(strvec) apart = EVO_STRVEC_INIT;
    for (size_t i = 0; i < l->count; i++) {
        const struct counted *c = &l->items[i];
        int64_t expected = 0;
        int64_t found = 0;
        if (c->root && evo_strvec_contains(&together, c->root))
            continue;
        if (c->root && is_wrong(c) && !evo_strvec_contains(&apart, c->root)) {
            bool dealt = was_dealt_anew(l, c->root, &expected, &found);
            evo_strvec_push(dealt ? &together : &apart, c->root);
            if (dealt)
                add_table(d, evo_strdup(c->root), expected, found, false);
        }
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct counted *c = &l->items[i];
        if (!c->root || !evo_strvec_contains(&together, c->root))
            add_table(d, evo_asprintf("%s.%s", c->schema, c->table), c->expected, c->found, is_wrong(c));
    }
    if (d->count)
        qsort(d->tables, d->count, sizeof(*d->tables), by_name);
}

enum evo_errc evo_drill_rows(const struct evo_conninfo *restored, const struct evo_manifest *m,
                             const struct evo_toc *toc, int jobs, struct evo_task *task,
                             struct evo_drill *ret, struct evo_error *err)
{
    __attribute__((cleanup(list_release))) struct list l = { 0 };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = list_expected(m, toc, &l, err);
    if (rc || !l.count)
        return rc;
    rc = open_session(restored, task, &pg, err);
    if (!rc)
        rc = look_up(pg, &l, err);
    if (!rc)
        rc = count_all(restored, &l, jobs, task, err);
    if (!rc)
        judge(&l, ret);
    return rc;
}
