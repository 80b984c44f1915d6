/* The data source of a TypeORM project: where it is, and which ledger it names. */
#include "base/banned.h"
#include "base/file.h"
#include "layout/reader.h"
#include "layout/source.h"
#include "layout/typeorm.h"
#include "json/json.h"

#define FILE_MAX ((size_t)4 << 20)

static const char *const extensions[] = { ".ts", ".js", ".mts", ".mjs", ".cts", ".cjs" };
/* Where people put it, without the extension. */
static const char *const usual[] = {
    "data-source",        "datasource",
    "ormconfig",          "typeorm.config",
    "src/data-source",    "src/datasource",
    "src/ormconfig",      "src/database/data-source",
    "src/db/data-source", "src/config/data-source",
    "src/typeorm.config", "database/data-source",
    "db/data-source",     "config/data-source",
};

bool evo_typeorm_is_typescript(const char *path)
{
    return evo_ends_with(path, ".ts") || evo_ends_with(path, ".mts") || evo_ends_with(path, ".cts");
}

/* ---- where it is ----------------------------------------------------------------- */

static void add_file(const struct evo_project *p, const char *name, struct evo_strvec *found)
{
    EVO_AUTO_STR path = evo_path_join(p->root, evo_starts_with(name, "./") ? name + 2 : name);
    if (evo_is_file(path) && !evo_strvec_contains(found, path))
        evo_strvec_push(found, path);
}

struct scripts {
    const struct evo_project *project;
    struct evo_strvec *found;
};

/* The file that a word of a script names; NULL. *wanted: the word before was -d. */
static const char *file_of(const char *word, bool *wanted)
{
    static const char *const options[] = { "-d", "--dataSource", "--data-source" };
    if (*wanted) {
        *wanted = false;
        return word;
    }
    for (size_t i = 0; i < EVO_COUNT(options); i++) {
        size_t n = strlen(options[i]);
        if (strncmp(word, options[i], n) != 0)
            continue;
        *wanted |= word[n] == '\0';
        if (word[n] == '=')
            return word + n + 1;
    }
    return NULL;
}

/* The files behind -d in one script. */
static bool read_script(void *ctx, const char *key, struct evo_json *value)
{
    const struct scripts *s = ctx;
    const char *text = evo_json_string(value, "");
    bool wanted = false;
    (void)key;
    if (!strstr(text, "typeorm") && !strstr(text, "migration:"))
        return true;
    EVO_AUTO(strbuf) bare = EVO_STRBUF_INIT; /* without quotes, which the shell takes away */
    for (const char *c = text; *c; c++)
        if (*c != '\'' && *c != '"' && *c != '\\')
            evo_strbuf_addch(&bare, *c);
    for (const char *q = bare.buf + strspn(bare.buf, " \t"); *q; q += strspn(q, " \t")) {
        size_t n = strcspn(q, " \t");
        EVO_AUTO_STR word = evo_strndup(q, n);
        const char *file = file_of(word, &wanted);
        if (file)
            add_file(s->project, file, s->found);
        q += n;
    }
    return true;
}

static void read_scripts(const struct evo_project *p, struct evo_strvec *found)
{
    EVO_AUTO_STR path = evo_path_join(p->root, "package.json");
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(FILE_MAX + 1);
    EVO_AUTO_PTR(json) json = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    /* One that cannot be read is npm's to complain about: the usual places are looked at then. */
    if (evo_file_read(path, FILE_MAX, &text, &ignored) ||
        evo_json_parse(text.buf, text.len, path, EVO_ERR_CONFIG, &json, &ignored))
        return;
    struct scripts s = { p, found };
    evo_json_each(evo_json_get(json, "scripts"), read_script, &s);
}

static bool written_in_typescript(const struct evo_project *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (evo_typeorm_is_typescript(p->items[i].path))
            return true;
    return false;
}

static void look_in_usual_places(const struct evo_project *p, struct evo_strvec *found)
{
    for (size_t u = 0; u < EVO_COUNT(usual); u++)
        for (size_t e = 0; e < EVO_COUNT(extensions); e++) {
            EVO_AUTO_STR name = evo_asprintf("%s%s", usual[u], extensions[e]);
            add_file(p, name, found);
        }
}

/* The only one in the language of the migrations, else the only one; NULL. */
static const char *choose(const struct evo_project *p, const struct evo_strvec *found)
{
    const char *fits = NULL;
    size_t fitting = 0;
    bool typescript = written_in_typescript(p);
    for (size_t i = 0; i < found->count; i++) {
        if (evo_typeorm_is_typescript(found->items[i]) != typescript)
            continue;
        fits = found->items[i];
        fitting++;
    }
    return fitting == 1 ? fits : found->count == 1 ? found->items[0] : NULL;
}

static enum evo_errc hint_variable(struct evo_error *err)
{
    return evo_error_hint(err, "Name it: export " EVO_TYPEORM_DATASOURCE "=path/to/data-source.ts");
}

enum evo_errc evo_typeorm_data_source(const struct evo_project *p, char **ret, struct evo_error *err)
{
    const char *told = getenv(EVO_TYPEORM_DATASOURCE);
    EVO_AUTO(strvec) found = EVO_STRVEC_INIT;
    if (told && *told) {
        EVO_AUTO_STR path = evo_path_join(p->root, told);
        if (!evo_is_file(path))
            return evo_error_set(err, EVO_ERR_CONFIG, "there is no file \"%s\", which %s names", path,
                                 EVO_TYPEORM_DATASOURCE);
        *ret = path;
        path = NULL;
        return EVO_OK;
    }
    read_scripts(p, &found);
    if (!found.count)
        look_in_usual_places(p, &found);
    const char *chosen = choose(p, &found);
    if (chosen) {
        *ret = evo_strdup(chosen);
        return EVO_OK;
    }
    if (!found.count) {
        evo_error_set(err, EVO_ERR_CONFIG, "found no TypeORM data source in \"%s\"", p->root);
        evo_error_detail(err, "Looked at -d in the scripts of package.json, and for data-source, "
                              "src/data-source and other usual names.");
        return hint_variable(err);
    }
    evo_error_set(err, EVO_ERR_CONFIG, "cannot tell which is the TypeORM data source: \"%s\" or \"%s\"",
                  found.items[0], found.items[1]);
    return hint_variable(err);
}

/* ---- its ledger ------------------------------------------------------------------ */

void evo_typeorm_ledger_release(struct evo_typeorm_ledger *l)
{
    if (!l)
        return;
    free(l->schema);
    free(l->table);
    *l = (struct evo_typeorm_ledger){ 0 };
}

static bool is_key(const struct evo_tokens *t, size_t i, const char *name)
{
    const struct evo_token *key = &t->items[i];
    bool text = key->kind == EVO_TOKEN_STRING && key->plain && key->len == strlen(name) &&
                memcmp(key->text, name, key->len) == 0;
    return (text || evo_token_is(key, name)) && i + 1 < t->count && evo_token_is(&t->items[i + 1], ":");
}

/* The value of the key at i: a text into *ret, anything else into the line. */
static void take(const struct evo_tokens *t, size_t i, char **ret, int *computed)
{
    const struct evo_token *value = &t->items[i + 2 <= t->count ? i + 2 : t->count];
    const struct evo_token *next = value < &t->items[t->count] ? value + 1 : value;
    bool whole = evo_token_is(next, ",") || evo_token_is(next, "}") || evo_token_is(next, "as");
    if (evo_token_is(value, "undefined"))
        return;
    if (value->kind != EVO_TOKEN_STRING || !value->plain || !whole) {
        *computed = value->line;
        return;
    }
    free(*ret);
    *ret = evo_token_text(value);
}

/* Whether a sibling of the key at i is "type", which every data source has. */
static bool beside_type(const struct evo_tokens *t, size_t i)
{
    int depth = t->items[i].depth;
    for (size_t k = i; k-- > 0 && t->items[k].depth >= depth;)
        if (t->items[k].depth == depth && is_key(t, k, "type"))
            return true;
    for (size_t k = i + 1; k < t->count && t->items[k].depth >= depth; k++)
        if (t->items[k].depth == depth && is_key(t, k, "type"))
            return true;
    return false;
}

enum evo_errc evo_typeorm_ledger_parse(const char *text, size_t n, const char *path,
                                       struct evo_typeorm_ledger *ret, struct evo_error *err)
{
    EVO_AUTO(tokens) t = { 0 };
    EVO_AUTO(typeorm_ledger) l = { 0 };
    enum evo_errc rc = evo_tokens_of(EVO_SOURCE_JS, text, n, path, &t, err);
    if (rc)
        return rc;
    for (size_t i = 0; i + 2 < t.count; i++) {
        if (is_key(&t, i, "migrationsTableName"))
            take(&t, i, &l.table, &l.computed);
        else if (is_key(&t, i, "schema") && beside_type(&t, i))
            take(&t, i, &l.schema, &l.computed);
    }
    *ret = l;
    l = (struct evo_typeorm_ledger){ 0 };
    return EVO_OK;
}
