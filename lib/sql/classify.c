#include "sql/classify.h"

#include <string.h>

void evo_sql_tokens_release(struct evo_sql_tokens *t)
{
    free(t->items);
    *t = (struct evo_sql_tokens){ 0 };
}

bool evo_sql_tokens_read(struct evo_sql_tokens *t, const char *sql, size_t n, size_t max)
{
    struct evo_lexer lx;
    evo_lexer_init(&lx, sql, n);
    t->lexer = lx;
    while (t->count < max) {
        struct evo_lex_token token = evo_lexer_next(&lx);
        if (token.kind == EVO_LEX_END)
            break;
        if (token.kind == EVO_LEX_OPEN)
            return false;
        if (token.kind == EVO_LEX_COMMENT)
            continue;
        EVO_GROW(t->items, t->count, t->alloc);
        t->items[t->count++] = token;
    }
    return true;
}

static bool is_word_at(const struct evo_sql_tokens *t, size_t i, const char *word)
{
    return i < t->count && evo_lex_is(&t->lexer, &t->items[i], word);
}

static bool is_char_at(const struct evo_sql_tokens *t, size_t i, char c)
{
    return i < t->count && evo_lex_is_char(&t->lexer, &t->items[i], c);
}

/* The token behind a parenthesised list that begins at i; i where none does. */
static size_t skip_parentheses(const struct evo_sql_tokens *t, size_t i)
{
    if (!is_char_at(t, i, '('))
        return i;
    size_t depth = 0;
    for (size_t p = i; p < t->count; p++) {
        if (is_char_at(t, p, '('))
            depth++;
        else if (is_char_at(t, p, ')') && --depth == 0)
            return p + 1;
    }
    return t->count;
}

/* The token behind a name that begins at i; i where none does. */
static size_t skip_name(const struct evo_sql_tokens *t, size_t i)
{
    while (i < t->count && (t->items[i].kind == EVO_LEX_WORD || t->items[i].kind == EVO_LEX_IDENTIFIER)) {
        if (!is_char_at(t, i + 1, '.'))
            return i + 1;
        i += 2;
    }
    return i;
}

/* Whether token i is one of the alternatives "A|B" of n bytes. */
static bool is_one_of(const struct evo_sql_tokens *t, size_t i, const char *alternatives, size_t n)
{
    char word[32];
    while (n > 0) {
        const char *bar = memchr(alternatives, '|', n);
        size_t len = bar ? (size_t)(bar - alternatives) : n;
        EVO_ASSERT(len < sizeof(word));
        memcpy(word, alternatives, len);
        word[len] = '\0';
        if (is_word_at(t, i, word))
            return true;
        size_t step = bar ? len + 1 : len;
        alternatives += step;
        n -= step;
    }
    return false;
}

int evo_sql_match(const struct evo_sql_tokens *t, size_t from, const char *pattern)
{
    size_t i = from;
    for (const char *p = pattern; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (*p == '[') {
            if (is_one_of(t, i, p + 1, n - 2))
                i++;
        } else if (*p == '(') {
            i = skip_parentheses(t, i);
        } else if (*p == '?') {
            size_t end = skip_name(t, i);
            if (end == i)
                return -1;
            i = end;
        } else if (*p == '$') {
            if (i != t->count)
                return -1;
        } else {
            if (!is_one_of(t, i, p, n))
                return -1;
            i++;
        }
        p += n;
        p += strspn(p, " ");
    }
    return (int)(i - from);
}

bool evo_sql_option(const struct evo_sql_tokens *t, size_t from, const char *name, bool *ret_on)
{
    size_t end = skip_parentheses(t, from);
    for (size_t i = from; i < end; i++) {
        if (!is_word_at(t, i, name))
            continue;
        size_t value = is_char_at(t, i + 1, '=') ? i + 2 : i + 1;
        *ret_on = !is_one_of(t, value, "FALSE|OFF|NONE", strlen("FALSE|OFF|NONE")) &&
                  !(value < end && t->items[value].len == 1 && t->lexer.text[t->items[value].start] == '0');
        return true;
    }
    return false;
}

/* REINDEX [(options)] INDEX|TABLE|… [CONCURRENTLY]: it can stand in either place. */
static bool reindex_is_concurrent(const struct evo_sql_tokens *t)
{
    bool on = false;
    if (evo_sql_option(t, 1, "CONCURRENTLY", &on))
        return on;
    return evo_sql_match(t, 0, "REINDEX (*) INDEX|TABLE|SCHEMA|DATABASE|SYSTEM CONCURRENTLY") > 0;
}

/* A subscription made without a replication slot reaches nothing outside, so it may be rolled back. */
static bool makes_slot(const struct evo_sql_tokens *t)
{
    size_t i = 0;
    while (i < t->count && !(is_word_at(t, i, "WITH") && is_char_at(t, i + 1, '(')))
        i++;
    bool on = true;
    if (evo_sql_option(t, i + 1, "CREATE_SLOT", &on) && !on)
        return false;
    if (evo_sql_option(t, i + 1, "CONNECT", &on) && !on)
        return false;
    return true;
}

static bool refreshes_subscription(const struct evo_sql_tokens *t)
{
    size_t i = 0;
    while (i < t->count && !(is_word_at(t, i, "WITH") && is_char_at(t, i + 1, '(')))
        i++;
    bool on = true;
    return !evo_sql_option(t, i + 1, "REFRESH", &on) || on;
}

/* The server decides this from the grammar as COPY FROM with no file: it takes STDOUT there, too. */
static bool reads_stdin(const struct evo_sql_tokens *t)
{
    int taken = evo_sql_match(t, 0, "COPY [BINARY] ? (*) FROM STDIN|STDOUT");
    return taken > 0;
}

/* The first row that matches decides. What "cannot run inside a transaction block" is the server's
 * PreventInTransactionBlock(), PostgreSQL 12 to 18. */
static const struct {
    const char *pattern;
    enum evo_sql_kind kind;
    bool (*when)(const struct evo_sql_tokens *t); /* NULL: always */
} patterns[] = {
    { "BEGIN|COMMIT|END|ABORT", EVO_SQL_TRANSACTION, NULL },
    { "START|PREPARE TRANSACTION", EVO_SQL_TRANSACTION, NULL },
    { "ROLLBACK [WORK|TRANSACTION] TO", EVO_SQL_SAVEPOINT, NULL },
    { "ROLLBACK", EVO_SQL_TRANSACTION, NULL },
    { "SAVEPOINT|RELEASE", EVO_SQL_SAVEPOINT, NULL },
    { "COPY", EVO_SQL_COPY_STDIN, reads_stdin },
    { "CREATE [UNIQUE] INDEX CONCURRENTLY", EVO_SQL_NO_TRANSACTION, NULL },
    { "DROP INDEX CONCURRENTLY", EVO_SQL_NO_TRANSACTION, NULL },
    { "REINDEX", EVO_SQL_NO_TRANSACTION, reindex_is_concurrent },
    { "REINDEX (*) SCHEMA|DATABASE|SYSTEM", EVO_SQL_NO_TRANSACTION, NULL },
    { "VACUUM", EVO_SQL_NO_TRANSACTION, NULL },
    { "CLUSTER [VERBOSE] (*) $", EVO_SQL_NO_TRANSACTION, NULL },
    { "ALTER TABLE [IF] [EXISTS] [ONLY] ? DETACH PARTITION ? CONCURRENTLY", EVO_SQL_NO_TRANSACTION, NULL },
    { "CREATE|DROP DATABASE|TABLESPACE", EVO_SQL_NO_TRANSACTION, NULL },
    { "ALTER DATABASE ? SET TABLESPACE", EVO_SQL_NO_TRANSACTION, NULL },
    { "ALTER SYSTEM", EVO_SQL_NO_TRANSACTION, NULL },
    { "CREATE SUBSCRIPTION", EVO_SQL_NO_TRANSACTION, makes_slot },
    { "DROP SUBSCRIPTION", EVO_SQL_NO_TRANSACTION, NULL },
    { "ALTER SUBSCRIPTION ? REFRESH", EVO_SQL_NO_TRANSACTION, NULL },
    { "ALTER SUBSCRIPTION ? SET|ADD|DROP PUBLICATION", EVO_SQL_NO_TRANSACTION, refreshes_subscription },
    { "DISCARD ALL", EVO_SQL_NO_TRANSACTION, NULL },
};

struct evo_sql_class evo_sql_classify(const struct evo_sql_tokens *t)
{
    struct evo_sql_class class = { .kind = EVO_SQL_OTHER };
    for (size_t i = 0; i < EVO_COUNT(patterns); i++) {
        if (evo_sql_match(t, 0, patterns[i].pattern) < 0)
            continue;
        if (patterns[i].when && !patterns[i].when(t))
            continue;
        class.kind = patterns[i].kind;
        break;
    }
    class.concurrent_index = class.kind == EVO_SQL_NO_TRANSACTION &&
                             (evo_sql_match(t, 0, "CREATE [UNIQUE] INDEX CONCURRENTLY") > 0 ||
                              (evo_sql_match(t, 0, "REINDEX") > 0 && reindex_is_concurrent(t)));
    return class;
}
