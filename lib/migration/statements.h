/*
 * statements.h - a file whose statements cannot all run in one transaction: one after the other, each on record.
 *
 * Before the first unit the ledger's row is started, as the layout's own tool would; each unit gets a row in
 * evo.journal before it runs and is marked done after it. A run that stops, in whatever way, is resumed at the unit
 * that is not done, after the journal has proven that what is done still stands in the file as it was run. A statement
 * that cannot run in a transaction and was begun without its end on record is looked at first: an index that is there
 * and valid is done, one that is INVALID is dropped and built again, an object that turns out to exist already (or to
 * be gone already) is taken as the answer.
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
