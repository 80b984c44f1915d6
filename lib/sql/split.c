#include "sql/split.h"

#include <string.h>

#include "sql/classify.h"
#include "sql/lex.h"
#include "sql/tree.h"

/* A statement is classified by its first tokens and those outside parentheses. */
enum { NESTED_TOKENS_MAX = 256, OUTER_TOKENS_MAX = 4096 };

/* What is known while a statement is read. */
struct cutter {
    struct evo_lexer lx;
    const char *file;
    struct evo_sql_script *script;
    struct evo_sql_tokens tokens; /* of the statement that is open; none: between statements */
    struct evo_lex_token last; /* its newest token */
    size_t parentheses; /* that are open */
    size_t atomic; /* BEGIN ATOMIC bodies that are open */
    bool routine; /* CREATE [OR REPLACE] FUNCTION or PROCEDURE */
    size_t first_comment; /* of those above the statement */
    int ended_on_line; /* where the statement before ended */
};

static enum evo_errc refuse(const struct cutter *c, int line, struct evo_error *err, const char *message)
{
    evo_error_set(err, EVO_ERR_MIGRATION_FAILED, "%s", message);
    return evo_error_at(err, c->file, line);
}

static void note_comment(struct cutter *c, const struct evo_lex_token *token)
{
    struct evo_sql_script *s = c->script;
    bool between = c->tokens.count == 0;
    bool behind = between && s->count > 0 && token->line == c->ended_on_line;
    EVO_GROW(s->comments, s->ncomments, s->comments_alloc);
    s->comments[s->ncomments++] = (struct evo_sql_comment){
        .start = token->start,
        .len = token->len,
        .line = token->line,
        .above = between && !behind ? s->count : EVO_SQL_NOWHERE,
    };
}

static size_t comments_above(const struct cutter *c, size_t start)
{
    for (size_t i = c->first_comment; i < c->script->ncomments; i++)
        if (c->script->comments[i].above == c->script->count)
            return c->script->comments[i].start;
    return start;
}

/* The lines of data behind COPY … FROM STDIN, up to the line "\.". */
static enum evo_errc cut_data(struct cutter *c, struct evo_sql_statement *statement, struct evo_error *err)
{
    struct evo_lexer *lx = &c->lx;
    size_t begin = evo_lexer_line_end(lx, lx->pos);
    for (size_t i = lx->pos; i < begin; i++)
        if (!strchr(" \t\r\n", lx->text[i]))
            return refuse(c, statement->line, err,
                          "cannot read what stands behind COPY ... FROM STDIN on the same line");
    for (size_t line = begin; line < lx->n;) {
        size_t next = evo_lexer_line_end(lx, line);
        size_t len = next - line;
        while (len > 0 && (lx->text[line + len - 1] == '\n' || lx->text[line + len - 1] == '\r'))
            len--;
        if (len == 2 && memcmp(lx->text + line, "\\.", 2) == 0) {
            statement->data_start = begin;
            statement->data_len = line - begin;
            evo_lexer_skip_to(lx, next);
            return EVO_OK;
        }
        line = next;
    }
    refuse(c, statement->line, err, "the data behind COPY ... FROM STDIN has no end");
    return evo_error_detail(err, "A line that holds only \"\\.\" ends it. Is the file complete?");
}

static void note_kind(struct evo_sql_script *s, enum evo_sql_kind kind)
{
    s->has_transaction_control |= kind == EVO_SQL_TRANSACTION;
    s->has_no_transaction |= kind == EVO_SQL_NO_TRANSACTION;
    s->has_copy |= kind == EVO_SQL_COPY_STDIN;
}

/* At a semicolon outside everything, or at the end of the text. */
static enum evo_errc end_statement(struct cutter *c, struct evo_error *err)
{
    struct evo_sql_script *s = c->script;
    c->ended_on_line = c->lx.line;
    if (c->tokens.count == 0)
        return EVO_OK;
    size_t start = c->tokens.items[0].start;
    struct evo_sql_class class = evo_sql_classify(&c->tokens);
    struct evo_sql_statement statement = {
        .start = start,
        .len = c->last.start + c->last.len - start,
        .line = c->tokens.items[0].line,
        .kind = class.kind,
        .concurrent_index = class.concurrent_index,
        .comment_start = comments_above(c, start),
    };
    if (statement.kind == EVO_SQL_COPY_STDIN) {
        enum evo_errc rc = cut_data(c, &statement, err);
        if (rc)
            return rc;
    }
    note_kind(s, statement.kind);
    EVO_GROW(s->items, s->count, s->alloc);
    s->items[s->count++] = statement;
    c->tokens.count = 0;
    c->parentheses = c->atomic = 0;
    c->routine = false;
    c->first_comment = s->ncomments;
    return EVO_OK;
}

/* BEGIN ATOMIC opens a body. The END that closes it stands behind a semicolon or an empty body; that of a CASE never
 * does. */
static void follow_body(struct cutter *c, const struct evo_lex_token *token)
{
    const struct evo_lexer *lx = &c->lx;
    if (!c->routine && c->tokens.count <= 4)
        c->routine = evo_sql_match(&c->tokens, 0, "CREATE [OR] [REPLACE] FUNCTION|PROCEDURE") > 0;
    if (!c->routine || c->parentheses > 0)
        return;
    if (evo_lex_is(lx, token, "ATOMIC") && evo_lex_is(lx, &c->last, "BEGIN"))
        c->atomic++;
    else if (c->atomic > 0 && evo_lex_is(lx, token, "END") &&
             (evo_lex_is_char(lx, &c->last, ';') || evo_lex_is(lx, &c->last, "ATOMIC")))
        c->atomic--;
}

static void add_token(struct cutter *c, const struct evo_lex_token *token)
{
    if (evo_lex_is_char(&c->lx, token, '('))
        c->parentheses++;
    else if (evo_lex_is_char(&c->lx, token, ')') && c->parentheses > 0)
        c->parentheses--;
    size_t max = c->parentheses == 0 ? OUTER_TOKENS_MAX : NESTED_TOKENS_MAX;
    if (c->tokens.count < max) {
        EVO_GROW(c->tokens.items, c->tokens.count, c->tokens.alloc);
        c->tokens.items[c->tokens.count++] = *token;
    }
    follow_body(c, token);
    c->last = *token;
}

/* psql's. \restrict KEY and \unrestrict KEY stand around what pg_dump writes; a lone \. is the end of data that is
 * not there. */
static enum evo_errc take_backslash(struct cutter *c, const struct evo_lex_token *token,
                                    struct evo_error *err)
{
    const struct evo_lexer *lx = &c->lx;
    size_t end = token->start + 1;
    while (end < lx->n && !strchr(" \t\r\n\f\v;'\"", lx->text[end]))
        end++;
    EVO_AUTO_STR command =
        evo_strndup(lx->text + token->start, end - token->start < 60 ? end - token->start : 60);
    bool known =
        evo_streq(command, "\\restrict") || evo_streq(command, "\\unrestrict") || evo_streq(command, "\\.");
    if (!known || c->tokens.count > 0) {
        evo_error_set(err, EVO_ERR_MIGRATION_FAILED, "cannot run psql's command \"%s\"", command);
        evo_error_detail(err, "Commands with a backslash are psql's own; the server does not know them.");
        return evo_error_at(err, c->file, token->line);
    }
    c->script->has_backslash = true;
    evo_lexer_skip_to(&c->lx, evo_lexer_line_end(lx, token->start));
    return EVO_OK;
}

static enum evo_errc refuse_open(const struct cutter *c, const struct evo_lex_token *token,
                                 struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_MIGRATION_FAILED, "the %s that begins here has no end", token->what);
    return evo_error_at(err, c->file, token->line);
}

static enum evo_errc cut(struct cutter *c, struct evo_error *err)
{
    for (;;) {
        struct evo_lex_token token = evo_lexer_next(&c->lx);
        enum evo_errc rc = EVO_OK;
        if (token.kind == EVO_LEX_END)
            return end_statement(c, err);
        if (token.kind == EVO_LEX_OPEN)
            rc = refuse_open(c, &token, err);
        else if (token.kind == EVO_LEX_COMMENT)
            note_comment(c, &token);
        else if (token.kind == EVO_LEX_BACKSLASH)
            rc = take_backslash(c, &token, err);
        else if (evo_lex_is_char(&c->lx, &token, ';') && c->parentheses == 0 && c->atomic == 0)
            rc = end_statement(c, err);
        else
            add_token(c, &token);
        if (rc)
            return rc;
    }
}

/* Comments behind the last statement stand above none. */
static void settle_comments(struct evo_sql_script *s)
{
    for (size_t i = s->ncomments; i > 0 && s->comments[i - 1].above == s->count; i--)
        s->comments[i - 1].above = EVO_SQL_NOWHERE;
}

/* One parse of the whole where the text is all SQL and all known, which is the rule; else one a statement. */
static void note_understood(struct evo_sql_script *s, const char *text, size_t from, size_t n)
{
    bool whole = !s->has_copy && !s->has_backslash && evo_sql_parses(text + from, n - from);
    for (size_t i = 0; i < s->count; i++)
        s->items[i].understood = whole || evo_sql_parses(text + s->items[i].start, s->items[i].len);
}

enum evo_errc evo_sql_split(const char *text, size_t n, const char *file, struct evo_sql_script *ret,
                            struct evo_error *err)
{
    EVO_AUTO(sql_script) script = { 0 };
    struct cutter c = { .file = file, .script = &script };
    evo_lexer_init(&c.lx, text, n);
    c.tokens.lexer = c.lx;
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        c.lx.pos = 3;
    size_t from = c.lx.pos;
    const char *nul = n > 0 ? memchr(text, '\0', n) : NULL;
    if (nul) {
        evo_lexer_skip_to(&c.lx, (size_t)(nul - text));
        return refuse(&c, c.lx.line, err, "the file holds a NUL byte: it is no SQL text in UTF-8");
    }
    enum evo_errc rc = cut(&c, err);
    evo_sql_tokens_release(&c.tokens);
    if (rc)
        return rc;
    settle_comments(&script);
    note_understood(&script, text, from, n);
    *ret = script;
    script = (struct evo_sql_script){ 0 };
    return EVO_OK;
}

void evo_sql_script_release(struct evo_sql_script *s)
{
    free(s->items);
    free(s->comments);
    *s = (struct evo_sql_script){ 0 };
}
