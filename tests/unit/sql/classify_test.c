#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sql/classify.h"
#include "sql/tree.h"

static const struct {
    const char *sql;
    enum evo_sql_kind kind;
    bool concurrent_index;
} rows[] = {
    { "BEGIN", EVO_SQL_TRANSACTION, false },
    { "begin isolation level serializable", EVO_SQL_TRANSACTION, false },
    { "START TRANSACTION READ ONLY", EVO_SQL_TRANSACTION, false },
    { "COMMIT AND CHAIN", EVO_SQL_TRANSACTION, false },
    { "COMMIT PREPARED 'x'", EVO_SQL_TRANSACTION, false },
    { "END", EVO_SQL_TRANSACTION, false },
    { "ROLLBACK", EVO_SQL_TRANSACTION, false },
    { "ROLLBACK WORK", EVO_SQL_TRANSACTION, false },
    { "ABORT TRANSACTION", EVO_SQL_TRANSACTION, false },
    { "PREPARE TRANSACTION 'x'", EVO_SQL_TRANSACTION, false },
    { "PREPARE p AS SELECT 1", EVO_SQL_OTHER, false },
    { "SAVEPOINT a", EVO_SQL_SAVEPOINT, false },
    { "RELEASE SAVEPOINT a", EVO_SQL_SAVEPOINT, false },
    { "ROLLBACK TO a", EVO_SQL_SAVEPOINT, false },
    { "ROLLBACK TRANSACTION TO SAVEPOINT a", EVO_SQL_SAVEPOINT, false },
    { "CREATE INDEX i ON t (a)", EVO_SQL_OTHER, false },
    { "CREATE INDEX \"concurrently\" ON t (a)", EVO_SQL_OTHER, false },
    { "CREATE INDEX CONCURRENTLY i ON t (a)", EVO_SQL_NO_TRANSACTION, true },
    { "create unique index /* x */ concurrently if not exists i on t (a)", EVO_SQL_NO_TRANSACTION, true },
    { "DROP INDEX CONCURRENTLY i", EVO_SQL_NO_TRANSACTION, false },
    { "DROP INDEX i", EVO_SQL_OTHER, false },
    { "REINDEX INDEX i", EVO_SQL_OTHER, false },
    { "REINDEX TABLE CONCURRENTLY t", EVO_SQL_NO_TRANSACTION, true },
    { "REINDEX (VERBOSE, CONCURRENTLY) INDEX i", EVO_SQL_NO_TRANSACTION, true },
    { "REINDEX (CONCURRENTLY false) INDEX i", EVO_SQL_OTHER, false },
    { "REINDEX SCHEMA s", EVO_SQL_NO_TRANSACTION, false },
    { "REINDEX (VERBOSE) DATABASE d", EVO_SQL_NO_TRANSACTION, false },
    { "VACUUM", EVO_SQL_NO_TRANSACTION, false },
    { "VACUUM FULL t", EVO_SQL_NO_TRANSACTION, false },
    { "ANALYZE t", EVO_SQL_OTHER, false },
    { "CLUSTER", EVO_SQL_NO_TRANSACTION, false },
    { "CLUSTER VERBOSE", EVO_SQL_NO_TRANSACTION, false },
    { "CLUSTER t USING i", EVO_SQL_OTHER, false },
    { "ALTER TABLE IF EXISTS ONLY s.t DETACH PARTITION p CONCURRENTLY", EVO_SQL_NO_TRANSACTION, false },
    { "ALTER TABLE t DETACH PARTITION p", EVO_SQL_OTHER, false },
    { "CREATE DATABASE d", EVO_SQL_NO_TRANSACTION, false },
    { "DROP DATABASE IF EXISTS d", EVO_SQL_NO_TRANSACTION, false },
    { "CREATE TABLESPACE s LOCATION '/x'", EVO_SQL_NO_TRANSACTION, false },
    { "DROP TABLESPACE s", EVO_SQL_NO_TRANSACTION, false },
    { "ALTER DATABASE d SET TABLESPACE s", EVO_SQL_NO_TRANSACTION, false },
    { "ALTER DATABASE d SET work_mem = '1MB'", EVO_SQL_OTHER, false },
    { "ALTER SYSTEM SET work_mem = '1MB'", EVO_SQL_NO_TRANSACTION, false },
    { "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", EVO_SQL_NO_TRANSACTION, false },
    { "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = false)", EVO_SQL_OTHER, false },
    { "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = 0)", EVO_SQL_OTHER, false },
    { "DROP SUBSCRIPTION s", EVO_SQL_NO_TRANSACTION, false },
    { "ALTER SUBSCRIPTION s REFRESH PUBLICATION", EVO_SQL_NO_TRANSACTION, false },
    { "ALTER SUBSCRIPTION s SET PUBLICATION p", EVO_SQL_NO_TRANSACTION, false },
    { "ALTER SUBSCRIPTION s ADD PUBLICATION p WITH (refresh = off)", EVO_SQL_OTHER, false },
    { "ALTER SUBSCRIPTION s ENABLE", EVO_SQL_OTHER, false },
    { "DISCARD ALL", EVO_SQL_NO_TRANSACTION, false },
    { "DISCARD PLANS", EVO_SQL_OTHER, false },
    { "ALTER TYPE e ADD VALUE 'x'", EVO_SQL_OTHER, false },
    { "COPY t FROM STDIN", EVO_SQL_COPY_STDIN, false },
    { "COPY s.t (a, b) FROM stdin WITH (FORMAT csv)", EVO_SQL_COPY_STDIN, false },
    { "COPY t FROM STDOUT", EVO_SQL_COPY_STDIN, false },
    { "COPY t TO STDOUT", EVO_SQL_OTHER, false },
    { "COPY t FROM PROGRAM 'cat'", EVO_SQL_OTHER, false },
    { "SELECT 1", EVO_SQL_OTHER, false },
    { "CREATE TABLE vacuum (begin int)", EVO_SQL_OTHER, false },
};

static void test_classify_by_the_first_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(sql_tokens) tokens = { 0 };
        assert_true(evo_sql_tokens_read(&tokens, rows[i].sql, strlen(rows[i].sql), 1000));
        struct evo_sql_class class = evo_sql_classify(&tokens);
        if (class.kind != rows[i].kind || class.concurrent_index != rows[i].concurrent_index)
            fail_msg("kind %d, concurrent_index %d: %s", (int)class.kind, class.concurrent_index,
                     rows[i].sql);
    }
}

/* What the parse tree says of the same statement, where it says it. */
static enum evo_sql_kind kind_of_tree(const PgQuery__Node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
        switch (node->transaction_stmt->kind) {
        case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT:
        case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE:
        case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO:
            return EVO_SQL_SAVEPOINT;
        default:
            return EVO_SQL_TRANSACTION;
        }
    case PG_QUERY__NODE__NODE_INDEX_STMT:
        return node->index_stmt->concurrent ? EVO_SQL_NO_TRANSACTION : EVO_SQL_OTHER;
    case PG_QUERY__NODE__NODE_DROP_STMT:
        return node->drop_stmt->concurrent ? EVO_SQL_NO_TRANSACTION : EVO_SQL_OTHER;
    case PG_QUERY__NODE__NODE_VACUUM_STMT:
        return node->vacuum_stmt->is_vacuumcmd ? EVO_SQL_NO_TRANSACTION : EVO_SQL_OTHER;
    case PG_QUERY__NODE__NODE_CLUSTER_STMT:
        return node->cluster_stmt->relation ? EVO_SQL_OTHER : EVO_SQL_NO_TRANSACTION;
    case PG_QUERY__NODE__NODE_CREATEDB_STMT:
    case PG_QUERY__NODE__NODE_DROPDB_STMT:
    case PG_QUERY__NODE__NODE_CREATE_TABLE_SPACE_STMT:
    case PG_QUERY__NODE__NODE_DROP_TABLE_SPACE_STMT:
    case PG_QUERY__NODE__NODE_ALTER_SYSTEM_STMT:
    case PG_QUERY__NODE__NODE_DROP_SUBSCRIPTION_STMT:
        return EVO_SQL_NO_TRANSACTION;
    case PG_QUERY__NODE__NODE_COPY_STMT:
        return node->copy_stmt->is_from && *node->copy_stmt->filename == '\0' ? EVO_SQL_COPY_STDIN
                                                                              : EVO_SQL_OTHER;
    default:
        return EVO_SQL_OTHER;
    }
}

static void test_classify_agrees_with_the_parse_tree(void **state)
{
    (void)state;
    size_t compared = 0;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_PTR(sql_tree) tree = evo_sql_tree_new(rows[i].sql, strlen(rows[i].sql));
        if (!tree)
            fail_msg("not understood: %s", rows[i].sql);
        const PgQuery__Node *node = evo_sql_tree_statement(tree);
        switch (node->node_case) { /* these need their options or names to be looked at: the table says it */
        case PG_QUERY__NODE__NODE_REINDEX_STMT:
        case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
        case PG_QUERY__NODE__NODE_ALTER_DATABASE_STMT:
        case PG_QUERY__NODE__NODE_CREATE_SUBSCRIPTION_STMT:
        case PG_QUERY__NODE__NODE_ALTER_SUBSCRIPTION_STMT:
        case PG_QUERY__NODE__NODE_DISCARD_STMT:
            continue;
        default:
            break;
        }
        if (kind_of_tree(node) != rows[i].kind)
            fail_msg("the tree says %d: %s", (int)kind_of_tree(node), rows[i].sql);
        compared++;
    }
    assert_true(compared > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classify_by_the_first_words),
        cmocka_unit_test(test_classify_agrees_with_the_parse_tree),
    };
    return cmocka_run_group_tests_name("sql/classify", tests, NULL, NULL);
}
