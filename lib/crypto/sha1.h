/*
 * sha1.h - SHA-1 (FIPS 180-4), over libcrypto. For what other tools identify their things by (Sqitch's changes and
 * scripts, TypeORM's lock) alone: it names, and proves nothing.
 */
#ifndef EVO_CRYPTO_SHA1_H
#define EVO_CRYPTO_SHA1_H

#include <stdbool.h>
#include <stddef.h>

#define EVO_SHA1_SIZE 20
#define EVO_SHA1_HEX  41 /* with the terminating NUL */

/* False where libcrypto has none; digest is untouched then. */
bool evo_sha1_of(const void *data, size_t n, unsigned char digest[EVO_SHA1_SIZE]);
/* Lower-case hex of the digest. Returns hex. Where libcrypto has none, this is a bug in evo. */
const char *evo_sha1_hex(const void *data, size_t n, char hex[EVO_SHA1_HEX]);

#endif
