#include "backup/worklist.h"

#include <stdlib.h>

#include "backup/archive.h"
#include "backup/dumped.h"

/* Costs are counted in bytes of COPY text. Measured: a b-tree takes about a quarter of the time that loading the rows
 * takes, a foreign key half of that; each statement has its own price. */
enum { COST_EACH = 64 * 1024, INDEX_SHARE = 4, KEY_SHARE = 8 };
/* Below this it is not worth a TRUNCATE, or a second statement. */
#define FREEZE_MIN ((uint64_t)1 << 20)
#define SPLIT_MIN  ((uint64_t)16 << 20)
#define NONE       ((size_t)-1)

/* One TABLE DATA entry, and the table that its COPY fills. */
struct rows {
    const struct evo_toc_entry *entry;
    const struct evo_backup_object *object;
    char *schema, *table;
    size_t home; /* place of its TABLE, NONE for an extension's */
    size_t piece;
};
/* What is known of a TABLE with rows. */
struct home {
    size_t full; /* the piece behind which the table is full; NONE: it has no rows here */
    uint64_t raw_bytes;
};

struct builder {
    const struct evo_worklist_input *in;
    struct evo_worklist *out;
    struct rows *rows;
    size_t count;
    struct home *homes; /* by the place in toc->items */
    size_t *last; /* the same: the piece behind which an entry is made; NONE: not here */
    size_t all; /* the piece behind all rows; NONE: not needed so far */
};

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

static size_t add(struct builder *b, uint64_t cost, struct evo_work work)
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

static size_t home_of(const struct builder *b, const struct evo_toc_entry *e)
{
    for (size_t i = 0; i < e->ndeps; i++) {
        size_t at = evo_toc_map_find(b->in->map, e->deps[i]);
        if (at != EVO_TOC_MAP_NONE && evo_streq(b->in->toc->items[at].desc, "TABLE"))
            return at;
    }
    return NONE;
}

static bool is_taken(const struct builder *b, const char *schema, const char *table)
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
static enum evo_errc aim(const struct builder *b, struct rows *r, char **ret_sql, struct evo_error *err)
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

static enum evo_errc add_rows(struct builder *b, struct evo_error *err)
{
    const struct evo_toc *toc = b->in->toc;
    b->rows = evo_calloc(toc->count + 1, sizeof(*b->rows));
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        if (!evo_toc_is_table_data(e) || !b->in->take[i])
            continue;
        struct rows *r = &b->rows[b->count++];
        *r = (struct rows){ .entry = e,
                            .object = evo_archive_object(b->in->manifest, toc, e),
                            .home = home_of(b, e) };
        char *sql = NULL;
        enum evo_errc rc = aim(b, r, &sql, err);
        if (rc)
            return rc;
        r->piece =
            add(b, r->object->raw_bytes + COST_EACH,
                (struct evo_work){ .kind = EVO_WORK_ROWS, .entry = e, .object = r->object, .sql = sql });
        b->last[i] = r->piece;
        b->out->raw_bytes += r->object->raw_bytes;
        if (r->home != NONE)
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
    const struct rows *x = a;
    const struct rows *y = b;
    int c = compare_names(x->entry->schema, x->entry->tag, y->entry->schema, y->entry->tag);
    return c ? c : (x->piece > y->piece) - (x->piece < y->piece);
}

static int by_target(const void *a, const void *b)
{
    const struct rows *x = a;
    const struct rows *y = b;
    int c = compare_names(x->schema, x->table, y->schema, y->table);
    return c ? c : (x->piece > y->piece) - (x->piece < y->piece);
}

/* The tables as the result names them: one each, in how many objects so ever it lies. */
static void name_tables(struct builder *b)
{
    struct evo_worklist *w = b->out;
    if (b->count)
        qsort(b->rows, b->count, sizeof(*b->rows), by_table);
    for (size_t i = 0; i < b->count; i++) {
        const struct rows *r = &b->rows[i];
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

static bool may_freeze(const struct builder *b, const struct rows *r)
{
    if (!b->in->fresh || r->home == NONE || !b->in->take[r->home] || r->object->raw_bytes < FREEZE_MIN)
        return false;
    const struct evo_toc_entry *table = &b->in->toc->items[r->home];
    bool heap = !table->tableam || !*table->tableam || evo_streq(table->tableam, "heap");
    return heap && evo_streq(r->schema, r->entry->schema) && evo_streq(r->table, r->entry->tag);
}

/* Those that fill the same table, from rows[i] on; returns how many. */
static size_t add_group(struct builder *b, size_t i)
{
    const struct rows *first = &b->rows[i];
    size_t n = 1;
    while (i + n < b->count &&
           !compare_names(first->schema, first->table, b->rows[i + n].schema, b->rows[i + n].table))
        n++;
    size_t full = first->piece;
    if (n > 1)
        full = add(b, 0, (struct evo_work){ .kind = EVO_WORK_MILESTONE });
    for (size_t k = i; k < i + n; k++) {
        if (n > 1)
            evo_schedule_need(b->out->schedule, full, b->rows[k].piece);
        if (b->rows[k].home != NONE)
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

/* ---- indexes and constraints ------------------------------------------------ */

enum verdict { NOT_HERE, NOTHING, AFTER_PIECE, AFTER_ALL };

static bool is_one_of(const char *desc, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (evo_streq(desc, list[i]))
            return true;
    return false;
}

/* What a dependency of e's asks for. */
static enum verdict judge(const struct builder *b, const struct evo_toc_entry *e, size_t dep,
                          size_t *ret_piece)
{
    static const char *const tame[] = { "TYPE",   "DOMAIN",     "COLLATION", "EXTENSION",
                                        "SCHEMA", "SHELL TYPE", "SEQUENCE",  "TABLE ATTACH" };
    const struct evo_toc_entry *d = &b->in->toc->items[dep];
    if (evo_streq(d->desc, "TABLE")) {
        *ret_piece = b->homes[dep].full;
        return *ret_piece == NONE ? NOT_HERE : AFTER_PIECE;
    }
    if (d->section == EVO_TOC_PRE_DATA)
        return is_one_of(d->desc, tame, EVO_COUNT(tame)) ? NOTHING : AFTER_ALL;
    *ret_piece = b->last[dep];
    if (*ret_piece != NONE)
        return AFTER_PIECE;
    /* The index of a partition needs that of its parent when it is attached to it, not before. */
    bool parent = evo_streq(d->desc, "INDEX") || evo_streq(d->desc, "CONSTRAINT");
    return parent && !evo_streq(e->desc, "FK CONSTRAINT") ? NOTHING : NOT_HERE;
}

static void need_all_rows(struct builder *b, size_t piece)
{
    if (b->all == NONE) {
        b->all = add(b, 0, (struct evo_work){ .kind = EVO_WORK_MILESTONE });
        for (size_t i = 0; i < b->count; i++)
            evo_schedule_need(b->out->schedule, b->all, b->rows[i].piece);
    }
    evo_schedule_need(b->out->schedule, piece, b->all);
}

/* True where this can be made here; then *ret_size is that of its largest table. */
static bool can_make(const struct builder *b, const struct evo_toc_entry *e, uint64_t *ret_size)
{
    static const char *const made[] = { "INDEX", "CONSTRAINT", "FK CONSTRAINT" };
    bool on_table = false;
    if (e->section != EVO_TOC_POST_DATA || !e->defn || !*e->defn ||
        !is_one_of(e->desc, made, EVO_COUNT(made)))
        return false;
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = evo_toc_map_find(b->in->map, e->deps[k]);
        size_t piece;
        if (dep == EVO_TOC_MAP_NONE)
            continue;
        if (judge(b, e, dep, &piece) == NOT_HERE)
            return false;
        if (evo_streq(b->in->toc->items[dep].desc, "TABLE")) {
            on_table = true;
            *ret_size = b->homes[dep].raw_bytes > *ret_size ? b->homes[dep].raw_bytes : *ret_size;
        }
    }
    return on_table;
}

static size_t add_statement(struct builder *b, const struct evo_toc_entry *e, uint64_t cost, char *sql,
                            enum evo_schedule_lock how)
{
    size_t piece =
        add(b, cost + COST_EACH, (struct evo_work){ .kind = EVO_WORK_STATEMENT, .entry = e, .sql = sql });
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = evo_toc_map_find(b->in->map, e->deps[k]);
        size_t other = NONE;
        if (dep == EVO_TOC_MAP_NONE)
            continue;
        enum verdict v = judge(b, e, dep, &other);
        if (v == AFTER_PIECE)
            evo_schedule_need(b->out->schedule, piece, other);
        else if (v == AFTER_ALL)
            need_all_rows(b, piece);
        if (evo_streq(b->in->toc->items[dep].desc, "TABLE"))
            evo_schedule_lock(b->out->schedule, piece, dep, how);
    }
    return piece;
}

static size_t make(struct builder *b, const struct evo_toc_entry *e, uint64_t size)
{
    char *index = NULL;
    char *constraint = NULL;
    if (evo_streq(e->desc, "FK CONSTRAINT"))
        return add_statement(b, e, size / KEY_SHARE, NULL, EVO_SCHEDULE_ALONE);
    if (evo_streq(e->desc, "INDEX"))
        return add_statement(b, e, size / INDEX_SHARE, NULL,
                             evo_dumped_is_plain_index(e->defn) ? EVO_SCHEDULE_SHARED : EVO_SCHEDULE_ALONE);
    if (size < SPLIT_MIN || !evo_dumped_split_constraint(e->defn, &index, &constraint))
        return add_statement(b, e, size / INDEX_SHARE, NULL, EVO_SCHEDULE_ALONE);
    size_t first = add_statement(b, e, size / INDEX_SHARE, index, EVO_SCHEDULE_SHARED);
    size_t second = add_statement(b, e, 0, constraint, EVO_SCHEDULE_ALONE);
    evo_schedule_need(b->out->schedule, second, first);
    return second;
}

static void add_statements(struct builder *b)
{
    for (size_t i = 0; i < b->in->toc->count; i++) {
        const struct evo_toc_entry *e = &b->in->toc->items[i];
        uint64_t size = 0;
        if (!b->in->take[i] || !can_make(b, e, &size))
            continue;
        b->last[i] = make(b, e, size);
        b->out->made[i] = true;
    }
}

/* Of which table is a foreign key? Its tag is the table's name and its own. */
static size_t table_of_key(const struct builder *b, const struct evo_toc_entry *e)
{
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = evo_toc_map_find(b->in->map, e->deps[k]);
        if (dep == EVO_TOC_MAP_NONE || !evo_streq(b->in->toc->items[dep].desc, "TABLE"))
            continue;
        const char *table = b->in->toc->items[dep].tag;
        if (evo_streq(b->in->toc->items[dep].schema, e->schema) && evo_starts_with(e->tag, table) &&
            e->tag[strlen(table)] == ' ')
            return dep;
    }
    return NONE;
}

/* Foreign keys of tables that are there: rows come behind those that they refer to. Those that refer to their own table
 * can only come in one COPY. */
static enum evo_errc follow_keys(struct builder *b, struct evo_error *err)
{
    const struct evo_toc *toc = b->in->toc;
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        size_t table = evo_streq(e->desc, "FK CONSTRAINT") ? table_of_key(b, e) : NONE;
        if (table == NONE || b->homes[table].full == NONE)
            continue;
        bool self = true;
        for (size_t k = 0; k < e->ndeps; k++) {
            size_t dep = evo_toc_map_find(b->in->map, e->deps[k]);
            if (dep == EVO_TOC_MAP_NONE || dep == table || !evo_streq(toc->items[dep].desc, "TABLE"))
                continue;
            self = false;
            for (size_t n = 0; n < b->count && b->homes[dep].full != NONE; n++)
                if (b->rows[n].home == table)
                    evo_schedule_need(b->out->schedule, b->rows[n].piece, b->homes[dep].full);
        }
        if (!self || b->out->items[b->homes[table].full].kind != EVO_WORK_MILESTONE)
            continue;
        evo_error_set(err, EVO_ERR_UNSUPPORTED,
                      "table \"%s.%s\" refers to itself, and its rows lie in several objects",
                      toc->items[table].schema, toc->items[table].tag);
        return evo_error_hint(err,
                              "Nothing was changed. Drop its foreign key \"%s\", and add it again behind the "
                              "restore.",
                              e->tag + strlen(toc->items[table].tag) + 1);
    }
    return EVO_OK;
}

static enum evo_errc begin(struct builder *b, struct evo_error *err)
{
    if (b->in->fresh) {
        add_statements(b);
        return evo_schedule_begin(b->out->schedule, err);
    }
    enum evo_errc rc = follow_keys(b, err);
    if (rc || !evo_schedule_begin(b->out->schedule, err))
        return rc;
    evo_error_set(err, EVO_ERR_UNSUPPORTED, "foreign keys between the tables leave no order to load them in");
    return evo_error_hint(
        err, "Nothing was changed. Restore with the schema, which has no keys until its rows are there; or "
             "drop the keys, and add them again behind the restore.");
}

static void add_large_objects(struct builder *b)
{
    const struct evo_backup_object *o = evo_manifest_object(b->in->manifest, EVO_OBJECT_LARGE_OBJECTS);
    if (o && b->in->large_objects)
        (void)add(b, o->size + COST_EACH, (struct evo_work){ .kind = EVO_WORK_LARGE_OBJECTS, .object = o });
}

enum evo_errc evo_worklist_build(const struct evo_worklist_input *in, struct evo_worklist *ret,
                                 struct evo_error *err)
{
    EVO_AUTO(worklist) w = { .schedule = evo_schedule_new() };
    struct builder b = { .in = in, .out = &w, .all = NONE };
    w.made = evo_calloc(in->toc->count + 1, sizeof(*w.made));
    b.homes = evo_calloc(in->toc->count + 1, sizeof(*b.homes));
    b.last = evo_calloc(in->toc->count + 1, sizeof(*b.last));
    for (size_t i = 0; i < in->toc->count; i++)
        b.homes[i].full = b.last[i] = NONE;
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
