#include "backup/object.h"

enum { END_LEN = sizeof(EVO_BACKUP_END) - 1 };

struct reading {
    const struct evo_backup_object *object;
    evo_pack_sink *sink;
    void *ctx;
    struct evo_sha256 *hash;
    struct evo_age_reader *age; /* NULL: not encrypted, or nobody wants to see it */
    struct evo_decompressor *decompressor; /* NULL: stored as it is */
    uint64_t size;
    bool stored; /* the sink wants the bytes as they are in the store */
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

/* What a decoder says of its bytes is said of the object. */
static enum evo_errc name_object(const struct reading *r, enum evo_errc rc, struct evo_error *err)
{
    if (rc == EVO_ERR_INTEGRITY && !evo_starts_with(err ? err->message : "", "object "))
        return evo_error_prefix(err, "object \"%s\"", r->object->name);
    return rc;
}

static enum evo_errc take_plain(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct reading *r = ctx;
    if (!r->rows)
        return r->sink ? r->sink(r->ctx, data, n, err) : EVO_OK;
    if (!r->decompressor)
        return take_raw(r, data, n, err);
    return evo_decompressor_write(r->decompressor, data, n, err);
}

static enum evo_errc take_stored(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct reading *r = ctx;
    r->size += n;
    if (r->size > r->object->size)
        return lie(r, err, "is longer than was written");
    evo_sha256_update(r->hash, data, n);
    enum evo_errc rc = r->age ? evo_age_read(r->age, data, n, err) : take_plain(r, data, n, err);
    return name_object(r, rc, err);
}

static enum evo_errc check_rows(struct reading *r, struct evo_error *err)
{
    if (r->decompressor) {
        enum evo_errc rc = evo_decompressor_finish(r->decompressor, err);
        if (rc)
            return name_object(r, rc, err);
        if (evo_decompressor_members(r->decompressor) != r->object->members)
            return lie(r, err, "has another number of compressed members than was written");
    }
    if (r->raw_bytes != r->object->raw_bytes)
        return lie(r, err, "holds less than was written");
    if (r->last != '\n' || r->tail_len != END_LEN || memcmp(r->tail, EVO_BACKUP_END, END_LEN) != 0)
        return lie(r, err, "lacks its end marker");
    if (r->newlines != r->object->rows)
        return lie(r, err, "holds another number of rows than was written");
    return EVO_OK;
}

static enum evo_errc no_identity(const struct reading *r, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "object \"%s\" is encrypted", r->object->name);
    return evo_error_hint(err, "Give --identity FILE: the file of age-keygen with the secret key to it.");
}

static enum evo_errc read_object(const struct evo_object_source *from, struct reading *r,
                                 struct evo_error *err)
{
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(sha256) hash = evo_sha256_new();
    EVO_AUTO_PTR(age_reader) age = NULL;
    /* Rows are checked even where nobody wants them. */
    if (evo_object_is_encrypted(r->object) && !r->stored && (r->sink || r->rows)) {
        if (!from->identities)
            return no_identity(r, err);
        r->age = age = evo_age_reader_new(from->identities, take_plain, r);
    }
    r->hash = hash;
    evo_strbuf_addf(&key, "%s/%s", from->prefix, r->object->name);
    enum evo_errc rc = evo_store_read(from->store, key.buf, 0, UINT64_MAX, take_stored, r, err);
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
    if (age)
        rc = name_object(r, evo_age_read_finish(age, err), err);
    return !rc && r->rows ? check_rows(r, err) : rc;
}

/* An identity that does not fit and a header that was tampered with look alike: the stored bytes tell which it is. */
static enum evo_errc check_stored(const struct evo_object_source *from, const struct evo_backup_object *o,
                                  struct evo_error *err)
{
    struct evo_error why = EVO_ERROR_INIT;
    struct reading r = { .object = o };
    if (read_object(from, &r, &why) != EVO_ERR_INTEGRITY)
        return EVO_ERR_CONFIG;
    if (err)
        *err = why;
    return EVO_ERR_INTEGRITY;
}

enum evo_errc evo_object_read(const struct evo_object_source *from, const struct evo_backup_object *o,
                              evo_pack_sink *sink, void *ctx, struct evo_error *err)
{
    struct reading r = { .object = o, .sink = sink, .ctx = ctx };
    enum evo_errc rc = read_object(from, &r, err);
    return rc == EVO_ERR_CONFIG && from->identities ? check_stored(from, o, err) : rc;
}

enum evo_errc evo_object_read_stored(const struct evo_object_source *from, const struct evo_backup_object *o,
                                     evo_pack_sink *sink, void *ctx, struct evo_error *err)
{
    struct reading r = { .object = o, .sink = sink, .ctx = ctx, .stored = true };
    return read_object(from, &r, err);
}

/* What stands behind "12.dat", but for the encryption. */
static enum evo_codec codec_of(const struct evo_backup_object *o)
{
    for (int c = EVO_CODEC_GZIP; c <= EVO_CODEC_ZSTD; c++) {
        const char *suffix = evo_codec_suffix((enum evo_codec)c);
        EVO_AUTO_STR sealed = evo_asprintf("%s" EVO_BACKUP_SEALED, suffix);
        if (evo_ends_with(o->name, suffix) || evo_ends_with(o->name, sealed))
            return (enum evo_codec)c;
    }
    return EVO_CODEC_NONE;
}

enum evo_errc evo_object_read_rows(const struct evo_object_source *from, const struct evo_backup_object *o,
                                   evo_pack_sink *sink, void *ctx, struct evo_error *err)
{
    struct reading r = { .object = o, .sink = sink, .ctx = ctx, .rows = true, .last = '\n' };
    EVO_AUTO_PTR(decompressor) decompressor = NULL;
    if (o->members)
        r.decompressor = decompressor = evo_decompressor_new(codec_of(o), take_raw, &r);
    enum evo_errc rc = read_object(from, &r, err);
    return rc == EVO_ERR_CONFIG && from->identities ? check_stored(from, o, err) : rc;
}
