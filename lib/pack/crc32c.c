#include "pack/crc32c.h"

#include <isa-l/crc.h>

#include "base/banned.h"

uint32_t evo_crc32c_of(const void *data, size_t n)
{
    const unsigned char *p = data;
    unsigned int crc = ~0U; /* ISA-L leaves both inversions to its caller */
    while (n) {
        size_t piece = n < ((size_t)1 << 30) ? n : (size_t)1 << 30; /* it counts in int */
        crc = crc32_iscsi((unsigned char *)(uintptr_t)p, (int)piece, crc);
        p += piece;
        n -= piece;
    }
    return ~crc;
}
