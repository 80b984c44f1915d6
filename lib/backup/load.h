/*
 * load.h - a worklist done by many sessions at once. Part of restore.h.
 *
 * Each object is checked as it passes (object.h): a COPY whose object lied is never ended, so nothing of it is loaded.
 * The first failure ends all of it; what other sessions run then is cancelled at the server.
 */
#ifndef EVO_BACKUP_LOAD_H
#define EVO_BACKUP_LOAD_H

#include "backup/pgrestore.h"
#include "backup/restore.h"
#include "backup/worklist.h"

struct evo_load {
    const char *what; /* for the progress: "restore", "analyze" */
    const struct evo_restore_options *options;
    const struct evo_toc *toc;
    const struct evo_pgrestore *tool; /* for the large objects */
    int jobs;
};
/* Adds each table to ret as its last row is in; in the order of their names at the end. */
enum evo_errc evo_load_run(const struct evo_load *load, struct evo_worklist *work,
                           struct evo_restoration *ret, struct evo_error *err) EVO_CHECK;
/* The rows alone, one object after the other, on the caller's session and in its transaction, which is left open. */
enum evo_errc evo_load_serially(const struct evo_load *load, struct evo_pg *pg, struct evo_worklist *work,
                                struct evo_restoration *ret, struct evo_error *err) EVO_CHECK;

#endif
