#include "layout/python.h"

#include <ctype.h>

#include "base/banned.h"
#include "base/strbuf.h"

void evo_py_value_release(struct evo_py_value *v)
{
    if (!v)
        return;
    evo_strvec_release(&v->strings);
    *v = (struct evo_py_value){ 0 };
}

void evo_py_tokens_release(struct evo_py_tokens *t)
{
    if (!t)
        return;
    free(t->items);
    *t = (struct evo_py_tokens){ 0 };
}

bool evo_py_is_name(const struct evo_py_token *t, const char *name)
{
    return t->kind == EVO_PY_NAME && t->len == strlen(name) && memcmp(t->start, name, t->len) == 0;
}

bool evo_py_is_operator(const struct evo_py_token *t, const char *text)
{
    return t->kind == EVO_PY_OPERATOR && t->len == strlen(text) && memcmp(t->start, text, t->len) == 0;
}

/* ---- tokens ---------------------------------------------------------------------- */

struct lexer {
    const char *p, *end, *line_start; /* of the physical line */
    const char *path;
    int line, depth;
    bool fresh; /* no token of this logical line yet */
    struct evo_py_tokens *tokens;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static void add(struct lexer *l, enum evo_py_token_kind kind, const char *start, int line)
{
    struct evo_py_tokens *t = l->tokens;
    EVO_GROW(t->items, t->count, t->alloc);
    t->items[t->count++] = (struct evo_py_token){ .kind = kind,
                                                  .start = start,
                                                  .len = (size_t)(l->p - start),
                                                  .line = line,
                                                  .depth = l->depth,
                                                  .first = l->fresh,
                                                  .indent = (size_t)(start - l->line_start) };
    l->fresh = kind == EVO_PY_NEWLINE;
}

static enum evo_errc refuse(const struct lexer *l, int line, const char *why, struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_CONFIG, "cannot read \"%s\": %s", l->path, why);
    return evo_error_at(err, l->path, line);
}

/* Length of a line end at p: LF, CRLF or CR; 0: none. */
static size_t line_end(const struct lexer *l, const char *p)
{
    if (p == l->end || (*p != '\n' && *p != '\r'))
        return 0;
    return *p == '\r' && p + 1 < l->end && p[1] == '\n' ? 2 : 1;
}

static void pass_line_end(struct lexer *l, size_t n)
{
    l->p += n;
    l->line++;
    l->line_start = l->p;
}

/* Bytes of the prefix where a string literal begins at p ("rb'" has two); -1: none does. */
static int prefix_of(const struct lexer *l, const char *p)
{
    int n = 0;
    while (n < 3 && p + n < l->end && p[n] && strchr("rRbBuUfFtT", p[n]))
        n++;
    return p + n < l->end && (p[n] == '\'' || p[n] == '"') ? n : -1;
}

static enum evo_errc lex_string(struct lexer *l, int prefix, struct evo_error *err)
{
    const char *start = l->p;
    int line = l->line;
    const char *line_start = l->line_start;
    l->p += prefix;
    char quote = *l->p;
    size_t quotes = l->end - l->p >= 3 && l->p[1] == quote && l->p[2] == quote ? 3 : 1;
    l->p += quotes;
    for (;;) {
        if (l->p == l->end)
            return refuse(l, line, "a string is not closed", err);
        size_t newline = line_end(l, l->p);
        if (newline && quotes == 1)
            return refuse(l, line, "a string is not closed on its line", err);
        if (newline) {
            pass_line_end(l, newline);
        } else if (*l->p == '\\') {
            l->p++;
            newline = line_end(l, l->p);
            if (newline)
                pass_line_end(l, newline);
            else if (l->p < l->end)
                l->p++;
        } else if (*l->p == quote &&
                   (quotes == 1 || (l->end - l->p >= 3 && l->p[1] == quote && l->p[2] == quote))) {
            break;
        } else {
            l->p++;
        }
    }
    l->p += quotes;
    const char *now = l->line_start;
    l->line_start = line_start;
    add(l, EVO_PY_TEXT, start, line);
    l->line_start = now;
    return EVO_OK;
}

static enum evo_errc lex_operator(struct lexer *l, struct evo_error *err)
{
    const char *start = l->p;
    char c = *l->p++;
    if (l->p < l->end && *l->p == '=' && strchr(":=!<>+-*/%&|^@", c))
        l->p++;
    bool opens = strchr("([{", c) != NULL, closes = strchr(")]}", c) != NULL;
    if (closes && l->depth == 0)
        return refuse(l, l->line, "a bracket is closed that was not opened", err);
    l->depth -= closes;
    add(l, EVO_PY_OPERATOR, start, l->line);
    l->depth += opens;
    return EVO_OK;
}

static enum evo_errc lex_one(struct lexer *l, struct evo_error *err)
{
    size_t newline = line_end(l, l->p);
    int prefix = prefix_of(l, l->p);
    if (*l->p == '\0')
        return refuse(l, l->line, "it holds a NUL byte", err);
    if (newline) {
        const char *start = l->p;
        if (!l->fresh && l->depth == 0)
            add(l, EVO_PY_NEWLINE, start, l->line);
        pass_line_end(l, newline);
    } else if (*l->p == '\\' && line_end(l, l->p + 1)) {
        const char *indented = l->line_start; /* the logical line goes on */
        l->p++;
        pass_line_end(l, line_end(l, l->p));
        if (l->fresh)
            l->line_start = indented;
    } else if (*l->p == '#') {
        while (l->p < l->end && !line_end(l, l->p))
            l->p++;
    } else if (strchr(" \t\f", *l->p)) {
        l->p++;
    } else if (prefix >= 0) {
        return lex_string(l, prefix, err);
    } else if (is_word(*l->p)) {
        const char *start = l->p;
        while (l->p < l->end && is_word(*l->p))
            l->p++;
        add(l, EVO_PY_NAME, start, l->line);
    } else {
        return lex_operator(l, err);
    }
    return EVO_OK;
}

enum evo_errc evo_py_tokens_of(const char *text, size_t n, const char *path, struct evo_py_tokens *ret,
                               struct evo_error *err)
{
    EVO_AUTO(py_tokens) tokens = { 0 };
    size_t bom = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    struct lexer l = { .p = text + bom,
                       .end = text + n,
                       .line_start = text + bom,
                       .path = path,
                       .line = 1,
                       .fresh = true,
                       .tokens = &tokens };
    while (l.p < l.end) {
        enum evo_errc rc = lex_one(&l, err);
        if (rc)
            return rc;
    }
    if (l.depth)
        return refuse(&l, l.line, "a bracket is not closed", err);
    if (!l.fresh)
        add(&l, EVO_PY_NEWLINE, l.p, l.line);
    add(&l, EVO_PY_END, l.p, l.line);
    *ret = tokens;
    tokens = (struct evo_py_tokens){ 0 };
    return EVO_OK;
}

/* ---- values ---------------------------------------------------------------------- */

bool evo_py_text(const struct evo_py_token *t, struct evo_strbuf *out)
{
    const char *p = t->start, *end = t->start + t->len;
    bool raw = false;
    for (; *p != '\'' && *p != '"'; p++) {
        if (!strchr("rRuU", *p))
            return false;
        raw |= *p == 'r' || *p == 'R';
    }
    size_t quotes = end - p >= 6 && p[1] == *p && p[2] == *p ? 3 : 1;
    for (p += quotes, end -= quotes; p < end; p++) {
        if (*p != '\\' || raw) {
            evo_strbuf_addch(out, *p);
            continue;
        }
        p++;
        if (*p == '\r' && p + 1 < end && p[1] == '\n')
            p++;
        if (*p == '\\' || *p == '\'' || *p == '"')
            evo_strbuf_addch(out, *p);
        else if (*p != '\n' && *p != '\r')
            return false;
    }
    return true;
}

/* One or more string literals side by side. False: none, or one that cannot be read. *i is behind them then. */
static bool read_pieces(const struct evo_py_tokens *t, size_t *i, struct evo_strvec *into)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    size_t from = *i;
    for (; t->items[*i].kind == EVO_PY_TEXT; ++*i)
        if (!evo_py_text(&t->items[*i], &text))
            return false;
    if (*i == from)
        return false;
    evo_strvec_push(into, text.buf);
    return true;
}

static bool is_closing(const struct evo_py_token *t)
{
    return evo_py_is_operator(t, ")") || evo_py_is_operator(t, "]") || evo_py_is_operator(t, "}");
}

static bool is_opening(const struct evo_py_token *t)
{
    return evo_py_is_operator(t, "(") || evo_py_is_operator(t, "[") || evo_py_is_operator(t, "{");
}

/* "a", "b", … up to a closing bracket or the line's end. *commas counts them. False: something else is among them. */
static bool read_items(const struct evo_py_tokens *t, size_t *i, struct evo_strvec *into, size_t *commas)
{
    while (t->items[*i].kind == EVO_PY_TEXT) {
        if (!read_pieces(t, i, into))
            return false;
        if (!evo_py_is_operator(&t->items[*i], ","))
            return true;
        ++*commas;
        ++*i;
    }
    return true;
}

static enum evo_py_kind read_value(const struct evo_py_tokens *t, size_t *i, struct evo_strvec *into,
                                   bool bare)
{
    size_t commas = 0;
    if (evo_py_is_name(&t->items[*i], "None")) {
        ++*i;
        return EVO_PY_NONE;
    }
    if (!is_opening(&t->items[*i])) {
        bool read = bare ? read_items(t, i, into, &commas) : read_pieces(t, i, into);
        return !read || !into->count ? EVO_PY_COMPUTED : commas ? EVO_PY_LIST : EVO_PY_STRING;
    }
    bool round = *t->items[*i].start == '(', curly = *t->items[*i].start == '{';
    ++*i;
    if (round && (is_opening(&t->items[*i]) || evo_py_is_name(&t->items[*i], "None"))) {
        enum evo_py_kind inner = read_value(t, i, into, true);
        bool closed = evo_py_is_operator(&t->items[*i], ")");
        *i += closed;
        return closed ? inner : EVO_PY_COMPUTED;
    }
    if (!read_items(t, i, into, &commas) || !is_closing(&t->items[*i]))
        return EVO_PY_COMPUTED;
    ++*i;
    if (curly && !into->count)
        return EVO_PY_COMPUTED; /* an empty dictionary */
    return round && into->count == 1 && !commas ? EVO_PY_STRING : EVO_PY_LIST;
}

void evo_py_value_at(const struct evo_py_tokens *t, size_t i, struct evo_py_value *ret, size_t *ret_next)
{
    struct evo_py_value v = { .line = t->items[i].line };
    int depth = t->items[i].depth;
    v.kind = read_value(t, &i, &v.strings, depth == 0);
    const struct evo_py_token *next = &t->items[i];
    bool ends =
        depth == 0 ? next->kind == EVO_PY_NEWLINE || next->kind == EVO_PY_END || evo_py_is_operator(next, ";")
                   : evo_py_is_operator(next, ",") || is_closing(next);
    if (v.kind == EVO_PY_COMPUTED || !ends) {
        evo_strvec_release(&v.strings);
        v.kind = EVO_PY_COMPUTED;
    }
    if (ret_next)
        *ret_next = i;
    *ret = v;
}

/* ---- variables of the module ----------------------------------------------------- */

/* A statement of several lines at the module's level opens one of these: in the first kind names are its own. */
enum block { BLOCK_MODULE, BLOCK_OWN_NAMES };

static enum block block_of(const struct evo_py_token *first)
{
    static const char *const own[] = { "def", "class", "async" };
    if (evo_py_is_operator(first, "@"))
        return BLOCK_OWN_NAMES;
    for (size_t i = 0; i < EVO_COUNT(own); i++)
        if (evo_py_is_name(first, own[i]))
            return BLOCK_OWN_NAMES;
    return BLOCK_MODULE;
}

/* What stands behind its ":" on the same line is run, or is not. */
static bool is_compound(const struct evo_py_token *first)
{
    static const char *const words[] = { "if",  "elif",   "else",    "for",   "while", "with",
                                         "try", "except", "finally", "match", "case" };
    for (size_t i = 0; i < EVO_COUNT(words); i++)
        if (evo_py_is_name(first, words[i]))
            return true;
    return false;
}

static bool ends_statement(const struct evo_py_token *t)
{
    return t->kind == EVO_PY_NEWLINE || t->kind == EVO_PY_END ||
           (evo_py_is_operator(t, ";") && t->depth == 0);
}

/* The statement [from, to) binds the name in a way that is no plain assignment. */
static bool binds_otherwise(const struct evo_py_tokens *t, size_t from, size_t to, const char *name)
{
    const struct evo_py_token *first = &t->items[from];
    bool imports = evo_py_is_name(first, "import") || evo_py_is_name(first, "from");
    for (size_t i = from; i < to; i++) {
        if (!evo_py_is_name(&t->items[i], name) || (i > from && evo_py_is_operator(&t->items[i - 1], ".")))
            continue;
        const struct evo_py_token *next = &t->items[i + 1];
        if (imports && i > from + (evo_py_is_name(first, "from") ? 1 : 0))
            return true;
        if (evo_py_is_operator(next, ":=") || (i > from && evo_py_is_name(&t->items[i - 1], "as")))
            return true;
        if (t->items[i].depth > 0 || !next->len)
            continue;
        /* "=", "+=" and the like; "a, revision = …" */
        bool assigned = next->kind == EVO_PY_OPERATOR && next->start[next->len - 1] == '=' &&
                        !evo_py_is_operator(next, "==") && !evo_py_is_operator(next, "!=") &&
                        !evo_py_is_operator(next, "<=") && !evo_py_is_operator(next, ">=");
        if (assigned)
            return true;
        if (evo_py_is_operator(next, ",") || (i > from && evo_py_is_operator(&t->items[i - 1], ",")))
            for (size_t j = i; j < to; j++)
                if (evo_py_is_operator(&t->items[j], "=") && t->items[j].depth == 0)
                    return true;
    }
    return evo_py_is_name(first, "for") && to > from + 1 && evo_py_is_name(&t->items[from + 1], name);
}

/* The statement [from, to) of the module: an assignment to the name? */
static void read_statement(const struct evo_py_tokens *t, size_t from, size_t to, const char *name,
                           bool conditional, struct evo_py_value *ret)
{
    const struct evo_py_token *first = &t->items[from];
    size_t at = from + 1;
    if (evo_py_is_name(first, name) && evo_py_is_operator(&t->items[at], ":")) {
        while (at < to && !(evo_py_is_operator(&t->items[at], "=") && t->items[at].depth == 0))
            at++;
        if (at == to)
            return; /* declared, and given no value */
    }
    bool plain = evo_py_is_name(first, name) && evo_py_is_operator(&t->items[at], "=");
    if (!plain && !binds_otherwise(t, from, to, name))
        return;
    struct evo_py_value v = { .kind = EVO_PY_COMPUTED, .line = first->line };
    if (plain && !conditional)
        evo_py_value_at(t, at + 1, &v, NULL);
    evo_py_value_release(ret);
    *ret = v;
}

void evo_py_variable(const struct evo_py_tokens *t, const char *name, struct evo_py_value *ret)
{
    EVO_AUTO(py_value) found = { 0 };
    enum block block = BLOCK_MODULE;
    bool conditional = false; /* of this line */
    for (size_t i = 0; t->items[i].kind != EVO_PY_END;) {
        size_t to = i;
        while (!ends_statement(&t->items[to]))
            to++;
        const struct evo_py_token *first = &t->items[i];
        if (first->first) {
            conditional = first->indent > 0 || is_compound(first);
            if (first->indent == 0)
                block = block_of(first);
        }
        if (to > i && block == BLOCK_MODULE)
            read_statement(t, i, to, name, conditional, &found);
        i = to + (t->items[to].kind != EVO_PY_END);
    }
    *ret = found;
    found = (struct evo_py_value){ 0 };
}
