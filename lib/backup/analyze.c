#include "backup/analyze.h"

#include "backup/archive.h"
#include "backup/dumped.h"

/* ANALYZE reads a sample: what is larger takes no longer. */
#define SAMPLE_MAX ((uint64_t)256 << 20)

/* The TABLE or view that an entry is attached to, or holds the rows of; EVO_TOC_MAP_NONE. */
static size_t relation_of(const struct evo_toc *toc, const struct evo_toc_map *map,
                          const struct evo_toc_entry *e, size_t but)
{
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t at = evo_toc_map_find(map, e->deps[k]);
        if (at == EVO_TOC_MAP_NONE || at == but)
            continue;
        const char *desc = toc->items[at].desc;
        if (evo_streq(desc, "TABLE") || evo_streq(desc, "MATERIALIZED VIEW"))
            return at;
    }
    return EVO_TOC_MAP_NONE;
}

/* Of each partition the table that it is attached to. */
static size_t *find_parents(const struct evo_toc *toc, const struct evo_toc_map *map, const bool *take)
{
    size_t *parent = evo_calloc(toc->count + 1, sizeof(*parent));
    for (size_t i = 0; i < toc->count; i++)
        parent[i] = EVO_TOC_MAP_NONE;
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        if (!take[i] || !evo_streq(e->desc, "TABLE ATTACH"))
            continue;
        size_t child = relation_of(toc, map, e, EVO_TOC_MAP_NONE);
        size_t other = child == EVO_TOC_MAP_NONE ? child : relation_of(toc, map, e, child);
        if (other == EVO_TOC_MAP_NONE)
            continue;
        /* The entry is named for the partition. */
        if (!evo_streq(toc->items[child].tag, e->tag)) {
            size_t swap = child;
            child = other;
            other = swap;
        }
        parent[child] = other;
    }
    return parent;
}

static size_t root_of(const size_t *parent, size_t at, size_t limit)
{
    /* No tree is deeper than it has entries: a circle of lies ends. */
    for (size_t n = 0; n < limit && parent[at] != EVO_TOC_MAP_NONE; n++)
        at = parent[at];
    return at;
}

enum evo_errc evo_analyze_plan(const struct evo_toc *toc, const struct evo_toc_map *map, const bool *take,
                               const struct evo_manifest *manifest, struct evo_worklist *ret,
                               struct evo_error *err)
{
    EVO_AUTO(worklist) w = { .schedule = evo_schedule_new() };
    size_t *parent = find_parents(toc, map, take);
    uint64_t *size = evo_calloc(toc->count + 1, sizeof(*size));
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        bool rows = evo_toc_is_table_data(e);
        if (!take[i] || !(rows || evo_streq(e->desc, "MATERIALIZED VIEW DATA")))
            continue;
        size_t at = relation_of(toc, map, e, EVO_TOC_MAP_NONE);
        const struct evo_backup_object *o = rows ? evo_archive_object(manifest, toc, e) : NULL;
        if (at != EVO_TOC_MAP_NONE)
            size[root_of(parent, at, toc->count)] += o ? o->raw_bytes + 1 : 1;
    }
    for (size_t i = 0; i < toc->count; i++) {
        if (!size[i])
            continue;
        EVO_AUTO_STR name = evo_dumped_quote(toc->items[i].schema, toc->items[i].tag);
        EVO_GROW(w.items, w.count, w.alloc);
        w.items[w.count++] = (struct evo_work){ .kind = EVO_WORK_ANALYZE,
                                                .entry = &toc->items[i],
                                                .sql = evo_asprintf("ANALYZE %s", name) };
        (void)evo_schedule_add(w.schedule, size[i] < SAMPLE_MAX ? size[i] : SAMPLE_MAX);
    }
    free(size);
    free(parent);
    enum evo_errc rc = evo_schedule_begin(w.schedule, err);
    if (rc)
        return rc;
    *ret = w;
    w = (struct evo_worklist){ 0 };
    return EVO_OK;
}
