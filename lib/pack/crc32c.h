/*
 * crc32c.h - CRC-32C (Castagnoli; RFC 3720 B.4), over ISA-L: tens of gigabytes a second where the processor helps.
 */
#ifndef EVO_PACK_CRC32C_H
#define EVO_PACK_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t evo_crc32c_of(const void *data, size_t n);

#endif
