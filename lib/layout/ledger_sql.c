/* evo.migrations: the ledger of the `sql` layout (lib/schema/ledger.sql). */
#include "base/banned.h"
#include "layout/ledger_impl.h"
#include "pg/lock.h"

static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    (void)steps;
    char started[EVO_TIME_MAX], finished[EVO_TIME_MAX];
    const char *const params[] = { m->version,
                                   m->name,
                                   m->checksum,
                                   evo_format_time(started_ms, started),
                                   finished_ms < 0 ? NULL : evo_format_time(finished_ms, finished),
                                   logs };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        evo_ledger_query(pg, l,
                         "INSERT INTO @ (version, name, checksum, started_at, finished_at, logs) "
                         "VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                         EVO_COUNT(params), params, &r, err);
    if (!rc && ret_id)
        *ret_id = evo_strdup(evo_pg_value(r, 0, 0));
    return rc;
}

const struct evo_ledger_kind evo_ledger_sql = {
    .schema = "evo",
    .table = "migrations",
    .lock_key = EVO_LOCK_MIGRATION,
    .privileges = "SELECT, INSERT, UPDATE",
    .select = "SELECT id, name, checksum, "
              "pg_catalog.floor(pg_catalog.date_part('epoch', started_at) * 1000::float8)::bigint, "
              "pg_catalog.floor(pg_catalog.date_part('epoch', finished_at) * 1000::float8)::bigint, "
              "pg_catalog.floor(pg_catalog.date_part('epoch', rolled_back_at) * 1000::float8)::bigint, "
              "0, pg_catalog.left(logs, 4000) "
              "FROM @ ORDER BY id",
    .select_one = "SELECT finished_at IS NOT NULL, rolled_back_at IS NOT NULL FROM @ WHERE name = $1",
    .finish = "UPDATE @ SET finished_at = $2, logs = NULL WHERE id = $1",
    .fail = "UPDATE @ SET logs = $2 WHERE id = $1",
    .roll_back = "UPDATE @ SET rolled_back_at = $2 "
                 "WHERE name = $1 AND rolled_back_at IS NULL AND finished_at IS NOT NULL",
    .give_up = "UPDATE @ SET rolled_back_at = $2 "
               "WHERE name = $1 AND rolled_back_at IS NULL AND finished_at IS NULL",
    .accept = "UPDATE @ SET checksum = $2 WHERE id = $1",
    .create = evo_ledger_create_evo_schema,
    .insert = insert,
};
