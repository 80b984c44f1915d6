/*
 * up.h - `evo-migrate up` and `evo-migrate plan`: pending migrations applied, or shown. One path up to the point where
 * the first statement would be sent, so that a dry run says what a run would do, and refuses what it would refuse.
 */
#ifndef EVO_MIGRATION_UP_H
#define EVO_MIGRATION_UP_H

#include "base/error.h"
#include "migration/session.h"
#include "json/json.h"

/* Fills data: applied[], pending[] (what is left, also on failure), warnings[]; with o->dry_run also steps[]. The lock
 * is taken, but for a dry run. */
enum evo_errc evo_up_run(const struct evo_migrate_options *o, struct evo_json *data,
                         struct evo_error *err) EVO_CHECK;
/* Fills data: steps[], warnings[]. Takes no lock and changes nothing. */
enum evo_errc evo_plan_show(const struct evo_migrate_options *o, bool down, struct evo_json *data,
                            struct evo_error *err) EVO_CHECK;

#endif
