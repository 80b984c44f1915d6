#include "backup/toc_map.h"

#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
    const struct evo_toc_map_row *x = a;
    const struct evo_toc_map_row *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

enum evo_errc evo_toc_map_build(const struct evo_toc *toc, struct evo_toc_map *ret, struct evo_error *err)
{
    struct evo_toc_map map = { .rows = evo_calloc(toc->count + 1, sizeof(*map.rows)), .count = toc->count };
    for (size_t i = 0; i < map.count; i++)
        map.rows[i] = (struct evo_toc_map_row){ .id = toc->items[i].id, .index = i };
    qsort(map.rows, map.count, sizeof(*map.rows), by_id);
    for (size_t i = 1; i < map.count; i++)
        if (map.rows[i].id == map.rows[i - 1].id) {
            int32_t id = map.rows[i].id;
            evo_toc_map_release(&map);
            return evo_error_set(err, EVO_ERR_INTEGRITY,
                                 "table of contents is damaged: two entries have the id %d", (int)id);
        }
    *ret = map;
    return EVO_OK;
}

void evo_toc_map_release(struct evo_toc_map *map)
{
    if (!map)
        return;
    free(map->rows);
    *map = (struct evo_toc_map){ 0 };
}

size_t evo_toc_map_find(const struct evo_toc_map *map, int32_t id)
{
    const struct evo_toc_map_row key = { .id = id };
    const struct evo_toc_map_row *row =
        map->count ? bsearch(&key, map->rows, map->count, sizeof(*map->rows), by_id) : NULL;
    return row ? row->index : EVO_TOC_MAP_NONE;
}
