#include "migration/definition.h"

char *evo_index_table(struct evo_pg *pg, const struct evo_sql_index *index)
{
    EVO_AUTO_STR table = evo_pg_identifier(pg, index->table);
    if (!index->table_schema)
        return evo_strdup(table);
    EVO_AUTO_STR schema = evo_pg_identifier(pg, index->table_schema);
    return evo_asprintf("%s.%s", schema, table);
}

static enum evo_errc make(struct evo_pg *pg, const char *sql, size_t n, const struct evo_sql_index *index,
                          char **ret, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_index_table(pg, index);
    EVO_AUTO_STR table = evo_pg_identifier(pg, index->table);
    EVO_AUTO_STR temporary = evo_asprintf("pg_temp.%s", table);
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        evo_pg_execf(pg, err, "CREATE TEMPORARY TABLE %s (LIKE %s) ON COMMIT DROP", table, name);
    if (!rc)
        rc = evo_pg_execf(pg, err, "CREATE %sINDEX ON %s %.*s", index->unique ? "UNIQUE " : "", temporary,
                          (int)(n - index->tail), sql + index->tail);
    if (!rc)
        rc = evo_pg_query(
            pg,
            "SELECT " EVO_INDEX_DEFINITION(
                "i.indexrelid") " FROM pg_catalog.pg_index i"
                                " WHERE i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)",
            1, (const char *const[]){ temporary }, &r, err);
    if (!rc && evo_pg_rows(r) == 1)
        *ret = evo_strdup(evo_pg_value(r, 0, 0));
    return rc;
}

enum evo_errc evo_index_definition(struct evo_pg *pg, const char *sql, size_t n,
                                   const struct evo_sql_index *index, char **ret, struct evo_error *err)
{
    EVO_AUTO_STR made = NULL;
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_exec(pg, "BEGIN READ WRITE", &failed);
    if (!rc)
        rc = make(pg, sql, n, index, &made, &failed);
    if (rc == EVO_ERR_CANCELLED || !evo_pg_alive(pg)) {
        *err = failed;
        return failed.code;
    }
    rc = evo_pg_exec(pg, "ROLLBACK", err);
    if (rc)
        return rc;
    *ret = made;
    made = NULL;
    return EVO_OK;
}
