#include "status/facts.h"

#include <inttypes.h>

#include "base/banned.h"

/* $1, $2: the halves of the migration lock's key as pg_locks shows them. One row a fact: kind, pid, who, age in ms,
 * sessions waiting, object, relation.
 *
 * The functions under the views (pg_stat_activity, pg_locks …) are asked, each once: a session that has just begun would
 * spend most of its time on planning their joins. */
#define WHO                                                                                    \
    "pg_catalog.concat('role ', coalesce(pg_catalog.pg_get_userbyid(a.usesysid)::text, '?'), " \
    "', application \"' || nullif(a.application_name, '') || '\"', ', ' || a.state)"
#define AGE_OF(time)                                                                             \
    "pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - " time ") * " \
    "1000)::bigint"
#define NAME_OF(schema, name) "pg_catalog.format('%I.%I', " schema ", " name ")"
#define NOT_OURS(schema)      schema " NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'evo')"

/* The formatter knows no SQL. */
/* clang-format off */

static const char facts_sql[] =
    "WITH here AS (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()), a AS "
    "MATERIALIZED (SELECT s.pid, s.datid, s.usesysid, s.application_name, s.state, s.xact_start, s.state_change, "
    "s.backend_type FROM pg_catalog.pg_stat_get_activity(NULL) s), l AS MATERIALIZED (SELECT * FROM "
    "pg_catalog.pg_lock_status()), blocking AS (SELECT b.pid, pg_catalog.count(DISTINCT w.pid) AS n FROM (SELECT "
    "DISTINCT pid FROM l WHERE NOT granted) w CROSS JOIN LATERAL "
    "pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b(pid) GROUP BY b.pid) "
    /* the migration lock */
    "SELECT 0, a.pid, " WHO ", " AGE_OF("coalesce(a.xact_start, a.state_change)") ", 0::bigint, '', '' FROM l JOIN "
    "a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = $1::oid "
    "AND l.objid = $2::oid AND l.database = (SELECT oid FROM here) "
    /* who is in the way of others now */
    "UNION ALL SELECT 1, b.pid, " WHO ", " AGE_OF("a.xact_start") ", b.n, '', '' FROM blocking b LEFT JOIN a ON "
    "a.pid = b.pid WHERE a.datid = (SELECT oid FROM here) OR a.pid IS NULL "
    /* who would be in the way */
    "UNION ALL SELECT 2, a.pid, " WHO ", " AGE_OF("a.xact_start") ", 0, '', '' FROM a WHERE a.datid = (SELECT oid "
    "FROM here) AND a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid() AND a.xact_start < "
    "pg_catalog.clock_timestamp() - interval '60 s' AND a.pid NOT IN (SELECT pid FROM blocking) "
    "UNION ALL SELECT 2, 0, pg_catalog.concat('role ', pg_catalog.pg_get_userbyid(p.ownerid), ', prepared "
    "transaction \"', p.gid, '\"'), " AGE_OF("p.prepared") ", 0, '', '' FROM pg_catalog.pg_prepared_xact() p WHERE "
    "p.dbid = (SELECT oid FROM here) AND p.prepared < pg_catalog.clock_timestamp() - interval '60 s' "
    /* what a failed CREATE INDEX CONCURRENTLY left; not what is being built */
    "UNION ALL SELECT 3, 0, '', -1, 0, " NAME_OF("n.nspname", "c.relname") ", " NAME_OF("tn.nspname", "t.relname")
    " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace "
    "n ON n.oid = c.relnamespace JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn "
    "ON tn.oid = t.relnamespace WHERE NOT i.indisvalid AND c.relkind = 'i' AND " NOT_OURS("n.nspname") " AND NOT "
    "EXISTS (SELECT FROM pg_catalog.pg_stat_get_progress_info('CREATE INDEX') p JOIN l ON l.pid = p.pid WHERE "
    "l.relation = i.indrelid AND l.granted) "
    /* constraints added NOT VALID and never validated */
    "UNION ALL SELECT 4, 0, '', -1, 0, pg_catalog.format('%I', k.conname), " NAME_OF("n.nspname", "t.relname")
    " FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class t ON t.oid = k.conrelid JOIN "
    "pg_catalog.pg_namespace n ON n.oid = t.relnamespace WHERE NOT k.convalidated AND k.contype IN ('c', 'f', "
    "'n') AND k.conparentid = 0 AND " NOT_OURS("n.nspname") " "
    "UNION ALL SELECT 6, 0, '', -1, 0, '', '' WHERE NOT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') "
    /* what a run needs room for */
    "UNION ALL SELECT 7, pg_catalog.current_setting('max_connections')::bigint - "
    "pg_catalog.current_setting('superuser_reserved_connections')::bigint, '', -1, (SELECT coalesce(pg_catalog.sum("
    "pg_catalog.pg_stat_get_db_numbackends(d.oid)), 0) FROM pg_catalog.pg_database d)::bigint, '', '' "
    /* who reads what is written */
    "UNION ALL SELECT 8, w.pid, '', coalesce(pg_catalog.floor(pg_catalog.date_part('epoch', w.replay_lag) * "
    "1000)::bigint, 0), CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 ELSE "
    "coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), w.replay_lsn)::bigint, 0) END, "
    "coalesce(nullif(n.application_name, ''), '?'), '' FROM pg_catalog.pg_stat_get_wal_senders() w LEFT JOIN a n "
    "ON n.pid = w.pid WHERE w.state IN ('streaming', 'catchup') "
    "UNION ALL SELECT 9, 0, '', -1, 0, e.extname::text, e.extversion FROM pg_catalog.pg_extension e WHERE "
    "e.extname <> 'plpgsql' "
    "UNION ALL SELECT 10, 0, '', -1, coalesce(pg_catalog.sum(c.relpages), 0)::bigint * "
    "pg_catalog.current_setting('block_size')::bigint, '', '' FROM pg_catalog.pg_class c ORDER BY 1, 4 DESC, 6, 2";

/* clang-format on */

static const char backfill_sql[] =
    "SELECT name, pg_catalog.sum(rows_done)::bigint, pg_catalog.floor(pg_catalog.date_part('epoch', "
    "pg_catalog.clock_timestamp() - pg_catalog.max(updated_at)) * 1000)::bigint, pg_catalog.min(statement) "
    "FROM evo.backfill WHERE done_at IS NULL GROUP BY name ORDER BY name";

void evo_facts_release(struct evo_facts *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++) {
        free(f->items[i].who);
        free(f->items[i].object);
        free(f->items[i].relation);
    }
    free(f->items);
    *f = (struct evo_facts){ 0 };
}

size_t evo_facts_count(const struct evo_facts *f, enum evo_fact_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += f->items[i].kind == kind;
    return n;
}

const struct evo_fact *evo_facts_first(const struct evo_facts *f, enum evo_fact_kind kind)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].kind == kind)
            return &f->items[i];
    return NULL;
}

static char *text(const struct evo_pg_result *r, int row, int column)
{
    const char *value = evo_pg_value(r, row, column);
    return evo_strdup(value ? value : "");
}

static struct evo_fact *add(struct evo_facts *f)
{
    EVO_GROW(f->items, f->count, f->alloc);
    return &f->items[f->count++];
}

/* Whoever may read the ledger may not have been given this; and mostly there is none: then nothing is known of it. */
static enum evo_errc load_backfills(struct evo_pg *pg, struct evo_facts *f, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_query(pg, backfill_sql, 0, NULL, &r, &failed);
    if (rc && rc != EVO_ERR_PERMISSION && strcmp(failed.sqlstate, "42P01") != 0) {
        if (err)
            *err = failed;
        return rc;
    }
    for (int i = 0; !rc && i < evo_pg_rows(r); i++)
        *add(f) = (struct evo_fact){ .kind = EVO_FACT_BACKFILL,
                                     .who = evo_strdup(""),
                                     .object = text(r, i, 0),
                                     .waiting = evo_pg_value_int(r, i, 1, 0),
                                     .age_ms = evo_pg_value_int(r, i, 2, -1),
                                     .relation = text(r, i, 3) };
    return EVO_OK;
}

enum evo_errc evo_facts_load(struct evo_pg *pg, const struct evo_ledger *l, struct evo_facts *ret,
                             struct evo_error *err)
{
    uint64_t key = (uint64_t)l->lock_key;
    EVO_AUTO_STR high = evo_asprintf("%" PRIu64, key >> 32);
    EVO_AUTO_STR low = evo_asprintf("%" PRIu64, key & UINT32_MAX);
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO(facts) f = { 0 };
    enum evo_errc rc = evo_pg_query(pg, facts_sql, 2, (const char *const[]){ high, low }, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++)
        *add(&f) = (struct evo_fact){ .kind = (enum evo_fact_kind)evo_pg_value_int(r, i, 0, 0),
                                      .pid = evo_pg_value_int(r, i, 1, 0),
                                      .who = text(r, i, 2),
                                      .age_ms = evo_pg_value_int(r, i, 3, -1),
                                      .waiting = evo_pg_value_int(r, i, 4, 0),
                                      .object = text(r, i, 5),
                                      .relation = text(r, i, 6) };
    if (!rc && l->evo_schema_exists)
        rc = load_backfills(pg, &f, err);
    if (rc)
        return evo_error_prefix(err, "could not look at the server");
    *ret = f;
    f = (struct evo_facts){ 0 };
    return EVO_OK;
}
