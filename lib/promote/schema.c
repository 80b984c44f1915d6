#include "promote/schema.h"

#include "base/file.h"
#include "base/parse.h"
#include "pack/codec.h"

/* A readable form, compressed and not. */
#define OBJECT_MAX ((size_t)16 << 20)
#define TEXT_MAX   ((size_t)64 << 20)

/* ---- the store -------------------------------------------------------------------- */

static char *folder_of(const char *environment)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_store_key_append(&key, "schemas");
    evo_store_key_append(&key, environment);
    evo_strbuf_addch(&key, '/');
    return evo_strbuf_detach(&key);
}

static enum evo_errc append(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct evo_strbuf *out = ctx;
    evo_strbuf_add(out, data, n);
    return evo_strbuf_ok(out)
               ? EVO_OK
               : evo_error_set(err, EVO_ERR_INTEGRITY, "the description of a schema is too long");
}

static enum evo_errc put_text(struct evo_store *store, const char *folder, const char *fingerprint,
                              const struct evo_strbuf *text, struct evo_error *err)
{
    EVO_AUTO_STR key = evo_asprintf("%s%s.txt.gz", folder, fingerprint);
    EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(compressor)
    z = evo_compressor_new(EVO_CODEC_GZIP, EVO_CODEC_BETTER, EVO_CODEC_MEMBER, append, &packed);
    enum evo_errc rc = evo_compressor_write(z, text->buf, text->len, err);
    if (!rc)
        rc = evo_compressor_finish(z, err);
    /* Its name says what is in it: whoever was first wrote the same. */
    return rc ? rc : evo_store_put(store, key, packed.buf, packed.len, 0, err);
}

static enum evo_errc get_text(struct evo_store *store, const char *folder, const char *fingerprint,
                              struct evo_strbuf *out, struct evo_error *err)
{
    EVO_AUTO_STR key = evo_asprintf("%s%s.txt.gz", folder, fingerprint);
    EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(decompressor) z = evo_decompressor_new(EVO_CODEC_GZIP, append, out);
    char hex[EVO_SHA256_HEX];
    enum evo_errc rc = evo_store_get(store, key, OBJECT_MAX, &packed, err);
    if (!rc)
        rc = evo_decompressor_write(z, packed.buf, packed.len, err);
    if (!rc)
        rc = evo_decompressor_finish(z, err);
    if (!rc && strcmp(evo_sha256_hex(out->buf, out->len, hex), fingerprint) != 0)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" is not the schema that its name says", key);
    return rc;
}

/* ---- record ----------------------------------------------------------------------- */

/* Those of p, each once. */
static void collect(const struct evo_passport *p, struct evo_strvec *out)
{
    const char *const own[] = { p->initial, p->before, p->after };
    for (size_t i = 0; i < EVO_COUNT(own); i++)
        if (own[i] && !evo_strvec_contains(out, own[i]))
            evo_strvec_push(out, own[i]);
    size_t first = p->count > EVO_SCHEMA_LOG_TEXTS ? p->count - EVO_SCHEMA_LOG_TEXTS : 0;
    for (size_t i = first; i < p->count; i++)
        if (p->items[i].fingerprint && !evo_strvec_contains(out, p->items[i].fingerprint))
            evo_strvec_push(out, p->items[i].fingerprint);
}

static bool is_there(const struct evo_store_list *list, const char *fingerprint)
{
    for (size_t i = 0; i < list->count; i++)
        if (evo_starts_with(evo_path_base(list->items[i].key), fingerprint))
            return true;
    return false;
}

static enum evo_errc put_texts(struct evo_store *store, struct evo_pg *pg, const struct evo_ledger *ledger,
                               const char *environment, const struct evo_passport *p,
                               const struct evo_schema *now, struct evo_error *err)
{
    EVO_AUTO_STR folder = folder_of(environment);
    EVO_AUTO(strvec) wanted = EVO_STRVEC_INIT;
    EVO_AUTO(store_list) list = { 0 };
    collect(p, &wanted);
    enum evo_errc rc = evo_store_list_prefix(store, folder, true, &list, err);
    for (size_t i = 0; !rc && i < wanted.count; i++) {
        const char *fingerprint = wanted.items[i];
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        bool found = evo_streq(fingerprint, now->fingerprint);
        if (is_there(&list, fingerprint))
            continue;
        if (found)
            evo_strbuf_add(&text, now->text.buf, now->text.len);
        else
            rc = evo_schema_log_text(pg, ledger, fingerprint, &text, &found, err);
        if (!rc && found)
            rc = put_text(store, folder, fingerprint, &text, err);
    }
    return rc;
}

/* What the runs of evo recorded of the states that p's migrations made, one after the other. */
static void fill(struct evo_passport *p, const struct evo_schema_log *log, const char *key,
                 int server_version)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    char state[EVO_SHA256_HEX];
    size_t first = p->count > EVO_SCHEMA_LOG_ROWS ? p->count - EVO_SCHEMA_LOG_ROWS : 0;
    for (size_t i = 0; i <= p->count; i++) {
        if (i)
            evo_strvec_push(&names, p->items[i - 1].name);
        if (i && i <= first)
            continue;
        evo_schema_state(&names, state);
        const struct evo_schema_row *row = evo_schema_log_find(log, key, state);
        if (!row || !evo_schema_is_comparable(row->format, row->server_version, server_version))
            continue;
        *(i ? &p->items[i - 1].fingerprint : &p->initial) = evo_strdup(row->fingerprint);
    }
    for (size_t i = 0; i < log->count && !p->before; i++)
        if (evo_streq(log->items[i].moment, "before") && evo_streq(log->items[i].ledger, key))
            p->before = evo_strdup(log->items[i].fingerprint);
}

enum evo_errc evo_promote_add_schemas(struct evo_store *store, struct evo_pg *pg,
                                      const struct evo_ledger *ledger, const char *environment,
                                      struct evo_task *task, struct evo_passport *p, struct evo_error *err)
{
    EVO_AUTO(schema_log) log = { 0 };
    EVO_AUTO(schema) now = EVO_SCHEMA_INIT;
    EVO_AUTO_STR key = evo_schema_log_key(ledger);
    enum evo_errc rc =
        ledger->evo_schema_exists ? evo_schema_log_load(pg, ledger, EVO_SCHEMA_LOG_ROWS, &log, err) : EVO_OK;
    if (!rc)
        rc = evo_schema_look(pg, task, &now, err);
    if (rc == EVO_ERR_UNSUPPORTED)
        return EVO_OK; /* a server that is too old for fingerprints */
    if (rc)
        return rc;
    p->format = evo_strdup(EVO_CATALOG_FORMAT);
    p->after = evo_strdup(now.fingerprint);
    fill(p, &log, key, evo_pg_version(pg));
    return put_texts(store, pg, ledger, environment, p, &now, err);
}

/* ---- check ------------------------------------------------------------------------ */

const char *evo_schema_verdict_name(enum evo_schema_verdict verdict)
{
    static const char *const names[] = { "off", "unknown", "other version", "equal", "different" };
    return names[verdict];
}

/* "15.18 (Debian …)" → 15 */
static int major_of(const char *server_version)
{
    uint64_t major = 0;
    const char *text = server_version ? server_version : "";
    return evo_parse_digits(text, strspn(text, "0123456789"), &major) ? (int)major : 0;
}

/* The first `applied` migrations are the same there. */
static bool passed_through(const struct evo_passport *there, const struct evo_passport *here, size_t applied)
{
    if (there->count < applied)
        return false;
    EVO_AUTO(strvec) a = EVO_STRVEC_INIT, b = EVO_STRVEC_INIT;
    for (size_t i = 0; i < applied; i++) {
        evo_strvec_push(&a, there->items[i].name);
        evo_strvec_push(&b, here->items[i].name);
    }
    evo_strvec_sort(&a);
    evo_strvec_sort(&b);
    for (size_t i = 0; i < applied; i++)
        if (strcmp(a.items[i], b.items[i]) != 0)
            return false;
    return true;
}

enum evo_schema_verdict evo_promote_judge_schema(const struct evo_passport *passports, size_t count,
                                                 const struct evo_passport *here, size_t applied,
                                                 const char *fingerprint, int server_version,
                                                 const char **ret_there)
{
    enum evo_schema_verdict verdict = EVO_SCHEMA_UNKNOWN;
    *ret_there = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct evo_passport *p = &passports[i];
        if (!p->format || !passed_through(p, here, applied))
            continue;
        if (!evo_schema_is_comparable(p->format, major_of(p->server_version) * 10000, server_version)) {
            if (verdict == EVO_SCHEMA_UNKNOWN)
                verdict = EVO_SCHEMA_OTHER_SERVER;
            continue;
        }
        const char *const known[] = { applied ? p->items[applied - 1].fingerprint : p->initial,
                                      applied == p->count ? p->after : NULL };
        for (size_t k = 0; k < EVO_COUNT(known); k++) {
            if (!known[k])
                continue;
            if (!*ret_there)
                *ret_there = known[k];
            verdict = EVO_SCHEMA_DIFFERENT;
            if (strcmp(known[k], fingerprint) == 0) {
                *ret_there = known[k];
                return EVO_SCHEMA_EQUAL;
            }
        }
    }
    return verdict;
}

enum evo_errc evo_promote_explain_schema(struct evo_store *store, const char *from, const char *there,
                                         const struct evo_schema *now, const char *migration,
                                         struct evo_differences *ret, struct evo_error *err)
{
    EVO_AUTO_STR folder = folder_of(from);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    EVO_AUTO(strbuf) diff = EVO_STRBUF_INIT;
    size_t total = 0;
    enum evo_errc rc = get_text(store, folder, there, &text, err);
    if (rc && rc != EVO_ERR_NOT_FOUND)
        return rc;
    if (!rc)
        total = evo_catalog_diff(text.buf, now->text.buf, EVO_PROMOTE_LINES, &diff);
    EVO_AUTO_STR message =
        rc ? evo_asprintf(
                 "the schema here is not the one that \"%s\" had at this point (%.12s here, %.12s there)",
                 from, now->fingerprint, there)
           : evo_asprintf("the schema here is not the one that \"%s\" had at this point: %zu difference%s",
                          from, total, total == 1 ? "" : "s");
    struct evo_difference *d = evo_differences_add(ret, EVO_DIFFERENCE_SCHEMA, migration, message);
    for (const char *line = diff.buf; *line;) {
        size_t n = strcspn(line, "\n");
        evo_strvec_push_owned(&d->lines, evo_strndup(line, n));
        line += n + (line[n] == '\n');
    }
    return EVO_OK;
}
