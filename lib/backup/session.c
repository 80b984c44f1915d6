#include "backup/session.h"

/* pg_dump's own (setup_connection in pg_dump.c), but for the transaction. */
static const char settings[] = "SET search_path = '';"
                               "SET DateStyle = ISO;"
                               "SET IntervalStyle = postgres;"
                               "SET extra_float_digits = 3;"
                               "SET synchronize_seqscans = off;"
                               "SET row_security = off;"
                               "SET statement_timeout = 0;"
                               "SET lock_timeout = 0;"
                               "SET idle_in_transaction_session_timeout = 0;";

enum evo_errc evo_session_prepare(struct evo_pg *pg, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, settings, err);
    if (!rc && evo_pg_version(pg) >= 170000)
        rc = evo_pg_exec(pg, "SET transaction_timeout = 0", err);
    return rc;
}

enum evo_errc evo_session_encoding(struct evo_pg *pg, const char *encoding, struct evo_error *err)
{
    EVO_AUTO_STR value = evo_pg_literal(pg, encoding);
    return evo_pg_execf(pg, err, "SET client_encoding = %s", value);
}

enum evo_errc evo_session_export(struct evo_pg *pg, char **ret_snapshot, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    /* Not SERIALIZABLE, which a standby refuses. */
    enum evo_errc rc = evo_pg_exec(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
    if (!rc)
        rc = evo_pg_query(pg, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL, &r, err);
    if (rc)
        return evo_error_prefix(err, "could not take a snapshot");
    *ret_snapshot = evo_strdup(evo_pg_value(r, 0, 0));
    return EVO_OK;
}

enum evo_errc evo_session_join(const struct evo_conninfo *info, const char *snapshot, const char *encoding,
                               struct evo_task *task, struct evo_pg **ret, struct evo_error *err)
{
    struct evo_pg_options options = { .application_name = "evo-backup", .task = task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(info, &options, &pg, err);
    if (!rc)
        rc = evo_session_prepare(pg, err);
    if (!rc && encoding)
        rc = evo_session_encoding(pg, encoding, err);
    if (!rc)
        rc = evo_pg_exec(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
    if (rc)
        return rc;
    EVO_AUTO_STR id = evo_pg_literal(pg, snapshot);
    rc = evo_pg_execf(pg, err, "SET TRANSACTION SNAPSHOT %s", id);
    if (rc)
        return evo_error_prefix(err, "could not join the snapshot");
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

enum evo_errc evo_session_role(struct evo_pg *pg, const char *role, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_pg_identifier(pg, role);
    enum evo_errc rc = evo_pg_execf(pg, err, "SET ROLE %s", name);
    return rc ? evo_error_prefix(err, "could not become role \"%s\"", role) : EVO_OK;
}

char *evo_session_qualified(struct evo_pg *pg, const char *schema, const char *table)
{
    EVO_AUTO_STR s = evo_pg_identifier(pg, schema);
    EVO_AUTO_STR t = evo_pg_identifier(pg, table);
    return evo_asprintf("%s.%s", s, t);
}
