#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include "pack/engine.h"

/* What a reader hands on at once. */
enum { OUT_SIZE = 128 * 1024 };
/* Of inflateInit2: the largest window, gzip's header and trailer and no others. */
enum { ZLIB_GZIP_WINDOW = 15 + 16 };
enum { FIRST_BYTE = 0x1f }; /* of a member's header */

struct evo_gunzip {
    evo_pack_sink *sink;
    void *ctx;
    struct inflate_state *isal; /* one of the two */
    z_stream *zlib;
    unsigned char *out;
    bool in_member;
    bool failed; /* nothing more is taken */
    uint64_t members;
};

struct evo_gunzip *evo_gunzip_new(evo_pack_sink *sink, void *ctx)
{
    return evo_gunzip_new_by(evo_gzip_engine_here(), sink, ctx);
}

struct evo_gunzip *evo_gunzip_new_by(enum evo_gzip_engine engine, evo_pack_sink *sink, void *ctx)
{
    struct evo_gunzip *z = evo_calloc(1, sizeof(*z));
    z->sink = sink;
    z->ctx = ctx;
    if (engine == EVO_GZIP_BY_ZLIB) {
        z->zlib = evo_calloc(1, sizeof(*z->zlib));
        EVO_ASSERT(inflateInit2(z->zlib, ZLIB_GZIP_WINDOW) == Z_OK);
    } else {
        z->isal = evo_calloc(1, sizeof(*z->isal));
        isal_inflate_init(z->isal);
    }
    z->out = evo_malloc(OUT_SIZE);
    return z;
}

void evo_gunzip_free(struct evo_gunzip *z)
{
    if (!z)
        return;
    if (z->zlib)
        (void)inflateEnd(z->zlib);
    free(z->zlib);
    free(z->isal);
    free(z->out);
    free(z);
}

static enum evo_errc damaged(struct evo_gunzip *z, struct evo_error *err, const char *what)
{
    z->failed = true;
    return evo_error_set(err, EVO_ERR_INTEGRITY, "gzip member %llu %s", (unsigned long long)z->members + 1,
                         what);
}

static const char wrong_checksum[] = "does not match its checksum";
static const char wrong_header[] = "has a damaged header";
static const char wrong[] = "is damaged";

static void begin_member(struct evo_gunzip *z)
{
    if (z->zlib) {
        EVO_ASSERT(inflateReset(z->zlib) == Z_OK);
    } else {
        isal_inflate_reset(z->isal);
        z->isal->crc_flag = ISAL_GZIP;
    }
    z->in_member = true;
}

/* What one call of a library did: bytes taken and made, and whether the member ended. */
struct step {
    size_t used, made;
    bool ended;
};

/* Each returns what is wrong with the member, NULL where nothing is. */
static const char *step_isal(struct evo_gunzip *z, const unsigned char *in, uint32_t n, struct step *ret)
{
    struct inflate_state *s = z->isal;
    s->next_in = (uint8_t *)(uintptr_t)in; /* the interface lacks const; it only reads */
    s->avail_in = n;
    s->next_out = z->out;
    s->avail_out = OUT_SIZE;
    switch (isal_inflate(s)) {
    case ISAL_DECOMP_OK:
    case ISAL_END_INPUT:
    case ISAL_OUT_OVERFLOW:
        break;
    case ISAL_INCORRECT_CHECKSUM:
        return wrong_checksum;
    case ISAL_UNSUPPORTED_METHOD:
    case ISAL_INVALID_WRAPPER:
        return wrong_header;
    default:
        return wrong;
    }
    *ret = (struct step){ .used = (size_t)(s->next_in - in),
                          .made = OUT_SIZE - s->avail_out,
                          .ended = s->block_state == ISAL_BLOCK_FINISH };
    return NULL;
}

static const char *step_zlib(struct evo_gunzip *z, const unsigned char *in, uint32_t n, struct step *ret)
{
    z_stream *s = z->zlib;
    s->next_in = (Bytef *)(uintptr_t)in; /* zlib only reads it */
    s->avail_in = n;
    s->next_out = z->out;
    s->avail_out = OUT_SIZE;
    s->msg = NULL;
    int rc = inflate(s, Z_NO_FLUSH);
    /* Z_BUF_ERROR: nothing to do with what it was given, and no harm done. */
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
        const char *why = s->msg ? s->msg : "";
        if (strstr(why, "data check") || strstr(why, "length check"))
            return wrong_checksum;
        return strstr(why, "header") || strstr(why, "method") ? wrong_header : wrong;
    }
    *ret = (struct step){ .used = n - s->avail_in,
                          .made = OUT_SIZE - s->avail_out,
                          .ended = rc == Z_STREAM_END };
    return NULL;
}

/* Decodes until the input is used up or the member ends. */
static enum evo_errc inflate_member(struct evo_gunzip *z, const unsigned char **in, size_t *n,
                                    struct evo_error *err)
{
    for (;;) {
        uint32_t take = *n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)*n;
        struct step step = { 0 };
        const char *complaint = z->zlib ? step_zlib(z, *in, take, &step) : step_isal(z, *in, take, &step);
        if (complaint)
            return damaged(z, err, complaint);
        *in += step.used;
        *n -= step.used;
        if (step.made) {
            enum evo_errc rc = z->sink(z->ctx, z->out, step.made, err);
            if (rc) {
                z->failed = true;
                return rc;
            }
        }
        if (step.ended) {
            z->in_member = false;
            z->members++;
            return EVO_OK;
        }
        /* Out of input, and no output was held back for want of room. */
        if (!*n && step.made < OUT_SIZE)
            return EVO_OK;
        if (!step.used && !step.made)
            return damaged(z, err, wrong);
    }
}

enum evo_errc evo_gunzip_write(struct evo_gunzip *z, const void *data, size_t n, struct evo_error *err)
{
    if (z->failed)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "gzip stream has failed already");
    const unsigned char *p = data;
    while (n) {
        if (!z->in_member && *p != FIRST_BYTE)
            return damaged(z, err, "does not begin with a gzip header");
        if (!z->in_member)
            begin_member(z);
        enum evo_errc rc = inflate_member(z, &p, &n, err);
        if (rc)
            return rc;
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
