/*
 * new.h - `evo-migrate new NAME`: the files of a migration, ready to be written.
 *
 * The forms follow the project's own newest migration: Prisma's folder; for `sql` a folder, a pair (.up.sql, .down.sql)
 * or one file, versions by time or by number. What is made cannot be deployed unfinished by mistake: its probes are
 * false and its down script raises an error until somebody has written them.
 */
#ifndef EVO_MIGRATION_NEW_H
#define EVO_MIGRATION_NEW_H

#include "base/error.h"
#include "layout/layout.h"
#include "json/json.h"

/* Stands in a check that is still as it was made. */
#define EVO_NEW_UNWRITTEN "this_check_has_not_been_written_yet"

/* Fills data: name, files[]. name: letters, digits, '_' and '-'; blanks become '_'. EVO_ERR_USAGE for anything else.
 * Existing files are never touched. wall_ms: now. */
enum evo_errc evo_new_run(const struct evo_project *project, const char *name, int64_t wall_ms,
                          struct evo_json *data, struct evo_error *err) EVO_CHECK;

/* The version a new migration gets: behind `last` (digits; NULL: there is none) in its own style. Pure; the caller frees. */
char *evo_new_version(const char *last, int64_t wall_ms) EVO_CHECK;

#endif
