/*
 * state.h - folder and ledger side by side: what is applied, pending, failed, edited, missing, rolled back. Pure.
 */
#ifndef EVO_LAYOUT_STATE_H
#define EVO_LAYOUT_STATE_H

#include "layout/layout.h"
#include "layout/ledger.h"

enum evo_migration_state {
    EVO_STATE_APPLIED,
    EVO_STATE_PENDING, /* never applied, or rolled back since (see was_rolled_back) */
    EVO_STATE_FAILED, /* a live row that never finished */
    EVO_STATE_EDITED, /* applied, and the file's checksum differs now (CRLF and BOM apart) */
    EVO_STATE_MISSING /* applied, the file is gone: a warning */
};
struct evo_state_item {
    enum evo_migration_state state;
    const char *name; /* borrowed */
    const struct evo_migration *file; /* NULL for MISSING (and FAILED without a file) */
    const struct evo_ledger_row *row; /* the deciding row; NULL for PENDING never tried */
    bool was_rolled_back;
    bool behind; /* pending, but a later one (in file order) is applied already */
};
struct evo_state {
    struct evo_state_item
        *items; /* files in order of application, then missing ones in order of their rows */
    size_t count;
    size_t applied, pending, failed, edited, missing; /* applied counts edited ones too */
    const char *last_applied; /* by application order; NULL */
};
void evo_state_release(struct evo_state *s);
EVO_DEFINE_AUTO(state);

/* Borrows from both for its life. EVO_ERR_CONFIG only where a file cannot be read for the CRLF comparison. */
enum evo_errc evo_state_of(const struct evo_project *p, const struct evo_ledger *l, struct evo_state *ret,
                           struct evo_error *err) EVO_CHECK;

/* Names of applied migrations in reverse order of application (for down). Borrowed names. */
void evo_state_applied_reverse(const struct evo_state *s, const struct evo_state_item ***ret_items,
                               size_t *ret_count);

#endif
