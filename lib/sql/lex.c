#include "sql/lex.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_word_start(c) || is_digit(c) || c == '$';
}

void evo_lexer_init(struct evo_lexer *lx, const char *text, size_t n)
{
    *lx = (struct evo_lexer){ .text = text, .n = n, .line = 1 };
}

/* The byte at pos, NUL behind the end: no valid text holds one. */
static char at(const struct evo_lexer *lx, size_t pos)
{
    return pos < lx->n ? lx->text[pos] : '\0';
}

void evo_lexer_skip_to(struct evo_lexer *lx, size_t pos)
{
    for (; lx->pos < pos; lx->pos++) {
        char c = lx->text[lx->pos];
        /* A lone CR ends a line for PostgreSQL's comments, so it does here. */
        if (c == '\n' || (c == '\r' && at(lx, lx->pos + 1) != '\n'))
            lx->line++;
    }
}

size_t evo_lexer_line_end(const struct evo_lexer *lx, size_t pos)
{
    const char *nl = pos < lx->n ? memchr(lx->text + pos, '\n', lx->n - pos) : NULL;
    return nl ? (size_t)(nl - lx->text) + 1 : lx->n;
}

static size_t comment_line_end(const struct evo_lexer *lx, size_t pos)
{
    while (pos < lx->n && lx->text[pos] != '\n' && lx->text[pos] != '\r')
        pos++;
    return pos;
}

/* Each of the functions below is given the first byte behind an opening and returns the one behind the end, or 0
 * where the text ends first (nothing ends at 0). */

static size_t end_of_block_comment(const struct evo_lexer *lx, size_t pos)
{
    size_t depth = 1;
    while (pos < lx->n) {
        if (at(lx, pos) == '*' && at(lx, pos + 1) == '/') {
            pos += 2;
            if (--depth == 0)
                return pos;
        } else if (at(lx, pos) == '/' && at(lx, pos + 1) == '*') {
            pos += 2;
            depth++;
        } else {
            pos++;
        }
    }
    return 0;
}

/* What a quote inside a quoted text can be. */
enum quoting { DOUBLED, ESCAPED, BITS /* b'' and x'' know neither */ };

static size_t end_of_quote(const struct evo_lexer *lx, size_t pos, char quote, enum quoting quoting)
{
    while (pos < lx->n) {
        char c = lx->text[pos++];
        if (quoting == ESCAPED && c == '\\')
            pos++;
        else if (c == quote && quoting != BITS && at(lx, pos) == quote)
            pos++;
        else if (c == quote)
            return pos;
    }
    return 0;
}

/* A string goes on behind a line end: E'a' <newline> 'b\'c' is one, escapes and all. Gives the position behind the
 * next part's opening quote, 0 where there is none. */
static size_t continuation(const struct evo_lexer *lx, size_t pos)
{
    bool newline = false;
    for (;;) {
        char c = at(lx, pos);
        if (c == '\n' || c == '\r')
            newline = true;
        if (pos < lx->n && is_space(c))
            pos++;
        else if (c == '-' && at(lx, pos + 1) == '-')
            pos = comment_line_end(lx, pos);
        else
            return newline && c == '\'' ? pos + 1 : 0;
    }
}

static size_t end_of_string(const struct evo_lexer *lx, size_t pos, enum quoting quoting)
{
    for (;;) {
        size_t end = end_of_quote(lx, pos, '\'', quoting);
        if (end == 0)
            return 0;
        pos = continuation(lx, end);
        if (pos == 0)
            return end;
    }
}

/* Length of the "$tag$" at pos, 0 where there is none. */
static size_t dollar_tag(const struct evo_lexer *lx, size_t pos)
{
    size_t p = pos + 1;
    if (is_word_start(at(lx, p)))
        while (is_word_start(at(lx, p)) || is_digit(at(lx, p)))
            p++;
    return at(lx, p) == '$' ? p + 1 - pos : 0;
}

static size_t end_of_dollar_quote(const struct evo_lexer *lx, size_t open, size_t tag)
{
    size_t body = open + tag;
    const char *end = memmem(lx->text + body, lx->n - body, lx->text + open, tag);
    return end ? (size_t)(end - lx->text) + tag : 0;
}

static size_t skip_digits(const struct evo_lexer *lx, size_t pos)
{
    while (is_digit(at(lx, pos)))
        pos++;
    return pos;
}

/* 1, 1.5, .5, 1., 1e-5. Letters behind it (0xff, 1_000 of PostgreSQL 16) become a word: nothing ends differently. */
static size_t end_of_number(const struct evo_lexer *lx, size_t pos)
{
    pos = skip_digits(lx, pos);
    if (at(lx, pos) == '.' && at(lx, pos + 1) != '.')
        pos = skip_digits(lx, pos + 1);
    if (at(lx, pos) != 'e' && at(lx, pos) != 'E')
        return pos;
    size_t sign = at(lx, pos + 1) == '+' || at(lx, pos + 1) == '-';
    return is_digit(at(lx, pos + 1 + sign)) ? skip_digits(lx, pos + 1 + sign) : pos;
}

struct span {
    enum evo_lex_kind kind;
    size_t end; /* 0: open */
    const char *what;
};

static struct span quoted(enum evo_lex_kind kind, size_t end, const char *what)
{
    return (struct span){ kind, end, what };
}

/* A word, or what a word of one letter opens: E'', B'', U&"" ... */
static struct span scan_word(const struct evo_lexer *lx, size_t start)
{
    size_t end = start + 1;
    while (end < lx->n && is_word(lx->text[end]))
        end++;
    char next = at(lx, end);
    if (end == start + 1) {
        char c = lx->text[start] | 0x20;
        if (next == '\'' && c == 'e')
            return quoted(EVO_LEX_STRING, end_of_string(lx, end + 1, ESCAPED), "quoted string");
        if (next == '\'' && (c == 'b' || c == 'x'))
            return quoted(EVO_LEX_STRING, end_of_string(lx, end + 1, BITS), "quoted string");
        if (next == '&' && c == 'u' && at(lx, end + 1) == '\'')
            return quoted(EVO_LEX_STRING, end_of_string(lx, end + 2, DOUBLED), "quoted string");
        if (next == '&' && c == 'u' && at(lx, end + 1) == '"')
            return quoted(EVO_LEX_IDENTIFIER, end_of_quote(lx, end + 2, '"', DOUBLED), "quoted identifier");
    }
    return (struct span){ EVO_LEX_WORD, end, NULL };
}

static struct span scan(const struct evo_lexer *lx, size_t start)
{
    char c = lx->text[start], next = at(lx, start + 1);
    if (is_word_start(c))
        return scan_word(lx, start);
    if (c == '-' && next == '-')
        return (struct span){ EVO_LEX_COMMENT, comment_line_end(lx, start), NULL };
    if (c == '/' && next == '*')
        return quoted(EVO_LEX_COMMENT, end_of_block_comment(lx, start + 2), "comment");
    if (c == '\'')
        return quoted(EVO_LEX_STRING, end_of_string(lx, start + 1, DOUBLED), "quoted string");
    if (c == '"')
        return quoted(EVO_LEX_IDENTIFIER, end_of_quote(lx, start + 1, '"', DOUBLED), "quoted identifier");
    if (is_digit(c) || (c == '.' && is_digit(next)))
        return (struct span){ EVO_LEX_NUMBER, end_of_number(lx, start), NULL };
    if (c == '$' && is_digit(next))
        return (struct span){ EVO_LEX_NUMBER, skip_digits(lx, start + 1), NULL };
    if (c == '$') {
        size_t tag = dollar_tag(lx, start);
        if (tag > 0)
            return quoted(EVO_LEX_STRING, end_of_dollar_quote(lx, start, tag), "dollar-quoted string");
    }
    if (c == '\\')
        return (struct span){ EVO_LEX_BACKSLASH, start + 1, NULL };
    return (struct span){ EVO_LEX_PUNCTUATION, start + 1, NULL };
}

struct evo_lex_token evo_lexer_next(struct evo_lexer *lx)
{
    size_t start = lx->pos;
    while (start < lx->n && is_space(lx->text[start]))
        start++;
    evo_lexer_skip_to(lx, start);
    struct evo_lex_token token = { .kind = EVO_LEX_END, .start = start, .line = lx->line };
    if (start == lx->n)
        return token;
    struct span span = scan(lx, start);
    if (span.end == 0 || span.end > lx->n) {
        token.kind = EVO_LEX_OPEN;
        token.what = span.what;
        token.len = lx->n - start;
        evo_lexer_skip_to(lx, lx->n);
        return token;
    }
    token.kind = span.kind;
    token.len = span.end - start;
    evo_lexer_skip_to(lx, span.end);
    return token;
}

bool evo_lex_is(const struct evo_lexer *lx, const struct evo_lex_token *token, const char *word)
{
    if (token->kind != EVO_LEX_WORD)
        return false;
    const char *s = lx->text + token->start;
    for (size_t i = 0; i < token->len; i++) {
        char c = s[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (word[i] == '\0' || c != word[i])
            return false;
    }
    return word[token->len] == '\0';
}

bool evo_lex_is_char(const struct evo_lexer *lx, const struct evo_lex_token *token, char c)
{
    return token->kind == EVO_LEX_PUNCTUATION && lx->text[token->start] == c;
}
