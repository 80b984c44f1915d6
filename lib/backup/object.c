#include "backup/object.h"

enum { END_LEN = sizeof(EVO_BACKUP_END) - 1 };

struct reading {
    const struct evo_backup_object *object;
    evo_pack_sink *sink;
    void *ctx;
    struct evo_sha256 *hash;
    struct evo_gunzip *gunzip; /* NULL: stored as it is */
    uint64_t size;
    /* Rows: all but the last bytes have been handed on, since those must be the end marker. */
    bool rows;
    char tail[END_LEN];
    size_t tail_len;
    char last; /* the byte before the tail; '\n' at the start */
    uint64_t raw_bytes;
    int64_t newlines;
};

static enum evo_errc lie(const struct reading *r, struct evo_error *err, const char *what)
{
    return evo_error_set(err, EVO_ERR_INTEGRITY, "object \"%s\" %s", r->object->name, what);
}

static enum evo_errc pass_rows(struct reading *r, const char *data, size_t n, struct evo_error *err)
{
    if (!n)
        return EVO_OK;
    for (const char *p = data; (p = memchr(p, '\n', (size_t)(data + n - p))); p++)
        r->newlines++;
    r->last = data[n - 1];
    return r->sink ? r->sink(r->ctx, data, n, err) : EVO_OK;
}

/* Raw COPY text: hands on all but what may be the end marker. */
static enum evo_errc take_raw(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct reading *r = ctx;
    const char *p = data;
    r->raw_bytes += n;
    if (r->raw_bytes > r->object->raw_bytes)
        return lie(r, err, "holds more than was written");
    if (n >= END_LEN) {
        enum evo_errc rc = pass_rows(r, r->tail, r->tail_len, err);
        if (!rc)
            rc = pass_rows(r, p, n - END_LEN, err);
        memcpy(r->tail, p + n - END_LEN, END_LEN);
        r->tail_len = END_LEN;
        return rc;
    }
    size_t out = r->tail_len + n > END_LEN ? r->tail_len + n - END_LEN : 0;
    enum evo_errc rc = pass_rows(r, r->tail, out, err);
    memmove(r->tail, r->tail + out, r->tail_len - out);
    memcpy(r->tail + r->tail_len - out, p, n);
    r->tail_len += n - out;
    return rc;
}

static enum evo_errc take_stored(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct reading *r = ctx;
    r->size += n;
    if (r->size > r->object->size)
        return lie(r, err, "is longer than was written");
    evo_sha256_update(r->hash, data, n);
    if (!r->rows)
        return r->sink ? r->sink(r->ctx, data, n, err) : EVO_OK;
    if (!r->gunzip)
        return take_raw(r, data, n, err);
    enum evo_errc rc = evo_gunzip_write(r->gunzip, data, n, err);
    if (rc == EVO_ERR_INTEGRITY && !evo_starts_with(err ? err->message : "", "object "))
        return evo_error_prefix(err, "object \"%s\"", r->object->name);
    return rc;
}

static enum evo_errc check_rows(struct reading *r, struct evo_error *err)
{
    if (r->gunzip) {
        enum evo_errc rc = evo_gunzip_finish(r->gunzip, err);
        if (rc)
            return evo_error_prefix(err, "object \"%s\"", r->object->name);
        if (evo_gunzip_members(r->gunzip) != r->object->members)
            return lie(r, err, "has another number of gzip members than was written");
    }
    if (r->raw_bytes != r->object->raw_bytes)
        return lie(r, err, "holds less than was written");
    if (r->last != '\n' || r->tail_len != END_LEN || memcmp(r->tail, EVO_BACKUP_END, END_LEN) != 0)
        return lie(r, err, "lacks its end marker");
    if (r->newlines != r->object->rows)
        return lie(r, err, "holds another number of rows than was written");
    return EVO_OK;
}

static enum evo_errc read_object(struct evo_store *store, const char *prefix, struct reading *r,
                                 struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_strbuf_addf(&key, "%s/%s", prefix, r->object->name);
    enum evo_errc rc = evo_store_read(store, key.buf, 0, UINT64_MAX, take_stored, r, err);
    if (rc == EVO_ERR_NOT_FOUND)
        return lie(r, err, "is missing");
    if (rc)
        return rc;
    if (r->size != r->object->size)
        return lie(r, err, "is shorter than was written");
    unsigned char digest[EVO_SHA256_SIZE];
    char hex[EVO_SHA256_HEX];
    evo_sha256_final(r->hash, digest);
    if (!evo_streq(evo_sha256_format(digest, hex), r->object->sha256))
        return lie(r, err, "is not what was written: its SHA-256 differs");
    return r->rows ? check_rows(r, err) : EVO_OK;
}

enum evo_errc evo_object_read(struct evo_store *store, const char *prefix, const struct evo_backup_object *o,
                              evo_pack_sink *sink, void *ctx, struct evo_error *err)
{
    EVO_AUTO_PTR(sha256) hash = evo_sha256_new();
    struct reading r = { .object = o, .sink = sink, .ctx = ctx, .hash = hash };
    return read_object(store, prefix, &r, err);
}

enum evo_errc evo_object_read_rows(struct evo_store *store, const char *prefix,
                                   const struct evo_backup_object *o, evo_pack_sink *sink, void *ctx,
                                   struct evo_error *err)
{
    EVO_AUTO_PTR(sha256) hash = evo_sha256_new();
    EVO_AUTO_PTR(gunzip) gunzip = NULL;
    struct reading r = { .object = o, .sink = sink, .ctx = ctx, .hash = hash, .rows = true, .last = '\n' };
    if (o->members)
        r.gunzip = gunzip = evo_gunzip_new(take_raw, &r);
    return read_object(store, prefix, &r, err);
}
