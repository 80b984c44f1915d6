#include "pack/gzip.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

enum { BETTER_LEVEL = 6 };
/* What a reader hands on at once. */
enum { OUT_SIZE = 128 * 1024 };

struct evo_gzip {
    enum evo_gzip_level level;
    evo_pack_sink *sink;
    void *ctx;
    size_t member_size;
    unsigned char *raw; /* member_size */
    size_t raw_len;
    unsigned char *out;
    size_t out_size;
    unsigned char *level_buf; /* FAST: igzip's working memory */
    struct isal_zstream *isal; /* FAST */
    struct libdeflate_compressor *deflate; /* BETTER */
    uint64_t members, raw_bytes;
};

struct evo_gzip *evo_gzip_new(enum evo_gzip_level level, size_t member_size, evo_pack_sink *sink, void *ctx)
{
    EVO_ASSERT(member_size >= 1024 && member_size <= (size_t)16 << 20);
    struct evo_gzip *z = evo_calloc(1, sizeof(*z));
    z->level = level;
    z->sink = sink;
    z->ctx = ctx;
    z->member_size = member_size;
    z->raw = evo_malloc(member_size);
    if (level == EVO_GZIP_BETTER) {
        z->deflate = libdeflate_alloc_compressor(BETTER_LEVEL);
        EVO_ASSERT(z->deflate);
        z->out_size = libdeflate_gzip_compress_bound(z->deflate, member_size);
    } else {
        z->isal = evo_calloc(1, sizeof(*z->isal));
        z->level_buf = evo_malloc(ISAL_DEF_LVL1_DEFAULT);
        /* Stored blocks of 64 KiB are the worst case: 5 bytes each, and the member's header and trailer. */
        z->out_size = member_size + (member_size / 65535 + 1) * 5 + 64;
    }
    z->out = evo_malloc(z->out_size);
    return z;
}

void evo_gzip_free(struct evo_gzip *z)
{
    if (!z)
        return;
    libdeflate_free_compressor(z->deflate);
    free(z->isal);
    free(z->level_buf);
    free(z->raw);
    free(z->out);
    free(z);
}

/* One member of z->raw into z->out. 0: the compressor failed, which the sizes above rule out. */
static size_t compress_member(struct evo_gzip *z)
{
    if (z->deflate)
        return libdeflate_gzip_compress(z->deflate, z->raw, z->raw_len, z->out, z->out_size);
    isal_deflate_stateless_init(z->isal);
    z->isal->level = 1;
    z->isal->level_buf = z->level_buf;
    z->isal->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    z->isal->gzip_flag = IGZIP_GZIP;
    z->isal->end_of_stream = 1;
    z->isal->flush = NO_FLUSH;
    z->isal->next_in = z->raw;
    z->isal->avail_in = (uint32_t)z->raw_len;
    z->isal->next_out = z->out;
    z->isal->avail_out = (uint32_t)z->out_size;
    if (isal_deflate_stateless(z->isal) != COMP_OK)
        return 0;
    return z->isal->total_out;
}

static enum evo_errc flush_member(struct evo_gzip *z, struct evo_error *err)
{
    size_t n = compress_member(z);
    if (!n)
        return evo_error_set(err, EVO_ERR_INTERNAL, "could not compress %zu bytes", z->raw_len);
    z->raw_len = 0;
    z->members++;
    return z->sink(z->ctx, z->out, n, err);
}

enum evo_errc evo_gzip_write(struct evo_gzip *z, const void *data, size_t n, struct evo_error *err)
{
    const unsigned char *p = data;
    z->raw_bytes += n;
    if (z->raw_len && n > z->member_size - z->raw_len) {
        enum evo_errc rc = flush_member(z, err);
        if (rc)
            return rc;
    }
    while (n) {
        size_t take = n < z->member_size - z->raw_len ? n : z->member_size - z->raw_len;
        memcpy(z->raw + z->raw_len, p, take);
        z->raw_len += take;
        p += take;
        n -= take;
        if (z->raw_len == z->member_size) {
            enum evo_errc rc = flush_member(z, err);
            if (rc)
                return rc;
        }
    }
    return EVO_OK;
}

enum evo_errc evo_gzip_finish(struct evo_gzip *z, struct evo_error *err)
{
    if (z->raw_len || !z->members)
        return flush_member(z, err);
    return EVO_OK;
}

void evo_gzip_reset(struct evo_gzip *z, void *ctx)
{
    z->ctx = ctx;
    z->raw_len = 0;
    z->members = z->raw_bytes = 0;
}

uint64_t evo_gzip_members(const struct evo_gzip *z)
{
    return z->members;
}

uint64_t evo_gzip_raw_bytes(const struct evo_gzip *z)
{
    return z->raw_bytes;
}

struct evo_gunzip {
    evo_pack_sink *sink;
    void *ctx;
    struct inflate_state *state;
    unsigned char *out;
    bool in_member;
    bool failed; /* nothing more is taken */
    uint64_t members;
};

struct evo_gunzip *evo_gunzip_new(evo_pack_sink *sink, void *ctx)
{
    struct evo_gunzip *z = evo_calloc(1, sizeof(*z));
    z->sink = sink;
    z->ctx = ctx;
    z->state = evo_calloc(1, sizeof(*z->state));
    isal_inflate_init(z->state);
    z->out = evo_malloc(OUT_SIZE);
    return z;
}

void evo_gunzip_free(struct evo_gunzip *z)
{
    if (!z)
        return;
    free(z->state);
    free(z->out);
    free(z);
}

static enum evo_errc damaged(struct evo_gunzip *z, struct evo_error *err, const char *what)
{
    z->failed = true;
    return evo_error_set(err, EVO_ERR_INTEGRITY, "gzip member %llu %s", (unsigned long long)z->members + 1,
                         what);
}

static const char *inflate_complaint(int rc)
{
    switch (rc) {
    case ISAL_INCORRECT_CHECKSUM:
        return "does not match its checksum";
    case ISAL_UNSUPPORTED_METHOD:
    case ISAL_INVALID_WRAPPER:
        return "has a damaged header";
    default:
        return "is damaged";
    }
}

/* Decodes what is in the state's input, until it is used up or the member ends. */
static enum evo_errc inflate_member(struct evo_gunzip *z, struct evo_error *err)
{
    struct inflate_state *s = z->state;
    for (;;) {
        uint32_t in_before = s->avail_in;
        s->next_out = z->out;
        s->avail_out = OUT_SIZE;
        int rc = isal_inflate(s);
        if (rc < 0)
            return damaged(z, err, inflate_complaint(rc));
        size_t n = OUT_SIZE - s->avail_out;
        if (n) {
            enum evo_errc sink_rc = z->sink(z->ctx, z->out, n, err);
            if (sink_rc) {
                z->failed = true;
                return sink_rc;
            }
        }
        if (s->block_state == ISAL_BLOCK_FINISH) {
            z->in_member = false;
            z->members++;
            return EVO_OK;
        }
        /* Out of input, and no output was held back for want of room. */
        if (!s->avail_in && n < OUT_SIZE)
            return EVO_OK;
        if (s->avail_in == in_before && !n)
            return damaged(z, err, "is damaged");
    }
}

enum evo_errc evo_gunzip_write(struct evo_gunzip *z, const void *data, size_t n, struct evo_error *err)
{
    if (z->failed)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "gzip stream has failed already");
    unsigned char *p = (unsigned char *)(uintptr_t)data; /* ISA-L's interface lacks const; it only reads */
    while (n) {
        uint32_t take = n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)n;
        if (!z->in_member) {
            if (*p != 0x1f)
                return damaged(z, err, "does not begin with a gzip header");
            isal_inflate_reset(z->state);
            z->state->crc_flag = ISAL_GZIP;
            z->in_member = true;
        }
        z->state->next_in = p;
        z->state->avail_in = take;
        enum evo_errc rc = inflate_member(z, err);
        if (rc)
            return rc;
        size_t used = (size_t)(z->state->next_in - p);
        p += used;
        n -= used;
    }
    return EVO_OK;
}

enum evo_errc evo_gunzip_finish(struct evo_gunzip *z, struct evo_error *err)
{
    if (z->failed)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "gzip stream has failed already");
    if (z->in_member)
        return damaged(z, err, "is cut");
    if (!z->members)
        return damaged(z, err, "is missing");
    return EVO_OK;
}

uint64_t evo_gunzip_members(const struct evo_gunzip *z)
{
    return z->members;
}
