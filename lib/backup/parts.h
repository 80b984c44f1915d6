/*
 * parts.h - one table in several data files, in a form that stock pg_restore restores in parallel. Pure.
 *
 * pg_restore knows one TABLE DATA entry a table, but takes several: each with a dump id and a file of its own. Two
 * things have to be seen to (PostgreSQL's pg_backup_archiver.c, restore_toc_entry and repoint_table_dependencies):
 *
 * - In a parallel restore it empties the table before it loads an entry, unless the entry's definition says that the rows
 *   go in through a partition root. So every part says that.
 * - Indexes and constraints wait for the one entry that it takes for the table's data. So that one, which keeps the
 *   entry's own id, depends on all the others.
 */
#ifndef EVO_BACKUP_PARTS_H
#define EVO_BACKUP_PARTS_H

#include "backup/toc.h"

struct evo_toc_part {
    int32_t of; /* id of the TABLE DATA entry that is there */
    int32_t id; /* a new one */
};
/* Adds an entry for each of the parts before the one it is a part of; `parts` is sorted here by both ids. The entry itself is one more
 * part. Entries move: pointers to them are not good afterwards. */
void evo_toc_add_parts(struct evo_toc *toc, struct evo_toc_part *parts, size_t count);
/* An id that no entry has, nor any behind it. */
int32_t evo_toc_free_id(const struct evo_toc *toc);
/* The rows go in beside others: of a part, or of a partition through its root. pg_restore does not empty the table first. */
bool evo_toc_is_part(const struct evo_toc_entry *e);

#endif
