#include "backup/plan.h"

#include <stdlib.h>

#define MIB ((uint64_t)1 << 20)
/* Of 10 000, with room for an estimate that was too small. */
enum { PARTS_PLANNED = 9000, JOBS_MIN = 2, JOBS_MAX = 4 };

static int longest_first(const void *a, const void *b)
{
    const struct evo_plan_item *x = a;
    const struct evo_plan_item *y = b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

void evo_plan_longest_first(struct evo_plan_item *items, size_t count)
{
    if (count)
        qsort(items, count, sizeof(*items), longest_first);
}

int evo_plan_jobs(long processors)
{
    return processors < JOBS_MIN ? JOBS_MIN : processors > JOBS_MAX ? JOBS_MAX : (int)processors;
}

uint64_t evo_plan_part_budget(uint64_t memory, int jobs)
{
    /* Measured: the program with its libraries and the table of contents, and a session with compressor and connection. */
    uint64_t used = 24 * MIB + (uint64_t)jobs * 4 * MIB;
    return memory < used + EVO_PLAN_PART_MIN ? EVO_PLAN_PART_MIN : memory - used;
}

uint64_t evo_plan_part_size(uint64_t expected, uint64_t budget, int jobs)
{
    uint64_t share = budget / (uint64_t)jobs / MIB * MIB;
    uint64_t needed = (expected / PARTS_PLANNED / MIB + 1) * MIB;
    uint64_t size = needed > share ? needed : share;
    if (size > budget)
        size = budget;
    return size < EVO_PLAN_PART_MIN ? EVO_PLAN_PART_MIN : size;
}
