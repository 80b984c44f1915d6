#include "migration/begun.h"

#include <strings.h>

#include "migration/concurrent.h"
#include "migration/definition.h"

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

/* Indexes of the table that are valid and of the statement's name, or of any where it gives none. *ret_same: 1 yes, 0 no,
 * -1 not there. */
static enum evo_errc compare(struct evo_pg *pg, const struct evo_sql_index *index, const char *definition,
                             int *ret_same, char **ret_found, struct evo_error *err)
{
    static const char sql[] = "SELECT " EVO_INDEX_DEFINITION(
        "i.indexrelid") " OPERATOR(pg_catalog.=) $3::pg_catalog.text,"
                        " pg_catalog.pg_get_indexdef(i.indexrelid)"
                        " FROM pg_catalog.pg_index i"
                        " JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid"
                        " WHERE i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1) AND i.indisvalid"
                        " AND ($2::pg_catalog.text IS NULL"
                        "  OR c.relname::pg_catalog.text OPERATOR(pg_catalog.=) $2::pg_catalog.text)"
                        " ORDER BY 1 DESC LIMIT 1";
    EVO_AUTO_STR table = evo_index_table(pg, index);
    const char *params[] = { table, index->name, definition };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 3, params, &r, err);
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
    EVO_AUTO_STR table = evo_index_table(pg, index);
    const char *params[] = { table, index->name };
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
    EVO_AUTO_STR definition = NULL;
    rc = evo_index_definition(pg, sql, n, &index, &definition, err);
    if (!rc && definition)
        rc = compare(pg, &index, definition, &same, &found, err);
    if (rc)
        return rc;
    *ret = !definition ? EVO_PROOF_NONE : same > 0 ? EVO_PROOF_DONE : EVO_PROOF_NONE;
    if (definition && same <= 0 && !index.name)
        *ret = EVO_PROOF_UNDONE; /* whatever else is there is not of this definition */
    *ret_found = found;
    found = NULL;
    return EVO_OK;
}
