/*
 * md5.h - MD5 (RFC 1321), over libcrypto. For what other people's protocols demand (Content-MD5, ETags of S3) alone:
 * it shows damage, and proves nothing.
 */
#ifndef EVO_CRYPTO_MD5_H
#define EVO_CRYPTO_MD5_H

#include <stdbool.h>
#include <stddef.h>

#define EVO_MD5_SIZE 16

/* False where libcrypto has none, as in FIPS mode; digest is untouched then. */
bool evo_md5_of(const void *data, size_t n, unsigned char digest[EVO_MD5_SIZE]);

#endif
