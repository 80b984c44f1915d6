#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sql/split.h"

static void test_summary_says_what_and_to_what(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *summary;
    } rows[] = {
        { "create index concurrently if not exists i on t (a)", "CREATE INDEX CONCURRENTLY i" },
        { "CREATE UNIQUE INDEX ON s.t (a)", "CREATE UNIQUE INDEX ON s.t" },
        { "ALTER TABLE IF EXISTS ONLY \"User\" ADD a int", "ALTER TABLE \"User\"" },
        { "CREATE TABLE /* x */ s . t (a int)", "CREATE TABLE s.t" },
        { "create or replace function f(a int) returns int language sql return 1",
          "CREATE OR REPLACE FUNCTION f" },
        { "CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE MATERIALIZED VIEW v" },
        { "CREATE CONSTRAINT TRIGGER tr AFTER INSERT ON t", "CREATE CONSTRAINT TRIGGER tr" },
        { "DROP INDEX CONCURRENTLY IF EXISTS i", "DROP INDEX CONCURRENTLY i" },
        { "INSERT INTO t VALUES (1)", "INSERT INTO t" },
        { "UPDATE ONLY t SET a = 1", "UPDATE t" },
        { "DELETE FROM t", "DELETE FROM t" },
        { "COPY t (a) FROM STDIN", "COPY t" },
        { "COPY (SELECT 1) TO STDOUT", "COPY" },
        { "COMMENT ON COLUMN t.a IS 'x'", "COMMENT ON COLUMN t.a" },
        { "SET LOCAL search_path = ''", "SET LOCAL search_path" },
        { "REINDEX (VERBOSE) TABLE CONCURRENTLY t", "REINDEX TABLE CONCURRENTLY t" },
        { "VACUUM", "VACUUM" },
        { "begin", "BEGIN" },
        { "SELECT 1 FROM t", "SELECT" },
        { "DO $$ BEGIN END $$", "DO" },
        { "(SELECT 1)", "(SELECT 1)" },
        { "-- nothing", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR summary = evo_sql_summary(rows[i].sql, strlen(rows[i].sql));
        assert_string_equal(summary, rows[i].summary);
    }
}

static void test_one_line_drops_comments_and_cuts(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        size_t max;
        const char *line;
    } rows[] = {
        { "SELECT a, -- x\r\n  b\n/* y */ FROM t", 100, "SELECT a, b FROM t" },
        { "SELECT 'a\n b'", 100, "SELECT 'a  b'" },
        { "SELECT 'a", 100, "SELECT 'a" },
        { "SELECT 1234567890", 10, "SELECT ..." },
        { "ääääää", 8, "ää..." },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR line = evo_sql_one_line(rows[i].sql, strlen(rows[i].sql), rows[i].max);
        assert_string_equal(line, rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary_says_what_and_to_what),
        cmocka_unit_test(test_one_line_drops_comments_and_cuts),
    };
    return cmocka_run_group_tests_name("sql/summary", tests, NULL, NULL);
}
