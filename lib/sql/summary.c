/* evo_sql_summary and evo_sql_one_line: statements as people read them in a list. */
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "sql/classify.h"
#include "sql/split.h"

enum { SUMMARY_TOKENS = 32, SUMMARY_MAX = 120 };

/* What the first word leads to: the words that may follow it, and then a name. Words that say nothing to a reader
 * (IF NOT EXISTS, ONLY) are read over. The first row that matches decides. */
static const struct {
    const char *first; /* pattern of evo_sql_match */
    bool named; /* a name follows */
} forms[] = {
    { "CREATE [OR] [REPLACE] [GLOBAL|LOCAL] [TEMP|TEMPORARY|UNLOGGED] "
      "TABLE|VIEW|SEQUENCE|FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|SCHEMA|EXTENSION|TRIGGER|RULE|POLICY|"
      "ROLE|USER|"
      "DATABASE|TABLESPACE|PUBLICATION|SUBSCRIPTION|STATISTICS|COLLATION|CONVERSION|SERVER|LANGUAGE",
      true },
    { "CREATE [OR] [REPLACE] [CONSTRAINT|EVENT] TRIGGER", true },
    { "CREATE [UNIQUE] INDEX [CONCURRENTLY] ON", true }, /* without a name: what it is on */
    { "CREATE [UNIQUE] INDEX [CONCURRENTLY]", true },
    { "CREATE MATERIALIZED|FOREIGN VIEW|TABLE", true },
    { "ALTER|DROP MATERIALIZED|FOREIGN|EVENT VIEW|TABLE|TRIGGER", true },
    { "ALTER|DROP DEFAULT PRIVILEGES", false },
    { "DROP INDEX [CONCURRENTLY]", true },
    { "ALTER|DROP "
      "TABLE|VIEW|SEQUENCE|FUNCTION|PROCEDURE|ROUTINE|AGGREGATE|TYPE|DOMAIN|SCHEMA|EXTENSION|TRIGGER|"
      "RULE|POLICY|ROLE|USER|DATABASE|TABLESPACE|PUBLICATION|SUBSCRIPTION|STATISTICS|INDEX|COLLATION|"
      "CONVERSION|SERVER|"
      "LANGUAGE|SYSTEM|OWNED",
      true },
    { "REFRESH MATERIALIZED VIEW [CONCURRENTLY]", true },
    { "COMMENT ON [MATERIALIZED|FOREIGN] "
      "TABLE|COLUMN|VIEW|INDEX|SEQUENCE|FUNCTION|TYPE|SCHEMA|EXTENSION|TRIGGER|CONSTRAINT|DOMAIN",
      true },
    { "INSERT|MERGE INTO", true },
    { "DELETE FROM", true },
    { "TRUNCATE [TABLE]", true },
    { "LOCK [TABLE]", true },
    { "UPDATE|COPY|CALL|CLUSTER|VACUUM|ANALYZE", true },
    { "REINDEX (*) INDEX|TABLE|SCHEMA|DATABASE|SYSTEM [CONCURRENTLY]", true },
    { "SET [SESSION|LOCAL]", true },
    { "START|PREPARE TRANSACTION", false },
    { "ROLLBACK TO", true },
    { "SAVEPOINT|RELEASE", true },
};

static void add_upper(struct evo_strbuf *out, const char *word, size_t n)
{
    if (out->len > 0)
        evo_strbuf_addch(out, ' ');
    for (size_t i = 0; i < n; i++)
        evo_strbuf_addch(out, word[i] >= 'a' && word[i] <= 'z' ? (char)(word[i] - 'a' + 'A') : word[i]);
}

static void add_words(struct evo_strbuf *out, const struct evo_sql_tokens *t, size_t count)
{
    size_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        depth += evo_lex_is_char(&t->lexer, &t->items[i], '(');
        depth -= evo_lex_is_char(&t->lexer, &t->items[i], ')') && depth > 0;
        if (depth == 0 && t->items[i].kind == EVO_LEX_WORD)
            add_upper(out, t->lexer.text + t->items[i].start, t->items[i].len);
    }
}

static void add_name(struct evo_strbuf *out, const struct evo_sql_tokens *t, size_t from)
{
    int noise = evo_sql_match(t, from, "[IF] [NOT] [EXISTS] [ONLY]");
    size_t first = from + (size_t)noise;
    int taken = evo_sql_match(t, first, "?");
    if (taken <= 0)
        return;
    evo_strbuf_addch(out, ' ');
    for (size_t i = first; i < first + (size_t)taken; i++)
        evo_strbuf_add(out, t->lexer.text + t->items[i].start, t->items[i].len);
}

static char *cut(struct evo_strbuf *out, size_t max)
{
    if (out->len > max) {
        evo_strbuf_truncate(out, evo_utf8_cut(out->buf, out->len, max > 3 ? max - 3 : 0));
        evo_strbuf_adds(out, "...");
    }
    return evo_strbuf_detach(out);
}

char *evo_sql_summary(const char *sql, size_t n)
{
    EVO_AUTO(sql_tokens) t = { 0 };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (!evo_sql_tokens_read(&t, sql, n, SUMMARY_TOKENS) || t.count == 0)
        return evo_sql_one_line(sql, n, SUMMARY_MAX);
    for (size_t i = 0; i < EVO_COUNT(forms); i++) {
        int words = evo_sql_match(&t, 0, forms[i].first);
        if (words <= 0)
            continue;
        add_words(&out, &t, (size_t)words);
        if (forms[i].named)
            add_name(&out, &t, (size_t)words);
        return cut(&out, SUMMARY_MAX);
    }
    add_words(&out, &t, 1);
    return out.len > 0 ? cut(&out, SUMMARY_MAX) : evo_sql_one_line(sql, n, SUMMARY_MAX);
}

char *evo_sql_one_line(const char *sql, size_t n, size_t max)
{
    struct evo_lexer lx;
    evo_lexer_init(&lx, sql, n);
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    size_t end = 0;
    while (out.len <= max) {
        struct evo_lex_token token = evo_lexer_next(&lx);
        if (token.kind == EVO_LEX_END)
            break;
        if (token.kind == EVO_LEX_COMMENT)
            continue;
        if (out.len > 0 && token.start > end)
            evo_strbuf_addch(&out, ' ');
        for (size_t i = 0; i < token.len && out.len <= max; i++) {
            char c = sql[token.start + i];
            evo_strbuf_addch(&out, c == '\n' || c == '\r' || c == '\t' ? ' ' : c);
        }
        end = token.start + token.len;
    }
    return cut(&out, max);
}
