/*
 * analyze.h - the planner's statistics of what was restored, which a dump does not hold: ANALYZE of each table, partition
 * tree and materialized view with rows, by several sessions.
 *
 * Part of restore.h. A partition tree is analyzed from its root, which includes the partitions; nothing else analyzes a
 * root. What cannot be analyzed is a warning: the rows are there.
 */
#ifndef EVO_BACKUP_ANALYZE_H
#define EVO_BACKUP_ANALYZE_H

#include "backup/worklist.h"

/* The statements, as a worklist of its own. */
enum evo_errc evo_analyze_plan(const struct evo_toc *toc, const struct evo_toc_map *map, const bool *take,
                               const struct evo_manifest *manifest, struct evo_worklist *ret,
                               struct evo_error *err) EVO_CHECK;

#endif
