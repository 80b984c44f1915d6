/*
 * sha1.h - SHA-1 (FIPS 180-4), over libcrypto. For names that other people's tools make of it alone: it proves nothing.
 */
#ifndef EVO_CRYPTO_SHA1_H
#define EVO_CRYPTO_SHA1_H

#include <stdbool.h>
#include <stddef.h>

#define EVO_SHA1_SIZE 20

/* False where libcrypto has none; digest is untouched then. */
bool evo_sha1_of(const void *data, size_t n, unsigned char digest[EVO_SHA1_SIZE]);

#endif
