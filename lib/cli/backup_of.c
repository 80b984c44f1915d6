#include "cli/backup_of.h"

#include "base/file.h"

enum evo_errc evo_cmd_backup_of(struct evo_cmd *cmd, const char *backup_of, char **ret, struct evo_error *err)
{
    if (backup_of || (!evo_secret_is_set(&cmd->shared->database) && !getenv("PGDATABASE"))) {
        *ret = evo_strdup(backup_of);
        return EVO_OK;
    }
    EVO_AUTO(conninfo) info = { 0 };
    enum evo_errc rc = evo_cmd_conninfo(cmd, &info, err);
    if (!rc)
        *ret = evo_strdup(info.database);
    return rc;
}

enum evo_errc evo_cmd_existing_store(struct evo_cmd *cmd, struct evo_store **ret, struct evo_error *err)
{
    EVO_AUTO_PTR(store) store = NULL;
    enum evo_errc rc = evo_cmd_store(cmd, &store, err);
    if (!rc)
        rc = evo_store_must_exist(store, err);
    if (rc)
        return rc;
    *ret = store;
    store = NULL;
    return EVO_OK;
}

enum evo_errc evo_cmd_open_backup(struct evo_cmd *cmd, const char *id, const char *backup_of,
                                  struct evo_store **ret_store, struct evo_backup *ret, struct evo_error *err)
{
    EVO_AUTO_STR database = NULL;
    /* What is no id is a mistake of the command line, whatever the store. */
    bool asks = evo_streq(id, "latest") || evo_backup_id_valid(id);
    enum evo_errc rc =
        asks ? evo_cmd_existing_store(cmd, ret_store, err) : evo_cmd_store(cmd, ret_store, err);
    if (!rc)
        rc = evo_cmd_backup_of(cmd, backup_of, &database, err);
    return rc ? rc : evo_backup_open(*ret_store, evo_cmd_environment(cmd), database, id, ret, err);
}

enum evo_errc evo_cmd_identity(const char *path, struct evo_backup *backup, struct evo_error *err)
{
    enum { IDENTITY_MAX = 64 * 1024 };
    if (!path || !backup->manifest.recipients.count)
        return EVO_OK;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO_STR what = evo_asprintf("identity file \"%s\"", path);
    enum evo_errc rc = evo_file_read(path, IDENTITY_MAX, &text, err);
    if (rc == EVO_ERR_NOT_FOUND)
        return evo_error_set(err, EVO_ERR_CONFIG, "%s does not exist", what);
    if (rc)
        return evo_error_prefix(err, "could not read the %s", what);
    rc = evo_age_identities_parse(text.buf, text.len, what, &backup->identities, err);
    evo_strbuf_wipe(&text);
    return rc;
}
