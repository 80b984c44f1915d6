/* "migrations" of Laravel: a row an applied migration, and the run (batch) that applied it. No times, no checksums. */
#include "base/banned.h"
#include "layout/ledger_impl.h"
#include "pg/lock.h"

static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    return evo_ledger_create_in_schema(pg, l,
                                       "CREATE TABLE IF NOT EXISTS @ (\"id\" serial primary key not null, "
                                       "\"migration\" varchar(255) not null, \"batch\" integer not null)",
                                       err);
}

static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    (void)started_ms;
    (void)finished_ms;
    (void)steps;
    (void)logs;
    EVO_AUTO_PTR(pg_result) r = NULL;
    /* A batch of its own, as "migrate --step" gives it. */
    enum evo_errc rc = evo_ledger_query(
        pg, l,
        "INSERT INTO @ (\"migration\", \"batch\") "
        "SELECT $1::varchar, coalesce(pg_catalog.max(\"batch\"), 0) + 1 FROM @ RETURNING \"migration\"",
        1, (const char *const[]){ m->name }, &r, err);
    if (!rc && ret_id)
        *ret_id = evo_strdup(evo_pg_value(r, 0, 0));
    return rc;
}

static enum evo_errc take_back(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               struct evo_error *err)
{
    return evo_ledger_delete(pg, l, "DELETE FROM @ WHERE \"migration\"::text OPERATOR(pg_catalog.=) $1",
                             m->name, err);
}

const struct evo_ledger_kind evo_ledger_laravel = {
    .schema = NULL,
    .table = "migrations",
    .columns = " id migration batch ",
    .in_path = true,
    .lock_key = EVO_LOCK_MIGRATION,
    .privileges = "SELECT, INSERT, DELETE",
    /* migrate:rollback goes by batch, then by name; "id" is missing in tables that old versions made. */
    .select = "SELECT \"migration\", \"migration\", NULL, NULL, 0, NULL, 0, NULL FROM @ ORDER BY \"batch\", "
              "\"migration\"",
    .select_one = "SELECT true, false FROM @ WHERE \"migration\"::text OPERATOR(pg_catalog.=) $1",
    .create = create,
    .insert = insert,
    .take_back = take_back,
};
