/*
 * plan.h - which table is copied when, and how much memory each upload may take. Pure.
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
 * sessions. Never less than one part. */
uint64_t evo_plan_part_budget(uint64_t memory, int jobs);
/* Size of the parts in which an object of that expected size goes up: a share of the budget, more where the 10 000 parts of a
 * multipart upload would not hold it, and never more than the budget. One size for a whole upload: some stores demand it. */
uint64_t evo_plan_part_size(uint64_t expected, uint64_t budget, int jobs);

#define EVO_PLAN_PART_MIN ((uint64_t)5 << 20)

#endif
