#include "backup/plan.h"

#include <stdlib.h>

#define MIB ((uint64_t)1 << 20)
enum { JOBS_MIN = 2, JOBS_MAX = 4, RANGES_MAX = 512 };

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
    uint64_t least = EVO_PLAN_PARTS_HELD * EVO_PLAN_PART_MIN;
    return memory < used + least ? least : memory - used;
}

uint64_t evo_plan_part_size(uint64_t budget, int jobs)
{
    uint64_t share = budget / EVO_PLAN_PARTS_HELD / (uint64_t)jobs / MIB * MIB;
    return share < EVO_PLAN_PART_MIN   ? EVO_PLAN_PART_MIN
           : share > EVO_PLAN_PART_MAX ? EVO_PLAN_PART_MAX
                                       : share;
}

struct evo_plan_ranges evo_plan_cut(uint64_t bytes, uint32_t blocks, uint64_t range_bytes)
{
    uint64_t count = range_bytes ? bytes / range_bytes : 1;
    if (count > RANGES_MAX)
        count = RANGES_MAX;
    if (count > blocks)
        count = blocks;
    if (count < 2)
        return (struct evo_plan_ranges){ .count = 1, .blocks = blocks };
    uint32_t each = (uint32_t)((blocks + count - 1) / count);
    /* Rounded up, the last ones may not be needed. */
    return (struct evo_plan_ranges){ .count = (blocks + each - 1) / each, .blocks = each };
}
