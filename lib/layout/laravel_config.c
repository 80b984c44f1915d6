#include "layout/laravel_config.h"

#include "base/banned.h"
#include "base/strbuf.h"
#include "layout/source.h"

struct config {
    struct evo_tokens tokens;
    const char *dotenv;
};

void evo_laravel_config_release(struct evo_laravel_config *c)
{
    if (!c)
        return;
    free(c->schema);
    free(c->table);
    *c = (struct evo_laravel_config){ 0 };
}

static const struct evo_token *at(const struct config *c, size_t i)
{
    return &c->tokens.items[i < c->tokens.count ? i : c->tokens.count];
}

static bool is_text(const struct evo_token *t, const char *text)
{
    return t->kind == EVO_TOKEN_STRING && t->plain && t->len == strlen(text) &&
           memcmp(t->text, text, t->len) == 0;
}

/* The place of the value of `key` in the array whose bracket is at `open`; 0: it has none. */
static size_t value_of(const struct config *c, size_t open, const char *key)
{
    int depth = at(c, open)->depth + 1;
    for (size_t i = open + 1; i < at(c, open)->partner; i++)
        if (at(c, i)->depth == depth && is_text(at(c, i), key) && evo_token_is(at(c, i + 1), "=>"))
            return i + 2;
    return 0;
}

/* "[" or "array(" at i: the place of the bracket; 0: it is no array. */
static size_t array_at(const struct config *c, size_t i)
{
    if (i && evo_token_is_nocase(at(c, i), "array") && evo_token_is(at(c, i + 1), "("))
        return i + 1;
    return i && evo_token_is(at(c, i), "[") ? i : 0;
}

/* The value of NAME in .env; the caller frees. NULL: it is not there. */
static char *from_dotenv(const char *dotenv, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = dotenv; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *p = line + strspn(line, " \t");
        if (strncmp(p, name, n) != 0 || (p[n] != '=' && p[n] != ' '))
            continue;
        p += n + strspn(p + n, " \t");
        if (*p != '=')
            continue;
        p += 1 + strspn(p + 1, " \t");
        char quote[2] = { *p, '\0' };
        if (*p == '"' || *p == '\'')
            return evo_strndup(p + 1, strcspn(p + 1, quote));
        return evo_strndup(p, strcspn(p, " \t\r\n#"));
    }
    return NULL;
}

/* A text, or env('NAME', 'text'); the caller frees. NULL: it is computed. */
static char *text_at(const struct config *c, size_t i)
{
    const struct evo_token *t = at(c, i);
    const struct evo_token *behind = at(c, i + 1);
    if (t->kind == EVO_TOKEN_STRING)
        return t->plain &&
                       (evo_token_is(behind, ",") || evo_token_is(behind, "]") || evo_token_is(behind, ")"))
                   ? evo_token_text(t)
                   : NULL;
    size_t close = behind->partner;
    const struct evo_token *name = at(c, i + 2);
    if (!evo_token_is_nocase(t, "env") || !evo_token_is(behind, "(") || name->kind != EVO_TOKEN_STRING ||
        !(evo_token_is(at(c, close + 1), ",") || evo_token_is(at(c, close + 1), "]")))
        return NULL;
    EVO_AUTO_STR variable = evo_token_text(name);
    const char *set = getenv(variable);
    char *value = set ? evo_strdup(set) : from_dotenv(c->dotenv, variable);
    if (value)
        return value;
    if (i + 3 == close)
        return evo_strdup("");
    return i + 5 == close && at(c, i + 4)->kind == EVO_TOKEN_STRING && at(c, i + 4)->plain
               ? evo_token_text(at(c, i + 4))
               : NULL;
}

/* As text_at(), of a key that may be missing (NULL then, too); what is computed leaves its line. */
static char *text_of(const struct config *c, size_t open, const char *key, int *computed)
{
    size_t value = open ? value_of(c, open, key) : 0;
    if (!value || evo_token_is_nocase(at(c, value), "null"))
        return NULL;
    char *text = text_at(c, value);
    if (!text && computed)
        *computed = at(c, value)->line;
    return text;
}

/* The first of search_path that is a schema. */
static char *first_schema(const char *search_path)
{
    const char *p = search_path + strspn(search_path, " ,\"'");
    size_t n = strcspn(p, " ,\"'");
    return n && *p != '$' ? evo_strndup(p, n) : NULL;
}

static size_t returned_array(const struct config *c)
{
    for (size_t i = 0; i < c->tokens.count; i++)
        if (at(c, i)->depth == 0 && evo_token_is_nocase(at(c, i), "return"))
            return array_at(c, i + 1);
    return 0;
}

static void config_auto(struct config *c)
{
    evo_tokens_release(&c->tokens);
}

enum evo_errc evo_laravel_config_parse(const char *text, size_t n, const char *path, const char *dotenv,
                                       struct evo_laravel_config *ret, struct evo_error *err)
{
    __attribute__((cleanup(config_auto))) struct config c = { .dotenv = dotenv };
    EVO_AUTO(laravel_config) found = { 0 };
    enum evo_errc rc = evo_tokens_of(EVO_SOURCE_PHP, text, n, path, &c.tokens, err);
    if (rc)
        return rc;
    size_t root = returned_array(&c);
    size_t migrations = root ? value_of(&c, root, "migrations") : 0;
    size_t connections = root ? array_at(&c, value_of(&c, root, "connections")) : 0;
    size_t pgsql = connections ? array_at(&c, value_of(&c, connections, "pgsql")) : 0;
    size_t nested = array_at(&c, migrations);
    EVO_AUTO_STR table = nested ? text_of(&c, nested, "table", &found.computed)
                                : text_of(&c, root, "migrations", &found.computed);
    EVO_AUTO_STR prefix = text_of(&c, pgsql, "prefix", &found.computed);
    EVO_AUTO_STR search_path = text_of(&c, pgsql, "search_path", NULL);
    if (!search_path)
        search_path = text_of(&c, pgsql, "schema", NULL);
    if ((table && *table) || (prefix && *prefix))
        found.table = evo_asprintf("%s%s", prefix ? prefix : "", table && *table ? table : "migrations");
    found.schema = search_path ? first_schema(search_path) : NULL;
    *ret = found;
    found = (struct evo_laravel_config){ 0 };
    return EVO_OK;
}
