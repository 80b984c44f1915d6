/*
 * baseline.h - `evo-migrate baseline`: a schema that is there already is put on record as made by the migrations up to one.
 *
 * Nothing is run but probes. The ledger must hold nothing, or the beginning of the list (evo_baseline_plan()). What can be
 * proven is: each verify_up.sql on the way is run, and all must pass. The rows are those of `resolve --applied`, all of
 * them in one transaction: either the whole baseline is on record, or none of it.
 */
#ifndef EVO_MIGRATION_BASELINE_H
#define EVO_MIGRATION_BASELINE_H

#include "base/error.h"
#include "migration/session.h"
#include "json/json.h"

/* Fills data: steps[] {name, verify passed/failed/none/skipped, message}, applied[] {name} (none for a dry run), warnings[].
 * options.plan.to is the last one to record. verify false: probes are not run. EVO_ERR_PROBE_FALSE: one does not pass, and
 * nothing was written. */
enum evo_errc evo_baseline_run(const struct evo_migrate_options *o, bool verify, struct evo_json *data,
                               struct evo_error *err) EVO_CHECK;

/* Which are to be recorded, in the order of the files; none where all are. EVO_ERR_NOT_FOUND: `to` is none.
 * EVO_ERR_FAILED: one failed and is not resolved. EVO_ERR_TARGET_NOT_EMPTY: what the ledger holds is not the beginning of
 * the list. Pure. */
enum evo_errc evo_baseline_plan(const struct evo_state *state, const struct evo_journal *journal,
                                const struct evo_plan_options *options, struct evo_plan *ret,
                                struct evo_error *err) EVO_CHECK;

#endif
