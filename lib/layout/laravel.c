/* Laravel's folder: "YYYY_MM_DD_HHMMSS_name.php", in the order of their names. */
#include "base/banned.h"
#include "base/file.h"
#include "layout/companions.h"
#include "layout/laravel_class.h"
#include "layout/laravel_config.h"
#include "layout/reader.h"

#define SUFFIX     ".php"
#define CONFIG     "config/database.php"
#define CONFIG_MAX ((size_t)4 << 20)

/* "YYYY_MM_DD_HHMMSS_" */
static bool has_time(const char *name)
{
    static const char form[] = "0000_00_00_000000_";
    for (size_t i = 0; form[i]; i++)
        if (form[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
            return false;
    return true;
}

static void warn(struct evo_project *p, const char *name, const struct evo_laravel_class *c)
{
    if (!has_time(name))
        evo_strvec_pushf(&p->warnings,
                         "\"%s\" does not begin with a time: Laravel orders it by its name all the same",
                         name);
    if (c->may_skip)
        evo_strvec_pushf(&p->warnings,
                         "\"%s\" has shouldRun(): where that says no, Laravel skips it and records nothing, "
                         "and evo-migrate up stops there",
                         name);
    if (c->other_connection)
        evo_strvec_pushf(&p->warnings,
                         "\"%s\" names a connection of its own: what it changes may be in another database",
                         name);
}

static enum evo_errc read_one(struct evo_project *p, const char *file, struct evo_strbuf *buffer,
                              struct evo_error *err)
{
    EVO_AUTO_STR path = evo_path_join(p->migrations, file);
    EVO_AUTO_STR name = evo_strndup(file, strlen(file) - strlen(SUFFIX));
    if (!evo_is_file(path))
        return EVO_OK;
    struct evo_laravel_class c = { 0 };
    enum evo_errc rc = evo_layout_file_read(path, buffer, err);
    if (!rc)
        rc = evo_laravel_class_parse(buffer->buf, buffer->len, path, name, &c, err);
    if (rc)
        return evo_error_migration(err, name);
    EVO_AUTO(migration) m = { .name = evo_strdup(name), .path = evo_strdup(path) };
    rc = evo_project_add(p, &m, buffer, err);
    if (rc)
        return rc;
    struct evo_directives *d = &p->items[p->count - 1].directives;
    d->no_transaction = c.no_transaction;
    /* Laravel runs nothing then, and forgets that it was applied. */
    if (!c.has_down)
        d->irreversible = evo_strdup("it has no down()");
    warn(p, name, &c);
    return EVO_OK;
}

/* Where the project records migrations. A project without the file has the defaults. */
static enum evo_errc read_config(struct evo_project *p, struct evo_error *err)
{
    EVO_AUTO_STR path = evo_path_join(p->root, CONFIG);
    EVO_AUTO_STR dotenv_path = evo_path_join(p->root, ".env");
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    EVO_AUTO(strbuf) dotenv = EVO_STRBUF_INIT_MAX(CONFIG_MAX + 1);
    EVO_AUTO(laravel_config) c = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    if (!evo_is_file(path))
        return EVO_OK;
    /* Without .env the variables alone count, as for Laravel. */
    bool has_dotenv = evo_file_read(dotenv_path, CONFIG_MAX, &dotenv, &ignored) == EVO_OK;
    enum evo_errc rc = evo_layout_file_read(path, &text, err);
    if (!rc)
        rc = evo_laravel_config_parse(text.buf, text.len, path, has_dotenv ? dotenv.buf : NULL, &c, err);
    evo_strbuf_wipe(&dotenv);
    if (rc)
        return rc;
    if (c.computed) {
        evo_error_set(err, EVO_ERR_CONFIG, "cannot tell the table of migrations: \"%s\" computes it", path);
        evo_error_at(err, path, c.computed);
        return evo_error_hint(err, "Write it as a text, or as env('NAME', 'text').");
    }
    free(p->ledger_schema);
    free(p->ledger_table);
    p->ledger_schema = c.schema;
    p->ledger_table = c.table;
    c = (struct evo_laravel_config){ 0 };
    return EVO_OK;
}

static int compare(const void *va, const void *vb)
{
    const struct evo_migration *a = va, *b = vb;
    return strcmp(a->name, b->name);
}

enum evo_errc evo_laravel_read(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err)
{
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < names->count; i++) {
        const char *name = names->items[i];
        /* glob('*_*.php') */
        if (name[0] != '.' && evo_ends_with(name, SUFFIX) && strchr(name, '_'))
            rc = read_one(p, name, &buffer, err);
        else if (evo_ends_with(name, SUFFIX))
            evo_strvec_pushf(&p->warnings, "\"%s/%s\" is not applied: its name has no \"_\"", p->migrations,
                             name);
    }
    if (!rc)
        rc = evo_companions_in_root(p, err);
    if (!rc)
        rc = read_config(p, err);
    if (!rc && p->count)
        qsort(p->items, p->count, sizeof(*p->items), compare);
    return rc;
}
