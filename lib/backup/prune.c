#include "backup/prune.h"

#include "backup/remove.h"
#include "backup/verify.h"
#include "base/cancel.h"

void evo_prune_report_release(struct evo_prune_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->count; i++) {
        free(report->items[i].id);
        free(report->items[i].database);
        free(report->items[i].failure);
        evo_strvec_release(&report->items[i].reasons);
    }
    free(report->items);
    *report = (struct evo_prune_report){ 0 };
}

/* ---- decide ----------------------------------------------------------------- */

/* One database: what there is, and what is decided of each. */
struct plan {
    const struct evo_prune_options *options;
    struct evo_backup_list list;
    struct evo_retention_item *items; /* of the same places */
};

static void plan_release(struct plan *p)
{
    for (size_t i = 0; p->items && i < p->list.count; i++)
        evo_retention_item_release(&p->items[i]);
    free(p->items);
    evo_backup_list_release(&p->list);
}

static enum evo_retention_state state_of(const struct evo_backup_item *item)
{
    bool bad = false;
    for (size_t k = 0; k < EVO_PROOF_KINDS; k++) {
        const struct evo_verdict *v = &item->verdicts[k];
        bad |= v->at_ms >= 0 && !v->ok && !v->data;
    }
    switch (item->state) {
    case EVO_BACKUP_UNFINISHED:
        return EVO_RETENTION_UNFINISHED;
    case EVO_BACKUP_UNREADABLE:
        return EVO_RETENTION_UNREADABLE;
    case EVO_BACKUP_COMPLETE:
        break;
    }
    return bad ? EVO_RETENTION_DAMAGED : EVO_RETENTION_GOOD;
}

static void describe(struct plan *p)
{
    p->items = evo_calloc(p->list.count + 1, sizeof(*p->items));
    for (size_t i = 0; i < p->list.count; i++) {
        const struct evo_backup_item *item = &p->list.items[i];
        p->items[i] = (struct evo_retention_item){ .id = item->id,
                                                   .created_ms = item->created_ms,
                                                   .state = state_of(item),
                                                   .selection = item->selection,
                                                   .locked_until_ms = -1 };
    }
}

/* Something would go. */
static bool decide(struct plan *p)
{
    bool any = false;
    evo_retention_decide(&p->options->policy, p->items, p->list.count, p->options->now_ms);
    for (size_t i = 0; i < p->list.count; i++)
        any |= !p->items[i].keep;
    return any;
}

static enum evo_errc is_damaged(struct plan *p, size_t i, bool *ret, struct evo_error *err)
{
    const struct evo_backup_item *item = &p->list.items[i];
    EVO_AUTO(backup) backup = { 0 };
    EVO_AUTO(verification) found = { 0 };
    enum evo_errc rc =
        evo_backup_load(p->options->store, item->environment, item->database, item->id, &backup, err);
    if (!rc)
        rc = evo_backup_verify(p->options->store, &backup, true, 1, p->options->task, &found, err);
    *ret = found.count > 0;
    if (!rc && found.count)
        evo_warn(p->options->task, "backup \"%s\" of database \"%s\" is damaged: \"%s\" %s", item->id,
                 item->database, found.damaged[0].object, found.damaged[0].reason);
    return rc;
}

/* What is left in the worst case must be there: a newest good one that is not takes itself out, and the next is looked at. */
static enum evo_errc check_last_good(struct plan *p, struct evo_error *err)
{
    while (decide(p)) {
        bool damaged = false;
        size_t last = 0;
        while (last < p->list.count && !evo_strvec_contains(&p->items[last].reasons, EVO_RETENTION_LAST_GOOD))
            last++;
        if (last == p->list.count)
            return EVO_OK;
        enum evo_errc rc = is_damaged(p, last, &damaged, err);
        if (rc || !damaged)
            return rc;
        p->items[last].state = EVO_RETENTION_DAMAGED;
    }
    return EVO_OK;
}

/* The manifest's lock speaks for the backup: it is written last, under the same rule as the rest. */
static enum evo_errc ask_for_locks(struct plan *p, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < p->list.count; i++) {
        const struct evo_backup_item *item = &p->list.items[i];
        struct evo_store_stat stat = { .locked_until_ms = -1 };
        EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
        if (p->items[i].keep)
            continue;
        evo_backup_key(&key, item->environment, item->database, item->id, EVO_BACKUP_MANIFEST);
        struct evo_error why = EVO_ERROR_INIT;
        rc = evo_store_stat(p->options->store, key.buf, &stat, &why);
        if (rc == EVO_ERR_NOT_FOUND) /* somebody else removed it meanwhile */
            rc = EVO_OK;
        else if (rc && err)
            *err = why;
        p->items[i].locked_until_ms = stat.locked_until_ms;
        p->items[i].legal_hold = stat.legal_hold;
    }
    return rc;
}

static void report_plan(struct plan *p, struct evo_prune_report *report)
{
    for (size_t i = 0; i < p->list.count; i++) {
        const struct evo_backup_item *item = &p->list.items[i];
        EVO_GROW(report->items, report->count, report->alloc);
        struct evo_pruned *r = &report->items[report->count++];
        *r = (struct evo_pruned){ .id = evo_strdup(item->id),
                                  .database = evo_strdup(item->database),
                                  .created_ms = item->created_ms,
                                  .stored_bytes = item->totals.stored_bytes,
                                  .fate = p->items[i].keep ? EVO_PRUNED_KEPT : EVO_PRUNED_LEFT,
                                  .reasons = p->items[i].reasons };
        p->items[i].reasons = (struct evo_strvec)EVO_STRVEC_INIT;
    }
}

static enum evo_errc plan_database(const struct evo_prune_options *o, const char *database,
                                   struct evo_prune_report *report, struct evo_error *err)
{
    struct plan p = { .options = o };
    enum evo_errc rc = evo_backup_list(o->store, o->environment, database, &p.list, err);
    if (!rc)
        describe(&p);
    if (!rc)
        rc = check_last_good(&p, err);
    if (!rc)
        rc = ask_for_locks(&p, err);
    if (!rc) {
        (void)decide(&p);
        report_plan(&p, report);
    }
    plan_release(&p);
    return rc;
}

/* ---- remove ----------------------------------------------------------------- */

static bool is_named(const struct evo_store_entry *entry, const char *name)
{
    return evo_streq(strrchr(entry->key, '/') + 1, name);
}

static bool is_toc(const struct evo_store_entry *entry)
{
    return is_named(entry, EVO_BACKUP_TOC) || is_named(entry, EVO_BACKUP_TOC EVO_BACKUP_SEALED);
}

static bool is_other(const struct evo_store_entry *entry)
{
    return !is_toc(entry) && !is_named(entry, EVO_BACKUP_MANIFEST);
}

/* Its answer may have got lost: what the store says then decides. */
static enum evo_errc remove_manifest(struct evo_store *store, const char *key, struct evo_error *err)
{
    struct evo_error failed = EVO_ERROR_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    struct evo_store_stat stat;
    enum evo_errc rc = evo_store_remove(store, key, &failed);
    if (!rc || evo_store_stat(store, key, &stat, &ignored) == EVO_ERR_NOT_FOUND)
        return EVO_OK;
    *err = failed;
    return rc;
}

/* Those but the manifest, the table of contents last. *ret_left: how many are still there. */
static enum evo_errc remove_objects(struct evo_store *store, const struct evo_store_list *objects,
                                    size_t *ret_left, struct evo_error *err)
{
    bool *removed = evo_calloc(objects->count + 1, sizeof(*removed));
    size_t left = 0;
    enum evo_errc rc = evo_remove_objects(store, objects->items, objects->count, is_other, removed, err);
    for (size_t i = 0; i < objects->count; i++)
        left += !removed[i] && !is_named(&objects->items[i], EVO_BACKUP_MANIFEST);
    if (!rc)
        rc = evo_remove_objects(store, objects->items, objects->count, is_toc, removed, err);
    for (size_t i = 0; !rc && i < objects->count; i++)
        left -= removed[i];
    *ret_left = left;
    free(removed);
    return rc;
}

/* *ret_complete: it still has its manifest. *ret_left: other objects that are there. */
static enum evo_errc remove_backup(const struct evo_prune_options *o, const char *prefix, bool *ret_complete,
                                   size_t *ret_left, struct evo_error *err)
{
    EVO_AUTO(store_list) objects = { 0 };
    EVO_AUTO_STR under = evo_asprintf("%s/", prefix);
    EVO_AUTO_STR manifest = evo_asprintf("%s" EVO_BACKUP_MANIFEST, under);
    *ret_complete = true;
    *ret_left = 0;
    enum evo_errc rc = evo_store_list_prefix(o->store, under, true, &objects, err);
    if (!rc)
        rc = remove_manifest(o->store, manifest, err);
    if (rc)
        return rc;
    *ret_complete = false;
    return remove_objects(o->store, &objects, ret_left, err);
}

/* Removes one; what is left of it stands in its `failure`. */
static enum evo_errc prune_one(const struct evo_prune_options *o, struct evo_pruned *r, struct evo_error *err)
{
    EVO_AUTO(strbuf) prefix = EVO_STRBUF_INIT;
    size_t left = 0;
    if (o->dry_run) {
        r->fate = EVO_PRUNED_REMOVED;
        return EVO_OK;
    }
    enum evo_errc rc = evo_cancel_check(err);
    if (rc)
        return rc;
    evo_backup_key(&prefix, o->environment, r->database, r->id, NULL);
    rc = remove_backup(o, prefix.buf, &r->complete, &left, err);
    r->fate = rc ? EVO_PRUNED_FAILED : EVO_PRUNED_REMOVED;
    if (rc && r->complete)
        r->failure = evo_asprintf("%s; nothing of it was removed, it is complete as before", err->message);
    else if (rc)
        r->failure =
            evo_asprintf("%s; its manifest is removed, so that it is no backup any more, and %zu of its "
                         "other objects %s left",
                         err->message, left, left == 1 ? "is" : "are");
    return rc;
}

static enum evo_errc sum_up(const struct evo_prune_report *report, enum evo_errc code,
                            const struct evo_error *first, struct evo_error *err)
{
    EVO_AUTO(strbuf) detail = EVO_STRBUF_INIT;
    size_t removed = 0;
    size_t failed = 0;
    size_t left = 0;
    bool halves = false;
    for (size_t i = 0; i < report->count; i++) {
        const struct evo_pruned *r = &report->items[i];
        removed += r->fate == EVO_PRUNED_REMOVED;
        left += r->fate == EVO_PRUNED_LEFT;
        if (r->fate != EVO_PRUNED_FAILED)
            continue;
        if (failed++ < 5)
            evo_strbuf_addf(&detail, "Backup \"%s\": %s. ", r->id, r->failure);
        halves |= !r->complete;
    }
    evo_strbuf_addf(&detail, "%zu removed, %zu not, %zu not come to.", removed, failed, left);
    if (err) {
        *err = *first;
        err->code = code;
    }
    if (code != EVO_ERR_CANCELLED)
        evo_error_prefix(err, "could not remove %zu of %zu backup%s", failed, removed + failed + left,
                         removed + failed + left == 1 ? "" : "s");
    evo_error_detail(err, "%s", detail.buf);
    if (halves)
        evo_error_hint(err, "%s%s\"evo-backup gc\" removes what is left of a backup without a manifest.",
                       first->hint, *first->hint ? " " : "");
    return code;
}

/* The oldest first: whatever ends it, the newer ones are there. */
static enum evo_errc remove_all(const struct evo_prune_options *o, struct evo_prune_report *report,
                                struct evo_error *err)
{
    enum evo_errc code = EVO_OK;
    struct evo_error first = EVO_ERROR_INIT;
    for (size_t i = report->count; i-- > 0;) {
        struct evo_error failed = EVO_ERROR_INIT;
        if (report->items[i].fate != EVO_PRUNED_LEFT)
            continue;
        enum evo_errc rc = prune_one(o, &report->items[i], &failed);
        if (rc && (!code || rc == EVO_ERR_CANCELLED)) {
            code = rc;
            first = failed;
        }
        if (rc == EVO_ERR_CANCELLED)
            break;
    }
    for (size_t i = 0; i < report->count; i++)
        if (report->items[i].fate == EVO_PRUNED_LEFT)
            evo_strvec_push(&report->items[i].reasons, "not come to");
    return code ? sum_up(report, code, &first, err) : EVO_OK;
}

enum evo_errc evo_prune(const struct evo_prune_options *o, struct evo_prune_report *ret,
                        struct evo_error *err)
{
    EVO_AUTO(strvec) databases = EVO_STRVEC_INIT;
    enum evo_errc rc = EVO_OK;
    if (!evo_retention_given(&o->policy)) {
        evo_error_set(err, EVO_ERR_USAGE, "no policy says which backups to keep");
        return evo_error_hint(err, "Add --keep-last N, --keep-daily N, --keep-within DURATION or the like; "
                                   "--dry-run shows what would go.");
    }
    if (o->database)
        evo_strvec_push(&databases, o->database);
    else
        rc = evo_backup_databases(o->store, o->environment, &databases, err);
    for (size_t i = 0; !rc && i < databases.count; i++)
        rc = plan_database(o, databases.items[i], ret, err);
    return rc ? rc : remove_all(o, ret, err);
}
