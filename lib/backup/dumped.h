/*
 * dumped.h - reading the statements that pg_dump writes into an archive (dumpIndex, dumpConstraint and dumpTableData in
 * pg_dump.c), and no others. Pure.
 *
 * What does not have the form that pg_dump gives it is not understood, which the callers take as "leave it as it is".
 */
#ifndef EVO_BACKUP_DUMPED_H
#define EVO_BACKUP_DUMPED_H

#include "base/strbuf.h"

/* One identifier, quoted or not, from p on. Returns what stands behind it, NULL where there is none. *ret is unquoted;
 * the caller frees. */
const char *evo_dumped_identifier(const char *p, char **ret) EVO_CHECK;
/* "schema"."name", always quoted. The caller frees. */
char *evo_dumped_quote(const char *schema, const char *name) EVO_CHECK;
/* The table that a COPY of the archive fills: for rows that go in through the root of a partition tree, the root. */
bool evo_dumped_copy_target(const char *copy, char **ret_schema, char **ret_table) EVO_CHECK;
/* The same COPY with FREEZE; NULL where it is not understood. The caller frees. */
char *evo_dumped_copy_frozen(const char *copy) EVO_CHECK;

/* Is this one CREATE INDEX and nothing else? Behind some stands what needs a stronger lock: CLUSTER ON, REPLICA IDENTITY,
 * SET STATISTICS. */
bool evo_dumped_is_plain_index(const char *defn);
/* PRIMARY KEY and UNIQUE in two steps: the index, beside which others of the table can be made, and the constraint that
 * takes it over. False where it is another constraint. The caller frees both. */
bool evo_dumped_split_constraint(const char *defn, char **ret_index, char **ret_constraint) EVO_CHECK;

#endif
