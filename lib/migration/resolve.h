/*
 * resolve.h - `evo-migrate resolve`: what a person knows about a migration is written into the ledger.
 *
 * Nothing in the schema is changed. The rules are Prisma's: only what is not recorded as applied can be resolved as
 * applied, only what failed as rolled back. A rollback that was begun and not finished is settled by the same words: rolled
 * back where all of it is done, applied where none of it is. A migration that the project's own tool takes back can be
 * resolved as rolled back at any time: its ledger has no row for an attempt.
 *
 * "None of it is there" is held against the journal (undone.h), which Prisma has not; and the schema is held from then on
 * against what it was before, so that what was left all the same shows as drift.
 */
#ifndef EVO_MIGRATION_RESOLVE_H
#define EVO_MIGRATION_RESOLVE_H

#include "base/error.h"
#include "migration/session.h"
#include "json/json.h"

/* Fills data: resolved {name, as, fingerprint, undone}. applied: --applied, else --rolled-back. undone: --undone was given.
 * Checkpoints of the migration are forgotten. EVO_ERR_FAILED: statements are on record as done. */
enum evo_errc evo_resolve_run(const struct evo_migrate_options *o, const char *name, bool applied,
                              bool undone, struct evo_json *data, struct evo_error *err) EVO_CHECK;
/* The file was edited since it was applied, and the database is as it says now: the ledger has its checksum from then on.
 * resolved {name, as "edited", …}. EVO_ERR_USAGE: it is not edited; EVO_ERR_UNSUPPORTED: see evo_ledger_accept(). */
enum evo_errc evo_resolve_edited(const struct evo_migrate_options *o, const char *name, struct evo_json *data,
                                 struct evo_error *err) EVO_CHECK;
/* The schema was changed by hand, and is as it should be: recorded as it is now. resolved {name null, as "drift", …}.
 * EVO_ERR_FAILED while a migration failed or is half applied: that would bless what it left. */
enum evo_errc evo_resolve_drift(const struct evo_migrate_options *o, struct evo_json *data,
                                struct evo_error *err) EVO_CHECK;

#endif
