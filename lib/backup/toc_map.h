/*
 * toc_map.h - the entries of a table of contents by their dumpId. Pure.
 */
#ifndef EVO_BACKUP_TOC_MAP_H
#define EVO_BACKUP_TOC_MAP_H

#include "backup/toc.h"

struct evo_toc_map {
    struct evo_toc_map_row {
        int32_t id;
        size_t index;
    } * rows; /* by id */
    size_t count;
};
#define EVO_TOC_MAP_NONE ((size_t)-1)

/* EVO_ERR_INTEGRITY where two entries have one id. Good as long as the table's entries stay where they are. */
enum evo_errc evo_toc_map_build(const struct evo_toc *toc, struct evo_toc_map *ret,
                                struct evo_error *err) EVO_CHECK;
void evo_toc_map_release(struct evo_toc_map *map);
EVO_DEFINE_AUTO(toc_map);

/* Its place in toc->items; EVO_TOC_MAP_NONE: the archive has no such entry. */
size_t evo_toc_map_find(const struct evo_toc_map *map, int32_t id);

#endif
