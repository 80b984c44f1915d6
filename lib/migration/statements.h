/*
 * statements.h - a file whose statements cannot all run in one transaction: one after the other, each on record.
 *
 * Before the first unit the ledger's row is started, as the layout's own tool would. Each unit runs in a transaction
 * with its checkpoint in evo.journal (before the COMMIT of the file's own where it has one); only a statement that the
 * server does not take in a transaction runs without, its row written before and marked done behind it. A run that
 * stops, in whatever way, is resumed at the unit that is not done, after the journal has proven that what is done still
 * stands in the file as it was run. A statement whose answer never came is looked at first (begun.h): what is proven to
 * have happened is done, what may be repeated is repeated, and for all else a person is asked (EVO_ERR_FAILED). A DO or
 * CALL that runs without a transaction may commit inside: it is never tried again.
 */
#ifndef EVO_MIGRATION_STATEMENTS_H
#define EVO_MIGRATION_STATEMENTS_H

#include "base/error.h"
#include "migration/apply.h"
#include "migration/session.h"
#include "migration/step.h"

/* As evo_apply(), for mode `statements`. */
enum evo_errc evo_statements_run(struct evo_session *s, struct evo_step *step, struct evo_applied *ret,
                                 struct evo_error *err) EVO_CHECK;

#endif
