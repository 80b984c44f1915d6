#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "sql/corpus.h"
#include "sql/split.h"

static void split(const char *text, struct evo_sql_script *script)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_sql_split(text, strlen(text), "up.sql", script, &err))
        fail_msg("line %d: %s\n%s", err.line, err.message, text);
}

static void assert_statement(const char *text, const struct evo_sql_statement *s, const char *expected)
{
    if (s->len != strlen(expected) || memcmp(text + s->start, expected, s->len) != 0)
        fail_msg("found <%.*s> instead of <%s>", (int)s->len, text + s->start, expected);
}

static void test_split_cuts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *statements[4];
        int lines[4];
    } rows[] = {
        { "", { NULL }, { 0 } },
        { " \n\t", { NULL }, { 0 } },
        { "-- only\n/* comments */", { NULL }, { 0 } },
        { ";;\n;", { NULL }, { 0 } },
        { "SELECT 1", { "SELECT 1" }, { 1 } },
        { "SELECT 1 ;\r\nSELECT 2\r\n", { "SELECT 1", "SELECT 2" }, { 1, 2 } },
        { "\xef\xbb\xbfSELECT 1;", { "SELECT 1" }, { 1 } },
        { "\xef\xbb\xbf", { NULL }, { 0 } },
        { "-- a;\nSELECT -- b;\n 1;\n\n/* c; */ SELECT 2; -- d;",
          { "SELECT -- b;\n 1", "SELECT 2" },
          { 2, 5 } },
        { "BEGIN; COMMIT; END", { "BEGIN", "COMMIT", "END" }, { 1, 1, 1 } },
        { "\\restrict abc\nSELECT 1;\n\\unrestrict abc\n", { "SELECT 1" }, { 2 } },
        { "\\restrict abc\r\nSELECT 1;\r\n\\unrestrict abc", { "SELECT 1" }, { 2 } },
        { "COPY t FROM stdin;\na\\tb;'\n\\N\n\\.\nSELECT 1;", { "COPY t FROM stdin", "SELECT 1" }, { 1, 5 } },
        { "COPY t FROM stdin;\r\na\r\n\\.\r\nSELECT 1;", { "COPY t FROM stdin", "SELECT 1" }, { 1, 4 } },
        { "COPY public.t (a, \"b\") FROM STDIN WITH (FORMAT csv);\n\\.\n",
          { "COPY public.t (a, \"b\") FROM STDIN WITH (FORMAT csv)" },
          { 1 } },
        { "COPY t FROM '/f'; COPY t TO STDOUT; SELECT 1",
          { "COPY t FROM '/f'", "COPY t TO STDOUT", "SELECT 1" },
          { 1, 1, 1 } },
        /* What only looks like a body. */
        { "SELECT 1 AS begin; SELECT atomic FROM t; BEGIN",
          { "SELECT 1 AS begin", "SELECT atomic FROM t", "BEGIN" },
          { 1, 1, 1 } },
        { "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 2",
          { "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", "SELECT 2" },
          { 1, 1 } },
        /* A ')' too many does not hide what follows. */
        { "SELECT 1); SELECT 2", { "SELECT 1)", "SELECT 2" }, { 1, 1 } },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(sql_script) script = { 0 };
        split(rows[i].text, &script);
        size_t expected = 0;
        while (expected < 4 && rows[i].statements[expected])
            expected++;
        if (script.count != expected)
            fail_msg("%zu statements instead of %zu in: %s", script.count, expected, rows[i].text);
        for (size_t k = 0; k < expected; k++) {
            assert_statement(rows[i].text, &script.items[k], rows[i].statements[k]);
            assert_int_equal(script.items[k].line, rows[i].lines[k]);
        }
    }
}

static void test_split_keeps_each_statement_of_the_corpus_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(corpus); i++) {
        EVO_AUTO(sql_script) script = { 0 };
        split(corpus[i], &script);
        if (script.count != 1 || !script.items[0].understood)
            fail_msg("%zu statements, understood %d: %s", script.count,
                     script.count > 0 && script.items[0].understood, corpus[i]);
    }
}

/* The trimmed text of a corpus entry (none begins or ends with a comment). */
static void trimmed(const char *text, const char **start, size_t *len)
{
    *start = text + strspn(text, " \n");
    *len = strlen(*start);
    while ((*start)[*len - 1] == ' ' || (*start)[*len - 1] == '\n')
        --*len;
}

static void test_split_takes_random_concatenations_apart(void **state)
{
    (void)state;
    static const char *const between[] = {
        ";",     ";\n",       " ; \r\n",       ";\n-- a; 'comment\n", ";/* ; */",
        ";;\n;", ";\n\n  \t", "; -- behind\n", ";\n\\restrict x\n",   ";\nCOPY c FROM STDIN;\n'\t;$$\n\\.\n",
    };
    uint32_t seed = 4711;
    for (int round = 0; round < 2000; round++) {
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        size_t chosen[8], copies_before[8], copies = 0;
        for (size_t k = 0; k < EVO_COUNT(chosen); k++) {
            seed = seed * 1664525u + 1013904223u;
            chosen[k] = (seed >> 8) % EVO_COUNT(corpus);
            copies_before[k] = copies;
            evo_strbuf_adds(&text, corpus[chosen[k]]);
            const char *gap = between[(seed >> 4) % EVO_COUNT(between)];
            copies += strstr(gap, "COPY") != NULL;
            evo_strbuf_adds(&text, gap);
        }
        EVO_AUTO(sql_script) script = { 0 };
        split(text.buf, &script);
        assert_int_equal(script.count, EVO_COUNT(chosen) + copies);
        for (size_t k = 0; k < EVO_COUNT(chosen); k++) {
            const char *start;
            size_t len;
            trimmed(corpus[chosen[k]], &start, &len);
            const struct evo_sql_statement *s = &script.items[k + copies_before[k]];
            assert_int_equal(s->len, len);
            assert_memory_equal(text.buf + s->start, start, len);
            assert_true(s->understood);
        }
    }
}

/* What lies between the statements is white space, semicolons, comments, data and backslash lines: nothing is lost. */
static void test_split_covers_all_but_what_is_no_sql(void **state)
{
    (void)state;
    const char *text =
        "-- a\nSELECT 1; /* b */ SELECT 2;;\nCOPY t FROM STDIN;\nx\n\\.\nSELECT 3 -- c\n; SELECT 4";
    EVO_AUTO(sql_script) script = { 0 };
    split(text, &script);
    EVO_AUTO_STR rest = evo_strdup(text);
    for (size_t i = 0; i < script.count; i++) {
        memset(rest + script.items[i].start, ' ', script.items[i].len);
        memset(rest + script.items[i].data_start, ' ', script.items[i].data_len);
    }
    for (size_t i = 0; i < script.ncomments; i++)
        memset(rest + script.comments[i].start, ' ', script.comments[i].len);
    assert_int_equal(strspn(rest, " \n;\\."), strlen(text));
    assert_int_equal(script.count, 5);
    assert_int_equal(script.ncomments, 3);
}

static void test_split_cuts_copy_data_out(void **state)
{
    (void)state;
    const char *text = "COPY t (a) FROM STDIN;\nit's\n\\\\.\n \\.\n\\.\nCOPY u FROM STDIN;\n\\.\n";
    EVO_AUTO(sql_script) script = { 0 };
    split(text, &script);
    assert_int_equal(script.count, 2);
    assert_true(script.has_copy);
    const struct evo_sql_statement *s = script.items;
    assert_int_equal(s[0].kind, EVO_SQL_COPY_STDIN);
    assert_int_equal(s[0].data_len, strlen("it's\n\\\\.\n \\.\n"));
    assert_memory_equal(text + s[0].data_start, "it's\n\\\\.\n \\.\n", s[0].data_len);
    assert_int_equal(s[1].data_len, 0);
    assert_int_equal(s[1].line, 6);
    assert_false(script.has_backslash);
}

static void test_split_knows_which_comments_stand_above(void **state)
{
    (void)state;
    const char *text =
        "/* licence */\n\n-- one\nSELECT 1; -- behind one\n-- two a\n-- two b\nSELECT /* in */ 2;\n-- end";
    static const size_t above[] = { 0, 0, EVO_SQL_NOWHERE, 1, 1, EVO_SQL_NOWHERE, EVO_SQL_NOWHERE };
    static const int lines[] = { 1, 3, 4, 5, 6, 7, 8 };
    EVO_AUTO(sql_script) script = { 0 };
    split(text, &script);
    assert_int_equal(script.ncomments, EVO_COUNT(above));
    for (size_t i = 0; i < EVO_COUNT(above); i++) {
        assert_int_equal(script.comments[i].above, above[i]);
        assert_int_equal(script.comments[i].line, lines[i]);
    }
    assert_int_equal(script.items[0].comment_start, 0);
    assert_int_equal(script.items[1].comment_start, strstr(text, "-- two a") - text);
}

static void test_split_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        int line;
    } rows[] = {
        { "SELECT 1;\nSELECT 'a\n;", "the quoted string that begins here has no end", 2 },
        { "SELECT \"a", "the quoted identifier that begins here has no end", 1 },
        { "DO $x$ BEGIN END $y$;", "the dollar-quoted string that begins here has no end", 1 },
        { "/* /* */\nSELECT 1;", "the comment that begins here has no end", 1 },
        { "SELECT 1;\n\\connect other\n", "cannot run psql's command \"\\connect\"", 2 },
        { "\\copy t FROM 'f'", "cannot run psql's command \"\\copy\"", 1 },
        { "SELECT 1 \\gexec\n", "cannot run psql's command \"\\gexec\"", 1 },
        { "SELECT 1\n\\restrict x\n", "cannot run psql's command \"\\restrict\"", 2 },
        { "COPY t FROM STDIN;\n1\n2\n", "the data behind COPY ... FROM STDIN has no end", 1 },
        { "\nCOPY t FROM STDIN", "the data behind COPY ... FROM STDIN has no end", 2 },
        { "COPY t FROM STDIN; SELECT 1;\n\\.\n",
          "cannot read what stands behind COPY ... FROM STDIN on the same line", 1 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(sql_script) script = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc = evo_sql_split(rows[i].text, strlen(rows[i].text), "a/up.sql", &script, &err);
        assert_int_equal(rc, EVO_ERR_MIGRATION_FAILED);
        assert_string_equal(err.message, rows[i].message);
        assert_string_equal(err.file, "a/up.sql");
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(script.count, 0);
    }
}

static void test_split_refuses_a_nul_byte(void **state)
{
    (void)state;
    EVO_AUTO(sql_script) script = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_sql_split("SELECT 1;\n\0", 11, "up.sql", &script, &err), EVO_ERR_MIGRATION_FAILED);
    assert_int_equal(err.line, 2);
}

static void test_split_keeps_what_the_parser_does_not_know(void **state)
{
    (void)state;
    const char *text =
        "SELECT 1; REPACK (VERBOSE) t; CREATE INDEX CONCURRENTLY i ON t NEW SYNTAX (a); SELECT 2";
    static const bool understood[] = { true, false, false, true };
    EVO_AUTO(sql_script) script = { 0 };
    split(text, &script);
    assert_int_equal(script.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(script.items[i].understood, understood[i]);
    assert_int_equal(script.items[2].kind, EVO_SQL_NO_TRANSACTION);
    assert_true(script.has_no_transaction);
}

static void test_split_survives_deep_nesting(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_adds(&text, "SELECT 1");
    for (int i = 0; i < 50000; i++)
        evo_strbuf_adds(&text, "||'a'");
    evo_strbuf_adds(&text, "; SELECT ");
    for (int i = 0; i < 50000; i++)
        evo_strbuf_addch(&text, '(');
    EVO_AUTO(sql_script) script = { 0 };
    split(text.buf, &script);
    assert_int_equal(script.count, 2);
    EVO_AUTO(sql_locks) locks = { 0 };
    evo_sql_locks_of(text.buf + script.items[0].start, script.items[0].len, &locks);
    evo_sql_locks_of(text.buf + script.items[1].start, script.items[1].len, &locks);
    assert_int_equal(locks.count, 0);
}

/* A long history, as one project's 820 files: a tenth of a second would be felt at every start. The bound is ten
 * times what it takes, for a machine that is slow; how busy it is does not matter to the processor's time. */
static void test_split_is_fast(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (size_t i = 0; i < 40; i++)
        evo_strbuf_addf(&text, "%s;\n", corpus[i % 30]);
    clock_t begin = clock();
    for (int i = 0; i < 820; i++) {
        EVO_AUTO(sql_script) script = { 0 };
        split(text.buf, &script);
        assert_int_equal(script.count, 40);
    }
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    print_message("# 820 files of %zu bytes: %.0f ms\n", text.len, seconds * 1000);
    assert_true(seconds < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_cuts),
        cmocka_unit_test(test_split_keeps_each_statement_of_the_corpus_whole),
        cmocka_unit_test(test_split_takes_random_concatenations_apart),
        cmocka_unit_test(test_split_covers_all_but_what_is_no_sql),
        cmocka_unit_test(test_split_cuts_copy_data_out),
        cmocka_unit_test(test_split_knows_which_comments_stand_above),
        cmocka_unit_test(test_split_refuses),
        cmocka_unit_test(test_split_refuses_a_nul_byte),
        cmocka_unit_test(test_split_keeps_what_the_parser_does_not_know),
        cmocka_unit_test(test_split_survives_deep_nesting),
        cmocka_unit_test(test_split_is_fast),
    };
    return cmocka_run_group_tests_name("sql/split", tests, NULL, NULL);
}
