#include "catalog/catalog.h"

#include "base/strvec.h"
#include "catalog/sections.h"

/* What the server's own words for a definition depend on, as well as the form of constants; and no compilation of
 * queries that run once. Gone with the savepoint or transaction. */
#define SETTINGS                             \
    "SET LOCAL search_path = '';"            \
    "SET LOCAL client_encoding = 'UTF8';"    \
    "SET LOCAL TimeZone = 'UTC';"            \
    "SET LOCAL DateStyle = 'ISO';"           \
    "SET LOCAL IntervalStyle = 'postgres';"  \
    "SET LOCAL extra_float_digits = 3;"      \
    "SET LOCAL bytea_output = 'hex';"        \
    "SET LOCAL lc_monetary = 'C';"           \
    "SET LOCAL quote_all_identifiers = off;" \
    "SET LOCAL jit = off"

#define OLDEST 130000

/* Far above any schema, below what would be felt as a mistake. */
#define TEXT_MAX ((size_t)512 << 20)

/* The sections of one look, and what they gave. */
struct reading {
    struct evo_strbuf sql; /* all of them, one message: the way to a server is longer than a section takes */
    struct evo_strvec sections; /* their names */
    size_t at; /* section whose answer is awaited */
    struct evo_strvec *lines;
    size_t *size;
};

static void reading_auto(struct reading *r)
{
    evo_strbuf_release(&r->sql);
    evo_strvec_release(&r->sections);
}

static enum evo_errc take_rows(void *ctx, const struct evo_pg_result *rows, struct evo_error *err)
{
    (void)err;
    struct reading *reading = ctx;
    for (int i = 0; i < evo_pg_rows(rows); i++) {
        const char *value = evo_pg_value(rows, i, 0);
        if (!value)
            continue;
        EVO_AUTO(strbuf) line = EVO_STRBUF_INIT_MAX(TEXT_MAX);
        evo_catalog_line(&line, value);
        *reading->size += line.len + 1;
        evo_strvec_push_owned(reading->lines, evo_strbuf_detach(&line));
    }
    reading->at++;
    return EVO_OK;
}

static void add_sections(struct reading *r, const struct evo_catalog_section *s, int version)
{
    for (; s->what; s++) {
        if (version < s->since || (s->before && version >= s->before))
            continue;
        evo_strbuf_addf(&r->sql, "%s;\n", s->sql);
        evo_strvec_push(&r->sections, s->what);
    }
}

static enum evo_errc read_all(struct evo_pg *pg, bool grants, struct evo_strvec *lines, size_t *size,
                              struct evo_error *err)
{
    const struct evo_catalog_section *const tables[] = {
        evo_catalog_database,
        evo_catalog_types,
        evo_catalog_routines,
        evo_catalog_relations,
        grants ? evo_catalog_grants : NULL,
    };
    __attribute__((
        cleanup(reading_auto))) struct reading r = { .sql = EVO_STRBUF_INIT, .lines = lines, .size = size };
    for (size_t i = 0; i < EVO_COUNT(tables); i++)
        if (tables[i])
            add_sections(&r, tables[i], evo_pg_version(pg));
    enum evo_errc rc = evo_pg_script(pg, r.sql.buf, take_rows, &r, NULL, err);
    if (rc && err)
        err->line = err->column = 0; /* of a text that nobody wrote */
    return rc && r.at < r.sections.count
               ? evo_error_prefix(err, "could not read the schema (%s)", r.sections.items[r.at])
               : rc;
}

/* Under settings of its own, which are gone afterwards. */
static enum evo_errc read_apart(struct evo_pg *pg, bool grants, struct evo_strvec *lines, size_t *size,
                                struct evo_error *err)
{
    bool inside = evo_pg_in_transaction(pg);
    enum evo_errc rc = evo_pg_exec(pg,
                                   inside ? "SAVEPOINT evo_catalog;" SETTINGS
                                          : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;" SETTINGS,
                                   err);
    if (rc && inside) /* a transaction that has failed takes no savepoint */
        return evo_error_prefix(err, "could not read the schema");
    if (!rc)
        rc = read_all(pg, grants, lines, size, err);
    struct evo_error second = EVO_ERROR_INIT;
    enum evo_errc ended = evo_pg_exec(
        pg, inside ? "ROLLBACK TO SAVEPOINT evo_catalog; RELEASE SAVEPOINT evo_catalog" : "ROLLBACK",
        &second);
    if (!rc && ended) {
        rc = ended;
        if (err)
            *err = second;
    }
    return rc;
}

static void write_lines(const struct evo_strvec *lines, struct evo_strbuf *out)
{
    evo_strbuf_adds(out, EVO_CATALOG_FORMAT "\n");
    for (size_t i = 0; i < lines->count; i++) {
        evo_strbuf_adds(out, lines->items[i]);
        evo_strbuf_addch(out, '\n');
    }
}

enum evo_errc evo_catalog_describe(struct evo_pg *pg, const struct evo_fingerprint_options *o,
                                   struct evo_strbuf *out, struct evo_error *err)
{
    if (evo_pg_version(pg) < OLDEST)
        return evo_error_set(err, EVO_ERR_UNSUPPORTED,
                             "no fingerprint of the schema can be made of a server of version %s",
                             evo_pg_version_text(pg));
    EVO_AUTO(strvec) lines = EVO_STRVEC_INIT;
    size_t size = strlen(EVO_CATALOG_FORMAT "\n");
    enum evo_errc rc = read_apart(pg, o && o->grants, &lines, &size, err);
    if (rc)
        return rc;
    size_t max = out->max ? out->max : EVO_STRBUF_MAX;
    if (out->len > max || size > max - out->len)
        return evo_error_set(err, EVO_ERR_UNSUPPORTED,
                             "the description of the schema has %zu bytes, too many", size);
    evo_strvec_sort(&lines);
    evo_debug(o ? o->task : NULL, "the schema has %zu lines of %zu bytes", lines.count, size);
    write_lines(&lines, out);
    return EVO_OK;
}

enum evo_errc evo_catalog_fingerprint(struct evo_pg *pg, const struct evo_fingerprint_options *o,
                                      char ret_hex[EVO_SHA256_HEX], struct evo_strbuf *text,
                                      struct evo_error *err)
{
    EVO_AUTO(strbuf) own = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    struct evo_strbuf *out = text ? text : &own;
    size_t before = out->len;
    enum evo_errc rc = evo_catalog_describe(pg, o, out, err);
    if (rc)
        return rc;
    (void)evo_sha256_hex(out->buf + before, out->len - before, ret_hex);
    return EVO_OK;
}
