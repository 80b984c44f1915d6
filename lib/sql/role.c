/* evo_sql_role_made: whom a CREATE ROLE makes. */
#include "sql/classify.h"
#include "sql/split.h"
#include "sql/tree.h"

enum { HEAD_TOKENS = 3 };

char *evo_sql_role_made(const char *sql, size_t n)
{
    EVO_AUTO(sql_tokens) head = { 0 };
    if (!evo_sql_tokens_read(&head, sql, n, HEAD_TOKENS) ||
        evo_sql_match(&head, 0, "CREATE ROLE|USER|GROUP ?") < 0)
        return NULL;
    EVO_AUTO_PTR(sql_tree) tree = evo_sql_tree_new(sql, n);
    if (!tree)
        return NULL;
    const PgQuery__Node *node = evo_sql_tree_statement(tree);
    return node->node_case == PG_QUERY__NODE__NODE_CREATE_ROLE_STMT ? evo_strdup(node->create_role_stmt->role)
                                                                    : NULL;
}
