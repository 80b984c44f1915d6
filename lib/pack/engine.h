/*
 * engine.h - which library does gzip's work. Internal to lib/pack, and for tests that force one.
 *
 * ISA-L (igzip) is the fast one where its assembly runs: on x86 from SSE4.2 and PCLMULQDQ on, on 64-bit ARM always. Its
 * portable code is another matter. Measured in one thread on COPY-like text, MB/s of raw bytes, members of 1 MiB:
 *
 *                          write (ratio)    read
 *	igzip 1, AVX2          511 (3.50)      1452
 *	igzip 1, SSE4.2        452 (3.50)      1365
 *	igzip 1, portable      189 (3.44)       312
 *	zlib 1                 147 (3.15)       559
 *
 * So zlib takes over where the assembly does not run: what it loses when writing it gains twice when a restore reads,
 * and it is the code that everybody else runs on such a processor. BETTER is libdeflate's in both cases.
 */
#ifndef EVO_PACK_ENGINE_H
#define EVO_PACK_ENGINE_H

#include "pack/gzip.h"

enum evo_gzip_engine { EVO_GZIP_BY_ISAL, EVO_GZIP_BY_ZLIB };
/* For this processor. */
enum evo_gzip_engine evo_gzip_engine_here(void);
/* As evo_gzip_new() and evo_gunzip_new(), which ask the processor. */
struct evo_gzip *evo_gzip_new_by(enum evo_gzip_engine engine, enum evo_gzip_level level,
                                 size_t member_size) EVO_CHECK;
struct evo_gunzip *evo_gunzip_new_by(enum evo_gzip_engine engine, evo_pack_sink *sink, void *ctx) EVO_CHECK;

#endif
