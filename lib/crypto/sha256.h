/*
 * sha256.h - SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), over libcrypto.
 */
#ifndef EVO_CRYPTO_SHA256_H
#define EVO_CRYPTO_SHA256_H

#include "base/error.h"
#include "base/strbuf.h"

#define EVO_SHA256_SIZE 32
#define EVO_SHA256_HEX  65 /* with the terminating NUL */

/* Incremental. One object is used by one thread at a time. */
struct evo_sha256;
struct evo_sha256 *evo_sha256_new(void) EVO_CHECK;
void evo_sha256_free(struct evo_sha256 *h);
void evo_sha256_update(struct evo_sha256 *h, const void *data, size_t n);
/* Writes the digest and makes h ready for the next message. */
void evo_sha256_final(struct evo_sha256 *h, unsigned char digest[EVO_SHA256_SIZE]);
EVO_DEFINE_AUTO_PTR(sha256, evo_sha256_free);

void evo_sha256_of(const void *data, size_t n, unsigned char digest[EVO_SHA256_SIZE]);
/* Lower-case hex of the digest. Returns hex. */
const char *evo_sha256_hex(const void *data, size_t n, char hex[EVO_SHA256_HEX]);
const char *evo_sha256_format(const unsigned char digest[EVO_SHA256_SIZE], char hex[EVO_SHA256_HEX]);
/* Reads the file in pieces. */
enum evo_errc evo_sha256_file(const char *path, char hex[EVO_SHA256_HEX], struct evo_error *err) EVO_CHECK;

void evo_hmac_sha256(const void *key, size_t key_len, const void *data, size_t n,
                     unsigned char digest[EVO_SHA256_SIZE]);

#endif
