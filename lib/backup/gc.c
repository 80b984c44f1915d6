#include "backup/gc.h"

#include "backup/find.h"
#include "backup/remove.h"
#include "backup/running.h"
#include "base/cancel.h"

/* How far two clocks may be apart. */
#define MARGIN_MS ((int64_t)15 * 60 * 1000)

const char *evo_gc_kind_name(enum evo_gc_kind kind)
{
    static const char *const names[] = {
        [EVO_GC_FOLDER] = "folder", [EVO_GC_OBJECT] = "object", [EVO_GC_UPLOAD] = "upload"
    };
    return names[kind];
}

void evo_gc_report_release(struct evo_gc_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->count; i++) {
        free(report->items[i].key);
        free(report->items[i].why);
    }
    free(report->items);
    *report = (struct evo_gc_report){ 0 };
}

struct run {
    const struct evo_gc_options *options;
    struct evo_gc_report *report;
    struct evo_store_uploads uploads; /* all of them, by key */
    int64_t old_ms; /* what is as old as this is nobody's any more */
    enum evo_errc rc; /* the first failure to remove */
    struct evo_error error;
    size_t failures;
};

static struct evo_gc_item *add(struct run *run, enum evo_gc_kind kind, enum evo_gc_fate fate, const char *key)
{
    struct evo_gc_report *r = run->report;
    EVO_GROW(r->items, r->count, r->alloc);
    r->items[r->count++] =
        (struct evo_gc_item){ .kind = kind, .fate = fate, .key = evo_strdup(key), .bytes = -1, .age_ms = -1 };
    return &r->items[r->count - 1];
}

static void note_failure(struct run *run, enum evo_errc rc, const struct evo_error *err)
{
    run->failures++;
    if (run->rc)
        return;
    run->rc = rc;
    run->error = *err;
}

/* -1 where that is not known; what was made "in the future" is as young as can be. */
static int64_t age_of(const struct run *run, int64_t made_ms)
{
    int64_t now = run->options->now_ms;
    return made_ms < 0 ? -1 : made_ms > now ? 0 : now - made_ms;
}

static bool is_old(const struct run *run, int64_t made_ms)
{
    return made_ms >= 0 && run->options->now_ms - made_ms >= run->old_ms;
}

/* ---- uploads ---------------------------------------------------------------- */

static void sweep_upload(struct run *run, const struct evo_store_upload *u, const char *in_use)
{
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = EVO_OK;
    bool leave = in_use || !is_old(run, u->started_ms);
    if (!leave && !run->options->dry_run)
        rc = evo_store_abort_upload(run->options->store, u, &err);
    struct evo_gc_item *item = add(run, EVO_GC_UPLOAD,
                                   leave ? EVO_GC_LEFT
                                   : rc  ? EVO_GC_FAILED
                                         : EVO_GC_REMOVED,
                                   u->key);
    item->age_ms = age_of(run, u->started_ms);
    if (leave)
        item->why = evo_strdup(in_use ? in_use : "younger than the grace time");
    if (!rc)
        return;
    item->why = evo_strdup(err.message);
    note_failure(run, rc, &err);
}

/* Those below a folder: the old ones go, unless somebody is at work there. */
static enum evo_errc sweep_uploads(struct run *run, const char *folder, const char *in_use,
                                   struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < run->uploads.count; i++) {
        if (!evo_starts_with(run->uploads.items[i].key, folder))
            continue;
        rc = evo_cancel_check(err);
        if (!rc)
            sweep_upload(run, &run->uploads.items[i], in_use);
    }
    return rc;
}

/* "backups/default/shop/20261122T101500Z-3f9a2c/" of a key below it; NULL for a key that is in no backup's folder. */
static char *folder_of(const char *key)
{
    const char *start = key;
    for (int i = 0; i < 3; i++) {
        start = strchr(start, '/');
        if (!start++)
            return NULL;
    }
    const char *end = strchr(start, '/');
    EVO_AUTO_STR id = end ? evo_strndup(start, (size_t)(end - start)) : NULL;
    return evo_backup_id_valid(id) ? evo_strndup(key, (size_t)(end - key) + 1) : NULL;
}

/* Those in no backup's folder: by their age alone. */
static enum evo_errc sweep_strays(struct run *run, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < run->uploads.count; i++) {
        EVO_AUTO_STR folder = folder_of(run->uploads.items[i].key);
        if (folder)
            continue;
        rc = evo_cancel_check(err);
        if (!rc)
            sweep_upload(run, &run->uploads.items[i], NULL);
    }
    return rc;
}

/* ---- folders ---------------------------------------------------------------- */

/* What there is in the folder of a backup. */
struct look {
    bool complete; /* it has a manifest: a backup, whatever that is like */
    struct evo_store_list objects;
    int64_t newest_ms; /* -1: one does not tell its time */
    bool marked; /* as one that is being made, at: */
    int64_t marked_ms; /* -1: it does not tell */
    int64_t bytes;
};

static enum evo_errc look_into(struct evo_store *store, const char *folder, struct look *ret,
                               struct evo_error *err)
{
    struct evo_store_stat stat;
    struct evo_error why = EVO_ERROR_INIT;
    EVO_AUTO_STR manifest = evo_asprintf("%s" EVO_BACKUP_MANIFEST, folder);
    /* Asked for by name as well: a listing may lag behind, and of a complete backup none is needed. */
    enum evo_errc rc = evo_store_stat(store, manifest, &stat, &why);
    ret->complete = !rc;
    if (rc == EVO_ERR_NOT_FOUND)
        rc = evo_store_list_prefix(store, folder, true, &ret->objects, err);
    else if (rc && err)
        *err = why;
    if (rc)
        return rc;
    ret->newest_ms = 0;
    ret->bytes = 0;
    for (size_t i = 0; i < ret->objects.count; i++) {
        const struct evo_store_entry *e = &ret->objects.items[i];
        ret->complete |= evo_streq(e->key, manifest);
        ret->bytes += (int64_t)e->size;
        if (evo_streq(e->key + strlen(folder), EVO_BACKUP_RUNNING)) {
            ret->marked = true;
            ret->marked_ms = e->mtime_ms;
        }
        if (e->mtime_ms < 0 || ret->newest_ms < 0)
            ret->newest_ms = -1;
        else if (e->mtime_ms > ret->newest_ms)
            ret->newest_ms = e->mtime_ms;
    }
    return EVO_OK;
}

static bool same(const struct look *a, const struct look *b)
{
    bool equal = a->complete == b->complete && a->objects.count == b->objects.count;
    for (size_t i = 0; equal && i < a->objects.count; i++) {
        const struct evo_store_entry *x = &a->objects.items[i];
        const struct evo_store_entry *y = &b->objects.items[i];
        equal = evo_streq(x->key, y->key) && x->size == y->size && x->mtime_ms == y->mtime_ms;
    }
    return equal;
}

/* Does its run say that it goes on? Who gives no grace at all says that none does. */
static bool is_running(const struct run *run, const struct look *look)
{
    return look->marked && run->options->grace_ms > 0 &&
           (look->marked_ms < 0 || run->options->now_ms - look->marked_ms < EVO_RUNNING_STALE_MS);
}

/* Why nothing of an unfinished backup may go; NULL where all of it may. */
static const char *in_use(const struct run *run, const char *folder, const struct look *look)
{
    if (is_running(run, look))
        return "it is being made, or was less than half an hour ago (" EVO_BACKUP_RUNNING ")";
    if (look->objects.count && !is_old(run, look->newest_ms))
        return "younger than the grace time";
    for (size_t i = 0; i < run->uploads.count; i++)
        if (evo_starts_with(run->uploads.items[i].key, folder) &&
            !is_old(run, run->uploads.items[i].started_ms))
            return "an upload into it is younger than the grace time";
    return NULL;
}

static void describe(const struct run *run, struct evo_gc_item *item, const struct look *look)
{
    item->objects = (int64_t)look->objects.count;
    item->bytes = look->bytes;
    item->age_ms = age_of(run, look->newest_ms);
}

/* It did not go whole: what went is told one by one. */
static void report_half(struct run *run, const struct look *look, const bool *removed, const char *folder,
                        const char *why)
{
    size_t gone = 0;
    for (size_t i = 0; i < look->objects.count; i++) {
        const struct evo_store_entry *e = &look->objects.items[i];
        if (!removed[i])
            continue;
        struct evo_gc_item *object = add(run, EVO_GC_OBJECT, EVO_GC_REMOVED, e->key);
        object->bytes = (int64_t)e->size;
        object->age_ms = age_of(run, e->mtime_ms);
        gone++;
    }
    struct evo_gc_item *item = add(run, EVO_GC_FOLDER, EVO_GC_FAILED, folder);
    describe(run, item, look);
    item->why = evo_asprintf("%s; %zu of its %zu objects %s removed, it was no backup before and is none",
                             why, gone, look->objects.count, gone == 1 ? "was" : "were");
}

static enum evo_errc remove_objects(struct run *run, const char *folder, const struct look *look,
                                    struct evo_error *err)
{
    bool *removed = evo_calloc(look->objects.count + 1, sizeof(*removed));
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_remove_objects(run->options->store, look->objects.items, look->objects.count, NULL,
                                          removed, &failed);
    if (rc)
        report_half(run, look, removed, folder, failed.message);
    else
        describe(run, add(run, EVO_GC_FOLDER, EVO_GC_REMOVED, folder), look);
    free(removed);
    if (rc == EVO_ERR_CANCELLED && err)
        *err = failed;
    if (rc && rc != EVO_ERR_CANCELLED)
        note_failure(run, rc, &failed);
    return rc == EVO_ERR_CANCELLED ? rc : EVO_OK;
}

/* Nothing of it changed since it was looked at, or it stays. */
static enum evo_errc remove_folder(struct run *run, const char *folder, const struct look *before,
                                   struct evo_error *err)
{
    struct look now = { .complete = false };
    EVO_AUTO_STR key = evo_strndup(folder, strlen(folder) - 1);
    enum evo_errc rc = look_into(run->options->store, folder, &now, err);
    bool changed = !rc && !same(before, &now);
    evo_store_list_release(&now.objects);
    if (rc)
        return rc;
    if (!changed && !run->options->dry_run)
        return remove_objects(run, key, before, err);
    struct evo_gc_item *item = add(run, EVO_GC_FOLDER, changed ? EVO_GC_LEFT : EVO_GC_REMOVED, key);
    describe(run, item, before);
    if (changed)
        item->why = evo_strdup("it changed while it was looked at");
    return EVO_OK;
}

static enum evo_errc sweep_folder(struct run *run, const char *folder, struct evo_error *err)
{
    struct look look = { .complete = false };
    enum evo_errc rc = evo_cancel_check(err);
    if (!rc)
        rc = look_into(run->options->store, folder, &look, err);
    const char *used = rc || look.complete ? NULL : in_use(run, folder, &look);
    if (!rc && used && look.objects.count) {
        EVO_AUTO_STR key = evo_strndup(folder, strlen(folder) - 1);
        struct evo_gc_item *item = add(run, EVO_GC_FOLDER, EVO_GC_LEFT, key);
        describe(run, item, &look);
        item->why = evo_strdup(used);
    }
    if (!rc)
        rc = sweep_uploads(run, folder, used, err);
    if (!rc && !look.complete && !used && look.objects.count)
        rc = remove_folder(run, folder, &look, err);
    evo_store_list_release(&look.objects);
    return rc;
}

/* ---- all of it -------------------------------------------------------------- */

static void push_folder(struct evo_strvec *folders, const char *environment, const char *database,
                        const char *id)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_backup_key(&key, environment, database, id, NULL);
    evo_strvec_pushf(folders, "%s/", key.buf);
}

/* Of every backup, in byte order; also where there is an upload, but no object yet. */
static enum evo_errc find_folders(struct run *run, struct evo_strvec *folders, struct evo_error *err)
{
    struct evo_store *store = run->options->store;
    EVO_AUTO(strvec) environments = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_backup_environments(store, &environments, err);
    for (size_t e = 0; !rc && e < environments.count; e++) {
        EVO_AUTO(strvec) databases = EVO_STRVEC_INIT;
        rc = evo_backup_databases(store, environments.items[e], &databases, err);
        for (size_t d = 0; !rc && d < databases.count; d++) {
            EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
            rc = evo_backup_ids(store, environments.items[e], databases.items[d], &ids, err);
            for (size_t i = 0; !rc && i < ids.count; i++)
                push_folder(folders, environments.items[e], databases.items[d], ids.items[i]);
        }
    }
    for (size_t i = 0; !rc && i < run->uploads.count; i++) {
        char *folder = folder_of(run->uploads.items[i].key);
        if (folder)
            evo_strvec_push_owned(folders, folder);
    }
    evo_strvec_sort(folders);
    return rc;
}

static enum evo_errc sweep(struct run *run, struct evo_error *err)
{
    EVO_AUTO(strvec) folders = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_store_list_uploads(run->options->store, "backups/", &run->uploads, err);
    if (!rc)
        rc = find_folders(run, &folders, err);
    if (!rc)
        rc = sweep_strays(run, err);
    for (size_t i = 0; !rc && i < folders.count; i++)
        if (!i || !evo_streq(folders.items[i - 1], folders.items[i]))
            rc = sweep_folder(run, folders.items[i], err);
    return rc;
}

enum evo_errc evo_gc(const struct evo_gc_options *o, struct evo_gc_report *ret, struct evo_error *err)
{
    int64_t margin = o->grace_ms / 4 < MARGIN_MS ? o->grace_ms / 4 : MARGIN_MS;
    struct run run = { .options = o, .report = ret, .old_ms = o->grace_ms + margin };
    enum evo_errc rc = sweep(&run, err);
    evo_store_uploads_release(&run.uploads);
    if (rc || !run.rc)
        return rc;
    if (err)
        *err = run.error;
    return evo_error_prefix(err, "could not remove all that is left of unfinished backups (%zu failure%s)",
                            run.failures, run.failures == 1 ? "" : "s");
}
