/*
 * foreign.h - inside this folder only: tables by which other tools record migrations.
 */
#ifndef EVO_LAYOUT_FOREIGN_H
#define EVO_LAYOUT_FOREIGN_H

#include "layout/layout.h"

struct evo_foreign {
    const char *tool; /* a row of signs.c */
    const char *schema; /* NULL: the application's */
    const char *table;
    const char *columns; /* the table has all of these, each between blanks; what tells it from a namesake */
    const char *without; /* … and not this one; NULL */
    bool always; /* refused also where evo's ledger holds rows: the tool has taken over since */
};
extern const struct evo_foreign evo_foreign_ledgers[];
extern const size_t evo_foreign_ledgers_count;

/* Whether a table has all columns `wanted`, and not `without` (may be NULL). Each text as in struct evo_foreign. */
bool evo_foreign_fits(const char *columns, const char *wanted, const char *without);

/* The row that such a table fits; NULL. columns: " id name … ". `kind` is the layout whose own table is no foreign one. */
const struct evo_foreign *evo_foreign_find(enum evo_layout_kind kind, const char *schema, const char *table,
                                           const char *columns);

/* EVO_ERR_UNSUPPORTED, with what to do. `shown` is the table as a person would write it. */
enum evo_errc evo_foreign_refuse(const struct evo_foreign *f, enum evo_layout_kind kind, const char *database,
                                 const char *shown, struct evo_error *err);

#endif
