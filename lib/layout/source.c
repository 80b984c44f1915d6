#include "layout/source.h"

#include <ctype.h>
#include <strings.h>

#include "base/banned.h"
#include "base/strbuf.h"

/* Templates within templates. */
#define NESTING_MAX 64

struct lexer {
    enum evo_source language;
    const char *p, *end;
    const char *path;
    int line, token_line; /* of p; of the token before it */
    int nesting;
    bool in_code; /* PHP: behind <?php */
    bool value_before; /* JS: what stands before may be divided */
};

void evo_tokens_release(struct evo_tokens *t)
{
    if (!t)
        return;
    free(t->items);
    *t = (struct evo_tokens){ 0 };
}

bool evo_token_is(const struct evo_token *t, const char *text)
{
    return (t->kind == EVO_TOKEN_WORD || t->kind == EVO_TOKEN_PUNCT) && strlen(text) == t->len &&
           memcmp(t->text, text, t->len) == 0;
}

bool evo_token_is_nocase(const struct evo_token *t, const char *text)
{
    return t->kind == EVO_TOKEN_WORD && strlen(text) == t->len && strncasecmp(t->text, text, t->len) == 0;
}

char *evo_token_text(const struct evo_token *t)
{
    return evo_strndup(t->text, t->len);
}

static enum evo_errc refuse(const struct lexer *lx, int line, const char *what, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "cannot read \"%s\": %s", lx->path, what);
    return evo_error_at(err, lx->path, line);
}

static bool looking_at(const struct lexer *lx, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(lx->end - lx->p) >= n && memcmp(lx->p, text, n) == 0;
}

/* Moves on by n bytes, counting lines. */
static void advance(struct lexer *lx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lx->line += lx->p[i] == '\n';
    lx->p += n;
}

static void skip_line(struct lexer *lx)
{
    while (lx->p < lx->end && *lx->p != '\n') {
        /* PHP: a line comment ends where the code does. */
        if (lx->language == EVO_SOURCE_PHP && looking_at(lx, "?>"))
            return;
        lx->p++;
    }
}

/* Blanks and comments. */
static enum evo_errc skip_space(struct lexer *lx, struct evo_error *err)
{
    while (lx->p < lx->end) {
        int line = lx->line;
        if (isspace((unsigned char)*lx->p) || looking_at(lx, "\xef\xbb\xbf")) {
            advance(lx, *lx->p == '\xef' ? 3 : 1);
        } else if (looking_at(lx, "//")) {
            skip_line(lx);
        } else if (lx->language == EVO_SOURCE_PHP && *lx->p == '#' && !looking_at(lx, "#[")) {
            skip_line(lx);
        } else if (looking_at(lx, "/*")) {
            const char *stop = memmem(lx->p + 2, (size_t)(lx->end - lx->p) - 2, "*/", 2);
            if (!stop)
                return refuse(lx, line, "a comment has no end", err);
            advance(lx, (size_t)(stop + 2 - lx->p));
        } else {
            break;
        }
    }
    return EVO_OK;
}

static bool is_word_start(const struct lexer *lx, char c)
{
    if (isalpha((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80)
        return true;
    return lx->language == EVO_SOURCE_PHP ? c == '\\' : c == '#' || c == '@';
}

static bool is_word(const struct lexer *lx, char c)
{
    return isdigit((unsigned char)c) || (is_word_start(lx, c) && c != '#' && c != '@');
}

/* Behind such a word an expression begins, so that a slash begins a regular expression. */
static bool begins_expression(const struct evo_token *t)
{
    static const char *const words[] = { "return", "typeof", "case",   "in",      "of",     "delete",
                                         "void",   "throw",  "new",    "do",      "else",   "instanceof",
                                         "await",  "yield",  "export", "default", "extends" };
    for (size_t i = 0; i < EVO_COUNT(words); i++)
        if (evo_token_is(t, words[i]))
            return true;
    return false;
}

static void read_word(struct lexer *lx, struct evo_token *t)
{
    t->kind = EVO_TOKEN_WORD;
    lx->p++;
    while (lx->p < lx->end && is_word(lx, *lx->p))
        lx->p++;
    t->len = (size_t)(lx->p - t->text);
    lx->value_before = !begins_expression(t);
}

static void read_number(struct lexer *lx, struct evo_token *t)
{
    t->kind = EVO_TOKEN_OTHER;
    while (lx->p < lx->end && (isalnum((unsigned char)*lx->p) || *lx->p == '_' || *lx->p == '.'))
        lx->p++;
    lx->value_before = true;
}

/* '…' and "…"; JavaScript's end with the line at the latest. */
static enum evo_errc read_string(struct lexer *lx, struct evo_token *t, struct evo_error *err)
{
    char quote = *lx->p++;
    bool php = lx->language == EVO_SOURCE_PHP;
    t->kind = EVO_TOKEN_STRING;
    t->text = lx->p;
    t->plain = true;
    while (lx->p < lx->end && *lx->p != quote) {
        if (*lx->p == '\\') {
            t->plain = false;
            if (lx->p + 1 < lx->end)
                advance(lx, 1);
        } else if (*lx->p == '\n' && !php) {
            break;
        } else if (php && quote == '"' && (*lx->p == '$' || *lx->p == '{')) {
            t->plain = false;
        }
        advance(lx, 1);
    }
    if (lx->p == lx->end || *lx->p != quote)
        return refuse(lx, t->line, "a string has no end", err);
    t->len = (size_t)(lx->p - t->text);
    lx->p++;
    lx->value_before = true;
    return EVO_OK;
}

static enum evo_errc next_token(struct lexer *lx, struct evo_token *t, struct evo_error *err);

/* The code in a template's ${…}, from behind its brace to behind the other one. */
static enum evo_errc skip_code(struct lexer *lx, int line, struct evo_error *err)
{
    struct evo_token t;
    lx->value_before = false;
    for (int open = 1; open;) {
        enum evo_errc rc = next_token(lx, &t, err);
        if (rc)
            return rc;
        if (t.kind == EVO_TOKEN_END)
            return refuse(lx, line, "a template has no end", err);
        open += evo_token_is(&t, "{");
        open -= evo_token_is(&t, "}");
    }
    return EVO_OK;
}

static enum evo_errc read_template(struct lexer *lx, struct evo_token *t, struct evo_error *err)
{
    int line = lx->line;
    if (lx->nesting == NESTING_MAX)
        return refuse(lx, line, "its templates are nested too deeply", err);
    lx->nesting++;
    lx->p++;
    t->kind = EVO_TOKEN_STRING;
    t->text = lx->p;
    t->plain = true;
    while (lx->p < lx->end && *lx->p != '`') {
        if (looking_at(lx, "${")) {
            t->plain = false;
            lx->p += 2;
            enum evo_errc rc = skip_code(lx, line, err);
            if (rc)
                return rc;
            continue;
        }
        if (*lx->p == '\\') {
            t->plain = false;
            if (lx->p + 1 < lx->end)
                advance(lx, 1);
        }
        advance(lx, 1);
    }
    if (lx->p == lx->end)
        return refuse(lx, line, "a template has no end", err);
    t->len = (size_t)(lx->p - t->text);
    lx->p++;
    lx->nesting--;
    lx->value_before = true;
    return EVO_OK;
}

/* False where the slash is no regular expression after all: it has no end on its line. */
static bool read_regex(struct lexer *lx, struct evo_token *t)
{
    bool in_class = false;
    for (const char *q = lx->p + 1; q < lx->end && *q != '\n'; q++) {
        if (*q == '\\' && q + 1 < lx->end)
            q++;
        else if (*q == '[')
            in_class = true;
        else if (*q == ']')
            in_class = false;
        else if (*q == '/' && !in_class) {
            lx->p = q + 1;
            while (lx->p < lx->end && isalpha((unsigned char)*lx->p))
                lx->p++;
            t->kind = EVO_TOKEN_OTHER;
            lx->value_before = true;
            return true;
        }
    }
    return false;
}

/* PHP's <<<EOT, <<<"EOT" and <<<'EOT': the closing word stands on a line of its own, indented or not. */
static enum evo_errc read_heredoc(struct lexer *lx, struct evo_token *t, struct evo_error *err)
{
    const char *q = lx->p + 3;
    while (q < lx->end && (*q == ' ' || *q == '\t'))
        q++;
    if (q < lx->end && (*q == '\'' || *q == '"'))
        q++;
    const char *word = q;
    while (q < lx->end && is_word(lx, *q) && *q != '\\')
        q++;
    size_t n = (size_t)(q - word);
    t->kind = EVO_TOKEN_OTHER;
    for (const char *line = memchr(q, '\n', (size_t)(lx->end - q)); n && line;
         line = memchr(line, '\n', (size_t)(lx->end - line))) {
        line++;
        const char *r = line;
        while (r < lx->end && (*r == ' ' || *r == '\t'))
            r++;
        if ((size_t)(lx->end - r) < n || memcmp(r, word, n) != 0 || (r + n < lx->end && is_word(lx, r[n])))
            continue;
        advance(lx, (size_t)(r + n - lx->p));
        return EVO_OK;
    }
    return refuse(lx, t->line, "a here-document has no end", err);
}

static void read_punct(struct lexer *lx, struct evo_token *t)
{
    static const char *const joined[] = { "===", "!==", "...", "?->", "**=", "==", "!=", "=>", "->",
                                          "::",  "<=",  ">=",  "&&",  "||",  "??", "?.", "+=", "-=" };
    t->kind = EVO_TOKEN_PUNCT;
    t->len = 1;
    for (size_t i = 0; i < EVO_COUNT(joined); i++) {
        if (looking_at(lx, joined[i])) {
            t->len = strlen(joined[i]);
            break;
        }
    }
    /* "i++ / 2" is rarer than "}\n/x/": a brace ends a block more often than a value. */
    lx->value_before = *lx->p == ')' || *lx->p == ']';
    lx->p += t->len;
}

/* Text outside <?php … ?> comes as one token, since it is printed. */
static bool read_outside(struct lexer *lx, struct evo_token *t)
{
    const char *open = memmem(lx->p, (size_t)(lx->end - lx->p), "<?", 2);
    size_t n = (size_t)((open ? open : lx->end) - lx->p);
    advance(lx, n);
    if (open) {
        lx->in_code = true;
        lx->p += looking_at(lx, "<?php") ? 5 : looking_at(lx, "<?=") ? 3 : 2;
    }
    t->kind = EVO_TOKEN_OTHER;
    t->len = n;
    return n > 0;
}

static enum evo_errc next_token(struct lexer *lx, struct evo_token *t, struct evo_error *err)
{
    *t = (struct evo_token){ .text = lx->p, .line = lx->line };
    if (lx->language == EVO_SOURCE_PHP && !lx->in_code && lx->p < lx->end && read_outside(lx, t))
        return EVO_OK;
    enum evo_errc rc = skip_space(lx, err);
    if (rc)
        return rc;
    *t = (struct evo_token){ .text = lx->p, .line = lx->line, .fresh = lx->line != lx->token_line };
    lx->token_line = lx->line;
    if (lx->p == lx->end)
        return EVO_OK;
    char c = *lx->p;
    bool php = lx->language == EVO_SOURCE_PHP;
    if (php && looking_at(lx, "?>")) {
        lx->in_code = false;
        lx->p += 2;
        t->kind = EVO_TOKEN_PUNCT; /* it ends a statement */
    } else if (c == '\'' || c == '"') {
        return read_string(lx, t, err);
    } else if (c == '`' && !php) {
        return read_template(lx, t, err);
    } else if (php && looking_at(lx, "<<<")) {
        rc = read_heredoc(lx, t, err);
    } else if (isdigit((unsigned char)c)) {
        read_number(lx, t);
    } else if (is_word_start(lx, c) && !(php && looking_at(lx, "#["))) {
        read_word(lx, t);
        return EVO_OK;
    } else if (php || c != '/' || lx->value_before || !read_regex(lx, t)) {
        read_punct(lx, t);
        return EVO_OK;
    }
    t->len = (size_t)(lx->p - t->text);
    return rc;
}

static char partner_of(char open)
{
    return open == '(' ? ')' : open == '[' ? ']' : '}';
}

enum evo_errc evo_tokens_of(enum evo_source language, const char *text, size_t n, const char *path,
                            struct evo_tokens *ret, struct evo_error *err)
{
    struct lexer lx = { .language = language, .p = text, .end = text + n, .path = path, .line = 1 };
    EVO_AUTO(tokens) tokens = { 0 };
    EVO_AUTO(tokens) open = { 0 }; /* brackets; `partner` is the place in tokens */
    if (language == EVO_SOURCE_JS && looking_at(&lx, "#!"))
        skip_line(&lx);
    for (;;) {
        struct evo_token t;
        enum evo_errc rc = next_token(&lx, &t, err);
        if (rc)
            return rc;
        t.partner = tokens.count;
        bool punct = t.kind == EVO_TOKEN_PUNCT && t.len == 1;
        if (punct && strchr(")]}", *t.text)) {
            const struct evo_token *o = open.count ? &open.items[open.count - 1] : NULL;
            if (!o || partner_of(*o->text) != *t.text)
                return refuse(&lx, t.line, "a bracket closes what nothing opened", err);
            t.partner = o->partner;
            tokens.items[o->partner].partner = tokens.count;
            open.count--;
        }
        t.depth = (int)open.count;
        EVO_GROW(tokens.items, tokens.count, tokens.alloc);
        tokens.items[tokens.count] = t;
        if (t.kind == EVO_TOKEN_END)
            break;
        tokens.count++;
        if (punct && strchr("([{", *t.text)) {
            EVO_GROW(open.items, open.count, open.alloc);
            open.items[open.count++] = t;
        }
    }
    if (open.count)
        return refuse(&lx, open.items[open.count - 1].line, "a bracket has no end", err);
    *ret = tokens;
    tokens = (struct evo_tokens){ 0 };
    return EVO_OK;
}
