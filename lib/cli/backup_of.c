#include "cli/backup_of.h"

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

enum evo_errc evo_cmd_open_backup(struct evo_cmd *cmd, const char *id, const char *backup_of,
                                  struct evo_store **ret_store, struct evo_backup *ret, struct evo_error *err)
{
    EVO_AUTO_STR database = NULL;
    enum evo_errc rc = evo_cmd_store(cmd, ret_store, err);
    if (!rc)
        rc = evo_cmd_backup_of(cmd, backup_of, &database, err);
    return rc ? rc : evo_backup_open(*ret_store, evo_cmd_environment(cmd), database, id, ret, err);
}
