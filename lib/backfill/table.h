/*
 * table.h - the table that a backfill walks through, and the key it goes by, as the server's catalog knows them.
 *
 * The key has to be the columns of a unique index that holds every row once and in one order: valid, on plain columns
 * that are NOT NULL, without WHERE, not deferrable, its columns all ascending or all descending in their types' own
 * order. Anything else would skip rows or read the table over and over.
 */
#ifndef EVO_BACKFILL_TABLE_H
#define EVO_BACKFILL_TABLE_H

#include "backfill/form.h"
#include "pg/conn.h"

/* An index has no more columns (INDEX_MAX_KEYS). */
#define EVO_BACKFILL_KEY_MAX 32

struct evo_backfill_column {
    char *name; /* as the catalog has it */
    char *quoted;
    char *type; /* for a cast: "bigint" */
    bool integer;
};
struct evo_backfill_table {
    char *name; /* "schema"."name", quoted where needed */
    char *shown; /* as the search_path lets it be called: for people */
    struct evo_strvec key; /* names, in the order of the index */
    struct evo_backfill_column columns[EVO_BACKFILL_KEY_MAX];
    size_t ncolumns;
    bool
        by_place; /* a locked row stays where it is, and its place (ctid) names it: a plain table in a heap */
    int64_t rows; /* estimated */
    int64_t matching; /* rows the condition holds of; -1: not known */
    bool matching_exact;
};
void evo_backfill_table_release(struct evo_backfill_table *t);
EVO_DEFINE_AUTO(backfill_table);

/* EVO_ERR_NOT_FOUND: no such table. EVO_ERR_CONFIG: not a table, children by inheritance, or a key that will not do,
 * with the keys that would as hint. EVO_ERR_PERMISSION with the GRANT to ask for. */
enum evo_errc evo_backfill_table_find(struct evo_pg *pg, const struct evo_backfill_form *f,
                                      struct evo_task *task, struct evo_backfill_table *ret,
                                      struct evo_error *err) EVO_CHECK;
/* Sets rows and matching: counted where the table is small (or `count` asks for it), else the planner's estimate. Also
 * proves that the condition can be evaluated. */
enum evo_errc evo_backfill_table_estimate(struct evo_pg *pg, const struct evo_backfill_form *f, bool count,
                                          struct evo_backfill_table *t, struct evo_error *err) EVO_CHECK;
/* Points at which the key's first column is cut into about so many parts (ranges.h), appended to ret. */
enum evo_errc evo_backfill_table_split(struct evo_pg *pg, const struct evo_backfill_table *t, size_t parts,
                                       struct evo_strvec *ret, struct evo_error *err) EVO_CHECK;

#endif
