#include "backup/find.h"

#include "base/clock.h"
#include "base/encode.h"

/* A manifest of 200 000 tables is about that large. */
#define MANIFEST_MAX ((size_t)64 << 20)

void evo_backup_list_release(struct evo_backup_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].environment);
        free(list->items[i].database);
        free(list->items[i].problem);
    }
    free(list->items);
    *list = (struct evo_backup_list){ 0 };
}

void evo_backup_release(struct evo_backup *backup)
{
    if (!backup)
        return;
    free(backup->prefix);
    evo_manifest_release(&backup->manifest);
    *backup = (struct evo_backup){ 0 };
}

enum evo_errc evo_backup_load_manifest(struct evo_store *store, const char *prefix, struct evo_manifest *ret,
                                       struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(MANIFEST_MAX);
    EVO_AUTO(strbuf) what = EVO_STRBUF_INIT;
    evo_strbuf_addf(&key, "%s/" EVO_BACKUP_MANIFEST, prefix);
    enum evo_errc rc = evo_store_get(store, key.buf, MANIFEST_MAX, &text, err);
    if (rc)
        return rc;
    evo_strbuf_addf(&what, "manifest of backup \"%s\"", strrchr(prefix, '/') + 1);
    return evo_manifest_parse(text.buf, text.len, what.buf, ret, err);
}

/* The names one level below `prefix` (without a "/" behind it), decoded. */
static enum evo_errc list_names(struct evo_store *store, const char *prefix, struct evo_strvec *names,
                                struct evo_error *err)
{
    EVO_AUTO(store_list) list = { 0 };
    EVO_AUTO(strbuf) under = EVO_STRBUF_INIT;
    evo_strbuf_addf(&under, "%s/", prefix);
    enum evo_errc rc = evo_store_list_prefix(store, under.buf, false, &list, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < list.folders.count; i++) {
        EVO_AUTO(strbuf) name = EVO_STRBUF_INIT;
        const char *folder = list.folders.items[i];
        size_t end = strlen(folder);
        end -= end && folder[end - 1] == '/';
        size_t start = end;
        while (start && folder[start - 1] != '/')
            start--;
        if (evo_percent_decode(&name, folder + start, end - start))
            evo_strvec_push(names, name.buf);
    }
    return EVO_OK;
}

static int64_t time_of_id(const char *id)
{
    char text[EVO_TIME_MAX];
    int64_t ms = -1;
    (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6, id + 9, id + 11,
                   id + 13);
    return evo_parse_time(text, &ms) ? ms : -1;
}

static enum evo_errc add_item(struct evo_store *store, const char *environment, const char *database,
                              const char *id, struct evo_backup_list *list, struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    struct evo_error why = EVO_ERROR_INIT;
    evo_backup_key(&key, environment, database, id, NULL);
    enum evo_errc rc = evo_backup_load_manifest(store, key.buf, &m, &why);
    if (rc && rc != EVO_ERR_NOT_FOUND && rc != EVO_ERR_INTEGRITY) {
        if (err)
            *err = why;
        return rc;
    }
    EVO_GROW(list->items, list->count, list->alloc);
    struct evo_backup_item *item = &list->items[list->count++];
    *item = (struct evo_backup_item){ .environment = evo_strdup(environment),
                                      .database = evo_strdup(database),
                                      .created_ms = rc ? time_of_id(id) : m.created_ms,
                                      .complete = !rc };
    memcpy(item->id, id, strlen(id) + 1);
    if (rc == EVO_ERR_NOT_FOUND)
        item->problem = evo_strdup("unfinished");
    else if (rc)
        item->problem = evo_strdup(why.message);
    if (!rc) {
        struct evo_manifest_totals t = evo_manifest_totals(&m);
        item->stored_bytes = t.stored_bytes;
        item->rows = t.rows;
    }
    return EVO_OK;
}

static int newest_first(const void *a, const void *b)
{
    const struct evo_backup_item *x = a;
    const struct evo_backup_item *y = b;
    int by_time = (x->created_ms < y->created_ms) - (x->created_ms > y->created_ms);
    return by_time ? by_time : strcmp(y->id, x->id);
}

static enum evo_errc list_database(struct evo_store *store, const char *environment, const char *database,
                                   struct evo_backup_list *list, struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    evo_backup_key(&key, environment, database, NULL, NULL);
    enum evo_errc rc = list_names(store, key.buf, &ids, err);
    for (size_t i = 0; !rc && i < ids.count; i++)
        if (evo_backup_id_valid(ids.items[i]))
            rc = add_item(store, environment, database, ids.items[i], list, err);
    return rc;
}

enum evo_errc evo_backup_list(struct evo_store *store, const char *environment, const char *database,
                              struct evo_backup_list *ret, struct evo_error *err)
{
    EVO_AUTO(backup_list) list = { 0 };
    EVO_AUTO(strvec) databases = EVO_STRVEC_INIT;
    enum evo_errc rc = EVO_OK;
    if (database) {
        evo_strvec_push(&databases, database);
    } else {
        EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
        evo_backup_key(&key, environment, NULL, NULL, NULL);
        rc = list_names(store, key.buf, &databases, err);
    }
    for (size_t i = 0; !rc && i < databases.count; i++)
        rc = list_database(store, environment, databases.items[i], &list, err);
    if (rc)
        return rc;
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), newest_first);
    *ret = list;
    list = (struct evo_backup_list){ 0 };
    return EVO_OK;
}

/* ---- the one that was meant ------------------------------------------------- */

static enum evo_errc open_at(struct evo_store *store, const char *environment, const char *database,
                             const char *id, struct evo_backup *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    evo_backup_key(&key, environment, database, id, NULL);
    enum evo_errc rc = evo_backup_load_manifest(store, key.buf, &m, err);
    if (rc)
        return rc;
    if (!evo_streq(m.id, id))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "manifest of backup \"%s\" is that of backup \"%s\"", id,
                             m.id);
    ret->prefix = evo_strbuf_detach(&key);
    ret->manifest = m;
    m = (struct evo_manifest)EVO_MANIFEST_INIT;
    return EVO_OK;
}

static enum evo_errc open_latest(struct evo_store *store, const char *environment, const char *database,
                                 struct evo_backup *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    if (!database)
        return evo_error_set(err, EVO_ERR_USAGE, "\"latest\" needs to know of which database");
    evo_backup_key(&key, environment, database, NULL, NULL);
    enum evo_errc rc = list_names(store, key.buf, &ids, err);
    if (rc)
        return rc;
    /* The id begins with the time, so byte order is the order of making. */
    evo_strvec_sort(&ids);
    for (size_t i = ids.count; i-- > 0;) {
        if (!evo_backup_id_valid(ids.items[i]))
            continue;
        rc = open_at(store, environment, database, ids.items[i], ret, err);
        if (rc != EVO_ERR_NOT_FOUND && rc != EVO_ERR_INTEGRITY)
            return rc;
    }
    evo_error_set(err, EVO_ERR_NOT_FOUND,
                  "there is no complete backup of database \"%s\" in environment \"%s\"", database,
                  environment);
    return evo_error_hint(
        err, "\"evo-backup list --all\" shows what there is; --environment and --backup-of say whose.");
}

/* Looks for the id under every environment and database. *found: its folder is there. */
static enum evo_errc open_anywhere(struct evo_store *store, const char *id, struct evo_backup *ret,
                                   bool *found, struct evo_error *err)
{
    EVO_AUTO(strvec) environments = EVO_STRVEC_INIT;
    enum evo_errc rc = list_names(store, "backups", &environments, err);
    for (size_t e = 0; !rc && e < environments.count; e++) {
        EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
        EVO_AUTO(strvec) databases = EVO_STRVEC_INIT;
        evo_backup_key(&key, environments.items[e], NULL, NULL, NULL);
        rc = list_names(store, key.buf, &databases, err);
        for (size_t d = 0; !rc && d < databases.count; d++) {
            EVO_AUTO(strbuf) below = EVO_STRBUF_INIT;
            EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
            evo_backup_key(&below, environments.items[e], databases.items[d], NULL, NULL);
            rc = list_names(store, below.buf, &ids, err);
            if (rc || !evo_strvec_contains(&ids, id))
                continue;
            *found = true;
            return open_at(store, environments.items[e], databases.items[d], id, ret, err);
        }
    }
    return rc ? rc : EVO_ERR_NOT_FOUND;
}

enum evo_errc evo_backup_open(struct evo_store *store, const char *environment, const char *database,
                              const char *id, struct evo_backup *ret, struct evo_error *err)
{
    if (evo_streq(id, "latest"))
        return open_latest(store, environment, database, ret, err);
    if (!evo_backup_id_valid(id)) {
        evo_error_set(err, EVO_ERR_USAGE, "\"%s\" is no backup's id", id);
        return evo_error_hint(err, "evo-backup list --all");
    }
    enum evo_errc rc = EVO_ERR_NOT_FOUND;
    if (database)
        rc = open_at(store, environment, database, id, ret, err);
    if (rc != EVO_ERR_NOT_FOUND)
        return rc;
    bool found = false;
    rc = open_anywhere(store, id, ret, &found, err);
    if (rc != EVO_ERR_NOT_FOUND)
        return rc;
    if (found)
        evo_error_set(err, EVO_ERR_INCOMPLETE, "backup \"%s\" was never finished: it has no manifest", id);
    else
        evo_error_set(err, EVO_ERR_NOT_FOUND, "there is no backup \"%s\" in \"%s\"", id,
                      evo_store_url(store));
    return evo_error_hint(err, "evo-backup list --all");
}
