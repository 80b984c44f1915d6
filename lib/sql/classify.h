/*
 * classify.h - what a statement is, from its tokens. Private to lib/sql.
 *
 * From the tokens and not from the parse tree, so that a statement newer than the parser is classified too; the tests
 * compare the answers with the parse tree's. The table is in classify.c: a pattern is a row.
 */
#ifndef EVO_SQL_CLASSIFY_H
#define EVO_SQL_CLASSIFY_H

#include "sql/lex.h"
#include "sql/split.h"

/* The tokens of one statement, without comments and the final semicolon. */
struct evo_sql_tokens {
    struct evo_lexer lexer; /* for its text */
    struct evo_lex_token *items;
    size_t count, alloc;
};
void evo_sql_tokens_release(struct evo_sql_tokens *t);
EVO_DEFINE_AUTO(sql_tokens);
/* Reads all tokens of sql up to `max` of them; false where the text ends inside a quote. */
bool evo_sql_tokens_read(struct evo_sql_tokens *t, const char *sql, size_t n, size_t max) EVO_CHECK;

/* Number of tokens that `pattern` takes from token `from` on, -1 where it does not match. A pattern is a list of:
 *   WORD    A|B    one of these words          [A|B]  the same, or nothing
 *   ?       a name, with dots                  (*)    a parenthesised list, or nothing
 *   $       the end of the statement */
int evo_sql_match(const struct evo_sql_tokens *t, size_t from, const char *pattern);

/* Whether a parenthesised list of options at token `from` has this one; *ret_on is false for "name = false|off|0|none". */
bool evo_sql_option(const struct evo_sql_tokens *t, size_t from, const char *name, bool *ret_on);

struct evo_sql_class {
    enum evo_sql_kind kind;
    bool concurrent_index;
};
struct evo_sql_class evo_sql_classify(const struct evo_sql_tokens *t);

#endif
