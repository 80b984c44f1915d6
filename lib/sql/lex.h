/*
 * lex.h - SQL text as tokens: just enough of PostgreSQL's scanner (src/backend/parser/scan.l) to know where quotes,
 * comments and statements end. Private to lib/sql.
 *
 * It differs from libpg_query's scanner in two ways that matter: it can be stopped and moved (COPY data stands
 * between statements and is no SQL), and it costs a few nanoseconds a byte. The tests compare the two.
 * Where a comment stands between the parts of a string ('a' -- b <newline> 'c'), it does as the server, which takes
 * that for one string; libpg_query and psql do not.
 * standard_conforming_strings is on: a backslash escapes in E'' only.
 *
 * Words are keywords and unquoted identifiers alike. Operators come as one token a character.
 */
#ifndef EVO_SQL_LEX_H
#define EVO_SQL_LEX_H

#include <stdbool.h>
#include <stddef.h>

enum evo_lex_kind {
    EVO_LEX_END,
    EVO_LEX_WORD,
    EVO_LEX_IDENTIFIER, /* "quoted", U&"quoted" */
    EVO_LEX_STRING, /* '', E'', B'', X'', U&'', $$ $$ */
    EVO_LEX_NUMBER, /* 1, 1.5e10, $1 */
    EVO_LEX_PUNCTUATION, /* one character: ; , ( ) . and each of an operator */
    EVO_LEX_COMMENT, /* -- to the end of the line (which is not part of it), or nested C style */
    EVO_LEX_BACKSLASH, /* outside quotes: psql's */
    EVO_LEX_OPEN /* text that ends inside a quote or comment; `what` says which */
};

struct evo_lex_token {
    enum evo_lex_kind kind;
    size_t start, len;
    int line; /* 1-based, of its first byte */
    const char *what; /* EVO_LEX_OPEN: "quoted string", static; else NULL */
};

struct evo_lexer {
    const char *text;
    size_t n;
    size_t pos; /* the next byte to look at */
    int line; /* of pos */
};

/* Text need not be terminated. */
void evo_lexer_init(struct evo_lexer *lx, const char *text, size_t n);
struct evo_lex_token evo_lexer_next(struct evo_lexer *lx);
/* Moves over everything up to `pos` (>= lx->pos), counting lines. */
void evo_lexer_skip_to(struct evo_lexer *lx, size_t pos);
/* The position behind the end of the line that `pos` is on (n where it is the last). */
size_t evo_lexer_line_end(const struct evo_lexer *lx, size_t pos);

/* The token is this word, in any case. `word` is upper case. */
bool evo_lex_is(const struct evo_lexer *lx, const struct evo_lex_token *token, const char *word);
/* The token is this one character of punctuation. */
bool evo_lex_is_char(const struct evo_lexer *lx, const struct evo_lex_token *token, char c);

#endif
