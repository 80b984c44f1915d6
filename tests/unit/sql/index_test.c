#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sql/split.h"
#include "sql/tree.h"

/* The parser leaves out what is not there as "". */
static void assert_agrees_with_the_tree(const char *sql, const struct evo_sql_index *index)
{
    EVO_AUTO_PTR(sql_tree) tree = evo_sql_tree_new(sql, strlen(sql));
    if (!tree)
        fail_msg("not understood: %s", sql);
    const PgQuery__IndexStmt *stmt = evo_sql_tree_statement(tree)->index_stmt;
    assert_string_equal(stmt->idxname, index->name ? index->name : "");
    assert_string_equal(stmt->relation->schemaname, index->table_schema ? index->table_schema : "");
    assert_string_equal(stmt->relation->relname, index->table);
    assert_int_equal(stmt->if_not_exists, index->if_not_exists);
}

static void test_index_of_names_index_and_table(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *name, *schema, *table;
        bool if_not_exists;
    } indexes[] = {
        { "CREATE INDEX CONCURRENTLY i ON t (a)", "i", NULL, "t", false },
        { "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"I x\" ON ONLY \"S\".t USING btree (lower(a))",
          "I x", "S", "t", true },
        { "CREATE INDEX CONCURRENTLY ON s.t (a)", NULL, "s", "t", false },
        { "create index concurrently /* x */ Idx_A on d.S.T(a)", "idx_a", "s", "t", false },
        { "CREATE INDEX CONCURRENTLY IF NOT EXISTS \"a\"\"b\" ON \"T\" (a)", "a\"b", NULL, "T", true },
        { "CREATE INDEX CONCURRENTLY a234567890b234567890c234567890d234567890e234567890f234567890xyz99 ON t "
          "(a)",
          "a234567890b234567890c234567890d234567890e234567890f234567890xyz", NULL, "t", false },
        { "CREATE INDEX CONCURRENTLY \"if\" ON \"only\" (a)", "if", NULL, "only", false },
    };
    for (size_t i = 0; i < EVO_COUNT(indexes); i++) {
        EVO_AUTO(sql_index) index = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_sql_index_of(indexes[i].sql, strlen(indexes[i].sql), &index, &err), EVO_OK);
        assert_true(evo_streq(index.name, indexes[i].name));
        assert_true(evo_streq(index.table_schema, indexes[i].schema));
        assert_true(evo_streq(index.table, indexes[i].table));
        assert_int_equal(index.if_not_exists, indexes[i].if_not_exists);
        assert_agrees_with_the_tree(indexes[i].sql, &index);
    }
}

static void test_index_of_knows_syntax_that_the_parser_does_not(void **state)
{
    (void)state;
    const char *sql = "CREATE INDEX CONCURRENTLY i ON t NEW SYNTAX (a)";
    EVO_AUTO_PTR(sql_tree) tree = evo_sql_tree_new(sql, strlen(sql));
    assert_null(tree);
    EVO_AUTO(sql_index) index = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_sql_index_of(sql, strlen(sql), &index, &err), EVO_OK);
    assert_string_equal(index.name, "i");
}

static void test_index_of_refuses_other_statements(void **state)
{
    (void)state;
    static const char *const others[] = { "CREATE INDEX i ON t (a)",
                                          "REINDEX INDEX CONCURRENTLY i",
                                          "nonsense",
                                          "",
                                          "CREATE INDEX CONCURRENTLY",
                                          "CREATE INDEX CONCURRENTLY i",
                                          "CREATE INDEX CONCURRENTLY s.i ON t (a)",
                                          "CREATE INDEX CONCURRENTLY U&\"i\" ON t (a)" };
    for (size_t i = 0; i < EVO_COUNT(others); i++) {
        EVO_AUTO(sql_index) index = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_sql_index_of(others[i], strlen(others[i]), &index, &err), EVO_ERR_NOT_FOUND);
        assert_null(index.table);
    }
}

static void test_reindex_of_names_what_is_rebuilt(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        enum evo_sql_reindex_of of;
        const char *schema, *name;
    } rebuilt[] = {
        { "REINDEX INDEX CONCURRENTLY i", EVO_SQL_REINDEX_INDEX, NULL, "i" },
        { "reindex (verbose, tablespace x) table concurrently \"S x\".Tab", EVO_SQL_REINDEX_TABLE, "S x",
          "tab" },
        { "REINDEX (CONCURRENTLY) INDEX s.i", EVO_SQL_REINDEX_INDEX, "s", "i" },
        { "REINDEX (CONCURRENTLY on) SCHEMA \"My\"", EVO_SQL_REINDEX_SCHEMA, NULL, "My" },
        { "REINDEX DATABASE CONCURRENTLY shop", EVO_SQL_REINDEX_DATABASE, NULL, "shop" },
        { "REINDEX (CONCURRENTLY) DATABASE", EVO_SQL_REINDEX_DATABASE, NULL, NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(rebuilt); i++) {
        EVO_AUTO(sql_reindex) r = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_sql_reindex_of(rebuilt[i].sql, strlen(rebuilt[i].sql), &r, &err), EVO_OK);
        assert_int_equal(r.of, rebuilt[i].of);
        assert_true(evo_streq(r.schema, rebuilt[i].schema));
        assert_true(evo_streq(r.name, rebuilt[i].name));
    }
}

static void test_reindex_of_takes_nothing_else(void **state)
{
    (void)state;
    static const char *const others[] = { "REINDEX INDEX i", "REINDEX (CONCURRENTLY off) TABLE t",
                                          "CREATE INDEX CONCURRENTLY i ON t (a)",
                                          "REINDEX TABLE CONCURRENTLY" };
    for (size_t i = 0; i < EVO_COUNT(others); i++) {
        EVO_AUTO(sql_reindex) r = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_sql_reindex_of(others[i], strlen(others[i]), &r, &err), EVO_ERR_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_of_names_index_and_table),
        cmocka_unit_test(test_index_of_knows_syntax_that_the_parser_does_not),
        cmocka_unit_test(test_index_of_refuses_other_statements),
        cmocka_unit_test(test_reindex_of_names_what_is_rebuilt),
        cmocka_unit_test(test_reindex_of_takes_nothing_else),
    };
    return cmocka_run_group_tests_name("sql/index", tests, NULL, NULL);
}
