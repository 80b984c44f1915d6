/*
 * crc32.h - CRC-32 as zlib, gzip and Java compute it (ISO 3309; polynomial 0xEDB88320, reflected): for the checksums that
 * other tools keep of small files. For megabytes a second of backups there is pack/.
 */
#ifndef EVO_BASE_CRC32_H
#define EVO_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Of what was hashed before (crc 0: nothing) and the n bytes behind it. */
uint32_t evo_crc32(uint32_t crc, const void *data, size_t n);

#endif
