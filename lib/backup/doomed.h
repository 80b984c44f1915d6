/*
 * doomed.h - what --clean would drop: which of it is there now, and how much. Looks only. Part of clean.h.
 *
 * Rows are what the server thinks, from its statistics: the larger one of pg_class.reltuples and the live rows that
 * pg_stat counts, since both may be old. Operators and their classes are looked for by their name alone.
 */
#ifndef EVO_BACKUP_DOOMED_H
#define EVO_BACKUP_DOOMED_H

#include "backup/restore.h"
#include "backup/toc.h"

/* Of the entries for which dropped[i] is true (by their place in toc->items), those that are there, in the archive's order.
 * What goes with its table (keys, rules) is not named. The session's search_path must be empty. */
enum evo_errc evo_doomed_look(struct evo_pg *pg, const struct evo_toc *toc, const bool *dropped,
                              struct evo_restoration *ret, struct evo_error *err) EVO_CHECK;

#endif
