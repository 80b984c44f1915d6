/*
 * state.h - folder and ledger side by side: what is applied, pending, failed, edited, missing. Pure but for reading a
 * file again whose checksum differs, to see whether only its line ends do.
 *
 * Of the rows of one name the live ones decide (not rolled back): one that never finished makes it failed, else a
 * finished one makes it applied; rolled-back rows alone leave it pending, to be applied again.
 */
#ifndef EVO_LAYOUT_STATE_H
#define EVO_LAYOUT_STATE_H

#include "layout/layout.h"
#include "layout/ledger.h"

enum evo_migration_state {
    EVO_STATE_APPLIED,
    EVO_STATE_PENDING, /* never applied, or rolled back since (was_rolled_back) */
    EVO_STATE_FAILED, /* a live row that never finished; the file may be gone */
    EVO_STATE_EDITED, /* applied, and the file is another one now */
    EVO_STATE_MISSING /* applied, and the file is gone: histories get squashed, so a warning only */
};
/* "applied", "pending" … */
const char *evo_state_name(enum evo_migration_state state);

struct evo_state_item {
    enum evo_migration_state state;
    const char *name; /* borrowed */
    const struct evo_migration *file; /* NULL where it is gone */
    const struct evo_ledger_row *row; /* the deciding one; NULL for what was never tried */
    bool was_rolled_back; /* pending only */
    bool late; /* applied: by its place alone, and nothing is known to have run it (seen.h) */
    bool
        behind; /* pending, and a later one (in file order) is applied already; never in a graph, which has no line */
};
struct evo_state {
    struct evo_state_item
        *items; /* files in order of application, then what has no file in order of its rows */
    size_t count, alloc;
    size_t applied, pending, failed, edited,
        missing; /* applied counts edited ones too, and missing ones not */
    const struct evo_project *project; /* borrowed */
    const char *last_applied; /* the one applied last, in time; NULL. Borrowed */
    enum evo_layout_kind kind;
};
void evo_state_release(struct evo_state *s);
EVO_DEFINE_AUTO(state);

/* How many of each, in the words that everybody uses: "2 applied, 1 pending, 1 unfinished". What is edited or missing is
 * applied as well, as the ledger has it. Appended; a count of 0 has no word, but for the first two. */
struct evo_state_counts {
    size_t applied, pending, unfinished, failed, edited, missing;
};
void evo_state_counts_text(const struct evo_state_counts *counts, struct evo_strbuf *out);
/* The ledger is not of these files: it holds migrations, and not one of them has a file. Pure. */
bool evo_state_is_of_other_files(const struct evo_state *s);

/* Borrows from p and l for its life. EVO_ERR_CONFIG only where a file whose checksum differs cannot be read. */
enum evo_errc evo_state_of(const struct evo_project *p, const struct evo_ledger *l, struct evo_state *ret,
                           struct evo_error *err) EVO_CHECK;

/* What is applied and may be taken back (edited and missing ones too), last applied first: the order of rolling back. The caller frees the
 * list, not what it points to. Times decide (sql: the order of rows); within one millisecond the order of files. */
void evo_state_applied_reverse(const struct evo_state *s, const struct evo_state_item ***ret_items,
                               size_t *ret_count);

#endif
