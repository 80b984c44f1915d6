/* evo_sql_index_of: what a CREATE INDEX CONCURRENTLY makes; evo_sql_reindex_of: what a REINDEX CONCURRENTLY is of. From its tokens, so that it is known also of a statement
 * with syntax newer than the parser: an INVALID index that it leaves behind must be found. */
#include "base/utf8.h"
#include "sql/classify.h"
#include "sql/split.h"

enum { HEAD_TOKENS = 32, NAME_MAX_BYTES = 63 /* NAMEDATALEN - 1: the server cuts there */ };

void evo_sql_index_release(struct evo_sql_index *i)
{
    free(i->name);
    free(i->table_schema);
    free(i->table);
    *i = (struct evo_sql_index){ 0 };
}

static char *cut_name(struct evo_strbuf *name)
{
    if (name->len > NAME_MAX_BYTES)
        evo_strbuf_truncate(name, evo_utf8_cut(name->buf, name->len, NAME_MAX_BYTES));
    return evo_strbuf_detach(name);
}

/* The identifier as the catalog has it: folded, or without its quotes. NULL for U&"": not worth its rules. */
static char *identifier(const struct evo_sql_tokens *t, size_t i)
{
    const struct evo_lex_token *token = &t->items[i];
    const char *s = t->lexer.text + token->start;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (token->kind == EVO_LEX_WORD) {
        for (size_t k = 0; k < token->len; k++)
            evo_strbuf_addch(&out, s[k] >= 'A' && s[k] <= 'Z' ? (char)(s[k] - 'A' + 'a') : s[k]);
        return cut_name(&out);
    }
    if (s[0] != '"')
        return NULL;
    for (size_t k = 1; k + 1 < token->len; k++) {
        evo_strbuf_addch(&out, s[k]);
        k += s[k] == '"';
    }
    return cut_name(&out);
}

/* ON [ONLY] [[catalog.]schema.]table at token i. */
static bool read_table(const struct evo_sql_tokens *t, size_t i, struct evo_sql_index *index)
{
    int only = evo_sql_match(t, i, "ON [ONLY]");
    int name = only > 0 ? evo_sql_match(t, i + (size_t)only, "?") : -1;
    if (name <= 0)
        return false;
    size_t last = i + (size_t)only + (size_t)name - 1;
    index->table = identifier(t, last);
    index->tail = t->items[last].start + t->items[last].len;
    if (name >= 3)
        index->table_schema = identifier(t, last - 2);
    return index->table && (name < 3 || index->table_schema);
}

static bool read_index(const struct evo_sql_tokens *t, struct evo_sql_index *index)
{
    int taken = evo_sql_match(t, 0, "CREATE [UNIQUE] INDEX CONCURRENTLY");
    if (taken < 0)
        return false;
    size_t i = (size_t)taken;
    index->unique = evo_sql_match(t, 0, "CREATE UNIQUE") > 0;
    int clause = evo_sql_match(t, i, "IF NOT EXISTS");
    index->if_not_exists = clause > 0;
    i += clause > 0 ? (size_t)clause : 0;
    if (evo_sql_match(t, i, "ON") < 0) {
        if (evo_sql_match(t, i, "?") != 1)
            return false;
        index->name = identifier(t, i++);
        if (!index->name)
            return false;
    }
    return read_table(t, i, index);
}

enum evo_errc evo_sql_index_of(const char *sql, size_t n, struct evo_sql_index *ret, struct evo_error *err)
{
    EVO_AUTO(sql_tokens) tokens = { 0 };
    struct evo_sql_index index = { 0 };
    if (!evo_sql_tokens_read(&tokens, sql, n, HEAD_TOKENS) || !read_index(&tokens, &index)) {
        evo_sql_index_release(&index);
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "the statement creates no index concurrently");
    }
    *ret = index;
    return EVO_OK;
}

/* ---- REINDEX ------------------------------------------------------------------ */

void evo_sql_reindex_release(struct evo_sql_reindex *r)
{
    free(r->schema);
    free(r->name);
    *r = (struct evo_sql_reindex){ 0 };
}

static bool read_reindex(const struct evo_sql_tokens *t, struct evo_sql_reindex *r)
{
    static const struct {
        const char *pattern;
        enum evo_sql_reindex_of of;
    } kinds[] = {
        { "REINDEX (*) INDEX [CONCURRENTLY]", EVO_SQL_REINDEX_INDEX },
        { "REINDEX (*) TABLE [CONCURRENTLY]", EVO_SQL_REINDEX_TABLE },
        { "REINDEX (*) SCHEMA [CONCURRENTLY]", EVO_SQL_REINDEX_SCHEMA },
        { "REINDEX (*) DATABASE|SYSTEM [CONCURRENTLY]", EVO_SQL_REINDEX_DATABASE },
    };
    for (size_t k = 0; k < EVO_COUNT(kinds); k++) {
        int taken = evo_sql_match(t, 0, kinds[k].pattern);
        if (taken < 0)
            continue;
        size_t i = (size_t)taken;
        int name = evo_sql_match(t, i, "?");
        r->of = kinds[k].of;
        if (name <= 0)
            return r->of == EVO_SQL_REINDEX_DATABASE && i == t->count;
        size_t last = i + (size_t)name - 1;
        r->name = identifier(t, last);
        if (name >= 3)
            r->schema = identifier(t, last - 2);
        return r->name && (name < 3 || r->schema);
    }
    return false;
}

enum evo_errc evo_sql_reindex_of(const char *sql, size_t n, struct evo_sql_reindex *ret,
                                 struct evo_error *err)
{
    EVO_AUTO(sql_tokens) tokens = { 0 };
    struct evo_sql_reindex r = { 0 };
    if (!evo_sql_tokens_read(&tokens, sql, n, HEAD_TOKENS) || !evo_sql_classify(&tokens).concurrent_index ||
        !read_reindex(&tokens, &r)) {
        evo_sql_reindex_release(&r);
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "the statement rebuilds no index concurrently");
    }
    *ret = r;
    return EVO_OK;
}
