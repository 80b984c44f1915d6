/*
 * integrity_impl.h - what the files of integrity checks share. Not for others.
 *
 * Two kinds of checks, each a table of its own:
 *
 *   catalog  one query whose rows are findings (integrity_catalog.c)
 *   rows     one query that lists objects, and for each of them one that counts what is wrong (integrity_rows.c,
 *            integrity_checks.c, integrity_look.c); those are dealt out to the sessions
 *
 * The queries run with search_path set to nothing, so names of the server's own need no schema. $1 and $2 are the names
 * of tables and schemas that are wanted, as text[]; empty: all.
 */
#ifndef EVO_VERIFY_INTEGRITY_IMPL_H
#define EVO_VERIFY_INTEGRITY_IMPL_H

#include "base/strbuf.h"
#include "verify/integrity.h"

/* ---- catalog ---------------------------------------------------------------- */

struct evo_catalog_check {
    const char *name;
    int since; /* server version as evo_pg_version(); 0: all */
    /* Columns: verdict, table, object, count, message, statement, next. */
    const char *sql;
};
extern const struct evo_catalog_check evo_catalog_checks[];
extern const size_t evo_catalog_checks_count;

/* ---- rows ------------------------------------------------------------------- */

enum { EVO_INTEGRITY_PARTS = 5 };

struct evo_row_check;
/* One object whose rows are counted. */
struct evo_row_item {
    const struct evo_row_check *check;
    char *table, *object;
    int64_t rows, bytes; /* of the table: an estimate, and its size */
    char *why_not; /* it cannot be looked at; NULL */
    char *part[EVO_INTEGRITY_PARTS]; /* as the check's query gives them; NULL-able */
};
void evo_row_item_release(struct evo_row_item *item);

struct evo_row_check {
    const char *name;
    const char *one, *many; /* "foreign key", "foreign keys" */
    const char *none; /* "no orphan": what is said where nothing was found */
    /* Columns: table, object, rows, bytes, why_not, part 0 … */
    const char *list;
    /* Before the count, in its savepoint; NULL. */
    const char *settings;
    /* Appends the query that counts: one row with the count, the rows looked at (NULL: all), and an extra text (NULL). */
    void (*count)(const struct evo_row_item *item, const struct evo_integrity_options *o,
                  struct evo_strbuf *sql);
    /* Appends the SELECT that shows what was counted. */
    void (*show)(const struct evo_row_item *item, const struct evo_integrity_options *o,
                 struct evo_strbuf *sql);
    /* Appends what was found, for people; extra may be "". */
    void (*say)(const struct evo_row_item *item, int64_t count, const char *extra, struct evo_strbuf *out);
    /* Appends the statement that mends it; NULL: none does. */
    void (*mend)(const struct evo_row_item *item, struct evo_strbuf *sql);
    /* An error of the server's is what is looked for: its message is the finding. */
    bool error_is_finding;
    /* The schema declares that the rule is not enforced: no failure. Index of the part that says so ("t"); 0: none. */
    int lenient_part;
};
extern const struct evo_row_check evo_row_checks[];
extern const size_t evo_row_checks_count;
/* integrity_checks.c: `list` and `say` of two rows of that table. */
extern const char evo_checks_list[], evo_domains_list[];
void evo_checks_say(const struct evo_row_item *item, int64_t count, const char *extra,
                    struct evo_strbuf *out);
void evo_domains_say(const struct evo_row_item *item, int64_t count, const char *extra,
                     struct evo_strbuf *out);
/* The one that needs the extension amcheck. */
extern const struct evo_row_check *const evo_row_check_structure;

struct evo_row_outcome {
    bool made;
    bool found; /* there is a finding: of what is wrong, or that it could not be looked at */
    struct evo_finding finding; /* the caller owns its texts */
    int64_t sampled; /* -1: all rows */
};
/* Under a savepoint in the session's transaction. Fails on a cancel or a lost connection only. */
enum evo_errc evo_row_look(struct evo_pg *pg, const struct evo_row_item *item,
                           const struct evo_integrity_options *o, struct evo_row_outcome *ret,
                           struct evo_error *err) EVO_CHECK;

/* ---- pure ------------------------------------------------------------------- */

/* TABLESAMPLE SYSTEM's argument for about `sample` rows of a table of so many rows and bytes; 0: read all of it. At
 * least a few blocks, so that a sample is not one block's rows. */
double evo_integrity_percent(int64_t sample, int64_t rows, int64_t bytes);
/* Appends " TABLESAMPLE SYSTEM (1.5)", or nothing. */
void evo_integrity_tablesample(int64_t sample, const struct evo_row_item *item, struct evo_strbuf *sql);
/* The list as a literal of type text[], for a parameter. The caller frees. */
char *evo_integrity_array(const struct evo_strvec *list) EVO_CHECK;
/* Sorts by check (in the order of the tables), then verdict, table and object. */
void evo_integrity_sort(struct evo_integrity *i);
/* The findings as an error: that of evo_integrity_run(). */
enum evo_errc evo_integrity_verdict(const struct evo_integrity *found, struct evo_error *err) EVO_CHECK;
/* Position of a check by name, in the order in which they are reported. */
size_t evo_integrity_rank(const char *check);

#endif
