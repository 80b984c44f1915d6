#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sql/split.h"

/* "relation MODE, relation MODE": those that cannot be tried in a transaction, or on a server, and a few that can;
 * tests/server/sql/locks_test.c compares many more with what a server really takes. */
static const struct {
    const char *sql, *locks;
} rows[] = {
    { "CREATE INDEX i ON s.t (a)", "s.t SHARE" },
    { "CREATE INDEX CONCURRENTLY i ON t (a)", "t SHARE UPDATE EXCLUSIVE" },
    { "DROP INDEX CONCURRENTLY i, j", "i SHARE UPDATE EXCLUSIVE, j SHARE UPDATE EXCLUSIVE" },
    { "REINDEX INDEX CONCURRENTLY i", "i SHARE UPDATE EXCLUSIVE" },
    { "REINDEX (CONCURRENTLY off) INDEX i", "i ACCESS EXCLUSIVE" },
    { "ALTER TABLE \"Post\" ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES \"User\"(id)",
      "\"Post\" SHARE ROW EXCLUSIVE, \"User\" SHARE ROW EXCLUSIVE" },
    { "ALTER TABLE t ADD COLUMN a int REFERENCES u, ALTER b SET STATISTICS 10",
      "t ACCESS EXCLUSIVE, u SHARE ROW EXCLUSIVE" },
    { "ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "t SHARE UPDATE EXCLUSIVE, p SHARE UPDATE EXCLUSIVE" },
    { "VACUUM t", "t SHARE UPDATE EXCLUSIVE" },
    { "VACUUM FULL t, u", "t ACCESS EXCLUSIVE, u ACCESS EXCLUSIVE" },
    { "WITH c AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM c JOIN d USING (x)",
      "b ROW EXCLUSIVE, d ACCESS SHARE, a ROW EXCLUSIVE" },
    { "COPY t (a) FROM STDIN", "t ROW EXCLUSIVE" },
    { "CREATE TABLE n (a int)", "" },
    { "CREATE TYPE e AS ENUM ('a')", "" },
    { "GRANT SELECT ON t TO PUBLIC", "" },
    { "DO $$ BEGIN DROP TABLE t; END $$", "" },
    { "REPACK t", "" },
    { "SELECT 1; SELECT 2", "" },
    { "", "" },
};

static void assert_locks(const struct evo_sql_locks *locks, const char *expected)
{
    EVO_AUTO(strbuf) found = EVO_STRBUF_INIT;
    for (size_t i = 0; i < locks->count; i++)
        evo_strbuf_addf(&found, "%s%s %s", i ? ", " : "", locks->items[i].relation, locks->items[i].mode);
    assert_string_equal(found.buf, expected);
}

static void test_locks_of_names_relations_and_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(sql_locks) locks = { 0 };
        evo_sql_locks_of(rows[i].sql, strlen(rows[i].sql), &locks);
        assert_locks(&locks, rows[i].locks);
    }
}

static void test_locks_of_keeps_the_strongest_of_several_statements(void **state)
{
    (void)state;
    static const char *const script[] = { "SELECT * FROM t", "ALTER TABLE t ADD a int",
                                          "INSERT INTO t VALUES (1)", "SELECT * FROM u" };
    EVO_AUTO(sql_locks) locks = { 0 };
    for (size_t i = 0; i < EVO_COUNT(script); i++)
        evo_sql_locks_of(script[i], strlen(script[i]), &locks);
    assert_locks(&locks, "t ACCESS EXCLUSIVE, u ACCESS SHARE");
}

static void test_locks_of_a_long_insert(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_strbuf_adds(&sql, "INSERT INTO s.\"T\" (a) VALUES (0)");
    for (int i = 0; i < 5000; i++)
        evo_strbuf_adds(&sql, ", (1)");
    EVO_AUTO(sql_locks) locks = { 0 };
    evo_sql_locks_of(sql.buf, sql.len, &locks);
    assert_locks(&locks, "s.\"T\" ROW EXCLUSIVE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locks_of_names_relations_and_modes),
        cmocka_unit_test(test_locks_of_keeps_the_strongest_of_several_statements),
        cmocka_unit_test(test_locks_of_a_long_insert),
    };
    return cmocka_run_group_tests_name("sql/locks", tests, NULL, NULL);
}
