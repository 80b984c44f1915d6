/*
 * gc.h - remove what runs left behind that were killed: it costs, and no listing of backups shows it.
 *
 * That is, under backups/ of every environment and database: folders without a manifest (of a create that was killed, or a
 * prune), and unfinished uploads (multipart uploads of S3, temporary files of a folder). Never anything of a backup that has
 * a manifest, whatever that is like, nor anything else in the store.
 *
 * What a run that still goes on has written looks the same, but for its mark (running.h), which it renews every five minutes:
 * a folder whose mark is younger than half an hour stays, with the uploads into it. Besides, a folder goes only when nothing
 * in it is younger than the grace time, neither an object nor an upload, and it is listed again right before: if anything
 * of it changed, or a manifest is there, it stays. The grace time is for runs whose mark could not be renewed, and for clocks
 * that are wrong. A grace time of 0 says that no backup runs: then no mark counts.
 *
 * Ages are the store's times against this machine's clock, the one thing here that two clocks must agree on. S3 servers
 * refuse requests when they differ by more than 15 minutes; so that much is added to the grace time (a quarter of it, where
 * that is less). A time that the store does not tell, or that lies in
 * the future, is young.
 */
#ifndef EVO_BACKUP_GC_H
#define EVO_BACKUP_GC_H

#include <stdint.h>

#include "store/store.h"

struct evo_gc_options {
    struct evo_store *store;
    int64_t grace_ms;
    int64_t now_ms; /* wall */
    bool dry_run;
    struct evo_task *task;
};

enum evo_gc_kind {
    EVO_GC_FOLDER, /* an unfinished backup with all its objects */
    EVO_GC_OBJECT, /* one of a folder that did not go whole */
    EVO_GC_UPLOAD
};
/* "folder", "object", "upload". */
const char *evo_gc_kind_name(enum evo_gc_kind kind);

enum evo_gc_fate {
    EVO_GC_REMOVED, /* or would be */
    EVO_GC_LEFT, /* too young, or it changed */
    EVO_GC_FAILED
};
struct evo_gc_item {
    enum evo_gc_kind kind;
    enum evo_gc_fate fate;
    char *key; /* in the store */
    int64_t objects; /* of a folder */
    int64_t bytes; /* -1: not known */
    int64_t age_ms; /* of the youngest in it; -1: not known */
    char *why; /* left or failed */
};
struct evo_gc_report {
    struct evo_gc_item *items; /* by key */
    size_t count, alloc;
};
void evo_gc_report_release(struct evo_gc_report *report);
EVO_DEFINE_AUTO(gc_report);

/* ret is filled as far as it got also on failure. What cannot be removed is left, the rest goes on, and the first failure is
 * returned at the end. */
enum evo_errc evo_gc(const struct evo_gc_options *o, struct evo_gc_report *ret,
                     struct evo_error *err) EVO_CHECK;

#endif
