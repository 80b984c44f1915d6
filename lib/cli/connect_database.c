#include "cli/connect.h"

enum evo_errc evo_cmd_conninfo(struct evo_cmd *cmd, struct evo_conninfo *ret, struct evo_error *err)
{
    const struct evo_secret *text = &cmd->shared->database;
    return evo_conninfo_parse(evo_secret_is_set(text) ? evo_secret_reveal(text) : NULL, ret, err);
}

enum evo_errc evo_cmd_connect(struct evo_cmd *cmd, const struct evo_conninfo *info, struct evo_pg **ret,
                              struct evo_error *err)
{
    struct evo_pg_options options = { .application_name = cmd->program->name, .task = cmd->task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(info, &options, &pg, err);
    if (!rc)
        rc = evo_pg_guard(pg, cmd->shared->expect_database, cmd->shared->expect_system_identifier, err);
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}
