/* evo_probe_parse and the forms of "-- evo:expect". */
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "probe/probe.h"
#include "sql/split.h"

void evo_expect_release(struct evo_expect *e)
{
    for (size_t i = 0; i < e->nvalues; i++)
        free(e->values[i]);
    free(e->values);
    free(e->column);
    free(e->value);
    *e = (struct evo_expect){ 0 };
}

static void release_probe(struct evo_probe *p)
{
    for (size_t i = 0; i < p->nexpects; i++)
        evo_expect_release(&p->expects[i]);
    free(p->expects);
    free(p->sql);
}

void evo_probe_file_release(struct evo_probe_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        release_probe(&f->items[i]);
    free(f->items);
    free(f->path);
    *f = (struct evo_probe_file){ 0 };
}

/* ---- forms ------------------------------------------------------------------ */

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

/* The n bytes of s without blanks at the end. */
static char *trimmed(const char *s, size_t n)
{
    while (n > 0 && strchr(" \t\r", s[n - 1]))
        n--;
    return evo_strndup(s, n);
}

static bool takes_nothing(const char *rest, struct evo_expect *e)
{
    (void)e;
    return *rest == '\0';
}

static bool takes_rows(const char *rest, struct evo_expect *e)
{
    if (evo_starts_with(rest, ">=")) {
        e->kind = EVO_EXPECT_ROWS_AT_LEAST;
        rest = skip_blanks(rest + 2);
    }
    return evo_parse_int64(rest, 0, INT64_MAX, &e->number);
}

/* One item of a list: a quoted one as in SQL, or up to the comma. NULL: not well-formed. *ret is NULL for null. */
static const char *take_value(const char *s, char **ret)
{
    if (*s != '\'') {
        size_t n = strcspn(s, ",");
        EVO_AUTO_STR value = trimmed(s, n);
        if (*value == '\0')
            return NULL;
        if (strcasecmp(value, "null") != 0) {
            *ret = value;
            value = NULL;
        }
        return s + n;
    }
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (s++; *s != '\0'; s++) {
        if (*s == '\'' && s[1] != '\'') {
            s = skip_blanks(s + 1);
            if (*s != ',' && *s != '\0')
                return NULL;
            *ret = evo_strbuf_detach(&out);
            return s;
        }
        s += *s == '\'';
        evo_strbuf_addch(&out, *s);
    }
    return NULL;
}

static bool takes_values(const char *rest, struct evo_expect *e)
{
    size_t alloc = 0;
    for (;;) {
        char *value = NULL;
        rest = take_value(rest, &value);
        if (!rest)
            return false;
        EVO_GROW(e->values, e->nvalues, alloc);
        e->values[e->nvalues++] = value;
        if (*rest == '\0')
            return true;
        rest = skip_blanks(rest + 1);
    }
}

static bool takes_column(const char *rest, struct evo_expect *e)
{
    bool quoted = *rest == '"';
    const char *end = quoted ? strchr(rest + 1, '"') : rest + strcspn(rest, "=");
    if (!end)
        return false;
    e->column =
        quoted ? evo_strndup(rest + 1, (size_t)(end - rest - 1)) : trimmed(rest, (size_t)(end - rest));
    rest = skip_blanks(quoted ? end + 1 : end);
    if (*e->column == '\0' || *rest != '=')
        return false;
    rest = skip_blanks(rest + 1);
    if (strcasecmp(rest, "null") != 0)
        e->value = evo_strdup(rest);
    return true;
}

static const struct {
    const char *name;
    enum evo_expect_kind kind;
    bool (*take)(const char *rest, struct evo_expect *e); /* what stands behind the name */
} forms[] = {
    { "true", EVO_EXPECT_TRUE, takes_nothing },    { "empty", EVO_EXPECT_EMPTY, takes_nothing },
    { "rows", EVO_EXPECT_ROWS, takes_rows },       { "values", EVO_EXPECT_VALUES, takes_values },
    { "column", EVO_EXPECT_COLUMN, takes_column }, { "no-error", EVO_EXPECT_NO_ERROR, takes_nothing },
};

enum evo_errc evo_expect_parse(const char *form, struct evo_expect *ret, struct evo_error *err)
{
    EVO_AUTO_STR text = trimmed(form, strlen(form));
    size_t n = strcspn(text, " \t");
    for (size_t i = 0; i < EVO_COUNT(forms); i++) {
        if (strlen(forms[i].name) != n || strncmp(forms[i].name, text, n) != 0)
            continue;
        EVO_AUTO(expect) e = { .kind = forms[i].kind };
        if (!forms[i].take(skip_blanks(text + n), &e))
            break;
        *ret = e;
        e = (struct evo_expect){ 0 };
        return EVO_OK;
    }
    evo_error_set(err, EVO_ERR_CONFIG, "unknown expectation \"%.200s\"", text);
    return evo_error_hint(
        err, "Write one of: true, empty, rows N, rows >= N, values A, B, C, column NAME = VALUE, "
             "no-error.");
}

static void format_value(struct evo_strbuf *out, const char *value)
{
    if (!value) {
        evo_strbuf_adds(out, "null");
        return;
    }
    size_t n = strlen(value);
    bool plain = n > 0 && !strpbrk(value, ",'\n") && !strchr(" \t", value[0]) &&
                 !strchr(" \t", value[n - 1]) && strcasecmp(value, "null") != 0;
    if (plain) {
        evo_strbuf_adds(out, value);
        return;
    }
    evo_strbuf_addch(out, '\'');
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            evo_strbuf_addch(out, '\'');
        evo_strbuf_addch(out, *value);
    }
    evo_strbuf_addch(out, '\'');
}

char *evo_expect_format(const struct evo_expect *e)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(forms); i++)
        if (forms[i].kind == e->kind)
            evo_strbuf_adds(&out, forms[i].name);
    if (e->kind == EVO_EXPECT_ROWS)
        evo_strbuf_addf(&out, " %lld", (long long)e->number);
    else if (e->kind == EVO_EXPECT_ROWS_AT_LEAST)
        evo_strbuf_addf(&out, "rows >= %lld", (long long)e->number);
    else if (e->kind == EVO_EXPECT_COLUMN)
        evo_strbuf_addf(&out, " %s = %s", e->column, e->value ? e->value : "null");
    for (size_t i = 0; i < e->nvalues; i++) {
        evo_strbuf_adds(&out, i ? ", " : " ");
        format_value(&out, e->values[i]);
    }
    return evo_strbuf_detach(&out);
}

/* ---- the file --------------------------------------------------------------- */

struct reader {
    const char *text, *path;
    const struct evo_sql_script *script;
    struct evo_probe_file *file;
};

static void add_expect(struct evo_probe *probe, struct evo_expect *e)
{
    probe->expects = evo_realloc_array(probe->expects, probe->nexpects + 1, sizeof(*e));
    probe->expects[probe->nexpects++] = *e;
    *e = (struct evo_expect){ 0 };
}

/* What a comment says to evo: the text behind "evo:"; NULL for any other comment. The caller frees. */
static char *directive_of(const char *text, const struct evo_sql_comment *comment)
{
    const char *s = text + comment->start, *end = s + comment->len;
    s += 2;
    while (s < end && strchr(" \t", *s))
        s++;
    if ((size_t)(end - s) < strlen("evo:") || strncasecmp(s, "evo:", strlen("evo:")) != 0)
        return NULL;
    s += strlen("evo:");
    return trimmed(s, (size_t)(end - s));
}

static enum evo_errc take_comment(struct reader *r, const struct evo_sql_comment *comment,
                                  struct evo_error *err)
{
    EVO_AUTO_STR directive = directive_of(r->text, comment);
    if (!directive)
        return EVO_OK;
    enum evo_errc rc;
    size_t word = strcspn(directive, " \t");
    bool line = r->text[comment->start] == '-';
    if (!line || word != strlen("expect") || strncmp(directive, "expect", word) != 0) {
        rc = evo_error_set(err, EVO_ERR_CONFIG, "unknown directive \"evo:%.200s\" in a probe", directive);
        evo_error_hint(err, "Write: -- evo:expect FORM");
    } else if (comment->above == EVO_SQL_NOWHERE) {
        rc = evo_error_set(err, EVO_ERR_CONFIG, "the expectation stands above no statement");
        evo_error_hint(err, "Write it on a line of its own before the statement that it is about.");
    } else {
        EVO_ASSERT(comment->above < r->file->count);
        EVO_AUTO(expect) e = { 0 };
        rc = evo_expect_parse(skip_blanks(directive + word), &e, err);
        if (!rc) {
            add_expect(&r->file->items[comment->above], &e);
            return EVO_OK;
        }
    }
    evo_error_at(err, r->path, comment->line);
    return rc;
}

static void add_probe(struct reader *r, const struct evo_sql_statement *s)
{
    struct evo_probe_file *f = r->file;
    EVO_GROW(f->items, f->count, f->alloc);
    f->items[f->count] = (struct evo_probe){
        .sql = evo_strndup(r->text + s->start, s->len),
        .number = (int)f->count + 1,
        .line = s->line,
    };
    f->count++;
}

static enum evo_errc take_statement(struct reader *r, const struct evo_sql_statement *s,
                                    struct evo_error *err)
{
    static const char *const refusals[] = {
        [EVO_SQL_TRANSACTION] = "a probe cannot begin or end a transaction",
        [EVO_SQL_SAVEPOINT] = "a probe cannot set savepoints",
        [EVO_SQL_NO_TRANSACTION] = "a probe only reads: this statement cannot run in a read-only transaction",
        [EVO_SQL_COPY_STDIN] = "a probe only reads: COPY FROM STDIN writes",
    };
    if ((size_t)s->kind < EVO_COUNT(refusals) && refusals[s->kind]) {
        evo_error_set(err, EVO_ERR_CONFIG, "%s", refusals[s->kind]);
        return evo_error_at(err, r->path, s->line);
    }
    add_probe(r, s);
    return EVO_OK;
}

static enum evo_errc read_script(struct reader *r, struct evo_error *err)
{
    if (r->script->count == 0) {
        evo_error_set(err, EVO_ERR_CONFIG, "the file holds no statement, so it could never fail");
        return evo_error_at(err, r->path, 1);
    }
    for (size_t i = 0; i < r->script->count; i++) {
        enum evo_errc rc = take_statement(r, &r->script->items[i], err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < r->script->ncomments; i++) {
        enum evo_errc rc = take_comment(r, &r->script->comments[i], err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < r->file->count; i++) {
        struct evo_expect expect_true = { .kind = EVO_EXPECT_TRUE };
        if (r->file->items[i].nexpects == 0)
            add_expect(&r->file->items[i], &expect_true);
    }
    return EVO_OK;
}

/* Every statement is expected to raise no error, and that is all. */
static enum evo_errc read_tool_script(struct reader *r, struct evo_error *err)
{
    for (size_t i = 0; i < r->script->count; i++) {
        const struct evo_sql_statement *s = &r->script->items[i];
        if (s->kind == EVO_SQL_NO_TRANSACTION || s->kind == EVO_SQL_COPY_STDIN) {
            evo_error_set(err, EVO_ERR_CONFIG,
                          "a verify script is rolled back: this statement cannot run in it");
            return evo_error_at(err, r->path, s->line);
        }
        if (s->kind == EVO_SQL_TRANSACTION)
            continue;
        struct evo_expect none = { .kind = EVO_EXPECT_NO_ERROR };
        add_probe(r, s);
        add_expect(&r->file->items[r->file->count - 1], &none);
    }
    return EVO_OK;
}

static enum evo_errc parse(const char *text, size_t n, const char *path, bool tool_script,
                           struct evo_probe_file *ret, struct evo_error *err)
{
    EVO_AUTO(sql_script) script = { 0 };
    EVO_AUTO(probe_file) file = { .path = evo_strdup(path), .script = tool_script };
    enum evo_errc rc = evo_sql_split(text, n, path, &script, err);
    if (rc == EVO_ERR_MIGRATION_FAILED && err) /* no migration was touched: the file is at fault */
        err->code = EVO_ERR_CONFIG;
    if (rc)
        return rc == EVO_ERR_MIGRATION_FAILED ? EVO_ERR_CONFIG : rc;
    struct reader r = { .text = text, .path = path, .script = &script, .file = &file };
    rc = tool_script ? read_tool_script(&r, err) : read_script(&r, err);
    if (rc)
        return rc;
    *ret = file;
    file = (struct evo_probe_file){ 0 };
    return EVO_OK;
}

enum evo_errc evo_probe_parse(const char *text, size_t n, const char *path, struct evo_probe_file *ret,
                              struct evo_error *err)
{
    return parse(text, n, path, false, ret, err);
}

enum evo_errc evo_probe_parse_script(const char *text, size_t n, const char *path, struct evo_probe_file *ret,
                                     struct evo_error *err)
{
    return parse(text, n, path, true, ret, err);
}
