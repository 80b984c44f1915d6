#include "backup/find.h"

#include "base/clock.h"
#include "base/encode.h"

/* A manifest of 200 000 tables is about that large. */
#define MANIFEST_MAX ((size_t)64 << 20)

void evo_backup_release(struct evo_backup *backup)
{
    if (!backup)
        return;
    free(backup->prefix);
    evo_age_identities_free(backup->identities);
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
    evo_strvec_sort(names);
    return EVO_OK;
}

enum evo_errc evo_backup_environments(struct evo_store *store, struct evo_strvec *ret, struct evo_error *err)
{
    return list_names(store, "backups", ret, err);
}

enum evo_errc evo_backup_databases(struct evo_store *store, const char *environment, struct evo_strvec *ret,
                                   struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_backup_key(&key, environment, NULL, NULL, NULL);
    return list_names(store, key.buf, ret, err);
}

enum evo_errc evo_backup_ids(struct evo_store *store, const char *environment, const char *database,
                             struct evo_strvec *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_backup_key(&key, environment, database, NULL, NULL);
    enum evo_errc rc = list_names(store, key.buf, &names, err);
    for (size_t i = 0; !rc && i < names.count; i++)
        if (evo_backup_id_valid(names.items[i]))
            evo_strvec_push(ret, names.items[i]);
    return rc;
}

enum evo_errc evo_backup_has_objects(struct evo_store *store, const char *environment, const char *database,
                                     const char *id, bool *ret, struct evo_error *err)
{
    EVO_AUTO(store_list) list = { 0 };
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_backup_key(&key, environment, database, id, NULL);
    evo_strbuf_addch(&key, '/');
    enum evo_errc rc = evo_store_list_prefix(store, key.buf, true, &list, err);
    if (!rc)
        *ret = list.count > 0;
    return rc;
}

enum evo_errc evo_backup_unfinished(struct evo_store *store, const char *environment, const char *database,
                                    struct evo_strvec *ret, struct evo_error *err)
{
    enum { LOOKED_AT = 100 };
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_backup_ids(store, environment, database, &ids, err);
    for (size_t i = ids.count > LOOKED_AT ? ids.count - LOOKED_AT : 0; !rc && i < ids.count; i++) {
        EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
        struct evo_store_stat stat;
        evo_backup_key(&key, environment, database, ids.items[i], EVO_BACKUP_MANIFEST);
        rc = evo_store_stat(store, key.buf, &stat, err);
        if (rc != EVO_ERR_NOT_FOUND)
            continue;
        bool any = false;
        rc = evo_backup_has_objects(store, environment, database, ids.items[i], &any, err);
        if (any)
            evo_strvec_push(ret, ids.items[i]);
    }
    return rc;
}

const char *evo_backup_age(int64_t created_ms, int64_t now_ms, char buf[EVO_HUMAN_MAX])
{
    long long s = now_ms > created_ms ? (now_ms - created_ms) / 1000 : 0;
    if (created_ms - now_ms > 60000) {
        (void)snprintf(buf, EVO_HUMAN_MAX, "in the future");
        return buf;
    }
    if (s >= 2 * 86400)
        (void)snprintf(buf, EVO_HUMAN_MAX, "%lld days ago", s / 86400);
    else if (s >= 3600)
        (void)snprintf(buf, EVO_HUMAN_MAX, "%lld h ago", s / 3600);
    else
        (void)snprintf(buf, EVO_HUMAN_MAX, "%lld %s ago", s >= 60 ? s / 60 : s, s >= 60 ? "min" : "s");
    return buf;
}

/* ---- the one that was meant ------------------------------------------------- */

enum evo_errc evo_backup_load(struct evo_store *store, const char *environment, const char *database,
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
    if (!evo_streq(m.database, database) || !evo_streq(m.environment, environment))
        return evo_error_set(
            err, EVO_ERR_INTEGRITY,
            "backup \"%s\" lies under environment \"%s\", database \"%s\", but is of environment \"%s\", "
            "database \"%s\"",
            id, environment, database, m.environment, m.database);
    evo_backup_release(ret);
    ret->prefix = evo_strbuf_detach(&key);
    ret->manifest = m;
    m = (struct evo_manifest)EVO_MANIFEST_INIT;
    return EVO_OK;
}

/* " --environment NAME" for a hint; nothing for the one that is meant anyway. The caller frees. */
static char *environment_option(const char *environment)
{
    return evo_streq(environment, "default") ? evo_strdup("")
                                             : evo_asprintf(" --environment %s", environment);
}

/* Whose is "latest"? Names those there are. */
static enum evo_errc ask_for_database(struct evo_store *store, const char *environment, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    evo_error_set(err, EVO_ERR_USAGE, "\"latest\" needs to know of which database");
    if (evo_backup_databases(store, environment, &names, &ignored))
        return evo_error_hint(err, "Add --backup-of NAME.");
    if (!names.count)
        return evo_error_hint(
            err, "Add --backup-of NAME, and --environment NAME: environment \"%s\" holds no backups.",
            environment);
    for (size_t i = 0; i < names.count && i < 10; i++)
        evo_strbuf_addf(&text, "%s\"%s\"", i ? ", " : "", names.items[i]);
    return evo_error_hint(err, "Add --backup-of NAME: environment \"%s\" holds backups of %s%s.", environment,
                          text.buf, names.count > 10 ? ", …" : "");
}

/* The newest of the ids that share their second, by their manifests; those without one, and those made after at_ms, do not
 * count. */
static enum evo_errc open_newest(struct evo_store *store, const char *environment, const char *database,
                                 char *const *ids, size_t count, int64_t at_ms, struct evo_backup *ret,
                                 struct evo_error *err)
{
    enum evo_errc found = EVO_ERR_NOT_FOUND;
    for (size_t i = 0; i < count; i++) {
        EVO_AUTO(backup) one = { 0 };
        enum evo_errc rc = evo_backup_load(store, environment, database, ids[i], &one, err);
        if (rc == EVO_ERR_NOT_FOUND)
            continue;
        /* A newest one that is damaged is said, not passed over: an older one is another answer. */
        if (rc == EVO_ERR_INTEGRITY)
            return evo_error_hint(
                err,
                "Choose an older one by its id (evo-backup list), and make a new one: evo-backup create.");
        if (rc)
            return rc;
        if (one.manifest.created_ms > at_ms)
            continue;
        /* The ids ascend: of one millisecond the greater is the later. */
        if (!found && one.manifest.created_ms < ret->manifest.created_ms)
            continue;
        evo_backup_release(ret);
        *ret = one;
        one = (struct evo_backup){ 0 };
        found = EVO_OK;
    }
    return found;
}

/* Beyond what an id can say. */
#define YEAR_10000_MS ((int64_t)253402300800 * 1000)

static enum evo_errc none_found(const char *environment, const char *database, int64_t at_ms,
                                struct evo_error *err)
{
    char time[EVO_TIME_MAX];
    EVO_AUTO_STR option = environment_option(environment);
    EVO_AUTO_STR made = at_ms < YEAR_10000_MS
                            ? evo_asprintf(" made at or before %s", evo_format_time(at_ms, time))
                            : evo_strdup("");
    evo_error_set(err, EVO_ERR_NOT_FOUND,
                  "there is no complete backup of database \"%s\" in environment \"%s\"%s", database,
                  environment, made);
    return evo_error_hint(
        err, "\"evo-backup list --all%s\" shows what there is; --environment and --backup-of say whose.",
        option);
}

enum evo_errc evo_backup_open_at(struct evo_store *store, const char *environment, const char *database,
                                 int64_t at_ms, struct evo_backup *ret, struct evo_error *err)
{
    enum { TO_THE_SECOND = 16 };
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    char second[EVO_TIME_MAX];
    if (!database)
        return ask_for_database(store, environment, err);
    enum evo_errc rc = evo_backup_ids(store, environment, database, &ids, err);
    if (rc)
        return rc;
    size_t end = ids.count;
    if (at_ms < YEAR_10000_MS)
        for (evo_format_time_compact(at_ms, second);
             end > 0 && strncmp(ids.items[end - 1], second, TO_THE_SECOND) > 0;)
            end--;
    while (end > 0) {
        size_t start = end - 1;
        while (start > 0 && strncmp(ids.items[start - 1], ids.items[end - 1], TO_THE_SECOND) == 0)
            start--;
        EVO_AUTO(backup) newest = { 0 };
        rc = open_newest(store, environment, database, ids.items + start, end - start, at_ms, &newest, err);
        if (!rc) {
            evo_backup_release(ret);
            *ret = newest;
            newest = (struct evo_backup){ 0 };
        }
        if (rc != EVO_ERR_NOT_FOUND)
            return rc;
        end = start;
    }
    return none_found(environment, database, at_ms, err);
}

/* A machine whose clock was ahead made what would be the latest for as long; it is only where there is no other. */
static enum evo_errc open_latest(struct evo_store *store, const char *environment, const char *database,
                                 struct evo_backup *ret, struct evo_error *err)
{
    enum { CLOCKS_DIFFER_MS = 15 * 60 * 1000 };
    enum evo_errc rc =
        evo_backup_open_at(store, environment, database, evo_wall_ms() + CLOCKS_DIFFER_MS, ret, err);
    return rc == EVO_ERR_NOT_FOUND ? evo_backup_open_at(store, environment, database, INT64_MAX, ret, err)
                                   : rc;
}

/* Looks for the id under every environment and database. *found: its folder is there. */
static enum evo_errc open_anywhere(struct evo_store *store, const char *id, struct evo_backup *ret,
                                   bool *found, struct evo_error *err)
{
    EVO_AUTO(strvec) environments = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_backup_environments(store, &environments, err);
    for (size_t e = 0; !rc && e < environments.count; e++) {
        EVO_AUTO(strvec) databases = EVO_STRVEC_INIT;
        rc = evo_backup_databases(store, environments.items[e], &databases, err);
        for (size_t d = 0; !rc && d < databases.count; d++) {
            EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
            rc = evo_backup_ids(store, environments.items[e], databases.items[d], &ids, err);
            if (rc || !evo_strvec_contains(&ids, id))
                continue;
            *found = true;
            return evo_backup_load(store, environments.items[e], databases.items[d], id, ret, err);
        }
    }
    return rc ? rc : EVO_ERR_NOT_FOUND;
}

enum evo_errc evo_backup_open(struct evo_store *store, const char *environment, const char *database,
                              const char *id, struct evo_backup *ret, struct evo_error *err)
{
    if (evo_streq(id, "latest"))
        return open_latest(store, environment, database, ret, err);
    EVO_AUTO_STR option = environment_option(environment);
    if (!evo_backup_id_valid(id)) {
        evo_error_set(err, EVO_ERR_USAGE, "\"%s\" is no backup's id", id);
        return evo_error_hint(err, "evo-backup list --all%s", option);
    }
    enum evo_errc rc = EVO_ERR_NOT_FOUND;
    if (database)
        rc = evo_backup_load(store, environment, database, id, ret, err);
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
    return evo_error_hint(err, "evo-backup list --all%s", option);
}
