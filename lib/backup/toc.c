#include "backup/toc.h"

#include <limits.h>

#include "base/parse.h"

/* Limits on what is believed: a string, and all of a TOC. */
#define STRING_MAX ((int64_t)64 << 20)
#define TOC_MAX    ((uint64_t)512 << 20)
/* An id of ours goes behind the last one. */
enum { FILL_SIZE = 64 * 1024, VERSION_MIN = 12, VERSION_MAX = 16, ID_MAX = INT32_MAX / 2 };

static void entry_release(struct evo_toc_entry *e)
{
    free(e->tableoid);
    free(e->oid);
    free(e->tag);
    free(e->desc);
    free(e->defn);
    free(e->drop);
    free(e->copy);
    free(e->schema);
    free(e->tablespace);
    free(e->tableam);
    free(e->owner);
    free(e->with_oids);
    free(e->deps);
    free(e->file);
}

void evo_toc_release(struct evo_toc *toc)
{
    if (!toc)
        return;
    for (size_t i = 0; i < toc->count; i++)
        entry_release(&toc->items[i]);
    free(toc->items);
    free(toc->database);
    free(toc->server_version);
    free(toc->dump_version);
    *toc = (struct evo_toc)EVO_TOC_INIT;
}

/* ---- reading ---------------------------------------------------------------- */

/* The first failure is kept in rc; from then on everything reads as zero. */
struct reader {
    evo_toc_fill *fill;
    void *ctx;
    struct evo_strbuf buf; /* read, and not yet used from pos on */
    size_t pos;
    uint64_t total;
    int off_size;
    enum evo_errc rc;
    struct evo_error *err;
};

static void reject(struct reader *r, const char *what)
{
    if (!r->rc)
        r->rc = evo_error_set(r->err, EVO_ERR_INTEGRITY, "table of contents is damaged: %s", what);
}

/* Makes n bytes available at pos. */
static bool need(struct reader *r, size_t n)
{
    while (!r->rc && r->buf.len - r->pos < n) {
        if (r->pos > FILL_SIZE) {
            memmove(r->buf.buf, r->buf.buf + r->pos, r->buf.len - r->pos);
            evo_strbuf_truncate(&r->buf, r->buf.len - r->pos);
            r->pos = 0;
        }
        size_t got = 0;
        if (!evo_strbuf_reserve(&r->buf, FILL_SIZE)) {
            reject(r, "it is larger than allowed");
            break;
        }
        r->rc = r->fill(r->ctx, r->buf.buf + r->buf.len, FILL_SIZE, &got, r->err);
        if (r->rc)
            break;
        if (!got)
            reject(r, "it ends early");
        else
            evo_strbuf_advance(&r->buf, got);
    }
    return !r->rc;
}

static void read_bytes(struct reader *r, void *out, size_t n)
{
    memset(out, 0, n);
    if (!need(r, n))
        return;
    memcpy(out, r->buf.buf + r->pos, n);
    r->pos += n;
    r->total += n;
}

static int read_byte(struct reader *r)
{
    unsigned char c = 0;
    read_bytes(r, &c, 1);
    return c;
}

static int32_t read_int(struct reader *r)
{
    unsigned char b[5];
    read_bytes(r, b, sizeof(b));
    uint32_t v = (uint32_t)b[1] | (uint32_t)b[2] << 8 | (uint32_t)b[3] << 16 | (uint32_t)b[4] << 24;
    if (b[0] > 1 || v > INT32_MAX) {
        reject(r, "a number is out of range");
        return 0;
    }
    return b[0] ? -(int32_t)v : (int32_t)v;
}

static char *read_string(struct reader *r)
{
    int32_t n = read_int(r);
    if (r->rc || n == -1)
        return NULL;
    if (n < 0 || n > STRING_MAX || r->total + (uint64_t)n > TOC_MAX) {
        reject(r, "a text is longer than allowed");
        return NULL;
    }
    if (!need(r, (size_t)n))
        return NULL;
    if (memchr(r->buf.buf + r->pos, '\0', (size_t)n)) {
        reject(r, "a text holds a zero byte");
        return NULL;
    }
    char *s = evo_strndup(r->buf.buf + r->pos, (size_t)n);
    r->pos += (size_t)n;
    r->total += (uint64_t)n;
    return s;
}

static void read_deps(struct reader *r, struct evo_toc_entry *e)
{
    for (;;) {
        EVO_AUTO_STR dep = read_string(r);
        if (!dep)
            return;
        int64_t id = 0;
        if (!evo_parse_int64(dep, 1, INT32_MAX, &id)) {
            reject(r, "a dependency is no number");
            return;
        }
        EVO_GROW(e->deps, e->ndeps, e->deps_alloc);
        e->deps[e->ndeps++] = (int32_t)id;
    }
}

static void read_entry(struct reader *r, const struct evo_toc *toc, struct evo_toc_entry *e)
{
    e->id = read_int(r);
    e->has_data = read_int(r);
    e->tableoid = read_string(r);
    e->oid = read_string(r);
    e->tag = read_string(r);
    e->desc = read_string(r);
    e->section = read_int(r);
    e->defn = read_string(r);
    e->drop = read_string(r);
    e->copy = read_string(r);
    e->schema = read_string(r);
    e->tablespace = read_string(r);
    if (toc->minor >= 14)
        e->tableam = read_string(r);
    if (toc->minor >= 16)
        e->relkind = read_int(r);
    e->owner = read_string(r);
    e->with_oids = read_string(r);
    read_deps(r, e);
    if (toc->format == EVO_TOC_CUSTOM)
        read_bytes(r, e->offset, (size_t)r->off_size + 1);
    else
        e->file = read_string(r);
    if (!r->rc && (e->id <= 0 || e->id > ID_MAX || !e->desc || e->section < EVO_TOC_NONE ||
                   e->section > EVO_TOC_POST_DATA))
        reject(r, "an entry makes no sense");
}

/* Of pg_compress_algorithm in PostgreSQL's common/compression.h. */
static const unsigned char algorithms[] = {
    [EVO_CODEC_NONE] = 0, [EVO_CODEC_GZIP] = 1, [EVO_CODEC_ZSTD] = 3
};

static void read_compression(struct reader *r, struct evo_toc *toc)
{
    if (toc->minor < 15) {
        toc->codec = read_int(r) != 0 ? EVO_CODEC_GZIP : EVO_CODEC_NONE;
        return;
    }
    int algorithm = read_byte(r);
    for (size_t i = 0; i < EVO_COUNT(algorithms); i++)
        if (algorithms[i] == algorithm) {
            toc->codec = (enum evo_codec)i;
            return;
        }
    reject(r, "its data is not compressed by gzip or zstd");
}

static void read_header(struct reader *r, struct evo_toc *toc)
{
    char magic[5];
    read_bytes(r, magic, sizeof(magic));
    if (!r->rc && memcmp(magic, "PGDMP", sizeof(magic)) != 0)
        reject(r, "it does not begin as one");
    toc->major = read_byte(r);
    toc->minor = read_byte(r);
    toc->revision = read_byte(r);
    if (!r->rc && (toc->major != 1 || toc->minor < VERSION_MIN || toc->minor > VERSION_MAX))
        r->rc = evo_error_set(r->err, EVO_ERR_UNSUPPORTED,
                              "cannot read an archive of version %d.%d (1.%d to 1.%d are known)", toc->major,
                              toc->minor, VERSION_MIN, VERSION_MAX);
    int int_size = read_byte(r);
    r->off_size = read_byte(r);
    int format = read_byte(r);
    if (!r->rc && (int_size != 4 || r->off_size != 8))
        reject(r, "its number sizes are unknown");
    if (!r->rc && format != EVO_TOC_CUSTOM && format != EVO_TOC_DIRECTORY)
        reject(r, "its format is unknown");
    if (r->rc)
        return;
    toc->format = (enum evo_toc_format)format;
    read_compression(r, toc);
    for (size_t i = 0; i < EVO_COUNT(toc->time); i++)
        toc->time[i] = read_int(r);
    toc->database = read_string(r);
    toc->server_version = read_string(r);
    toc->dump_version = read_string(r);
}

enum evo_errc evo_toc_read(evo_toc_fill *fill, void *ctx, struct evo_toc *ret, struct evo_strbuf *rest,
                           struct evo_error *err)
{
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    struct reader r = { .fill = fill, .ctx = ctx, .err = err };
    evo_strbuf_init(&r.buf, (size_t)STRING_MAX + 4 * FILL_SIZE);
    read_header(&r, &toc);
    int32_t count = read_int(&r);
    if (count < 0)
        reject(&r, "its number of entries makes no sense");
    for (int32_t i = 0; i < count && !r.rc; i++) {
        EVO_GROW(toc.items, toc.count, toc.alloc);
        toc.items[toc.count] = (struct evo_toc_entry){ 0 };
        read_entry(&r, &toc, &toc.items[toc.count++]);
        if (r.total > TOC_MAX)
            reject(&r, "it is larger than allowed");
    }
    if (!r.rc && rest)
        evo_strbuf_add(rest, r.buf.buf + r.pos, r.buf.len - r.pos);
    evo_strbuf_release(&r.buf);
    if (r.rc)
        return r.rc;
    *ret = toc;
    toc = (struct evo_toc)EVO_TOC_INIT;
    return EVO_OK;
}

struct memory {
    const char *p;
    size_t left;
};

static enum evo_errc fill_from_memory(void *ctx, void *buf, size_t size, size_t *ret_n, struct evo_error *err)
{
    (void)err;
    struct memory *m = ctx;
    size_t n = m->left < size ? m->left : size;
    if (n)
        memcpy(buf, m->p, n);
    m->p += n;
    m->left -= n;
    *ret_n = n;
    return EVO_OK;
}

enum evo_errc evo_toc_parse(const void *data, size_t n, struct evo_toc *ret, struct evo_error *err)
{
    struct memory m = { .p = data, .left = n };
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    EVO_AUTO(strbuf) rest = EVO_STRBUF_INIT;
    enum evo_errc rc = evo_toc_read(fill_from_memory, &m, &toc, &rest, err);
    if (rc)
        return rc;
    if (toc.format == EVO_TOC_DIRECTORY && (rest.len || m.left))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "table of contents is damaged: bytes follow its end");
    *ret = toc;
    toc = (struct evo_toc)EVO_TOC_INIT;
    return EVO_OK;
}

/* ---- writing ---------------------------------------------------------------- */

static void add_int(struct evo_strbuf *out, int32_t v)
{
    uint32_t u = v < 0 ? (uint32_t)0 - (uint32_t)v : (uint32_t)v;
    const unsigned char b[5] = { v < 0, u & 0xff, u >> 8 & 0xff, u >> 16 & 0xff, u >> 24 };
    evo_strbuf_add(out, b, sizeof(b));
}

static void add_string(struct evo_strbuf *out, const char *s)
{
    if (!s) {
        add_int(out, -1);
        return;
    }
    add_int(out, (int32_t)strlen(s));
    evo_strbuf_adds(out, s);
}

static void add_header(const struct evo_toc *toc, enum evo_toc_format format, struct evo_strbuf *out)
{
    const char head[] = { (char)toc->major, (char)toc->minor, (char)toc->revision, 4, 8, (char)format };
    evo_strbuf_adds(out, "PGDMP");
    evo_strbuf_add(out, head, sizeof(head));
    if (toc->minor < 15)
        add_int(out, toc->codec == EVO_CODEC_NONE ? 0 : -1); /* -1: gzip at its default level */
    else
        evo_strbuf_addch(out, (char)algorithms[toc->codec]);
    for (size_t i = 0; i < EVO_COUNT(toc->time); i++)
        add_int(out, toc->time[i]);
    add_string(out, toc->database);
    add_string(out, toc->server_version);
    add_string(out, toc->dump_version);
    add_int(out, (int32_t)toc->count);
}

static void add_entry(const struct evo_toc *toc, const struct evo_toc_entry *e, enum evo_toc_format format,
                      struct evo_strbuf *out)
{
    add_int(out, e->id);
    add_int(out, e->has_data);
    add_string(out, e->tableoid);
    add_string(out, e->oid);
    add_string(out, e->tag);
    add_string(out, e->desc);
    add_int(out, e->section);
    add_string(out, e->defn);
    add_string(out, e->drop);
    add_string(out, e->copy);
    add_string(out, e->schema);
    add_string(out, e->tablespace);
    if (toc->minor >= 14)
        add_string(out, e->tableam);
    if (toc->minor >= 16)
        add_int(out, e->relkind);
    add_string(out, e->owner);
    add_string(out, e->with_oids);
    for (size_t i = 0; i < e->ndeps; i++) {
        char dep[16];
        (void)snprintf(dep, sizeof(dep), "%d", (int)e->deps[i]);
        add_string(out, dep);
    }
    add_string(out, NULL);
    static const unsigned char no_data[sizeof(e->offset)] = { 3 };
    if (format == EVO_TOC_CUSTOM)
        evo_strbuf_add(out, toc->format == EVO_TOC_CUSTOM ? e->offset : no_data, sizeof(e->offset));
    else
        add_string(out, e->file ? e->file : "");
}

enum evo_errc evo_toc_format(const struct evo_toc *toc, enum evo_toc_format format, struct evo_strbuf *out,
                             struct evo_error *err)
{
    add_header(toc, format, out);
    for (size_t i = 0; i < toc->count; i++)
        add_entry(toc, &toc->items[i], format, out);
    if (!evo_strbuf_ok(out))
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "table of contents is larger than %zu bytes",
                             out->max ? out->max : EVO_STRBUF_MAX);
    return EVO_OK;
}

/* ---- what evo asks of it ---------------------------------------------------- */

void evo_toc_name_files(struct evo_toc *toc)
{
    for (size_t i = 0; i < toc->count; i++) {
        struct evo_toc_entry *e = &toc->items[i];
        free(e->file);
        if (!e->has_data)
            e->file = evo_strdup("");
        else if (!evo_streq(e->desc, "BLOBS"))
            e->file = evo_asprintf("%d.dat", (int)e->id);
        else if (toc->minor < 16)
            e->file = evo_strdup("blobs.toc");
        else
            e->file = evo_asprintf("blobs_%d.toc", (int)e->id);
    }
}

void evo_toc_filter(struct evo_toc *toc, bool (*keep)(const struct evo_toc_entry *e))
{
    size_t kept = 0;
    for (size_t i = 0; i < toc->count; i++) {
        if (keep(&toc->items[i]))
            toc->items[kept++] = toc->items[i];
        else
            entry_release(&toc->items[i]);
    }
    toc->count = kept;
}

bool evo_toc_is_large_object(const struct evo_toc_entry *e)
{
    static const char *const made[] = { "BLOB", "BLOBS", "BLOB METADATA" };
    static const char *const about[] = { "COMMENT", "ACL", "SECURITY LABEL" };
    for (size_t i = 0; i < EVO_COUNT(made); i++)
        if (evo_streq(e->desc, made[i]))
            return true;
    /* "LARGE OBJECT 16400", for a group "LARGE OBJECTS 16400..16410"; large objects are in no schema. */
    if ((e->schema && *e->schema) || !e->tag || !evo_starts_with(e->tag, "LARGE OBJECT"))
        return false;
    for (size_t i = 0; i < EVO_COUNT(about); i++)
        if (evo_streq(e->desc, about[i]))
            return true;
    return false;
}

bool evo_toc_is_setting(const struct evo_toc_entry *e)
{
    return evo_streq(e->desc, "ENCODING") || evo_streq(e->desc, "STDSTRINGS") ||
           evo_streq(e->desc, "SEARCHPATH");
}

bool evo_toc_is_table_data(const struct evo_toc_entry *e)
{
    return e->has_data && evo_streq(e->desc, "TABLE DATA");
}

void evo_toc_table_oids(const struct evo_toc *toc, struct evo_strbuf *out)
{
    const char *before = "{";
    for (size_t i = 0; i < toc->count; i++) {
        if (!evo_toc_is_table_data(&toc->items[i]))
            continue;
        evo_strbuf_addf(out, "%s%s", before, toc->items[i].oid);
        before = ",";
    }
    evo_strbuf_adds(out, *before == '{' ? "{}" : "}");
}

/* Behind the quoted or bare word at p. */
static const char *skip_word(const char *p)
{
    while (*p && *p != ' ' && *p != '(' && *p != '\n') {
        if (*p++ != '"')
            continue;
        /* A doubled quote ends one quoted part and begins the next: the same to us. */
        p += strcspn(p, "\"");
        if (*p)
            p++;
    }
    return p;
}

/* Behind the closing parenthesis of the list at p; NULL where there is none. */
static const char *skip_list(const char *p)
{
    while (*p && *p != ')') {
        if (*p++ != '"')
            continue;
        p += strcspn(p, "\"");
        if (*p)
            p++;
    }
    return *p ? p + 1 : NULL;
}

enum evo_errc evo_toc_copy_columns(const char *copy, char **ret_columns, struct evo_error *err)
{
    static const char head[] = "COPY ";
    const char *list = NULL;
    const char *end = NULL;
    if (copy && evo_starts_with(copy, head)) {
        list = skip_word(copy + strlen(head));
        list += *list == ' ';
        end = *list == '(' ? skip_list(list) : list;
    }
    if (!end || !evo_streq(end + (*end == ' '), "FROM stdin;\n"))
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "cannot understand pg_dump's statement \"%s\"",
                             copy ? copy : "");
    *ret_columns = evo_strndup(list, (size_t)(end - list));
    return EVO_OK;
}

char *evo_toc_encoding(const struct evo_toc *toc)
{
    static const char head[] = "SET client_encoding = '";
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        if (evo_streq(e->desc, "ENCODING") && e->defn && evo_starts_with(e->defn, head)) {
            const char *value = e->defn + strlen(head);
            return evo_strndup(value, strcspn(value, "'"));
        }
    }
    return NULL;
}

char *evo_toc_database_options(const struct evo_toc *toc)
{
    static const char head[] = "CREATE DATABASE ";
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        if (!evo_streq(e->desc, "DATABASE") || !e->defn || !evo_starts_with(e->defn, head))
            continue;
        const char *options = skip_word(e->defn + strlen(head));
        options += *options == ' ';
        size_t n = strlen(options);
        while (n && (options[n - 1] == '\n' || options[n - 1] == ';'))
            n--;
        return evo_strndup(options, n);
    }
    return NULL;
}
