/*
 * The name of the ledger's table, where a project of dbmate or goose gives it another: in a variable of the environment
 * or, where that is not set, in the file .env of the project's root, as the tools themselves read it.
 */
#include <ctype.h>

#include "base/banned.h"
#include "base/file.h"
#include "layout/reader.h"

#define ENV_FILE_MAX ((size_t)1 << 20)

/* The value behind "=" on a line of .env: without quotes, blanks and a comment. The caller frees. */
static char *value_of(const char *p, size_t n)
{
    const char *end = p + n;
    while (p < end && isspace((unsigned char)*p))
        p++;
    if (p < end && (*p == '"' || *p == '\'')) {
        const char *close = memchr(p + 1, *p, (size_t)(end - p) - 1);
        return evo_strndup(p + 1, (size_t)((close ? close : end) - p) - 1);
    }
    for (const char *c = p; c < end; c++)
        if (*c == '#' && (c == p || isspace((unsigned char)c[-1])))
            end = c;
    while (end > p && isspace((unsigned char)end[-1]))
        end--;
    return evo_strndup(p, (size_t)(end - p));
}

/* The variable's value in the text of .env; NULL where it has no line. The caller frees. */
static char *find_in_file(const char *text, const char *variable)
{
    size_t n = strlen(variable);
    for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        const char *name = p + strspn(p, " \t");
        if (evo_starts_with(name, "export "))
            name += strlen("export ") + strspn(name + strlen("export "), " \t");
        if (strncmp(name, variable, n) != 0)
            continue;
        const char *equals = name + n + strspn(name + n, " \t");
        if (*equals == '=')
            return value_of(equals + 1, strcspn(equals + 1, "\n"));
    }
    return NULL;
}

char *evo_table_named(const struct evo_project *p, const char *variable)
{
    const char *given = getenv(variable);
    if (given)
        return *given ? evo_strdup(given) : NULL;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(ENV_FILE_MAX + 1);
    EVO_AUTO_STR path = evo_path_join(p->root, ".env");
    struct evo_error ignored = EVO_ERROR_INIT;
    if (!evo_is_file(path) || evo_file_read(path, ENV_FILE_MAX, &text, &ignored))
        return NULL;
    EVO_AUTO_STR value = find_in_file(text.buf, variable);
    return value && *value ? evo_strdup(value) : NULL;
}

static bool is_plain(const char *name)
{
    size_t n = strlen(name);
    return n && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
}

enum evo_errc evo_table_name_read(struct evo_project *p, const char *variable, bool folds,
                                  struct evo_error *err)
{
    EVO_AUTO_STR value = evo_table_named(p, variable);
    if (!value)
        return EVO_OK;
    const char *dot = strchr(value, '.');
    EVO_AUTO_STR schema = dot ? evo_strndup(value, (size_t)(dot - value)) : NULL;
    EVO_AUTO_STR table = evo_strdup(dot ? dot + 1 : value);
    if (!is_plain(table) || (schema && !is_plain(schema))) {
        evo_error_set(err, EVO_ERR_CONFIG, "%s=\"%s\" is not the plain name of a table", variable, value);
        return evo_error_hint(err, "evo takes TABLE or SCHEMA.TABLE, of letters, digits and \"_\".");
    }
    for (char *c = table; folds && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    for (char *c = schema; folds && c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    free(p->ledger_schema);
    free(p->ledger_table);
    p->ledger_schema = schema;
    p->ledger_table = table;
    schema = table = NULL;
    return EVO_OK;
}
