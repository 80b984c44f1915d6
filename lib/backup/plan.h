/*
 * plan.h - into which pieces tables are cut, which is copied when, and how much memory each upload may take. Pure.
 */
#ifndef EVO_BACKUP_PLAN_H
#define EVO_BACKUP_PLAN_H

#include <stddef.h>
#include <stdint.h>

/* A piece of work: `size` is what it is expected to take, in bytes of the table on the server's disk. */
struct evo_plan_item {
    size_t index; /* the caller's */
    uint64_t size;
};
/* Longest first, equal ones in the caller's order: whoever is free takes the next (LPT). The last pieces are small,
 * so that the sessions end at about the same time. */
void evo_plan_longest_first(struct evo_plan_item *items, size_t count);

/* How many sessions by default: one a processor, 2 to 4. */
int evo_plan_jobs(long processors);

/* Memory for parts in flight, of all the memory that a backup may take: what is left beside the program and its
 * sessions. Never less than one object needs. */
uint64_t evo_plan_part_budget(uint64_t memory, int jobs);
/* Size of the parts in which objects go up: each session has two, one that is being filled and one that is on its way.
 * 5 to 16 MiB; one size for all, since some stores demand it of an upload. */
uint64_t evo_plan_part_size(uint64_t budget, int jobs);

#define EVO_PLAN_PART_MIN ((uint64_t)5 << 20)
#define EVO_PLAN_PART_MAX ((uint64_t)16 << 20)
enum { EVO_PLAN_PARTS_HELD = 2 };

/* Ranges of blocks into which a table is cut, each to be copied by whoever is free. The last one has no end: rows may
 * lie behind the blocks that were counted. */
struct evo_plan_ranges {
    uint32_t count; /* 1: not cut */
    uint32_t blocks; /* of each but the last */
};
/* `bytes` is all of the table on disk, with what is stored out of line; `blocks` those of the table alone. Ranges are about
 * range_bytes large, at least half as large, and at most 512 a table. */
struct evo_plan_ranges evo_plan_cut(uint64_t bytes, uint32_t blocks, uint64_t range_bytes);

#define EVO_PLAN_RANGE_DEFAULT ((uint64_t)64 << 20)

#endif
