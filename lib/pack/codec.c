#include "pack/codec.h"

#include "base/strbuf.h"
#include "pack/gzip.h"
#include "pack/zstd.h"

/* ---- names ------------------------------------------------------------------ */

static const struct {
    const char *name, *suffix;
} codecs[] = {
    [EVO_CODEC_NONE] = { "none", "" },
    [EVO_CODEC_GZIP] = { "gzip", ".gz" },
    [EVO_CODEC_ZSTD] = { "zstd", ".zst" },
};

const char *evo_codec_name(enum evo_codec c)
{
    return codecs[c].name;
}

bool evo_codec_parse(const char *name, enum evo_codec *ret)
{
    for (size_t i = 0; i < EVO_COUNT(codecs); i++) {
        if (evo_streq(name, codecs[i].name)) {
            *ret = (enum evo_codec)i;
            return true;
        }
    }
    return false;
}

const char *evo_codec_suffix(enum evo_codec c)
{
    return codecs[c].suffix;
}

/* ---- writing ---------------------------------------------------------------- */

struct evo_compressor {
    /* What a write of a row touches: where it goes, and how much more the block takes. */
    unsigned char *at;
    size_t room;
    unsigned char *block;
    size_t block_size;
    uint64_t members;
    uint64_t handed_on; /* raw bytes that have left the block */
    evo_pack_sink *sink;
    void *ctx;
    struct evo_gzip *gzip; /* GZIP */
    struct evo_zstd *zstd; /* ZSTD */
};

struct evo_compressor *evo_compressor_new(enum evo_codec c, enum evo_codec_level level, size_t member_size,
                                          evo_pack_sink *sink, void *ctx)
{
    struct evo_compressor *z = evo_calloc(1, sizeof(*z));
    z->block_size = c == EVO_CODEC_NONE ? EVO_CODEC_BLOCK : member_size;
    EVO_ASSERT(z->block_size >= 1024 && z->block_size <= (size_t)16 << 20);
    z->block = evo_malloc(z->block_size);
    z->sink = sink;
    if (c == EVO_CODEC_GZIP)
        z->gzip = evo_gzip_new(level == EVO_CODEC_BETTER ? EVO_GZIP_BETTER : EVO_GZIP_FAST, member_size);
    else if (c == EVO_CODEC_ZSTD)
        z->zstd = evo_zstd_new(level == EVO_CODEC_BETTER ? EVO_ZSTD_BETTER : EVO_ZSTD_FAST, member_size);
    evo_compressor_reset(z, ctx);
    return z;
}

void evo_compressor_free(struct evo_compressor *z)
{
    if (!z)
        return;
    evo_gzip_free(z->gzip);
    evo_zstd_free(z->zstd);
    free(z->block);
    free(z);
}

void evo_compressor_reset(struct evo_compressor *z, void *ctx)
{
    z->ctx = ctx;
    z->at = z->block;
    z->room = z->block_size;
    z->members = z->handed_on = 0;
}

/* One member, or one block of NONE. */
static enum evo_errc hand_on(struct evo_compressor *z, const void *data, size_t n, struct evo_error *err)
{
    const void *out = data;
    size_t out_len = n;
    if (z->gzip)
        out = evo_gzip_member(z->gzip, data, n, &out_len);
    else if (z->zstd)
        out = evo_zstd_frame(z->zstd, data, n, &out_len);
    if (!out)
        return evo_error_set(err, EVO_ERR_INTERNAL, "could not compress %zu bytes", n);
    z->handed_on += n;
    z->members += z->gzip || z->zstd;
    return z->sink(z->ctx, out, out_len, err);
}

static enum evo_errc flush(struct evo_compressor *z, struct evo_error *err)
{
    size_t n = z->block_size - z->room;
    z->at = z->block;
    z->room = z->block_size;
    return hand_on(z, z->block, n, err);
}

/* What does not fit into the block, or fills it. */
static enum evo_errc write_through(struct evo_compressor *z, const unsigned char *p, size_t n,
                                   struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    if (n > z->room && z->room < z->block_size)
        rc = flush(z, err);
    /* Straight from the caller's memory; without a codec nothing is won by cutting. */
    while (!rc && z->room == z->block_size && n >= z->block_size) {
        size_t piece = z->gzip || z->zstd ? z->block_size : n;
        rc = hand_on(z, p, piece, err);
        p += piece;
        n -= piece;
    }
    if (rc || !n)
        return rc;
    memcpy(z->at, p, n);
    z->at += n;
    z->room -= n;
    return z->room ? EVO_OK : flush(z, err);
}

enum evo_errc evo_compressor_write(struct evo_compressor *z, const void *data, size_t n,
                                   struct evo_error *err)
{
    if (n >= z->room)
        return write_through(z, data, n, err);
    memcpy(z->at, data, n);
    z->at += n;
    z->room -= n;
    return EVO_OK;
}

enum evo_errc evo_compressor_finish(struct evo_compressor *z, struct evo_error *err)
{
    bool empty_file = (z->gzip || z->zstd) && !z->members;
    return z->room < z->block_size || empty_file ? flush(z, err) : EVO_OK;
}

uint64_t evo_compressor_members(const struct evo_compressor *z)
{
    return z->members;
}

uint64_t evo_compressor_raw_bytes(const struct evo_compressor *z)
{
    return z->handed_on + (z->block_size - z->room);
}

/* ---- reading ---------------------------------------------------------------- */

struct evo_decompressor {
    evo_pack_sink *sink;
    void *ctx;
    struct evo_gunzip *gunzip; /* GZIP */
    struct evo_unzstd *unzstd; /* ZSTD */
};

struct evo_decompressor *evo_decompressor_new(enum evo_codec c, evo_pack_sink *sink, void *ctx)
{
    struct evo_decompressor *z = evo_calloc(1, sizeof(*z));
    z->sink = sink;
    z->ctx = ctx;
    if (c == EVO_CODEC_GZIP)
        z->gunzip = evo_gunzip_new(sink, ctx);
    else if (c == EVO_CODEC_ZSTD)
        z->unzstd = evo_unzstd_new(sink, ctx);
    return z;
}

void evo_decompressor_free(struct evo_decompressor *z)
{
    if (!z)
        return;
    evo_gunzip_free(z->gunzip);
    evo_unzstd_free(z->unzstd);
    free(z);
}

enum evo_errc evo_decompressor_write(struct evo_decompressor *z, const void *data, size_t n,
                                     struct evo_error *err)
{
    if (z->gunzip)
        return evo_gunzip_write(z->gunzip, data, n, err);
    if (z->unzstd)
        return evo_unzstd_write(z->unzstd, data, n, err);
    return n ? z->sink(z->ctx, data, n, err) : EVO_OK;
}

enum evo_errc evo_decompressor_finish(struct evo_decompressor *z, struct evo_error *err)
{
    if (z->gunzip)
        return evo_gunzip_finish(z->gunzip, err);
    return z->unzstd ? evo_unzstd_finish(z->unzstd, err) : EVO_OK;
}

uint64_t evo_decompressor_members(const struct evo_decompressor *z)
{
    if (z->gunzip)
        return evo_gunzip_members(z->gunzip);
    return z->unzstd ? evo_unzstd_members(z->unzstd) : 0;
}
