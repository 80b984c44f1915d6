/*
 * table.h - rows in aligned columns, for people.
 *
 *	EVO_AUTO(table) t = EVO_TABLE_INIT;
 *	evo_table_column(&t, "ROWS", EVO_TABLE_RIGHT);
 *	evo_table_column(&t, "LABELS", EVO_TABLE_LEFT);
 *	evo_table_cell(&t, "12");            // row by row; NULL and "" are empty
 *	evo_table_cell(&t, "release=1.2");
 *	evo_table_format(&t, true, &out);
 *
 * A column that no row fills is left out, header and all. Control characters become "?", so that no name can steer a
 * terminal or break a row.
 */
#ifndef EVO_CLI_TABLE_H
#define EVO_CLI_TABLE_H

#include "base/strbuf.h"
#include "base/strvec.h"

enum evo_table_align { EVO_TABLE_LEFT, EVO_TABLE_RIGHT };

struct evo_table {
    struct evo_strvec titles, cells;
    enum evo_table_align align[32];
};
#define EVO_TABLE_INIT            \
    {                             \
        .titles = EVO_STRVEC_INIT \
    }
void evo_table_release(struct evo_table *t);
EVO_DEFINE_AUTO(table);

/* All columns before the first cell; at most 32. */
void evo_table_column(struct evo_table *t, const char *title, enum evo_table_align align);
void evo_table_cell(struct evo_table *t, const char *text);
/* Appends the rows, two blanks between columns, none at the end of a line. Without rows nothing, not even the header. */
void evo_table_format(const struct evo_table *t, bool header, struct evo_strbuf *out);

#endif
