#include "pack/zstd.h"

#include <zstd.h>

enum {
    /* What a reader hands on at once: the library's own recommendation, one block of a frame. */
    OUT_SIZE = 128 * 1024,
    WINDOW_LOG_MAX = 24, /* 16 MiB: the largest member of codec.h */
    FIRST_BYTE =
        0x28 /* of a frame's magic number, little-endian; skippable and older frames begin otherwise */
};

struct evo_zstd {
    ZSTD_CCtx *zstd;
    unsigned char *out;
    size_t out_size;
};

struct evo_zstd *evo_zstd_new(enum evo_zstd_level level, size_t frame_size)
{
    struct evo_zstd *z = evo_calloc(1, sizeof(*z));
    z->zstd = ZSTD_createCCtx();
    EVO_ASSERT(z->zstd);
    EVO_ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(z->zstd, ZSTD_c_compressionLevel, (int)level)));
    EVO_ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(z->zstd, ZSTD_c_checksumFlag, 1)));
    EVO_ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(z->zstd, ZSTD_c_contentSizeFlag, 1)));
    z->out_size = ZSTD_compressBound(frame_size);
    z->out = evo_malloc(z->out_size);
    return z;
}

void evo_zstd_free(struct evo_zstd *z)
{
    if (!z)
        return;
    (void)ZSTD_freeCCtx(z->zstd);
    free(z->out);
    free(z);
}

const void *evo_zstd_frame(struct evo_zstd *z, const void *raw, size_t n, size_t *ret_n)
{
    size_t out = ZSTD_compress2(z->zstd, z->out, z->out_size, raw, n);
    if (ZSTD_isError(out))
        return NULL;
    *ret_n = out;
    return z->out;
}

struct evo_unzstd {
    evo_pack_sink *sink;
    void *ctx;
    ZSTD_DCtx *zstd;
    unsigned char *out;
    bool in_frame;
    bool failed; /* nothing more is taken */
    uint64_t frames;
};

struct evo_unzstd *evo_unzstd_new(evo_pack_sink *sink, void *ctx)
{
    struct evo_unzstd *z = evo_calloc(1, sizeof(*z));
    z->sink = sink;
    z->ctx = ctx;
    z->zstd = ZSTD_createDCtx();
    EVO_ASSERT(z->zstd);
    EVO_ASSERT(!ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)));
    z->out = evo_malloc(OUT_SIZE);
    return z;
}

void evo_unzstd_free(struct evo_unzstd *z)
{
    if (!z)
        return;
    (void)ZSTD_freeDCtx(z->zstd);
    free(z->out);
    free(z);
}

static enum evo_errc damaged(struct evo_unzstd *z, struct evo_error *err, const char *what)
{
    z->failed = true;
    return evo_error_set(err, EVO_ERR_INTEGRITY, "zstd frame %llu %s", (unsigned long long)z->frames + 1,
                         what);
}

/* By the library's words: its codes are of zstd_errors.h, which it does not promise to keep. */
static const char *complaint(size_t code)
{
    const char *words = ZSTD_getErrorName(code);
    if (strstr(words, "checksum"))
        return "does not match its checksum";
    if (strstr(words, "too much memory"))
        return "needs more memory than any that is written here: its header is damaged, or another program "
               "wrote it";
    return "is damaged";
}

/* Decodes until the input is used up or the frame ends. */
static enum evo_errc decode_frame(struct evo_unzstd *z, ZSTD_inBuffer *in, struct evo_error *err)
{
    for (;;) {
        ZSTD_outBuffer out = { .dst = z->out, .size = OUT_SIZE };
        size_t left = ZSTD_decompressStream(z->zstd, &out, in);
        if (ZSTD_isError(left))
            return damaged(z, err, complaint(left));
        if (out.pos) {
            enum evo_errc rc = z->sink(z->ctx, z->out, out.pos, err);
            if (rc) {
                z->failed = true;
                return rc;
            }
        }
        if (left == 0) {
            z->in_frame = false;
            z->frames++;
            return EVO_OK;
        }
        /* Out of input, and no output was held back for want of room. */
        if (in->pos == in->size && out.pos < OUT_SIZE)
            return EVO_OK;
    }
}

enum evo_errc evo_unzstd_write(struct evo_unzstd *z, const void *data, size_t n, struct evo_error *err)
{
    if (z->failed)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "zstd stream has failed already");
    ZSTD_inBuffer in = { .src = data, .size = n };
    while (in.pos < in.size) {
        if (!z->in_frame && ((const unsigned char *)data)[in.pos] != FIRST_BYTE)
            return damaged(z, err, "does not begin with a zstd header");
        z->in_frame = true;
        enum evo_errc rc = decode_frame(z, &in, err);
        if (rc)
            return rc;
    }
    return EVO_OK;
}

enum evo_errc evo_unzstd_finish(struct evo_unzstd *z, struct evo_error *err)
{
    if (z->failed)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "zstd stream has failed already");
    if (z->in_frame)
        return damaged(z, err, "is cut");
    if (!z->frames)
        return damaged(z, err, "is missing");
    return EVO_OK;
}

uint64_t evo_unzstd_members(const struct evo_unzstd *z)
{
    return z->frames;
}
