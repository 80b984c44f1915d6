/*
 * worklist.h - what a restore's sessions do beside each other: the rows of each object, and the indexes and constraints
 * that can be made as soon as their tables are full. Pure; schedule.h says in which order.
 *
 * A table is full when all its objects are loaded; where rows go in through the root of a partition tree, when all that
 * go through this root are. From then on its INDEX entries are made side by side, its CONSTRAINT and FK CONSTRAINT
 * entries one at a time, under the locks that the server would take. A large table's PRIMARY KEY or UNIQUE is made as an
 * index first, beside the others, and becomes the constraint by taking it over.
 * Made here are entries that need tables with rows, types, extensions and each other. One that needs a function or operator of
 * the backup's waits for all rows, since a function may read other tables than it admits. Everything else (of
 * partitioned tables, views, and what has no rows) is pg_restore's.
 */
#ifndef EVO_BACKUP_WORKLIST_H
#define EVO_BACKUP_WORKLIST_H

#include "backup/manifest.h"
#include "backup/schedule.h"
#include "backup/toc_map.h"

enum evo_work_kind {
    EVO_WORK_ROWS, /* COPY of an object */
    EVO_WORK_TAIL, /* rows that an earlier piece brings with its own: nothing to do */
    EVO_WORK_STATEMENT,
    EVO_WORK_LARGE_OBJECTS,
    EVO_WORK_ANALYZE, /* a statement whose failure is a warning (analyze.h) */
    EVO_WORK_MILESTONE /* nothing to do: others wait for it */
};
struct evo_work {
    enum evo_work_kind kind;
    const struct evo_toc_entry *entry; /* NULL: large objects and milestones */
    const struct evo_backup_object *object; /* rows, large objects */
    char *sql; /* the COPY or the statement; NULL: the entry's own */
    bool
        freeze; /* rows: empty the table first, in one transaction: it is this restore's, and this is all of it */
    size_t table; /* rows: in `tables` */
    bool
        deferred; /* rows: of a table that refers to itself; with all of `next` in one transaction (self_key.h) */
    size_t next; /* rows: the piece that comes with this one, always a later one; 0: none */
};
struct evo_work_table {
    const struct evo_toc_entry *entry; /* one of its TABLE DATA entries, for its name */
    size_t objects, loaded; /* loaded is the caller's to count */
    int64_t rows;
    uint64_t raw_bytes;
};
struct evo_worklist {
    struct evo_schedule *schedule; /* begun */
    struct evo_work *items; /* by the schedule's numbers */
    size_t count, alloc;
    struct evo_work_table *tables;
    size_t ntables, tables_alloc;
    bool *made; /* by the place in toc->items: entries that are made here */
    uint64_t raw_bytes;
};
void evo_worklist_release(struct evo_worklist *w);
EVO_DEFINE_AUTO(worklist);

struct evo_worklist_input {
    const struct evo_toc *toc;
    const struct evo_toc_map *map;
    const struct evo_manifest *manifest;
    const bool *take; /* by the place in toc->items: entries that are restored at all */
    bool large_objects; /* these too */
    bool fresh; /* the tables were made by this restore */
    bool
        shared; /* others work in the database, and may write into a table as soon as it is there: none is emptied */
};
/* Into tables that were there, rows come behind those that they refer to; those of a table that refers to itself come
 * together. EVO_ERR_INTEGRITY where archive and manifest disagree; EVO_ERR_UNSUPPORTED where, into tables that were there, foreign
 * keys leave no order. The input must outlive the result. */
enum evo_errc evo_worklist_build(const struct evo_worklist_input *in, struct evo_worklist *ret,
                                 struct evo_error *err) EVO_CHECK;

#endif
