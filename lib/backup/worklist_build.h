/*
 * worklist_build.h - what the files of worklist.h share while they build one: worklist.c the rows, statements.c the indexes and
 * constraints.
 */
#ifndef EVO_BACKUP_WORKLIST_BUILD_H
#define EVO_BACKUP_WORKLIST_BUILD_H

#include "backup/worklist.h"

#define EVO_WORK_NONE ((size_t)-1)
/* Costs are counted in bytes of COPY text; each piece has this price besides. */
#define EVO_WORK_COST_EACH ((uint64_t)64 << 10)

/* One TABLE DATA entry, and the table that its COPY fills. */
struct evo_work_rows {
    const struct evo_toc_entry *entry;
    const struct evo_backup_object *object;
    char *schema, *table;
    size_t home; /* place of its TABLE, EVO_WORK_NONE for an extension's */
    size_t piece;
};
/* What is known of a TABLE with rows. */
struct evo_work_home {
    size_t full; /* the piece behind which the table is full; EVO_WORK_NONE: it has no rows here */
    uint64_t raw_bytes;
};

struct evo_work_builder {
    const struct evo_worklist_input *in;
    struct evo_worklist *out;
    struct evo_work_rows *rows;
    size_t count;
    struct evo_work_home *homes; /* by the place in toc->items */
    size_t *last; /* the same: the piece behind which an entry is made; EVO_WORK_NONE: not here */
    size_t all; /* the piece behind all rows; EVO_WORK_NONE: not needed so far */
};

size_t evo_work_add(struct evo_work_builder *b, uint64_t cost, struct evo_work work);
/* Those that can be made beside the loading. */
void evo_work_add_statements(struct evo_work_builder *b);
/* Into tables that were there: rows come behind those that their foreign keys refer to. */
void evo_work_follow_keys(struct evo_work_builder *b);

#endif
