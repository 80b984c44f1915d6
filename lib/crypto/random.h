/*
 * random.h - random bytes from libcrypto's generator. Failing to get any is a broken machine: it ends the process.
 */
#ifndef EVO_CRYPTO_RANDOM_H
#define EVO_CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void evo_random_bytes(void *out, size_t n);
/* Uniform in [0, bound); bound 0 gives 0. For jitter. */
uint64_t evo_random_below(uint64_t bound);
/* n lower-case hex digits and a NUL. Returns out. */
const char *evo_random_hex(char *out, size_t n);
/* A random UUID (RFC 9562, version 4), lower case. Returns out. */
#define EVO_UUID_MAX 37
const char *evo_random_uuid(char out[EVO_UUID_MAX]);

#endif
