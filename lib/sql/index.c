/* evo_sql_index_of: what a CREATE INDEX CONCURRENTLY makes. */
#include "sql/split.h"
#include "sql/tree.h"

static char *given(const char *s)
{
    return s && *s ? evo_strdup(s) : NULL;
}

void evo_sql_index_release(struct evo_sql_index *i)
{
    free(i->name);
    free(i->table_schema);
    free(i->table);
    *i = (struct evo_sql_index){ 0 };
}

enum evo_errc evo_sql_index_of(const char *sql, size_t n, struct evo_sql_index *ret, struct evo_error *err)
{
    EVO_AUTO_PTR(sql_tree) tree = evo_sql_tree_new(sql, n);
    const PgQuery__Node *node = tree ? evo_sql_tree_statement(tree) : NULL;
    if (!node || node->node_case != PG_QUERY__NODE__NODE_INDEX_STMT || !node->index_stmt->concurrent)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "the statement creates no index concurrently");
    const PgQuery__IndexStmt *index = node->index_stmt;
    *ret = (struct evo_sql_index){
        .name = given(index->idxname),
        .table_schema = given(index->relation->schemaname),
        .table = given(index->relation->relname),
        .if_not_exists = index->if_not_exists,
    };
    return EVO_OK;
}
