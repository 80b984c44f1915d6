/*
 * restore_run.h - what the files of a restore share. Part of restore.h.
 */
#ifndef EVO_BACKUP_RESTORE_RUN_H
#define EVO_BACKUP_RESTORE_RUN_H

#include "backup/pgrestore.h"
#include "backup/restore.h"
#include "backup/select.h"
#include "backup/target.h"
#include "backup/worklist.h"

/* How far it got: what a failure leaves behind. */
enum evo_restore_stage {
    EVO_RESTORE_BEFORE, /* nothing was changed */
    EVO_RESTORE_DROPPED, /* --clean: what the backup holds too is gone */
    EVO_RESTORE_SCHEMA,
    EVO_RESTORE_ROWS,
    EVO_RESTORE_REST
};

struct evo_restore_run {
    const struct evo_restore_options *options;
    struct evo_restoration *result;
    struct evo_toc toc;
    struct evo_toc_map map;
    struct evo_selection selection;
    struct evo_worklist work;
    struct evo_pgrestore tool;
    char *tool_path;
    int jobs;
    int server_version; /* of the target */
    struct evo_target target; /* before; not of one made here */
    bool created;
    bool is_source; /* the target is the database that was backed up */
    enum evo_restore_stage stage;
};

#endif
