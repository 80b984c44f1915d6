#include "migration/begun.h"

#include <strings.h>

#include "migration/concurrent.h"

#define LINE_MAX_BYTES ((size_t)1024)
#define DROP_INDEX     "DROP INDEX CONCURRENTLY "

static bool begins(const char *line, const char *word)
{
    size_t n = strlen(word);
    return strncasecmp(line, word, n) == 0 && (line[n] == '\0' || line[n] == ' ' || line[n] == '(');
}

enum evo_bare evo_bare_class(enum evo_sql_kind kind, const char *sql, size_t n)
{
    static const char *const again[] = { "VACUUM",       "CLUSTER",     "REINDEX",
                                         "ALTER SYSTEM", "DISCARD ALL", DROP_INDEX "IF EXISTS" };
    if (kind == EVO_SQL_TRANSACTION)
        return EVO_BARE_ONCE;
    if (kind != EVO_SQL_NO_TRANSACTION)
        return EVO_BARE_COMMITS;
    EVO_AUTO_STR line = evo_sql_one_line(sql, n, LINE_MAX_BYTES);
    for (size_t i = 0; i < EVO_COUNT(again); i++)
        if (begins(line, again[i]))
            return EVO_BARE_AGAIN;
    if (begins(line, "DROP INDEX CONCURRENTLY"))
        return EVO_BARE_DROP_INDEX;
    EVO_AUTO(sql_index) index = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_sql_index_of(sql, n, &index, &ignored))
        return EVO_BARE_ONCE;
    return index.if_not_exists ? EVO_BARE_AGAIN : EVO_BARE_INDEX;
}

enum evo_errc evo_bare_dropped_is_there(struct evo_pg *pg, const char *sql, size_t n, bool *ret,
                                        struct evo_error *err)
{
    static const char *const behaviour[] = { " RESTRICT", " CASCADE" };
    EVO_AUTO_STR line = evo_sql_one_line(sql, n, LINE_MAX_BYTES);
    char *name = line + strlen(DROP_INDEX); /* evo_bare_class() saw it */
    size_t len = strlen(name);
    for (size_t i = 0; i < EVO_COUNT(behaviour); i++) {
        size_t tail = strlen(behaviour[i]);
        if (len > tail && strcasecmp(name + len - tail, behaviour[i]) == 0)
            name[len - tail] = '\0';
    }
    const char *params[] = { name };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", 1, params, &r, err);
    if (!rc)
        *ret = evo_pg_value_bool(r, 0, 0);
    return rc;
}

/* From " USING " on: without the names of the index and of its table. */
#define DEFINITION(oid)                                      \
    "pg_catalog.substr(pg_catalog.pg_get_indexdef(" oid ")," \
    " pg_catalog.strpos(pg_catalog.pg_get_indexdef(" oid "), ' USING '))"

/* Indexes of the table that are valid and of the statement's name, or of any where it gives none. */
static const char compare_sql[] =
    "SELECT i.indisunique OPERATOR(pg_catalog.=) p.indisunique"
    " AND " DEFINITION("i.indexrelid") " OPERATOR(pg_catalog.=) " DEFINITION(
        "p.indexrelid") ","
                        " pg_catalog.pg_get_indexdef(i.indexrelid)"
                        " FROM pg_catalog.pg_index i"
                        " JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid"
                        " CROSS JOIN pg_catalog.pg_index p"
                        " WHERE i.indrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND i.indisvalid"
                        " AND ($2::pg_catalog.text IS NULL"
                        "  OR c.relname::pg_catalog.text OPERATOR(pg_catalog.=) $2::pg_catalog.text)"
                        " AND p.indrelid OPERATOR(pg_catalog.=) $3::pg_catalog.oid"
                        " ORDER BY 1 DESC LIMIT 1";

/* The same index of an empty table, in a transaction that is rolled back. *ret_same: 1 yes, 0 no, -1 not there. */
static enum evo_errc compare(struct evo_pg *pg, const char *sql, size_t n, const struct evo_sql_index *index,
                             int *ret_same, char **ret_found, struct evo_error *err)
{
    EVO_AUTO_STR table = evo_pg_identifier(pg, index->table);
    EVO_AUTO_STR schema = index->table_schema ? evo_pg_identifier(pg, index->table_schema) : NULL;
    EVO_AUTO_STR name = evo_asprintf("%s%s%s", schema ? schema : "", schema ? "." : "", table);
    const char *params[] = { name };
    EVO_AUTO_PTR(pg_result) real = NULL;
    EVO_AUTO_PTR(pg_result) copy = NULL;
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        evo_pg_query(pg, "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", 1, params, &real, err);
    if (!rc)
        rc = evo_pg_execf(pg, err, "CREATE TEMPORARY TABLE %s (LIKE %s) ON COMMIT DROP", table, name);
    if (!rc)
        rc = evo_pg_execf(pg, err, "CREATE %sINDEX ON pg_temp.%s %.*s", index->unique ? "UNIQUE " : "", table,
                          (int)(n - index->tail), sql + index->tail);
    EVO_AUTO_STR temporary = evo_asprintf("pg_temp.%s", table);
    const char *temporary_params[] = { temporary };
    if (!rc)
        rc = evo_pg_query(pg, "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", 1, temporary_params, &copy,
                          err);
    if (rc)
        return rc;
    const char *pair[] = { evo_pg_value(real, 0, 0), index->name, evo_pg_value(copy, 0, 0) };
    rc = evo_pg_query(pg, compare_sql, 3, pair, &r, err);
    if (rc)
        return rc;
    *ret_same = evo_pg_rows(r) == 0 ? -1 : evo_pg_value_bool(r, 0, 0);
    if (evo_pg_rows(r))
        *ret_found = evo_strdup(evo_pg_value(r, 0, 1));
    return EVO_OK;
}

/* A name that the statement's index cannot get: of the table's schema, and of anything. */
static enum evo_errc name_is_taken(struct evo_pg *pg, const struct evo_sql_index *index, bool *ret,
                                   struct evo_error *err)
{
    EVO_AUTO_STR table = evo_pg_identifier(pg, index->table);
    EVO_AUTO_STR schema = index->table_schema ? evo_pg_identifier(pg, index->table_schema) : NULL;
    EVO_AUTO_STR name = evo_asprintf("%s%s%s", schema ? schema : "", schema ? "." : "", table);
    const char *params[] = { name, index->name };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        evo_pg_query(pg,
                     "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_class t"
                     " ON t.relnamespace OPERATOR(pg_catalog.=) c.relnamespace"
                     " WHERE t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)"
                     " AND c.relname::pg_catalog.text OPERATOR(pg_catalog.=) $2::pg_catalog.text)",
                     2, params, &r, err);
    if (!rc)
        *ret = evo_pg_value_bool(r, 0, 0);
    return rc;
}

enum evo_errc evo_bare_prove_index(struct evo_pg *pg, const char *sql, size_t n, enum evo_proof *ret,
                                   char **ret_found, struct evo_error *err)
{
    EVO_AUTO(sql_index) index = { 0 };
    EVO_AUTO(index_remains) remains = { 0 };
    enum evo_errc rc = evo_sql_index_of(sql, n, &index, err);
    if (!rc)
        rc = evo_index_find(pg, sql, n, &remains, err);
    if (rc)
        return rc;
    bool taken = true;
    if (index.name && remains.state != EVO_INDEX_INVALID)
        rc = name_is_taken(pg, &index, &taken, err);
    if (rc)
        return rc;
    if (remains.state == EVO_INDEX_INVALID || !taken) {
        *ret = EVO_PROOF_UNDONE;
        return EVO_OK;
    }
    int same = 0;
    EVO_AUTO_STR found = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    bool compared = !evo_pg_exec(pg, "BEGIN READ WRITE", &ignored) &&
                    !compare(pg, sql, n, &index, &same, &found, &ignored);
    if (!evo_pg_alive(pg) || ignored.code == EVO_ERR_CANCELLED) {
        *err = ignored;
        return ignored.code;
    }
    rc = evo_pg_exec(pg, "ROLLBACK", err);
    if (rc)
        return rc;
    *ret = !compared ? EVO_PROOF_NONE : same > 0 ? EVO_PROOF_DONE : EVO_PROOF_NONE;
    if (compared && same <= 0 && !index.name)
        *ret = EVO_PROOF_UNDONE; /* whatever else is there is not of this definition */
    *ret_found = found;
    found = NULL;
    return EVO_OK;
}
