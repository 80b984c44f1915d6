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
    EVO_RESTORE_SCHEMA,
    EVO_RESTORE_REPLACED, /* --clean: one transaction put the new in the place of the old (clean.h) */
    EVO_RESTORE_UNKNOWN, /* what became of that transaction is not known */
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

/* What tables need to exist. Privileges and comments come with the rest, as pg_restore has it: a role may have taken
 * from itself the right to fill its own table. Settings of the archive are on both sides. */
bool evo_restore_is_before_data(const struct evo_toc_entry *e);
bool evo_restore_is_after_data(const struct evo_toc_entry *e);

#endif
