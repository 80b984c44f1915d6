#include "migration/concurrent.h"

#include <inttypes.h>

#include "base/clock.h"
#include "migration/definition.h"
#include "migration/session.h"

/* A cancelled run has seconds to clean up in. */
#define CLEANUP_MS 2500

void evo_index_remains_release(struct evo_index_remains *r)
{
    if (!r)
        return;
    free(r->name);
    evo_strvec_release(&r->invalid);
    *r = (struct evo_index_remains){ 0 };
}

/* ---- looking ---------------------------------------------------------------------- */

#define NAME_OF(schema, index) \
    "pg_catalog.quote_ident(" schema ".nspname) || '.' || pg_catalog.quote_ident(" index ".relname)"

/* Who is building index i right now. The server tells which index only to whoever may see that session; of a REINDEX, it
 * tells one of several. Then every session counts that builds something and has the table locked. */
#define BUILDER                                                                                    \
    "(SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p"                                \
    "  WHERE p.datname = pg_catalog.current_database() AND p.pid <> pg_catalog.pg_backend_pid()"   \
    "  AND (p.index_relid = i.indexrelid OR ((p.index_relid IS NULL OR p.command LIKE 'REINDEX%')" \
    "   AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = p.pid AND l.granted"           \
    "    AND l.locktype = 'relation' AND l.relation = i.indrelid))) LIMIT 1)"

/* An index lies in its table's schema. Partitioned indexes (relkind I) are INVALID by design until all parts are
 * attached, so only plain ones count. The one of the name comes first. */
static const char create_sql[] = "SELECT i.indisvalid, " NAME_OF(
    "n", "c") ", " BUILDER ", coalesce(c.relname = $2, false),"
              " " EVO_INDEX_DEFINITION(
                  "i.indexrelid") ","
                                  " c.relname ~ '_idx[0-9]*$' AND "
                                  "pg_catalog.starts_with(c.relname::pg_catalog.text,"
                                  "  pg_catalog.left(t.relname::pg_catalog.text, 20))"
                                  " FROM pg_catalog.pg_class t"
                                  " JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace AND "
                                  "c.relkind = 'i'"
                                  " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
                                  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                                  " WHERE t.oid = pg_catalog.to_regclass($1) AND i.indrelid = t.oid"
                                  " AND (c.relname = $2 OR NOT i.indisvalid) ORDER BY 4 DESC, 2";

/* $1: index, table, schema, database; $2: its name as SQL takes it (for a schema: as it is). TOAST tables go with theirs. */
static const char reindex_sql[] =
    "WITH named AS (SELECT CASE WHEN $1 IN ('index', 'table') THEN pg_catalog.to_regclass($2) END AS "
    "relation),"
    " target AS (SELECT relation::pg_catalog.oid AS oid FROM named"
    "  UNION SELECT p.relid FROM named CROSS JOIN pg_catalog.pg_partition_tree(named.relation) p),"
    " owner AS (SELECT c.oid, c.reltoastrelid FROM pg_catalog.pg_class c"
    "  JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace"
    "  WHERE c.relkind IN ('r', 'm') AND CASE $1"
    "  WHEN 'index' THEN c.oid IN (SELECT x.indrelid FROM pg_catalog.pg_index x JOIN target ON target.oid = "
    "x.indexrelid)"
    "  WHEN 'table' THEN c.oid IN (SELECT oid FROM target)"
    "  WHEN 'schema' THEN s.nspname = $2 ELSE s.nspname <> 'pg_catalog' END)"
    " SELECT i.indisvalid, " NAME_OF(
        "n", "c") ", " BUILDER ", i.indexrelid IN (SELECT oid FROM target),"
                  " NULL, false"
                  " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
                  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                  " WHERE c.relkind = 'i' AND (i.indexrelid IN (SELECT oid FROM target)"
                  " OR (NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'"
                  "  AND (i.indrelid IN (SELECT oid FROM owner) OR i.indrelid IN (SELECT reltoastrelid FROM "
                  "owner))"
                  "  AND EXISTS (SELECT FROM pg_catalog.pg_index o JOIN pg_catalog.pg_class oc ON oc.oid = "
                  "o.indexrelid"
                  "   WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND oc.relname !~ "
                  "'_cc(new|old)[0-9]*$'"
                  "   AND ($1 <> 'index' OR o.indexrelid IN (SELECT oid FROM target))"
                  "   AND " EVO_INDEX_DEFINITION("o.indexrelid") " = " EVO_INDEX_DEFINITION(
                      "i.indexrelid") ")))"
                                      " ORDER BY 4 DESC, 2";

enum column { VALID, NAME, PID_OF_BUILDER, IS_IT, DEFINITION, CALLED_BY_SERVER };

static enum evo_errc refuse_building(const char *name, int64_t pid, struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE,
                        "index %s is being built by another session, pid %" PRId64, name, pid);
    return evo_error_hint(
        err,
        "Wait for it to end (evo-locks watch shows how far it is), or end it: evo-locks kill "
        "%" PRId64,
        pid);
}

/* Whether the INVALID index of a row is of the statement. definition NULL: the server could not tell it. */
static bool is_ours(const struct evo_pg_result *r, int row, const struct evo_sql_index *index,
                    const char *definition)
{
    if (evo_pg_value_bool(r, row, IS_IT) || !index)
        return true;
    if (definition)
        return evo_streq(evo_pg_value(r, row, DEFINITION), definition);
    return !index->name && evo_pg_value_bool(r, row, CALLED_BY_SERVER);
}

/* index NULL: a REINDEX. */
static enum evo_errc sort_out(const struct evo_pg_result *r, const struct evo_sql_index *index,
                              const char *definition, struct evo_index_remains *found, struct evo_error *err)
{
    for (int row = 0; row < evo_pg_rows(r); row++) {
        const char *name = evo_pg_value(r, row, NAME);
        bool valid = evo_pg_value_bool(r, row, VALID);
        bool is_it = evo_pg_value_bool(r, row, IS_IT);
        if (!valid && !is_ours(r, row, index, definition))
            continue;
        int64_t builder = evo_pg_value_int(r, row, PID_OF_BUILDER, 0);
        if (builder)
            return refuse_building(name, builder, err);
        if (is_it && !found->name) {
            found->state = valid ? EVO_INDEX_VALID : EVO_INDEX_INVALID;
            found->name = evo_strdup(name);
        }
        if (!valid && !(is_it && !index)) /* a REINDEX makes its own index valid */
            (void)evo_strvec_push(&found->invalid, name);
    }
    return EVO_OK;
}

/* What has not the name is known by its definition, which costs something to find out. */
static bool wants_definition(const struct evo_pg_result *r)
{
    for (int row = 0; row < evo_pg_rows(r); row++)
        if (!evo_pg_value_bool(r, row, VALID) && !evo_pg_value_bool(r, row, IS_IT))
            return true;
    return false;
}

static enum evo_errc find_created(struct evo_pg *pg, const char *sql, size_t n,
                                  const struct evo_sql_index *index, struct evo_index_remains *found,
                                  struct evo_error *err)
{
    EVO_AUTO_STR table = evo_index_table(pg, index);
    EVO_AUTO_STR definition = NULL;
    EVO_AUTO_PTR(pg_result) r = NULL;
    found->named = index->name != NULL;
    enum evo_errc rc = evo_pg_query(pg, create_sql, 2, (const char *const[]){ table, index->name }, &r, err);
    if (!rc && wants_definition(r))
        rc = evo_index_definition(pg, sql, n, index, &definition, err);
    return rc ? rc : sort_out(r, index, definition, found, err);
}

static enum evo_errc find_rebuilt(struct evo_pg *pg, const struct evo_sql_reindex *reindex,
                                  struct evo_index_remains *found, struct evo_error *err)
{
    static const char *const kinds[] = { [EVO_SQL_REINDEX_INDEX] = "index",
                                         [EVO_SQL_REINDEX_TABLE] = "table",
                                         [EVO_SQL_REINDEX_SCHEMA] = "schema",
                                         [EVO_SQL_REINDEX_DATABASE] = "database" };
    bool relation = reindex->of == EVO_SQL_REINDEX_INDEX || reindex->of == EVO_SQL_REINDEX_TABLE;
    const struct evo_sql_index named = { .table = reindex->name, .table_schema = reindex->schema };
    EVO_AUTO_STR name = relation ? evo_index_table(pg, &named) : evo_strdup(reindex->name);
    EVO_AUTO_PTR(pg_result) r = NULL;
    found->named = reindex->of == EVO_SQL_REINDEX_INDEX;
    enum evo_errc rc =
        evo_pg_query(pg, reindex_sql, 2, (const char *const[]){ kinds[reindex->of], name }, &r, err);
    return rc ? rc : sort_out(r, NULL, NULL, found, err);
}

enum evo_errc evo_index_find(struct evo_pg *pg, const char *sql, size_t n, struct evo_index_remains *ret,
                             struct evo_error *err)
{
    EVO_AUTO(sql_index) index = { 0 };
    EVO_AUTO(sql_reindex) reindex = { 0 };
    EVO_AUTO(index_remains) found = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    enum evo_errc rc = EVO_OK;
    if (!evo_sql_index_of(sql, n, &index, &ignored))
        rc = find_created(pg, sql, n, &index, &found, err);
    else if (!evo_sql_reindex_of(sql, n, &reindex, &ignored))
        rc = find_rebuilt(pg, &reindex, &found, err);
    if (rc)
        return rc;
    *ret = found;
    found = (struct evo_index_remains){ 0 };
    return EVO_OK;
}

/* ---- around a build ----------------------------------------------------------------- */

enum evo_errc evo_index_drop(struct evo_pg *pg, const char *name, int64_t statement_timeout_ms,
                             struct evo_error *err)
{
    enum evo_errc rc =
        evo_pg_execf(pg, err, "SET lock_timeout = 0; SET statement_timeout = %" PRId64, statement_timeout_ms);
    if (!rc)
        rc = evo_pg_execf(pg, err, "DROP INDEX CONCURRENTLY IF EXISTS %s", name);
    return rc;
}

enum evo_errc evo_index_prepare(struct evo_pg *pg, const char *sql, size_t n, struct evo_task *task,
                                struct evo_error *err)
{
    EVO_AUTO(index_remains) remains = { 0 };
    enum evo_errc rc = evo_index_find(pg, sql, n, &remains, err);
    for (size_t i = 0; !rc && i < remains.invalid.count; i++) {
        evo_notice(task, "index %s was left INVALID by a build that failed: dropping it",
                   remains.invalid.items[i]);
        struct evo_error failed = EVO_ERROR_INIT;
        rc = evo_index_drop(pg, remains.invalid.items[i], 0, &failed);
        if (rc == EVO_ERR_PERMISSION && evo_starts_with(remains.invalid.items[i], "pg_toast.")) {
            evo_notice(task, "%s: it is for a superuser to drop", failed.message);
            rc = EVO_OK;
        } else if (rc) {
            *err = failed;
        }
    }
    return rc;
}

enum evo_errc evo_index_check(struct evo_pg *pg, const char *sql, size_t n, struct evo_error *err)
{
    EVO_AUTO(index_remains) remains = { 0 };
    enum evo_errc rc = evo_index_find(pg, sql, n, &remains, err);
    if (rc || !remains.named || remains.state == EVO_INDEX_VALID)
        return rc;
    if (remains.state == EVO_INDEX_INVALID)
        return evo_error_set(err, EVO_ERR_DATABASE, "index %s is INVALID after it was built", remains.name);
    EVO_AUTO(sql_index) index = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_sql_index_of(sql, n, &index, &ignored) || !index.if_not_exists)
        return EVO_OK; /* it is a REINDEX of a partitioned index, or of one that is gone again */
    (void)evo_error_set(err, EVO_ERR_DATABASE,
                        "index \"%s\" was not built: its name is taken by something else", index.name);
    (void)evo_error_detail(
        err, "Table \"%s\" has no index of that name; IF NOT EXISTS looks at the name alone.", index.table);
    return evo_error_hint(err, "Give the index another name.");
}

void evo_index_clean_up(struct evo_pg *pg, const char *sql, size_t n, struct evo_error *err)
{
    if (!evo_pg_alive(pg))
        return;
    int signo = evo_session_grace_begin();
    struct evo_error ignored = EVO_ERROR_INIT;
    EVO_AUTO(index_remains) remains = { 0 };
    EVO_AUTO(strbuf) left = EVO_STRBUF_INIT;
    struct evo_deadline deadline = evo_deadline_in(CLEANUP_MS);
    bool looked = !evo_index_find(pg, sql, n, &remains, &ignored);
    size_t i = 0;
    while (looked && i < remains.invalid.count && !evo_deadline_passed(deadline) &&
           !evo_index_drop(pg, remains.invalid.items[i], evo_deadline_left(deadline) + 1, &ignored))
        i++;
    for (; i < remains.invalid.count; i++)
        evo_strbuf_addf(&left, "%s%s", left.len ? ", " : "", remains.invalid.items[i]);
    evo_session_grace_end(signo);
    if (!left.len)
        return;
    EVO_AUTO_STR detail = evo_strdup(err->detail);
    (void)evo_error_detail(err, "Left behind, INVALID: %s (DROP INDEX CONCURRENTLY %s;).%s%s", left.buf,
                           left.buf, detail[0] ? " " : "", detail);
}
