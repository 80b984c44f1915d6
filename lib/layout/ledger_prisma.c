/* _prisma_migrations: what Prisma Migrate 7 reads and writes. */
#include "base/banned.h"
#include "crypto/random.h"
#include "layout/ledger_impl.h"
#include "pg/lock.h"

static const char create_table[] = "CREATE TABLE IF NOT EXISTS @ (\n"
                                   "    id                      VARCHAR(36) PRIMARY KEY NOT NULL,\n"
                                   "    checksum                VARCHAR(64) NOT NULL,\n"
                                   "    finished_at             TIMESTAMPTZ,\n"
                                   "    migration_name          VARCHAR(255) NOT NULL,\n"
                                   "    logs                    TEXT,\n"
                                   "    rolled_back_at          TIMESTAMPTZ,\n"
                                   "    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),\n"
                                   "    applied_steps_count     INTEGER NOT NULL DEFAULT 0\n"
                                   ")";

/* Its times alone say in which order migrations were applied, and `down` goes back by them: where a clock was set back, or
 * another machine's is behind, the row comes behind the last one all the same. */
static const char insert_row[] =
    "INSERT INTO @ (id, checksum, finished_at, migration_name, logs, started_at, applied_steps_count) "
    "SELECT $1, $2, CASE WHEN $3::timestamptz IS NOT NULL "
    "THEN GREATEST($3::timestamptz, own.started) END, $4, $5, own.started, $7::integer "
    "FROM (SELECT CASE WHEN m.last OPERATOR(pg_catalog.>) $6::timestamptz "
    "THEN m.last OPERATOR(pg_catalog.+) interval '1 ms' ELSE $6::timestamptz END AS started "
    "FROM (SELECT pg_catalog.max(started_at) AS last FROM @) AS m) AS own";

/* Prisma makes the schema that ?schema= names, too. */
static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    if (!l->app_schema_exists) {
        EVO_AUTO_STR schema = evo_pg_identifier(pg, l->app_schema);
        rc = evo_pg_execf(pg, err, "CREATE SCHEMA IF NOT EXISTS %s", schema);
        if (rc == EVO_ERR_PERMISSION) {
            EVO_AUTO_STR database = evo_ledger_quote(l->database);
            return evo_ledger_ask_for(l, err, "CREATE ON DATABASE %s", database);
        }
    }
    if (!rc)
        rc = evo_ledger_query(pg, l, create_table, 0, NULL, NULL, err);
    if (rc == EVO_ERR_PERMISSION) {
        EVO_AUTO_STR schema = evo_ledger_quote(l->app_schema);
        return evo_ledger_ask_for(l, err, "USAGE, CREATE ON SCHEMA %s", schema);
    }
    return rc;
}

static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    char id[EVO_UUID_MAX], started[EVO_TIME_MAX], finished[EVO_TIME_MAX];
    const char *const params[] = { evo_random_uuid(id),
                                   m->checksum,
                                   finished_ms < 0 ? NULL : evo_format_time(finished_ms, finished),
                                   m->name,
                                   logs,
                                   evo_format_time(started_ms, started),
                                   steps ? "1" : "0" };
    enum evo_errc rc = evo_ledger_query(pg, l, insert_row, EVO_COUNT(params), params, NULL, err);
    if (!rc && ret_id)
        *ret_id = evo_strdup(id);
    return rc;
}

const struct evo_ledger_kind evo_ledger_prisma = {
    .schema = NULL,
    .table = "_prisma_migrations",
    .lock_key = EVO_LOCK_PRISMA,
    .privileges = "SELECT, INSERT, UPDATE",
    .select = "SELECT id, migration_name, checksum, "
              "pg_catalog.floor(pg_catalog.date_part('epoch', started_at) * 1000::float8)::bigint, "
              "pg_catalog.floor(pg_catalog.date_part('epoch', finished_at) * 1000::float8)::bigint, "
              "pg_catalog.floor(pg_catalog.date_part('epoch', rolled_back_at) * 1000::float8)::bigint, "
              "applied_steps_count, pg_catalog.left(logs, 4000) "
              "FROM @ ORDER BY started_at, finished_at",
    .select_one = "SELECT finished_at IS NOT NULL, rolled_back_at IS NOT NULL FROM @ WHERE "
                  "migration_name::text OPERATOR(pg_catalog.=) $1",
    .finish = "UPDATE @ SET finished_at = GREATEST($2::timestamptz, started_at), applied_steps_count = "
              "applied_steps_count + 1, logs = NULL "
              "WHERE id::text OPERATOR(pg_catalog.=) $1",
    .fail = "UPDATE @ SET logs = $2 WHERE id::text OPERATOR(pg_catalog.=) $1",
    .roll_back = "UPDATE @ SET rolled_back_at = $2 "
                 "WHERE migration_name::text OPERATOR(pg_catalog.=) $1 AND rolled_back_at IS NULL AND "
                 "finished_at IS NOT NULL",
    .give_up = "UPDATE @ SET rolled_back_at = $2 "
               "WHERE migration_name::text OPERATOR(pg_catalog.=) $1 AND rolled_back_at IS NULL AND "
               "finished_at IS NULL",
    .accept = "UPDATE @ SET checksum = $2 WHERE id::text OPERATOR(pg_catalog.=) $1",
    .create = create,
    .insert = insert,
};
