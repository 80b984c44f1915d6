/*
 * checksum.h - is the file the one that was applied?
 *
 * A ledger holds the SHA-256 of the file's raw bytes. A checkout may change line ends, an editor may add or drop the
 * byte order mark: neither makes another migration, so both forms of each count as the same. Old versions of Prisma
 * wrote the digest without the leading zero of each byte; a stored text that is not 64 long is compared so.
 */
#ifndef EVO_LAYOUT_CHECKSUM_H
#define EVO_LAYOUT_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

/* stored: as in the ledger; data: the n bytes of the file now. Pure. */
bool evo_checksum_matches(const char *stored, const void *data, size_t n);

#endif
