/*
 * journal.h - checkpoints of what runs outside a transaction: evo.journal (lib/schema/ledger.sql).
 *
 * Row 0 says that an attempt was begun, and how ("statements", "as-is"). A unit that runs in a transaction is marked
 * done inside it. Only a statement that cannot run in one has its row written before ("begun") and marked done behind
 * it; where the server refuses it, the row is taken back. So after a crash each unit is known to be done, known to be
 * undone, or (no answer came) begun with its outcome to be found out. The rows of a file are removed when it is
 * finished. Rows of `down` stand under "<layout> down".
 *
 * Needs the tables only where there is something to write; reading where they are missing gives nothing.
 */
#ifndef EVO_MIGRATION_JOURNAL_H
#define EVO_MIGRATION_JOURNAL_H

#include "base/error.h"
#include "layout/journal.h"
#include "layout/ledger.h"
#include "migration/step.h"
#include "pg/conn.h"

/* Makes the schema evo where it is missing. EVO_ERR_PERMISSION carries the GRANT to ask for. */
enum evo_errc evo_journal_create(struct evo_pg *pg, struct evo_journal *j, const struct evo_ledger *l,
                                 struct evo_error *err) EVO_CHECK;

enum evo_unit_state {
    EVO_UNIT_NEW,
    EVO_UNIT_BEGUN, /* sent, and no answer came */
    EVO_UNIT_BEGUN_OTHERWISE, /* the same, and the file said something else then */
    EVO_UNIT_DONE
};
/* What the journal says of a unit of this step. */
enum evo_unit_state evo_journal_state(const struct evo_journal *j, enum evo_layout_kind kind,
                                      const struct evo_step *step, size_t unit);
/* EVO_ERR_FAILED where a statement that is done, or begun, no longer stands in the file as it was run: then nothing
 * proves what the rest would be run upon; and where an attempt was begun as a file that handles transactions itself.
 * Pure. */
enum evo_errc evo_journal_prove(const struct evo_journal *j, enum evo_layout_kind kind,
                                const struct evo_step *step, struct evo_error *err) EVO_CHECK;

/* Writes. Each is one statement; the caller's transaction, if any, decides. */
/* Row 0: how the file is run. */
enum evo_errc evo_journal_start(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                struct evo_error *err) EVO_CHECK;
/* A file that handles transactions itself stopped behind so many of its statements: what is committed is on record, so
 * that nobody takes it for undone. Row 0 comes with them. */
enum evo_errc evo_journal_counted(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                  size_t done, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_journal_begin(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                size_t unit, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_journal_done(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                               size_t unit, struct evo_error *err) EVO_CHECK;
/* The unit was refused: nothing of it is on record any more. */
enum evo_errc evo_journal_unbegin(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                  size_t unit, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_journal_forget(struct evo_pg *pg, enum evo_layout_kind kind, bool down, const char *name,
                                 struct evo_error *err) EVO_CHECK;

#endif
