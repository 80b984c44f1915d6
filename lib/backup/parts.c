#include "backup/parts.h"

/* As pg_restore looks for it. */
static const char marker[] = "-- load via partition root ";

bool evo_toc_is_part(const struct evo_toc_entry *e)
{
    return e->defn && evo_starts_with(e->defn, marker);
}

int32_t evo_toc_free_id(const struct evo_toc *toc)
{
    int32_t id = 0;
    for (size_t i = 0; i < toc->count; i++)
        if (toc->items[i].id > id)
            id = toc->items[i].id;
    return id + 1;
}

static int by_ids(const void *a, const void *b)
{
    const struct evo_toc_part *x = a;
    const struct evo_toc_part *y = b;
    if (x->of != y->of)
        return x->of < y->of ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_owner(const void *key, const void *part)
{
    int32_t id = *(const int32_t *)key;
    const struct evo_toc_part *p = part;
    return (id > p->of) - (id < p->of);
}

static void mark(struct evo_toc_entry *e)
{
    /* A table of a partition tree whose rows go in through its root has it already, and must keep its own. */
    if (evo_toc_is_part(e))
        return;
    free(e->defn);
    e->defn = evo_asprintf("%s%s.%s", marker, e->schema ? e->schema : "", e->tag ? e->tag : "");
    /* It is a comment in pg_restore's text output, and names may hold line ends. */
    for (char *p = e->defn; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
}

static void add_dependency(struct evo_toc_entry *e, int32_t id)
{
    EVO_GROW(e->deps, e->ndeps, e->deps_alloc);
    e->deps[e->ndeps++] = id;
}

static struct evo_toc_entry copy_of(const struct evo_toc_entry *e, int32_t id)
{
    struct evo_toc_entry c = { .id = id,
                               .has_data = e->has_data,
                               .tableoid = evo_strdup(e->tableoid),
                               .oid = evo_strdup(e->oid),
                               .tag = evo_strdup(e->tag),
                               .desc = evo_strdup(e->desc),
                               .section = e->section,
                               .defn = evo_strdup(e->defn),
                               .drop = evo_strdup(e->drop),
                               .copy = evo_strdup(e->copy),
                               .schema = evo_strdup(e->schema),
                               .tablespace = evo_strdup(e->tablespace),
                               .tableam = evo_strdup(e->tableam),
                               .relkind = e->relkind,
                               .owner = evo_strdup(e->owner),
                               .with_oids = evo_strdup(e->with_oids) };
    memcpy(c.offset, e->offset, sizeof(c.offset));
    for (size_t i = 0; i < e->ndeps; i++)
        add_dependency(&c, e->deps[i]);
    return c;
}

void evo_toc_add_parts(struct evo_toc *toc, struct evo_toc_part *parts, size_t count)
{
    if (!count)
        return;
    qsort(parts, count, sizeof(*parts), by_ids);
    struct evo_toc_entry *items = evo_calloc(toc->count + count, sizeof(*items));
    size_t n = 0;
    for (size_t i = 0; i < toc->count; i++) {
        struct evo_toc_entry *e = &toc->items[i];
        const struct evo_toc_part *found = bsearch(&e->id, parts, count, sizeof(*parts), by_owner);
        while (found && found > parts && found[-1].of == e->id)
            found--;
        if (found)
            mark(e);
        size_t first = n;
        for (; found && found < parts + count && found->of == e->id; found++)
            items[n++] = copy_of(e, found->id);
        for (size_t k = first; k < n; k++)
            add_dependency(e, items[k].id);
        items[n++] = *e;
    }
    EVO_ASSERT(n == toc->count + count);
    free(toc->items);
    toc->items = items;
    toc->count = toc->alloc = n;
}
