#include "pack/gzip.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <zlib.h>

#include "pack/engine.h"

enum { BETTER_LEVEL = 6, ZLIB_FAST_LEVEL = 1 };
/* Of deflateInit2: the largest window, with gzip's header and trailer; the usual memory. */
enum { ZLIB_GZIP_WINDOW = 15 + 16, ZLIB_MEMORY = 8 };

enum evo_gzip_engine evo_gzip_engine_here(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") ? EVO_GZIP_BY_ISAL
                                                                                : EVO_GZIP_BY_ZLIB;
#elif defined(__aarch64__)
    return EVO_GZIP_BY_ISAL;
#else
    return EVO_GZIP_BY_ZLIB;
#endif
}

struct evo_gzip {
    size_t member_size;
    unsigned char *out;
    size_t out_size;
    unsigned char *level_buf; /* FAST by ISA-L: igzip's working memory */
    struct isal_zstream *isal; /* FAST by ISA-L */
    z_stream *zlib; /* FAST by zlib */
    struct libdeflate_compressor *deflate; /* BETTER */
};

struct evo_gzip *evo_gzip_new(enum evo_gzip_level level, size_t member_size)
{
    return evo_gzip_new_by(evo_gzip_engine_here(), level, member_size);
}

struct evo_gzip *evo_gzip_new_by(enum evo_gzip_engine engine, enum evo_gzip_level level, size_t member_size)
{
    struct evo_gzip *z = evo_calloc(1, sizeof(*z));
    z->member_size = member_size;
    if (level == EVO_GZIP_BETTER) {
        z->deflate = libdeflate_alloc_compressor(BETTER_LEVEL);
        EVO_ASSERT(z->deflate);
        z->out_size = libdeflate_gzip_compress_bound(z->deflate, member_size);
    } else if (engine == EVO_GZIP_BY_ZLIB) {
        z->zlib = evo_calloc(1, sizeof(*z->zlib));
        EVO_ASSERT(deflateInit2(z->zlib, ZLIB_FAST_LEVEL, Z_DEFLATED, ZLIB_GZIP_WINDOW, ZLIB_MEMORY,
                                Z_DEFAULT_STRATEGY) == Z_OK);
        z->out_size = deflateBound(z->zlib, (uLong)member_size);
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
    if (z->zlib)
        (void)deflateEnd(z->zlib);
    free(z->zlib);
    free(z->isal);
    free(z->level_buf);
    free(z->out);
    free(z);
}

static size_t member_by_zlib(struct evo_gzip *z, const void *raw, size_t n)
{
    if (deflateReset(z->zlib) != Z_OK)
        return 0;
    z->zlib->next_in = (Bytef *)(uintptr_t)raw; /* zlib only reads it */
    z->zlib->avail_in = (uInt)n;
    z->zlib->next_out = z->out;
    z->zlib->avail_out = (uInt)z->out_size;
    return deflate(z->zlib, Z_FINISH) == Z_STREAM_END ? z->out_size - z->zlib->avail_out : 0;
}

static size_t member_by_isal(struct evo_gzip *z, const void *raw, size_t n)
{
    isal_deflate_stateless_init(z->isal);
    z->isal->level = 1;
    z->isal->level_buf = z->level_buf;
    z->isal->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    z->isal->gzip_flag = IGZIP_GZIP;
    z->isal->end_of_stream = 1;
    z->isal->flush = NO_FLUSH;
    z->isal->next_in = (uint8_t *)(uintptr_t)raw; /* ISA-L only reads it */
    z->isal->avail_in = (uint32_t)n;
    z->isal->next_out = z->out;
    z->isal->avail_out = (uint32_t)z->out_size;
    return isal_deflate_stateless(z->isal) == COMP_OK ? z->isal->total_out : 0;
}

/* The sizes of the buffers rule out that a library fails. */
const void *evo_gzip_member(struct evo_gzip *z, const void *raw, size_t n, size_t *ret_n)
{
    EVO_ASSERT(n <= z->member_size);
    size_t out = z->deflate ? libdeflate_gzip_compress(z->deflate, raw, n, z->out, z->out_size)
                 : z->zlib  ? member_by_zlib(z, raw, n)
                            : member_by_isal(z, raw, n);
    if (!out)
        return NULL;
    *ret_n = out;
    return z->out;
}
