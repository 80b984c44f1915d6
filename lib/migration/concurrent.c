#include "migration/concurrent.h"

#include <inttypes.h>

#include "migration/session.h"
#include "sql/split.h"

/* A cancelled run has seconds to clean up in. */
#define CLEANUP_MS 2500

void evo_index_remains_release(struct evo_index_remains *r)
{
    if (!r)
        return;
    free(r->name);
    *r = (struct evo_index_remains){ 0 };
}

/* An index lies in its table's schema. Partitioned indexes (relkind I) are INVALID by design until all parts are
 * attached, so only plain ones count. */
static const char find_sql[] =
    "SELECT i.indisvalid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),"
    " (SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p"
    "   WHERE p.datid = (SELECT d.oid FROM pg_catalog.pg_database d"
    "                     WHERE d.datname = pg_catalog.current_database())"
    "     AND p.index_relid = i.indexrelid LIMIT 1)"
    " FROM pg_catalog.pg_class t"
    " JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace AND c.relkind = 'i'"
    " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE t.oid = pg_catalog.to_regclass($1) AND i.indrelid = t.oid"
    /* without a name: INVALID, and called as the server calls them (ChooseIndexName: table, columns, "idx", number) */
    " AND CASE WHEN $2::pg_catalog.text IS NOT NULL THEN c.relname = $2"
    " ELSE NOT i.indisvalid AND c.relname ~ '_idx[0-9]*$'"
    " AND pg_catalog.starts_with(c.relname::pg_catalog.text, pg_catalog.left(t.relname::pg_catalog.text, "
    "20)) END"
    " ORDER BY c.oid DESC LIMIT 1";

static char *table_name(struct evo_pg *pg, const struct evo_sql_index *index)
{
    EVO_AUTO_STR table = evo_pg_identifier(pg, index->table);
    if (!index->table_schema)
        return evo_strdup(table);
    EVO_AUTO_STR schema = evo_pg_identifier(pg, index->table_schema);
    return evo_asprintf("%s.%s", schema, table);
}

enum evo_errc evo_index_find(struct evo_pg *pg, const char *sql, size_t n, struct evo_index_remains *ret,
                             struct evo_error *err)
{
    EVO_AUTO(sql_index) index = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    struct evo_index_remains found = { 0 };
    if (evo_sql_index_of(sql, n, &index, &ignored) || !index.table) {
        *ret = found;
        return EVO_OK;
    }
    found.of_table = true;
    EVO_AUTO_STR table = table_name(pg, &index);
    const char *params[] = { table, index.name };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, find_sql, 2, params, &r, err);
    if (rc)
        return rc;
    if (evo_pg_rows(r) > 0) {
        int64_t builder = evo_pg_value_int(r, 0, 2, 0);
        if (builder && builder != evo_pg_backend_pid(pg)) {
            (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE,
                                "index %s is being built by another session, pid %" PRId64,
                                evo_pg_value(r, 0, 1), builder);
            return evo_error_hint(
                err, "Wait for it to end, or end it: SELECT pg_terminate_backend(%" PRId64 ");", builder);
        }
        found.state = evo_pg_value_bool(r, 0, 0) ? EVO_INDEX_VALID : EVO_INDEX_INVALID;
        found.name = evo_strdup(evo_pg_value(r, 0, 1));
    }
    *ret = found;
    return EVO_OK;
}

enum evo_errc evo_index_drop(struct evo_pg *pg, const char *name, int64_t statement_timeout_ms,
                             struct evo_error *err)
{
    enum evo_errc rc =
        evo_pg_execf(pg, err, "SET lock_timeout = 0; SET statement_timeout = %" PRId64, statement_timeout_ms);
    if (!rc)
        rc = evo_pg_execf(pg, err, "DROP INDEX CONCURRENTLY IF EXISTS %s", name);
    return rc;
}

enum evo_errc evo_index_reindex_remains(struct evo_pg *pg, struct evo_strbuf *names, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(
        pg,
        "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)"
        " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$' ORDER BY 1",
        0, NULL, &r, err);
    for (int row = 0; !rc && row < evo_pg_rows(r); row++)
        evo_strbuf_addf(names, "%s%s", names->len ? ", " : "", evo_pg_value(r, row, 0));
    return rc;
}

void evo_index_clean_up(struct evo_pg *pg, const char *sql, size_t n, struct evo_error *err)
{
    if (!evo_pg_alive(pg))
        return;
    int signo = evo_session_grace_begin();
    struct evo_error ignored = EVO_ERROR_INIT;
    EVO_AUTO(index_remains) remains = { 0 };
    EVO_AUTO(strbuf) left = EVO_STRBUF_INIT;
    bool looked = !evo_index_find(pg, sql, n, &remains, &ignored);
    if (looked && remains.state == EVO_INDEX_INVALID &&
        evo_index_drop(pg, remains.name, CLEANUP_MS, &ignored))
        evo_strbuf_adds(&left, remains.name);
    if (looked && !remains.of_table)
        (void)!evo_index_reindex_remains(pg, &left, &ignored);
    evo_session_grace_end(signo);
    if (!left.len)
        return;
    EVO_AUTO_STR detail = evo_strdup(err->detail);
    (void)evo_error_detail(err, "Left behind, INVALID: %s (DROP INDEX CONCURRENTLY %s;).%s%s", left.buf,
                           left.buf, detail[0] ? " " : "", detail);
}

enum evo_errc evo_index_prepare(struct evo_pg *pg, const char *sql, size_t n, struct evo_task *task,
                                struct evo_error *err)
{
    EVO_AUTO(index_remains) remains = { 0 };
    enum evo_errc rc = evo_index_find(pg, sql, n, &remains, err);
    if (rc || remains.state != EVO_INDEX_INVALID)
        return rc;
    evo_notice(task, "index %s was left INVALID by a build that failed: dropping it", remains.name);
    return evo_index_drop(pg, remains.name, 0, err);
}

enum evo_errc evo_index_check(struct evo_pg *pg, const char *sql, size_t n, struct evo_error *err)
{
    EVO_AUTO(index_remains) remains = { 0 };
    enum evo_errc rc = evo_index_find(pg, sql, n, &remains, err);
    if (!rc && remains.state == EVO_INDEX_INVALID)
        rc = evo_error_set(err, EVO_ERR_DATABASE, "index %s is INVALID after it was built", remains.name);
    return rc;
}
