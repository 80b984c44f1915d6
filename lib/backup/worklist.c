#include "backup/worklist_build.h"

#include <stdlib.h>

#include "backup/archive.h"
#include "backup/dumped.h"

/* Below this it is not worth a TRUNCATE. */
#define FREEZE_MIN ((uint64_t)1 << 20)

void evo_worklist_release(struct evo_worklist *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->count; i++)
        free(w->items[i].sql);
    free(w->items);
    free(w->tables);
    free(w->made);
    evo_schedule_free(w->schedule);
    *w = (struct evo_worklist){ 0 };
}

size_t evo_work_add(struct evo_work_builder *b, uint64_t cost, struct evo_work work)
{
    struct evo_worklist *w = b->out;
    EVO_GROW(w->items, w->count, w->alloc);
    w->items[w->count++] = work;
    return evo_schedule_add(w->schedule, cost);
}

/* ---- rows ------------------------------------------------------------------- */

/* An object of the manifest for each entry of the archive, and none too many. */
static enum evo_errc compare(const struct evo_worklist_input *in, struct evo_error *err)
{
    size_t entries = 0;
    size_t named = 0;
    for (size_t i = 0; i < in->toc->count; i++) {
        const struct evo_toc_entry *e = &in->toc->items[i];
        if (!evo_toc_is_table_data(e))
            continue;
        const struct evo_backup_object *o = evo_archive_object(in->manifest, in->toc, e);
        if (!o || o->kind != EVO_OBJECT_TABLE || !e->copy || !e->schema || !e->tag) {
            EVO_AUTO_STR name = evo_archive_object_name(in->manifest, in->toc, e);
            return evo_error_set(err, EVO_ERR_INTEGRITY, "object \"%s\" of toc.dat is not in the manifest",
                                 name);
        }
        if (!evo_archive_fits(o, e))
            return evo_error_set(err, EVO_ERR_INTEGRITY,
                                 "object \"%s\" is of another table in toc.dat than in the manifest",
                                 o->name);
        entries++;
    }
    for (size_t i = 0; i < in->manifest->count; i++)
        named += in->manifest->objects[i].kind == EVO_OBJECT_TABLE;
    if (entries != named)
        return evo_error_set(err, EVO_ERR_INTEGRITY,
                             "the manifest names %zu objects with rows, the table of contents %zu", named,
                             entries);
    return EVO_OK;
}

static size_t home_of(const struct evo_work_builder *b, const struct evo_toc_entry *e)
{
    for (size_t i = 0; i < e->ndeps; i++) {
        size_t at = evo_toc_map_find(b->in->map, e->deps[i]);
        if (at != EVO_TOC_MAP_NONE && evo_streq(b->in->toc->items[at].desc, "TABLE"))
            return at;
    }
    return EVO_WORK_NONE;
}

static bool is_taken(const struct evo_work_builder *b, const char *schema, const char *table)
{
    for (size_t i = 0; i < b->in->toc->count; i++) {
        const struct evo_toc_entry *e = &b->in->toc->items[i];
        if (b->in->take[i] && evo_streq(e->desc, "TABLE") && evo_streq(e->tag, table) &&
            evo_streq(e->schema, schema))
            return true;
    }
    return false;
}

/* Where its rows go, and how: through a root that is not made here they cannot. */
static enum evo_errc aim(const struct evo_work_builder *b, struct evo_work_rows *r, char **ret_sql,
                         struct evo_error *err)
{
    const struct evo_toc_entry *e = r->entry;
    if (!evo_dumped_copy_target(e->copy, &r->schema, &r->table))
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "cannot understand pg_dump's statement \"%s\"",
                             e->copy);
    if ((evo_streq(r->schema, e->schema) && evo_streq(r->table, e->tag)) || !b->in->fresh ||
        is_taken(b, r->schema, r->table))
        return EVO_OK;
    EVO_AUTO_STR columns = NULL;
    enum evo_errc rc = evo_toc_copy_columns(e->copy, &columns, err);
    if (rc)
        return rc;
    EVO_AUTO_STR name = evo_dumped_quote(e->schema, e->tag);
    *ret_sql = evo_asprintf("COPY %s %s FROM stdin;\n", name, columns);
    free(r->schema);
    free(r->table);
    r->schema = evo_strdup(e->schema);
    r->table = evo_strdup(e->tag);
    return EVO_OK;
}

static enum evo_errc add_rows(struct evo_work_builder *b, struct evo_error *err)
{
    const struct evo_toc *toc = b->in->toc;
    b->rows = evo_calloc(toc->count + 1, sizeof(*b->rows));
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        if (!evo_toc_is_table_data(e) || !b->in->take[i])
            continue;
        struct evo_work_rows *r = &b->rows[b->count++];
        *r = (struct evo_work_rows){ .entry = e,
                                     .object = evo_archive_object(b->in->manifest, toc, e),
                                     .home = home_of(b, e) };
        char *sql = NULL;
        enum evo_errc rc = aim(b, r, &sql, err);
        if (rc)
            return rc;
        r->piece = evo_work_add(
            b, r->object->raw_bytes + EVO_WORK_COST_EACH,
            (struct evo_work){ .kind = EVO_WORK_ROWS, .entry = e, .object = r->object, .sql = sql });
        b->last[i] = r->piece;
        b->out->raw_bytes += r->object->raw_bytes;
        if (r->home != EVO_WORK_NONE)
            b->homes[r->home].raw_bytes += r->object->raw_bytes;
    }
    return EVO_OK;
}

static int compare_names(const char *s1, const char *t1, const char *s2, const char *t2)
{
    int c = strcmp(s1, s2);
    return c ? c : strcmp(t1, t2);
}

static int by_table(const void *a, const void *b)
{
    const struct evo_work_rows *x = a;
    const struct evo_work_rows *y = b;
    int c = compare_names(x->entry->schema, x->entry->tag, y->entry->schema, y->entry->tag);
    return c ? c : (x->piece > y->piece) - (x->piece < y->piece);
}

static int by_target(const void *a, const void *b)
{
    const struct evo_work_rows *x = a;
    const struct evo_work_rows *y = b;
    int c = compare_names(x->schema, x->table, y->schema, y->table);
    return c ? c : (x->piece > y->piece) - (x->piece < y->piece);
}

/* The tables as the result names them: one each, in how many objects so ever it lies. */
static void name_tables(struct evo_work_builder *b)
{
    struct evo_worklist *w = b->out;
    if (b->count)
        qsort(b->rows, b->count, sizeof(*b->rows), by_table);
    for (size_t i = 0; i < b->count; i++) {
        const struct evo_work_rows *r = &b->rows[i];
        const struct evo_toc_entry *before = i ? b->rows[i - 1].entry : NULL;
        if (!before || !evo_streq(before->schema, r->entry->schema) ||
            !evo_streq(before->tag, r->entry->tag)) {
            EVO_GROW(w->tables, w->ntables, w->tables_alloc);
            w->tables[w->ntables++] = (struct evo_work_table){ .entry = r->entry };
        }
        struct evo_work_table *t = &w->tables[w->ntables - 1];
        t->objects++;
        t->rows += r->object->rows;
        t->raw_bytes += r->object->raw_bytes;
        w->items[r->piece].table = w->ntables - 1;
    }
}

static bool may_freeze(const struct evo_work_builder *b, const struct evo_work_rows *r)
{
    if (!b->in->fresh || b->in->shared || r->home == EVO_WORK_NONE || !b->in->take[r->home] ||
        r->object->raw_bytes < FREEZE_MIN)
        return false;
    const struct evo_toc_entry *table = &b->in->toc->items[r->home];
    bool heap = !table->tableam || !*table->tableam || evo_streq(table->tableam, "heap");
    return heap && evo_streq(r->schema, r->entry->schema) && evo_streq(r->table, r->entry->tag);
}

/* Those that fill the same table, from rows[i] on; returns how many. */
static size_t add_group(struct evo_work_builder *b, size_t i)
{
    const struct evo_work_rows *first = &b->rows[i];
    size_t n = 1;
    while (i + n < b->count &&
           !compare_names(first->schema, first->table, b->rows[i + n].schema, b->rows[i + n].table))
        n++;
    size_t full = first->piece;
    if (n > 1)
        full = evo_work_add(b, 0, (struct evo_work){ .kind = EVO_WORK_MILESTONE });
    for (size_t k = i; k < i + n; k++) {
        if (n > 1)
            evo_schedule_need(b->out->schedule, full, b->rows[k].piece);
        if (b->rows[k].home != EVO_WORK_NONE)
            b->homes[b->rows[k].home].full = full;
    }
    if (n == 1 && may_freeze(b, first)) {
        struct evo_work *work = &b->out->items[first->piece];
        char *frozen = evo_dumped_copy_frozen(work->sql ? work->sql : first->entry->copy);
        work->freeze = frozen != NULL;
        if (frozen) {
            free(work->sql);
            work->sql = frozen;
        }
    }
    return n;
}

static enum evo_errc begin(struct evo_work_builder *b, struct evo_error *err)
{
    if (b->in->fresh) {
        evo_work_add_statements(b);
        return evo_schedule_begin(b->out->schedule, err);
    }
    evo_work_follow_keys(b);
    if (!evo_schedule_begin(b->out->schedule, err))
        return EVO_OK;
    evo_error_set(err, EVO_ERR_UNSUPPORTED, "foreign keys between the tables leave no order to load them in");
    return evo_error_hint(
        err, "Nothing was changed. Restore with the schema, which has no keys until its rows are there; or "
             "drop the keys, and add them again behind the restore.");
}

static void add_large_objects(struct evo_work_builder *b)
{
    const struct evo_backup_object *o = evo_manifest_object(b->in->manifest, EVO_OBJECT_LARGE_OBJECTS);
    if (o && b->in->large_objects)
        (void)evo_work_add(b, o->size + EVO_WORK_COST_EACH,
                           (struct evo_work){ .kind = EVO_WORK_LARGE_OBJECTS, .object = o });
}

enum evo_errc evo_worklist_build(const struct evo_worklist_input *in, struct evo_worklist *ret,
                                 struct evo_error *err)
{
    EVO_AUTO(worklist) w = { .schedule = evo_schedule_new() };
    struct evo_work_builder b = { .in = in, .out = &w, .all = EVO_WORK_NONE };
    w.made = evo_calloc(in->toc->count + 1, sizeof(*w.made));
    b.homes = evo_calloc(in->toc->count + 1, sizeof(*b.homes));
    b.last = evo_calloc(in->toc->count + 1, sizeof(*b.last));
    for (size_t i = 0; i < in->toc->count; i++)
        b.homes[i].full = b.last[i] = EVO_WORK_NONE;
    enum evo_errc rc = compare(in, err);
    if (!rc)
        rc = add_rows(&b, err);
    if (!rc) {
        name_tables(&b);
        if (b.count)
            qsort(b.rows, b.count, sizeof(*b.rows), by_target);
        for (size_t i = 0; i < b.count;)
            i += add_group(&b, i);
        add_large_objects(&b);
        rc = begin(&b, err);
    }
    for (size_t i = 0; i < b.count; i++) {
        free(b.rows[i].schema);
        free(b.rows[i].table);
    }
    free(b.rows);
    free(b.homes);
    free(b.last);
    if (rc)
        return rc;
    *ret = w;
    w = (struct evo_worklist){ 0 };
    return EVO_OK;
}
