#include "backup/list.h"

#include "base/clock.h"
#include "base/parallel.h"

/* With the calling one: what a server gladly answers at once, and few enough that large manifests fit into memory. */
enum { THREADS = 8 };

static void release_item(struct evo_backup_item *item)
{
    free(item->environment);
    free(item->database);
    free(item->problem);
    free(item->server_version);
    free(item->fingerprint);
    free(item->selection);
    evo_json_free(item->labels);
}

void evo_backup_list_release(struct evo_backup_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++)
        release_item(&list->items[i]);
    free(list->items);
    *list = (struct evo_backup_list){ 0 };
}

/* ---- names ------------------------------------------------------------------ */

static int64_t time_of_id(const char *id)
{
    char text[EVO_TIME_MAX];
    int64_t ms = -1;
    (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6, id + 9, id + 11,
                   id + 13);
    return evo_parse_time(text, &ms) ? ms : -1;
}

static enum evo_errc add_database(struct evo_store *store, const char *environment, const char *database,
                                  struct evo_backup_list *list, struct evo_error *err)
{
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_backup_ids(store, environment, database, &ids, err);
    for (size_t i = 0; !rc && i < ids.count; i++) {
        EVO_GROW(list->items, list->count, list->alloc);
        struct evo_backup_item *item = &list->items[list->count++];
        *item = (struct evo_backup_item){ .environment = evo_strdup(environment),
                                          .database = evo_strdup(database),
                                          .created_ms = time_of_id(ids.items[i]) };
        memcpy(item->id, ids.items[i], strlen(ids.items[i]) + 1);
        for (size_t k = 0; k < EVO_PROOF_KINDS; k++)
            item->verdicts[k].at_ms = -1;
    }
    return rc;
}

static enum evo_errc add_environment(struct evo_store *store, const char *environment, const char *database,
                                     struct evo_backup_list *list, struct evo_error *err)
{
    EVO_AUTO(strvec) databases = EVO_STRVEC_INIT;
    enum evo_errc rc = EVO_OK;
    if (database)
        evo_strvec_push(&databases, database);
    else
        rc = evo_backup_databases(store, environment, &databases, err);
    for (size_t i = 0; !rc && i < databases.count; i++)
        rc = add_database(store, environment, databases.items[i], list, err);
    return rc;
}

/* ---- what the manifests say ------------------------------------------------- */

/* The options but those that leave nothing out. */
static char *selection_of(const struct evo_manifest *m)
{
    static const char *const others[] = { "compress", "codec", "jobs", "filtered" };
    if (!m->filtered)
        return NULL;
    EVO_AUTO_PTR(json) v = m->options ? evo_json_copy(m->options) : evo_json_object();
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(others); i++)
        evo_json_remove(v, others[i]);
    evo_json_format(v, EVO_JSON_COMPACT, &text);
    return evo_strbuf_detach(&text);
}

static void describe(struct evo_backup_item *item, const struct evo_manifest *m)
{
    item->state = EVO_BACKUP_COMPLETE;
    item->created_ms = m->created_ms;
    item->finished_ms = m->finished_ms;
    item->totals = evo_manifest_totals(m);
    item->server_version = evo_strdup(m->server_version);
    item->fingerprint = evo_strdup(m->fingerprint);
    item->selection = selection_of(m);
    item->labels = m->labels ? evo_json_copy(m->labels) : NULL;
    item->encrypted = m->recipients.count > 0;
}

/* No manifest: unfinished, or only the name of a folder whose objects are gone. */
static enum evo_errc read_unfinished(struct evo_store *store, struct evo_backup_item *item,
                                     struct evo_error *err)
{
    bool any = false;
    enum evo_errc rc = evo_backup_has_objects(store, item->environment, item->database, item->id, &any, err);
    item->state = EVO_BACKUP_UNFINISHED;
    item->problem = any ? evo_strdup("unfinished") : NULL;
    return rc;
}

/* Of those, nothing is left to say. */
static bool is_ghost(const struct evo_backup_item *item)
{
    return item->state != EVO_BACKUP_COMPLETE && !item->problem;
}

static enum evo_errc read_item(struct evo_store *store, struct evo_backup_item *item, struct evo_error *err)
{
    EVO_AUTO(backup) backup = { 0 };
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_backup_load(store, item->environment, item->database, item->id, &backup, &why);
    if (rc == EVO_ERR_NOT_FOUND)
        return read_unfinished(store, item, err);
    if (rc == EVO_ERR_INTEGRITY) {
        item->state = EVO_BACKUP_UNREADABLE;
        item->problem = evo_strdup(why.message);
        return EVO_OK;
    }
    if (rc && err)
        *err = why;
    if (rc)
        return rc;
    describe(item, &backup.manifest);
    return evo_proof_verdicts(store, backup.prefix, item->verdicts, err);
}

struct reading {
    struct evo_store *store;
    struct evo_backup_list *list;
};

static enum evo_errc read_nth(void *ctx, size_t i, struct evo_error *err)
{
    struct reading *r = ctx;
    return read_item(r->store, &r->list->items[i], err);
}

static int newest_first(const void *a, const void *b)
{
    const struct evo_backup_item *x = a;
    const struct evo_backup_item *y = b;
    int by_time = (x->created_ms < y->created_ms) - (x->created_ms > y->created_ms);
    return by_time ? by_time : strcmp(y->id, x->id);
}

enum evo_errc evo_backup_list(struct evo_store *store, const char *environment, const char *database,
                              struct evo_backup_list *ret, struct evo_error *err)
{
    EVO_AUTO(backup_list) list = { 0 };
    EVO_AUTO(strvec) environments = EVO_STRVEC_INIT;
    enum evo_errc rc = EVO_OK;
    if (environment)
        evo_strvec_push(&environments, environment);
    else
        rc = evo_backup_environments(store, &environments, err);
    for (size_t i = 0; !rc && i < environments.count; i++)
        rc = add_environment(store, environments.items[i], database, &list, err);
    if (!rc)
        rc = evo_parallel(list.count, THREADS, read_nth, &(struct reading){ .store = store, .list = &list },
                          err);
    if (rc)
        return rc;
    size_t kept = 0;
    for (size_t i = 0; i < list.count; i++)
        if (is_ghost(&list.items[i]))
            release_item(&list.items[i]);
        else
            list.items[kept++] = list.items[i];
    list.count = kept;
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), newest_first);
    evo_backup_list_release(ret);
    *ret = list;
    list = (struct evo_backup_list){ 0 };
    return EVO_OK;
}
