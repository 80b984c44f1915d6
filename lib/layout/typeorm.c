/* TypeORM's folder: one migration class a file; names, times and order are those of the classes, not of the files. */
#include "layout/typeorm.h"

#include "base/banned.h"
#include "base/file.h"
#include "layout/companions.h"
#include "layout/order.h"
#include "layout/reader.h"
#include "layout/typeorm_class.h"

/* What TypeORM loads (importClassesFromDirectories). */
static bool is_source(const char *name)
{
    static const char *const extensions[] = { ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts" };
    if (evo_ends_with(name, ".d.ts") || evo_ends_with(name, ".d.mts") || evo_ends_with(name, ".d.cts"))
        return false;
    for (size_t i = 0; i < EVO_COUNT(extensions); i++)
        if (evo_ends_with(name, extensions[i]))
            return true;
    return false;
}

/* "1735689600000-AddUsers.ts", as TypeORM names what it makes. */
static bool names_migration(const char *name)
{
    size_t n = strspn(name, "0123456789");
    return n && (name[n] == '-' || name[n] == '_');
}

static enum evo_errc add(struct evo_project *p, const struct evo_typeorm_class *c, const char *path,
                         struct evo_strbuf *buffer, struct evo_error *err)
{
    const struct evo_migration *twin = evo_project_find(p, c->name);
    if (twin) {
        evo_error_set(err, EVO_ERR_CONFIG, "migration \"%s\" exists twice: \"%s\" and \"%s\"", c->name,
                      twin->path, path);
        evo_error_at(err, path, c->line);
        evo_error_migration(err, c->name);
        return evo_error_hint(err, "Keep one of the two.");
    }
    EVO_AUTO(migration)
    m = { .name = evo_strdup(c->name), .version = evo_strdup(c->version), .path = evo_strdup(path) };
    enum evo_errc rc = evo_project_add(p, &m, buffer, err);
    if (rc)
        return rc;
    struct evo_directives *d = &p->items[p->count - 1].directives;
    d->no_transaction = c->no_transaction;
    if (!c->has_down)
        d->irreversible = evo_strdup("it has no down()");
    if (c->longer)
        evo_strvec_pushf(
            &p->warnings,
            "the number in \"%s\" is longer than a time: TypeORM orders it by its last digits, %s", c->name,
            c->version);
    return EVO_OK;
}

static enum evo_errc read_one(struct evo_project *p, const char *name, struct evo_strbuf *buffer,
                              struct evo_error *err)
{
    EVO_AUTO_STR path = evo_path_join(p->migrations, name);
    if (!evo_is_file(path))
        return EVO_OK;
    EVO_AUTO(typeorm_class) c = { 0 };
    enum evo_errc rc = evo_layout_file_read(path, buffer, err);
    if (!rc)
        rc = evo_typeorm_class_parse(buffer->buf, buffer->len, path, names_migration(name), &c, err);
    if (rc)
        return rc;
    if (c.found)
        return add(p, &c, path, buffer, err);
    evo_strvec_pushf(&p->warnings, "\"%s\" is not applied: it exports no migration class", path);
    return EVO_OK;
}

/* Where the project records migrations, as far as its data source says so in plain words. */
static enum evo_errc read_ledger(struct evo_project *p, struct evo_strbuf *buffer, struct evo_error *err)
{
    EVO_AUTO_STR path = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    /* Reading goes on without: what runs a migration asks again, and says what is missing. */
    if (evo_typeorm_data_source(p, &path, &ignored))
        return EVO_OK;
    EVO_AUTO(typeorm_ledger) l = { 0 };
    enum evo_errc rc = evo_layout_file_read(path, buffer, err);
    if (!rc)
        rc = evo_typeorm_ledger_parse(buffer->buf, buffer->len, path, &l, err);
    if (rc)
        return rc;
    if (l.computed)
        evo_strvec_pushf(
            &p->warnings,
            "cannot tell where migrations are recorded: line %d of \"%s\" computes it; taking %s.%s",
            l.computed, path, l.schema ? l.schema : "the connection's schema",
            l.table ? l.table : "migrations");
    free(p->ledger_schema);
    free(p->ledger_table);
    p->ledger_schema = l.schema;
    p->ledger_table = l.table;
    l = (struct evo_typeorm_ledger){ 0 };
    return EVO_OK;
}

enum evo_errc evo_typeorm_read(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err)
{
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < names->count; i++)
        if (is_source(names->items[i]))
            rc = read_one(p, names->items[i], &buffer, err);
    if (!rc)
        rc = evo_companions_in_root(p, err);
    if (!rc)
        rc = read_ledger(p, &buffer, err);
    if (!rc)
        evo_order_sql(p);
    return rc;
}
