/*
 * hkdf.h - HKDF-SHA-256 (RFC 5869), over libcrypto: one key from another, for a named use.
 */
#ifndef EVO_CRYPTO_HKDF_H
#define EVO_CRYPTO_HKDF_H

#include <stddef.h>

/* Writes n bytes (1 to 8160) to out. An empty salt is that of the RFC: as many zeros as a digest has bytes. */
void evo_hkdf_sha256(const void *key, size_t key_len, const void *salt, size_t salt_len, const void *info,
                     size_t info_len, unsigned char *out, size_t n);

#endif
