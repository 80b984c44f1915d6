#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/render.h"

#define RUNNING  "-- Running upgrade a1 -> b2\n"
#define RECORD   "UPDATE alembic_version SET version_num='b2' WHERE alembic_version.version_num = 'a1';\n"
#define FRAME(x) "BEGIN;\n\n" RUNNING x RECORD "COMMIT;\n\n"

static void test_cut_takes_the_frame_off(void **state)
{
    (void)state;
    static const struct {
        const char *text, *table, *expected;
    } rows[] = {
        { FRAME("CREATE TABLE t (id int);\n\nSELECT setval('s', 1);\n"), "alembic_version",
          "CREATE TABLE t (id int);\nSELECT setval('s', 1);\n" },
        { FRAME(""), "alembic_version", "" },
        { "BEGIN;\nCREATE TABLE alembic_version (version_num int);\n-- Running upgrade  -> b2\nCREATE TABLE "
          "t ();\n"
          "INSERT INTO alembic_version (version_num) VALUES ('b2') RETURNING "
          "alembic_version.version_num;\nCOMMIT;\n",
          "alembic_version", "CREATE TABLE t ();\n" },
        { "BEGIN;\n" RUNNING
          "CREATE TABLE t ();\nUPDATE meta.\"Hist\" SET version_num='b2' WHERE true;\nCOMMIT;\n",
          "meta.\"Hist\"", "CREATE TABLE t ();\n" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        const char *why = evo_render_cut(rows[i].text, strlen(rows[i].text), rows[i].table, "b2", true, &out);
        if (why || strcmp(out.buf, rows[i].expected) != 0)
            fail_msg("row %zu: %s: %s", i, why ? why : "", out.buf);
    }
}

static void test_cut_trusts_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "", "no one transaction" },
        { "CREATE TABLE t ();\n", "no one transaction" },
        { RUNNING "CREATE TABLE t ();\n" RECORD, "no one transaction" },
        { FRAME("it's"), "cannot be cut" },
        { "BEGIN;\nCREATE TABLE t ();\n" RECORD "COMMIT;\n", "another revision" },
        { FRAME("CREATE TABLE t ();\n" RUNNING), "another revision" },
        { FRAME("-- Running upgrade b2 -> c3\nCREATE TABLE t ();\n"), "another revision" },
        { FRAME("COMMIT;\nCREATE TABLE t ();\nBEGIN;\n"), "outside the transaction" },
        { FRAME("CREATE INDEX CONCURRENTLY i ON t (a);\n"), "outside the transaction" },
        { FRAME("INSERT INTO t VALUES (:a);\n"), "not understood" },
        { FRAME("Nothing to see here;\n"), "not understood" },
        { FRAME("SELECT count(*) FROM t;\n"), "reads from the database" },
        { FRAME("WITH a AS (SELECT 1) SELECT * FROM a;\n"), "reads from the database" },
        { FRAME("SHOW server_version;\n"), "reads from the database" },
        { FRAME("UPDATE t SET a = '5%%';\n"), "\"%%\"" },
        { FRAME("DELETE FROM alembic_version WHERE version_num = 'x';\n"), "ledger more than once" },
        { "BEGIN;\n" RUNNING "CREATE TABLE t ();\nCOMMIT;\n", "does not record the revision" },
        { "BEGIN;\n" RUNNING "UPDATE alembic_version SET version_num='c3' WHERE true;\nCOMMIT;\n",
          "does not record the revision" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        const char *why =
            evo_render_cut(rows[i].text, strlen(rows[i].text), "alembic_version", "b2", false, &out);
        if (!why || !strstr(why, rows[i].why))
            fail_msg("row %zu: %s", i, why ? why : "trusted");
    }
}

static void test_judge_source_names_what_a_rendering_would_hide(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
        bool blind;
    } rows[] = {
        { "op.execute('SELECT 1')\n", NULL, true },
        { "op.get_bind().execute('SELECT 1')\n", NULL, false },
        { "sa.inspect(x)\n", NULL, false },
        { "# get_bind\nx = 'get_bind'\n", NULL, true },
        { "if context.is_offline_mode(): pass\n", "asks whether it is rendered", true },
        { "with op.get_context().autocommit_block(): pass\n", "leaves the transaction", false },
        { "op.execute('a\\tb')\n", "holds a tab", true },
        { "op.execute('''a\tb''')\n", "holds a tab", true },
        { "\tx = 1\n", NULL, true },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        const char *reason = NULL;
        bool blind = false;
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(
            evo_render_judge_source(rows[i].text, strlen(rows[i].text), "m.py", &reason, &blind, &err),
            EVO_OK);
        if (!reason != !rows[i].reason || (reason && !strstr(reason, rows[i].reason)) ||
            blind != rows[i].blind)
            fail_msg("row %zu: %s, blind %d", i, reason ? reason : "fine", blind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_takes_the_frame_off),
        cmocka_unit_test(test_cut_trusts_nothing_else),
        cmocka_unit_test(test_judge_source_names_what_a_rendering_would_hide),
    };
    return cmocka_run_group_tests_name("migration/render", tests, NULL, NULL);
}
