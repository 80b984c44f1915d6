/*
 * x25519.h - Diffie-Hellman over Curve25519 (RFC 7748), over libcrypto.
 *
 * Keys are the 32 bytes of the RFC. Any 32 bytes are a secret key (five of its bits are set by the function itself);
 * wiping it is its owner's work.
 */
#ifndef EVO_CRYPTO_X25519_H
#define EVO_CRYPTO_X25519_H

#include <stdbool.h>

#include "base/alloc.h"

#define EVO_X25519_SIZE 32

void evo_x25519_public(const unsigned char secret[EVO_X25519_SIZE], unsigned char ret_key[EVO_X25519_SIZE]);
/* False, with *ret_shared zeroed: peer is a point of low order, which makes the shared secret all zeros, whoever asks
 * (RFC 7748, section 6.1). */
bool evo_x25519_shared(const unsigned char secret[EVO_X25519_SIZE], const unsigned char peer[EVO_X25519_SIZE],
                       unsigned char ret_shared[EVO_X25519_SIZE]) EVO_CHECK;

#endif
