/*
 * prune.h - remove the backups that a policy (retention.h) lets go.
 *
 * All is decided before anything is removed. Then, oldest first, of each backup manifest.json goes first, so that from then
 * on there is no backup where there was one, rather than one with objects missing; its other objects follow, its table of
 * contents last. Whoever is killed in between leaves an unfinished backup, and gc (gc.h) removes the rest.
 *
 * Before anything goes, the newest whole backup, which is what is left in the worst case, is held against the store's listing: one whose
 * objects are missing or cut is no good one, and the next takes its place. Locks are asked for of those that would go.
 *
 * A removal that fails ends it for that backup alone; the others go on, and the failure is returned at the end. Somebody
 * who restores a backup at the moment it is removed gets an error about a missing object, never wrong rows.
 */
#ifndef EVO_BACKUP_PRUNE_H
#define EVO_BACKUP_PRUNE_H

#include "backup/list.h"
#include "backup/retention.h"

struct evo_prune_options {
    struct evo_store *store;
    const char *environment;
    const char *database; /* NULL: each of the environment, by itself */
    struct evo_retention_policy policy;
    int64_t now_ms; /* wall */
    bool dry_run; /* decide only */
    struct evo_task *task;
};

enum evo_pruned_fate {
    EVO_PRUNED_KEPT,
    EVO_PRUNED_REMOVED, /* or would be */
    EVO_PRUNED_FAILED, /* some of it, or all of it, is still there */
    EVO_PRUNED_LEFT /* was not come to: cancelled */
};
struct evo_pruned {
    char *id, *database;
    int64_t created_ms; /* -1: not known */
    uint64_t stored_bytes;
    enum evo_pruned_fate fate;
    struct evo_strvec reasons; /* kept: why */
    char *failure; /* failed: what happened, and what state it is in */
    bool complete; /* failed: it is a backup as before */
};
struct evo_prune_report {
    struct evo_pruned *items; /* by database, the newest first */
    size_t count, alloc;
};
void evo_prune_report_release(struct evo_prune_report *report);
EVO_DEFINE_AUTO(prune_report);

/* ret is filled as far as it got also on failure. EVO_ERR_USAGE for a policy without a rule; else the errors of the store. */
enum evo_errc evo_prune(const struct evo_prune_options *o, struct evo_prune_report *ret,
                        struct evo_error *err) EVO_CHECK;

#endif
