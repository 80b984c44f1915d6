#include "layout/alembic_config.h"

#include "base/banned.h"
#include "base/file.h"
#include "base/parse.h"
#include "layout/ini.h"
#include "layout/python.h"
#include "layout/reader.h"

#define SECTION "alembic"
#define HERE    "%(here)s"

void evo_alembic_config_release(struct evo_alembic_config *c)
{
    if (!c)
        return;
    free(c->ini);
    free(c->location);
    evo_strvec_release(&c->versions);
    *c = (struct evo_alembic_config){ 0 };
}

/* ---- alembic.ini ----------------------------------------------------------------- */

/* What is needed to turn a value into a path. */
struct ini {
    const char *text, *path, *root;
    char *here; /* folder of the file, as it can be opened */
};

static enum evo_errc value_of(const struct ini *ini, const char *key, char **ret, struct evo_error *err)
{
    return evo_ini_value(ini->text, ini->path, SECTION, key, ini->here, ret, err);
}

/* Alembic takes a relative path from where it is started, which is the project's root; %(here)s is a path already. */
static char *path_of(const struct ini *ini, const char *value)
{
    size_t n = strlen(value), here = strlen(ini->here);
    while (n > 1 && value[n - 1] == '/')
        n--;
    EVO_AUTO_STR path = evo_strndup(value, n);
    bool anchored = strncmp(path, ini->here, here) == 0 && (path[here] == '/' || !path[here]);
    if (anchored) {
        EVO_AUTO_STR rest = evo_strdup(path + here + (path[here] == '/'));
        return *rest ? evo_path_join(ini->here, rest) : evo_strdup(ini->here);
    }
    const char *plain = evo_starts_with(path, "./") ? path + 2 : path;
    return evo_path_join(ini->root, plain);
}

/* "a:b" is a folder in a Python package, which only Python finds. */
static bool is_package(const char *value)
{
    return value[0] != '/' && strchr(value, ':') != NULL;
}

static void split(const char *text, const char *separators, struct evo_strvec *ret)
{
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, separators);
        EVO_AUTO(strbuf) word = EVO_STRBUF_INIT;
        evo_strbuf_add(&word, p, n);
        evo_strbuf_trim(&word);
        if (word.len)
            evo_strvec_push(ret, word.buf);
        p += n + (p[n] != '\0');
    }
}

static enum evo_errc read_versions(const struct ini *ini, struct evo_alembic_config *ret,
                                   struct evo_error *err)
{
    static const struct {
        const char *name, *separators;
    } known[] = { { "space", " \n" }, { "newline", "\n" }, { "os", ":" }, { ":", ":" }, { ";", ";" } };
    EVO_AUTO_STR value = NULL;
    EVO_AUTO_STR separator = NULL;
    enum evo_errc rc = value_of(ini, "version_locations", &value, err);
    if (!rc)
        rc = value_of(ini, "path_separator", &separator, err);
    if (!rc && !separator)
        rc = value_of(ini, "version_path_separator", &separator, err);
    if (rc || !value)
        return rc;
    const char *separators = separator ? NULL : ", \n";
    for (size_t i = 0; separator && i < EVO_COUNT(known); i++)
        if (strcmp(known[i].name, separator) == 0)
            separators = known[i].separators;
    if (!separators) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "unknown path separator \"%s\" in \"%s\"", separator,
                            ini->path);
        return evo_error_hint(err, "Alembic knows space, newline, os, \":\" and \";\".");
    }
    EVO_AUTO(strvec) words = EVO_STRVEC_INIT;
    split(value, separators, &words);
    for (size_t i = 0; i < words.count; i++) {
        if (is_package(words.items[i])) {
            (void)evo_error_set(err, EVO_ERR_CONFIG, "version_locations of \"%s\" names a package: \"%s\"",
                                ini->path, words.items[i]);
            return evo_error_hint(err, "Only Python finds it; write its folder: %s/...", HERE);
        }
        evo_strvec_push_owned(&ret->versions, path_of(ini, words.items[i]));
    }
    return EVO_OK;
}

static enum evo_errc read_ini(const struct ini *ini, struct evo_alembic_config *ret, struct evo_error *err)
{
    EVO_AUTO_STR location = NULL;
    EVO_AUTO_STR recursive = NULL;
    enum evo_errc rc = value_of(ini, "script_location", &location, err);
    if (!rc)
        rc = value_of(ini, "recursive_version_locations", &recursive, err);
    if (!rc)
        rc = read_versions(ini, ret, err);
    if (rc)
        return rc;
    if (location && *location && !is_package(location))
        ret->location = path_of(ini, location);
    ret->recursive = recursive && evo_parse_bool(recursive, &ret->recursive) && ret->recursive;
    return EVO_OK;
}

enum evo_errc evo_alembic_config_load(const char *root, struct evo_alembic_config *ret, struct evo_error *err)
{
    EVO_AUTO(alembic_config) c = { 0 };
    const char *named = getenv("ALEMBIC_CONFIG");
    EVO_AUTO_STR path = evo_path_join(root, named && *named ? named : "alembic.ini");
    if (!evo_is_file(path))
        return EVO_OK;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(1 << 20);
    EVO_AUTO_STR here = evo_path_dir(path);
    enum evo_errc rc = evo_layout_file_read(path, &text, err);
    struct ini ini = { .text = text.buf, .path = path, .root = root, .here = here };
    if (!rc)
        rc = read_ini(&ini, &c, err);
    if (rc)
        return rc;
    c.ini = evo_strdup(path);
    *ret = c;
    c = (struct evo_alembic_config){ 0 };
    return EVO_OK;
}

/* ---- env.py ---------------------------------------------------------------------- */

static enum evo_errc refuse_computed(const char *path, const char *name, int line, struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_CONFIG, "cannot tell %s of \"%s\": it is computed", name, path);
    (void)evo_error_detail(
        err, "evo reads the table that Alembic records its revisions in, and has to know its name "
             "without running Python.");
    (void)evo_error_hint(err, "Write it as a string: %s=\"...\".", name);
    return evo_error_at(err, path, line);
}

/* A keyword argument, wherever it stands. *ret (may be set already, by the other call of configure()) is the heap's. */
static enum evo_errc read_keyword(const struct evo_py_tokens *t, const char *path, const char *name,
                                  char **ret, struct evo_error *err)
{
    for (size_t i = 0; t->items[i].kind != EVO_PY_END; i++) {
        const struct evo_py_token *token = &t->items[i];
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        if (token->kind == EVO_PY_TEXT && evo_py_text(token, &text) && strcmp(text.buf, name) == 0)
            return refuse_computed(path, name, token->line, err); /* the key of a dictionary, most likely */
        if (!evo_py_is_name(token, name) || token->depth == 0 || !evo_py_is_operator(token + 1, "="))
            continue;
        EVO_AUTO(py_value) value = { 0 };
        evo_py_value_at(t, i + 2, &value, NULL);
        const struct evo_py_token *word = token + 2, *end = word + 1;
        if (value.kind == EVO_PY_COMPUTED && word->kind == EVO_PY_NAME &&
            (evo_py_is_operator(end, ",") || evo_py_is_operator(end, ")"))) {
            EVO_AUTO_STR variable = evo_strndup(word->start, word->len);
            evo_py_value_release(&value);
            evo_py_variable(t, variable, &value);
        }
        if (value.kind == EVO_PY_NONE && !*ret)
            continue;
        if (value.kind != EVO_PY_STRING || (*ret && strcmp(*ret, value.strings.items[0]) != 0))
            return refuse_computed(path, name, token->line, err);
        free(*ret);
        *ret = evo_strdup(value.strings.items[0]);
    }
    return EVO_OK;
}

enum evo_errc evo_alembic_env_load(struct evo_project *p, const char *path, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(1 << 20);
    EVO_AUTO(py_tokens) tokens = { 0 };
    EVO_AUTO_STR table = NULL;
    EVO_AUTO_STR schema = NULL;
    if (!evo_is_file(path))
        return EVO_OK;
    enum evo_errc rc = evo_layout_file_read(path, &text, err);
    if (!rc)
        rc = evo_py_tokens_of(text.buf, text.len, path, &tokens, err);
    if (!rc)
        rc = read_keyword(&tokens, path, "version_table", &table, err);
    if (!rc)
        rc = read_keyword(&tokens, path, "version_table_schema", &schema, err);
    if (rc)
        return rc;
    free(p->ledger_table);
    free(p->ledger_schema);
    p->ledger_table = table;
    p->ledger_schema = schema;
    table = schema = NULL;
    return EVO_OK;
}
