#include "cli/connect.h"

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

/* libpq would fall back to a database named like the user: a forgotten variable must not choose a database. */
bool evo_cmd_has_database(const struct evo_cmd *cmd)
{
    return evo_secret_is_set(&cmd->shared->database) || is_set("PGDATABASE") || is_set("PGSERVICE");
}

enum evo_errc evo_cmd_conninfo(struct evo_cmd *cmd, struct evo_conninfo *ret, struct evo_error *err)
{
    const struct evo_secret *text = &cmd->shared->database;
    if (!evo_cmd_has_database(cmd)) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "no database is named: DATABASE_URL is not set");
        (void)evo_error_detail(
            err, "Looked at --database, EVO_DATABASE_URL, DIRECT_URL, DATABASE_URL, evo.json, PGDATABASE and "
                 "PGSERVICE; an empty value counts as unset.");
        return evo_error_hint(err, "export DATABASE_URL=postgresql://user@host:5432/database");
    }
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
