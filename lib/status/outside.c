#include "status/outside.h"

#include "base/banned.h"
#include "base/clock.h"
#include "pg/tools.h"

bool evo_backup_id_time(const char *id, int64_t *ret_ms)
{
    static const char digits[] = "0123456789";
    if (strspn(id, digits) != 8 || id[8] != 'T' || strspn(id + 9, digits) != 6 || id[15] != 'Z' ||
        id[16] != '-')
        return false;
    EVO_AUTO_STR time =
        evo_asprintf("%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6, id + 9, id + 11, id + 13);
    return evo_parse_time(time, ret_ms);
}

/* The newest folder that has a manifest: without it a backup does not exist. */
static enum evo_errc find_backup(struct evo_status_view *v, struct evo_error *err)
{
    EVO_AUTO(strbuf) prefix = EVO_STRBUF_INIT;
    evo_store_key_append(&prefix, "backups");
    evo_store_key_append(&prefix, v->environment);
    evo_store_key_append(&prefix, v->ledger.database);
    evo_strbuf_addch(&prefix, '/');
    EVO_AUTO(store_list) list = { 0 };
    enum evo_errc rc = evo_store_list_prefix(v->store, prefix.buf, false, &list, err);
    evo_strvec_sort(&list.folders);
    for (size_t i = list.folders.count; !rc && i-- > 0;) {
        const char *folder = list.folders.items[i];
        EVO_AUTO_STR id = evo_strndup(folder, strcspn(folder, "/"));
        EVO_AUTO_STR manifest = evo_asprintf("%s%s/manifest.json", prefix.buf, id);
        struct evo_store_stat stat;
        int64_t at;
        if (!evo_backup_id_time(id, &at))
            continue;
        rc = evo_store_stat(v->store, manifest, &stat, err);
        if (rc == EVO_ERR_NOT_FOUND) {
            rc = EVO_OK;
            continue;
        }
        if (!rc) {
            v->backup_id = evo_strdup(id);
            v->backup_ms = at;
        }
        return rc;
    }
    return rc;
}

enum evo_errc evo_status_look_outside(struct evo_status_view *v, struct evo_error *err)
{
    EVO_AUTO_STR path = NULL;
    enum evo_errc dump =
        evo_pg_tool_find("pg_dump", v->server_version / 10000, &path, &v->dump_major, &v->dump);
    /* An error is written also where it is none in the end (a folder without a manifest): the code decides. */
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc store = v->store ? evo_store_check(v->store, &failed) : EVO_OK;
    if (!store && v->store)
        store = find_backup(v, &failed);
    if (store)
        v->store_error = failed;
    if (dump != EVO_ERR_CANCELLED && store != EVO_ERR_CANCELLED)
        return EVO_OK;
    if (err)
        *err = store == EVO_ERR_CANCELLED ? v->store_error : v->dump;
    return EVO_ERR_CANCELLED;
}
