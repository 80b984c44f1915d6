#include "backup/manifest.h"

#include "base/clock.h"

/* As age writes on the first line of a file. */
#define ENCRYPTION_FORMAT "age-encryption.org/v1"

static const char *const kinds[] = {
    [EVO_OBJECT_TOC] = "toc",
    [EVO_OBJECT_TABLE] = "table",
    [EVO_OBJECT_LARGE_OBJECTS] = "large_objects",
    [EVO_OBJECT_INSTRUCTIONS] = "instructions",
    [EVO_OBJECT_GLOBALS] = "globals",
    [EVO_OBJECT_CATALOG] = "catalog",
};

void evo_manifest_release(struct evo_manifest *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++) {
        free(m->objects[i].name);
        free(m->objects[i].schema);
        free(m->objects[i].table);
    }
    free(m->objects);
    free(m->evo_version);
    free(m->environment);
    free(m->database);
    free(m->server_version);
    free(m->system_identifier);
    free(m->encoding);
    free(m->collate);
    free(m->ctype);
    free(m->snapshot);
    free(m->wal_before);
    free(m->wal_after);
    free(m->pg_dump_version);
    free(m->archive_version);
    free(m->compress);
    free(m->codec);
    free(m->fingerprint);
    evo_json_free(m->labels);
    evo_strvec_release(&m->recipients);
    evo_json_free(m->options);
    evo_json_free(m->ledger);
    evo_json_free(m->provider);
    *m = (struct evo_manifest)EVO_MANIFEST_INIT;
}

struct evo_backup_object *evo_manifest_add(struct evo_manifest *m, enum evo_object_kind kind,
                                           const char *name)
{
    EVO_GROW(m->objects, m->count, m->alloc);
    struct evo_backup_object *o = &m->objects[m->count++];
    *o = (struct evo_backup_object){ .kind = kind, .name = evo_strdup(name) };
    return o;
}

static int by_name(const void *a, const void *b)
{
    const struct evo_backup_object *x = a;
    const struct evo_backup_object *y = b;
    return strcmp(x->name, y->name);
}

const struct evo_backup_object *evo_manifest_find(const struct evo_manifest *m, const char *name)
{
    struct evo_backup_object key = { .name = (char *)(uintptr_t)name };
    return m->count ? bsearch(&key, m->objects, m->count, sizeof(*m->objects), by_name) : NULL;
}

const struct evo_backup_object *evo_manifest_object(const struct evo_manifest *m, enum evo_object_kind kind)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->objects[i].kind == kind)
            return &m->objects[i];
    return NULL;
}

bool evo_object_is_encrypted(const struct evo_backup_object *o)
{
    return evo_ends_with(o->name, EVO_BACKUP_SEALED);
}

struct evo_manifest_totals evo_manifest_totals(const struct evo_manifest *m)
{
    struct evo_manifest_totals t = { 0 };
    for (size_t i = 0; i < m->count; i++) {
        const struct evo_backup_object *o = &m->objects[i];
        t.objects++;
        t.stored_bytes += o->size;
        if (o->kind == EVO_OBJECT_TABLE) {
            t.tables += o->part == 1;
            t.rows += o->rows;
            t.raw_bytes += o->raw_bytes;
        }
    }
    return t;
}

/* ---- writing ---------------------------------------------------------------- */

static struct evo_json *object_json(const struct evo_backup_object *o)
{
    struct evo_json *v = evo_json_object();
    evo_json_set_string(v, "name", o->name);
    evo_json_set_string(v, "kind", kinds[o->kind]);
    evo_json_set_int(v, "stored_bytes", (int64_t)o->size);
    evo_json_set_string(v, "sha256", o->sha256);
    if (o->kind != EVO_OBJECT_TABLE)
        return v;
    evo_json_set_string(v, "schema", o->schema);
    evo_json_set_string(v, "table", o->table);
    evo_json_set_int(v, "dump_id", o->dump_id);
    evo_json_set_int(v, "part", o->part);
    evo_json_set_int(v, "rows", o->rows);
    evo_json_set_int(v, "raw_bytes", (int64_t)o->raw_bytes);
    evo_json_set_int(v, "members", (int64_t)o->members);
    return v;
}

static struct evo_json *or_null(struct evo_json *v)
{
    return v ? evo_json_ref(v) : evo_json_null_new();
}

static struct evo_json *server_json(const struct evo_manifest *m)
{
    struct evo_json *v = evo_json_object();
    evo_json_set_string(v, "version", m->server_version);
    evo_json_set_int(v, "version_num", m->server_version_num);
    evo_json_set_string(v, "system_identifier", m->system_identifier);
    evo_json_set_string(v, "encoding", m->encoding);
    evo_json_set_string(v, "collate", m->collate);
    evo_json_set_string(v, "ctype", m->ctype);
    evo_json_set_bool(v, "in_recovery", m->in_recovery);
    return v;
}

static struct evo_json *encryption_json(const struct evo_manifest *m)
{
    if (!m->recipients.count)
        return evo_json_null_new();
    struct evo_json *v = evo_json_object();
    struct evo_json *list = evo_json_array();
    evo_json_set_string(v, "format", ENCRYPTION_FORMAT);
    for (size_t i = 0; i < m->recipients.count; i++)
        evo_json_append_string(list, m->recipients.items[i]);
    evo_json_set(v, "recipients", list);
    return v;
}

static void set_checksum(struct evo_json *v)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    char hex[EVO_SHA256_HEX];
    evo_json_format(v, EVO_JSON_COMPACT, &text);
    evo_json_set_string(v, "checksum", evo_sha256_hex(text.buf, text.len, hex));
}

struct evo_json *evo_manifest_json(struct evo_manifest *m)
{
    if (m->count)
        qsort(m->objects, m->count, sizeof(*m->objects), by_name);
    struct evo_json *v = evo_json_object();
    evo_json_set_int(v, "schema", 1);
    evo_json_set_string(v, "id", m->id);
    evo_json_set_string(v, "evo_version", m->evo_version);
    evo_json_set_string(v, "environment", m->environment);
    evo_json_set_string(v, "database", m->database);
    evo_json_set_time(v, "created_at", m->created_ms);
    evo_json_set_time(v, "finished_at", m->finished_ms);
    evo_json_set(v, "server", server_json(m));
    evo_json_set_string(v, "snapshot", m->snapshot);
    struct evo_json *wal = evo_json_object();
    evo_json_set_string(wal, "before", m->wal_before);
    evo_json_set_string(wal, "after", m->wal_after);
    evo_json_set(v, "wal", wal);
    struct evo_json *tools = evo_json_object();
    evo_json_set_string(tools, "pg_dump", m->pg_dump_version);
    evo_json_set_string(tools, "archive_version", m->archive_version);
    evo_json_set(v, "tools", tools);
    struct evo_json *options = m->options ? evo_json_copy(m->options) : evo_json_object();
    evo_json_set_string(options, "compress", m->compress);
    evo_json_set_string(options, "codec", m->codec);
    evo_json_set_int(options, "jobs", m->jobs);
    evo_json_set_bool(options, "filtered", m->filtered);
    evo_json_set(v, "options", options);
    evo_json_set(v, "ledger", or_null(m->ledger));
    evo_json_set_string(v, "fingerprint", m->fingerprint);
    evo_json_set(v, "labels", or_null(m->labels));
    evo_json_set(v, "encryption", encryption_json(m));
    evo_json_set(v, "provider", or_null(m->provider));
    struct evo_manifest_totals t = evo_manifest_totals(m);
    struct evo_json *totals = evo_json_object();
    evo_json_set_int(totals, "tables", t.tables);
    evo_json_set_int(totals, "rows", t.rows);
    evo_json_set_int(totals, "raw_bytes", (int64_t)t.raw_bytes);
    evo_json_set_int(totals, "stored_bytes", (int64_t)t.stored_bytes);
    evo_json_set_int(totals, "objects", t.objects);
    evo_json_set(v, "totals", totals);
    struct evo_json *objects = evo_json_array();
    for (size_t i = 0; i < m->count; i++)
        evo_json_append(objects, object_json(&m->objects[i]));
    evo_json_set(v, "objects", objects);
    set_checksum(v);
    return v;
}

/* ---- reading ---------------------------------------------------------------- */

static bool checksum_holds(const struct evo_json *v)
{
    const char *given = evo_json_get_string(v, "checksum", NULL);
    EVO_AUTO_PTR(json) bare = evo_json_copy(v);
    evo_json_remove(bare, "checksum");
    set_checksum(bare);
    return evo_streq(given, evo_json_get_string(bare, "checksum", NULL));
}

static char *text_of(const struct evo_json *v, const char *key)
{
    return evo_strdup(evo_json_get_string(v, key, NULL));
}

static bool hex_valid(const char *s)
{
    return s && strlen(s) == EVO_SHA256_HEX - 1 && strspn(s, "0123456789abcdef") == EVO_SHA256_HEX - 1;
}

/* A name that stays in the backup's folder, behind the one before it: so none occurs twice. */
static bool name_valid(const struct evo_manifest *m, const char *s)
{
    return s && *s && !strchr(s, '/') && s[0] != '.' && strlen(s) < 200 &&
           (!m->count || strcmp(m->objects[m->count - 1].name, s) < 0);
}

static bool read_object(struct evo_manifest *m, const struct evo_json *v)
{
    const char *name = evo_json_get_string(v, "name", NULL);
    const char *kind = evo_json_get_string(v, "kind", "");
    const char *hex = evo_json_get_string(v, "sha256", NULL);
    size_t k = 0;
    while (k < EVO_COUNT(kinds) && !evo_streq(kinds[k], kind))
        k++;
    int64_t size = evo_json_get_int(v, "stored_bytes", -1);
    if (k == EVO_COUNT(kinds) || !name_valid(m, name) || !hex_valid(hex) || size < 0)
        return false;
    struct evo_backup_object *o = evo_manifest_add(m, (enum evo_object_kind)k, name);
    o->size = (uint64_t)size;
    memcpy(o->sha256, hex, EVO_SHA256_HEX);
    if (o->kind != EVO_OBJECT_TABLE)
        return true;
    o->schema = text_of(v, "schema");
    o->table = text_of(v, "table");
    int64_t dump_id = evo_json_get_int(v, "dump_id", -1);
    int64_t raw = evo_json_get_int(v, "raw_bytes", -1);
    int64_t members = evo_json_get_int(v, "members", -1);
    int64_t part = evo_json_get_int(v, "part", 1);
    o->part = (int32_t)part;
    o->rows = evo_json_get_int(v, "rows", -1);
    o->dump_id = (int32_t)dump_id;
    o->raw_bytes = (uint64_t)raw;
    o->members = (uint64_t)members;
    bool named = evo_object_is_encrypted(o) || (o->schema && o->table);
    return named && dump_id > 0 && dump_id <= INT32_MAX && part > 0 && part <= INT32_MAX && raw >= 0 &&
           members >= 0 && o->rows >= 0;
}

/* NULL where there is none. */
static struct evo_json *object_of(const struct evo_json *v, const char *key)
{
    const struct evo_json *member = evo_json_get(v, key);
    return evo_json_type_of(member) == EVO_JSON_OBJECT ? evo_json_copy(member) : NULL;
}

static bool read_encryption(struct evo_manifest *m, const struct evo_json *v)
{
    if (evo_json_type_of(v) == EVO_JSON_NULL)
        return true;
    const struct evo_json *list = evo_json_get(v, "recipients");
    if (!evo_streq(evo_json_get_string(v, "format", NULL), ENCRYPTION_FORMAT) || !evo_json_count(list))
        return false;
    for (size_t i = 0; i < evo_json_count(list); i++)
        evo_strvec_push(&m->recipients, evo_json_string(evo_json_at(list, i), ""));
    return true;
}

static bool read_members(struct evo_manifest *m, const struct evo_json *v)
{
    const struct evo_json *server = evo_json_get(v, "server");
    const struct evo_json *wal = evo_json_get(v, "wal");
    const struct evo_json *tools = evo_json_get(v, "tools");
    const struct evo_json *options = evo_json_get(v, "options");
    const char *id = evo_json_get_string(v, "id", NULL);
    if (!evo_backup_id_valid(id))
        return false;
    memcpy(m->id, id, strlen(id) + 1);
    m->evo_version = text_of(v, "evo_version");
    m->environment = text_of(v, "environment");
    m->database = text_of(v, "database");
    m->snapshot = text_of(v, "snapshot");
    m->server_version = text_of(server, "version");
    m->server_version_num = (int)evo_json_get_int(server, "version_num", 0);
    m->system_identifier = text_of(server, "system_identifier");
    m->encoding = text_of(server, "encoding");
    m->collate = text_of(server, "collate");
    m->ctype = text_of(server, "ctype");
    m->in_recovery = evo_json_get_bool(server, "in_recovery", false);
    m->wal_before = text_of(wal, "before");
    m->wal_after = text_of(wal, "after");
    m->pg_dump_version = text_of(tools, "pg_dump");
    m->archive_version = text_of(tools, "archive_version");
    m->compress = text_of(options, "compress");
    m->codec = text_of(options, "codec");
    m->filtered = evo_json_get_bool(options, "filtered", false);
    m->jobs = (int)evo_json_get_int(options, "jobs", 1);
    m->options = options ? evo_json_copy(options) : NULL;
    m->ledger = object_of(v, "ledger");
    m->provider = object_of(v, "provider");
    m->labels = object_of(v, "labels");
    m->fingerprint = text_of(v, "fingerprint");
    if (!read_encryption(m, evo_json_get(v, "encryption")))
        return false;
    return m->environment && m->database && m->server_version && m->compress && m->codec &&
           evo_parse_time(evo_json_get_string(v, "created_at", ""), &m->created_ms) &&
           evo_parse_time(evo_json_get_string(v, "finished_at", ""), &m->finished_ms);
}

/* What is summed up must have a sum. */
static bool sums_up(const struct evo_manifest *m)
{
    int64_t rows = 0;
    uint64_t raw = 0, stored = 0;
    for (size_t i = 0; i < m->count; i++)
        if (__builtin_add_overflow(rows, m->objects[i].rows, &rows) ||
            __builtin_add_overflow(raw, m->objects[i].raw_bytes, &raw) ||
            __builtin_add_overflow(stored, m->objects[i].size, &stored))
            return false;
    return raw <= INT64_MAX && stored <= INT64_MAX;
}

enum evo_errc evo_manifest_parse(const char *text, size_t n, const char *what, struct evo_manifest *ret,
                                 struct evo_error *err)
{
    EVO_AUTO_PTR(json) v = NULL;
    enum evo_errc rc = evo_json_parse(text, n, what, EVO_ERR_INTEGRITY, &v, err);
    if (rc)
        return rc;
    if (evo_json_get_int(v, "schema", 0) != 1)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "%s is no manifest that this version of evo knows",
                             what);
    if (!checksum_holds(v))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "%s does not match its own checksum", what);
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    bool ok = read_members(&m, v);
    const struct evo_json *objects = evo_json_get(v, "objects");
    for (size_t i = 0; ok && i < evo_json_count(objects); i++)
        ok = read_object(&m, evo_json_at(objects, i));
    if (!ok || !sums_up(&m) || !evo_manifest_object(&m, EVO_OBJECT_TOC))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "%s lacks what a manifest must have", what);
    *ret = m;
    m = (struct evo_manifest)EVO_MANIFEST_INIT;
    return EVO_OK;
}
