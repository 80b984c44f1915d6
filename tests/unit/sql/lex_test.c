/* The lexer against libpg_query's scanner: the same tokens in the same places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "base/strbuf.h"
#include "sql/corpus.h"
#include "sql/lex.h"

static bool is_punctuation(const PgQuery__ScanToken *token)
{
    return token->token <= PG_QUERY__TOKEN__ASCII_94 || token->token == PG_QUERY__TOKEN__Op ||
           (token->token >= PG_QUERY__TOKEN__TYPECAST && token->token <= PG_QUERY__TOKEN__NOT_EQUALS);
}

/* Operators come a character each from the lexer, and numbers may be put together from several tokens, neither of
 * which matters for where anything ends: all other tokens must be the same. */
static bool is_compared(const PgQuery__ScanToken *token)
{
    if (token->token == PG_QUERY__TOKEN__ASCII_59)
        return true;
    return !is_punctuation(token) && token->token != PG_QUERY__TOKEN__ICONST &&
           token->token != PG_QUERY__TOKEN__FCONST && token->token != PG_QUERY__TOKEN__PARAM;
}

static void assert_same_tokens(const char *text)
{
    PgQueryScanResult scanned = pg_query_scan(text);
    if (scanned.error)
        fail_msg("the scanner refuses: %s\n%s", scanned.error->message, text);
    PgQuery__ScanResult *result =
        pg_query__scan_result__unpack(NULL, scanned.pbuf.len, (const uint8_t *)scanned.pbuf.data);
    assert_non_null(result);
    struct evo_lexer lx;
    evo_lexer_init(&lx, text, strlen(text));
    for (size_t i = 0; i < result->n_tokens; i++) {
        const PgQuery__ScanToken *expected = result->tokens[i];
        if (!is_compared(expected))
            continue;
        struct evo_lex_token token;
        do {
            token = evo_lexer_next(&lx);
        } while (token.kind == EVO_LEX_NUMBER ||
                 (token.kind == EVO_LEX_PUNCTUATION && !evo_lex_is_char(&lx, &token, ';')));
        /* The scanner's end of U&'' and U&"" is not theirs. */
        bool unicode = strncasecmp(text + token.start, "u&", 2) == 0 && token.len > 1;
        bool same_end = unicode || token.start + token.len == (size_t)expected->end;
        if (token.start != (size_t)expected->start || !same_end)
            fail_msg("token %d to %d: found %zu to %zu (kind %d) in\n%s", expected->start, expected->end,
                     token.start, token.start + token.len, (int)token.kind, text);
    }
    struct evo_lex_token rest;
    do {
        rest = evo_lexer_next(&lx);
    } while (rest.kind == EVO_LEX_NUMBER || rest.kind == EVO_LEX_PUNCTUATION);
    assert_int_equal(rest.kind, EVO_LEX_END);
    pg_query__scan_result__free_unpacked(result, NULL);
    pg_query_free_scan_result(scanned);
}

static void test_next_agrees_with_the_scanner_on_the_corpus(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(corpus); i++)
        assert_same_tokens(corpus[i]);
}

/* Pieces glued together at random, with what may stand between them: the scanner decides what comes of it. Those it
 * refuses (an open quote) the lexer must call open, too. */
static void test_next_agrees_with_the_scanner_on_random_text(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "'",  "\"", "$$", "$a$", "E'",   "U&'", "U&\"", "--",  "/*", "*/", "\n", "\r\n", " ", ";",
        "(",  ")",  "a",  "e",   "u",    "b",   "1",    "1.5", "$1", "+",  "-",  "*",    "/", "::",
        "..", "x'", "\t", "''",  "\"\"", "end", "$",    "é",   "_",  "1e", "&",  "N'",   ",", "begin",
    };
    uint32_t seed = 20261122;
    size_t agreed = 0, open = 0;
    for (int round = 0; round < 20000; round++) {
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        for (int k = 0; k < 12; k++) {
            seed = seed * 1664525u + 1013904223u;
            evo_strbuf_adds(&text, pieces[(seed >> 8) % EVO_COUNT(pieces)]);
        }
        /* A comment between the parts of a string: the scanner is not right about it, see below. */
        if (strstr(text.buf, "--") && strchr(text.buf, '\''))
            continue;
        PgQueryScanResult scanned = pg_query_scan(text.buf);
        bool is_open = scanned.error && strstr(scanned.error->message, "unterminated");
        bool refused = scanned.error && !is_open;
        pg_query_free_scan_result(scanned);
        if (refused) /* junk behind a number, a bad Unicode escape: no server takes it */
            continue;
        if (!is_open) {
            assert_same_tokens(text.buf);
            agreed++;
            continue;
        }
        struct evo_lexer lx;
        evo_lexer_init(&lx, text.buf, text.len);
        struct evo_lex_token token;
        do {
            token = evo_lexer_next(&lx);
        } while (token.kind != EVO_LEX_END && token.kind != EVO_LEX_OPEN);
        if (token.kind != EVO_LEX_OPEN)
            fail_msg("not seen to be open: %s", text.buf);
        open++;
    }
    assert_true(agreed > 1000);
    assert_true(open > 1000);
}

/* As PostgreSQL 15 answers to it: one column, "a';b". */
static void test_next_takes_a_comment_between_the_parts_of_a_string(void **state)
{
    (void)state;
    const char *text = "E'a' -- c\n '\\';b'";
    struct evo_lexer lx;
    evo_lexer_init(&lx, text, strlen(text));
    struct evo_lex_token token = evo_lexer_next(&lx);
    assert_int_equal(token.kind, EVO_LEX_STRING);
    assert_int_equal(token.len, strlen(text));
}

static void test_next_counts_lines(void **state)
{
    (void)state;
    const char *text = "a\nb\r\nc\rd /* \n */ e 'x\ny' f";
    static const int lines[] = { 1, 2, 3, 4, 4, 5, 5, 6 };
    struct evo_lexer lx;
    evo_lexer_init(&lx, text, strlen(text));
    for (size_t i = 0; i < EVO_COUNT(lines); i++)
        assert_int_equal(evo_lexer_next(&lx).line, lines[i]);
    assert_int_equal(evo_lexer_next(&lx).kind, EVO_LEX_END);
}

static void test_next_says_what_is_open(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
    } rows[] = {
        { "a 'b", "quoted string" },          { "E'b\\'", "quoted string" }, { "\"b", "quoted identifier" },
        { "$x$ $$", "dollar-quoted string" }, { "/* /* */", "comment" },     { "U&\"b", "quoted identifier" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_lexer lx;
        evo_lexer_init(&lx, rows[i].text, strlen(rows[i].text));
        struct evo_lex_token token = evo_lexer_next(&lx);
        if (token.kind == EVO_LEX_WORD)
            token = evo_lexer_next(&lx);
        assert_int_equal(token.kind, EVO_LEX_OPEN);
        assert_string_equal(token.what, rows[i].what);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_agrees_with_the_scanner_on_the_corpus),
        cmocka_unit_test(test_next_agrees_with_the_scanner_on_random_text),
        cmocka_unit_test(test_next_takes_a_comment_between_the_parts_of_a_string),
        cmocka_unit_test(test_next_counts_lines),
        cmocka_unit_test(test_next_says_what_is_open),
    };
    return cmocka_run_group_tests_name("sql/lex", tests, NULL, NULL);
}
