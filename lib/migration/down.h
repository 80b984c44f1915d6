/*
 * down.h - `evo-migrate down`: the last migrations taken back by their down files, in the reverse order of application.
 */
#ifndef EVO_MIGRATION_DOWN_H
#define EVO_MIGRATION_DOWN_H

#include "base/error.h"
#include "migration/session.h"
#include "json/json.h"

/* Fills data: rolled_back[], warnings[]; with o->dry_run also steps[]. What cannot be rolled back (irreversible, no down
 * file, file gone) is refused before anything is started. */
enum evo_errc evo_down_run(const struct evo_migrate_options *o, struct evo_json *data,
                           struct evo_error *err) EVO_CHECK;

#endif
