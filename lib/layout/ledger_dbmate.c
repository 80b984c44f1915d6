/*
 * schema_migrations of dbmate: a row a migration, its version as text and nothing else.
 *
 * As dbmate 2.36 writes it (pkg/driver/postgres/postgres.go): one schema above the table is made where it is missing, the
 * row comes and goes in the migration's own transaction. dbmate takes no lock.
 */
#include "base/banned.h"
#include "layout/ledger_impl.h"
#include "layout/versions.h"
#include "pg/lock.h"

static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_STR schema = evo_pg_identifier(pg, l->schema);
    EVO_AUTO_STR shown = evo_ledger_quote(l->schema);
    static const char table[] = "CREATE TABLE IF NOT EXISTS @ (version varchar PRIMARY KEY)";
    enum evo_errc rc = EVO_OK;
    if (!l->exists) {
        EVO_AUTO_PTR(pg_result) r = NULL;
        rc = evo_pg_query(pg, "SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", 1,
                          (const char *const[]){ l->schema }, &r, err);
        if (!rc && !evo_pg_rows(r))
            rc = evo_pg_execf(pg, err, "CREATE SCHEMA IF NOT EXISTS %s", schema);
        if (rc == EVO_ERR_PERMISSION) {
            EVO_AUTO_STR database = evo_ledger_quote(l->database);
            return evo_ledger_ask_for(l, err, "CREATE ON DATABASE %s", database);
        }
    }
    if (!rc)
        rc = evo_ledger_query(pg, l, table, 0, NULL, NULL, err);
    return rc == EVO_ERR_PERMISSION ? evo_ledger_ask_for(l, err, "USAGE, CREATE ON SCHEMA %s", shown) : rc;
}

static int compare_names(const void *va, const void *vb)
{
    const struct evo_ledger_row *a = va, *b = vb;
    return strcmp(a->name, b->name);
}

/* dbmate takes back what comes last by the bytes of its name: that is the order of the rows. */
static void name_rows(struct evo_ledger *l, const struct evo_project *p)
{
    evo_versions_name_rows(l, p, EVO_VERSIONS_TEXT);
    if (l->count)
        qsort(l->items, l->count, sizeof(*l->items), compare_names);
}

static enum evo_errc write_row(struct evo_pg *pg, const struct evo_ledger *l, const char *version,
                               struct evo_error *err)
{
    return evo_ledger_query(pg, l, "INSERT INTO @ (version) VALUES ($1)", 1, (const char *const[]){ version },
                            NULL, err);
}

static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    (void)started_ms;
    (void)steps;
    (void)logs;
    EVO_AUTO_STR version = evo_ledger_version(m->name);
    enum evo_errc rc = finished_ms < 0 ? EVO_OK : write_row(pg, l, version, err);
    if (!rc && ret_id)
        *ret_id = evo_strdup(version);
    return rc;
}

static enum evo_errc take_back(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               struct evo_error *err)
{
    EVO_AUTO_STR version = evo_ledger_version(m->name);
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_query(pg, l, "DELETE FROM @ WHERE version::text OPERATOR(pg_catalog.=) $1",
                                        1, (const char *const[]){ version }, &r, err);
    if (!rc && evo_pg_affected(r) < 1)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "applied migration \"%s\" is not in the ledger",
                             m->name);
    return rc;
}

const struct evo_ledger_kind evo_ledger_dbmate = {
    .schema = NULL,
    .table = "schema_migrations",
    .in_path = true,
    .columns = " version ",
    .without = " dirty ",
    .lock_key = EVO_LOCK_MIGRATION,
    .privileges = "SELECT, INSERT, DELETE",
    .select = "SELECT version, version, NULL, NULL, 0, NULL, 0, NULL FROM @",
    .select_one = "SELECT true, false FROM @ WHERE version::text OPERATOR(pg_catalog.=) "
                  "pg_catalog.substring($1::text, '^[0-9]+')",
    .create = create,
    .name_rows = name_rows,
    .insert = insert,
    .finish_row = write_row,
    .fail_row = evo_ledger_fail_unsaid,
    .give_up_row = evo_ledger_give_up_unsaid,
    .take_back = take_back,
};
