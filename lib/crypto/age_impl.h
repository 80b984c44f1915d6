/*
 * age_impl.h - what the sources of age.h share: the sizes of the format, the keys, and the payload's key and nonces.
 */
#ifndef EVO_CRYPTO_AGE_IMPL_H
#define EVO_CRYPTO_AGE_IMPL_H

#include "crypto/age.h"
#include "crypto/chachapoly.h"
#include "crypto/x25519.h"

enum {
    AGE_FILE_KEY = 16,
    AGE_NONCE = 16, /* the payload begins with it */
    AGE_CHUNK = 64 * 1024, /* of content; the last one may be shorter */
    AGE_SEALED_CHUNK = AGE_CHUNK + EVO_CHACHAPOLY_TAG
};

struct evo_age_recipients {
    size_t count;
    unsigned char (*keys)[EVO_X25519_SIZE];
};

struct evo_age_identities {
    size_t count;
    struct evo_age_identity {
        unsigned char secret[EVO_X25519_SIZE];
        unsigned char recipient[EVO_X25519_SIZE]; /* the public key to it */
    } keys[EVO_AGE_IDENTITIES_MAX];
};

/* The payload's cipher: its key is derived from the file key and the nonce before the payload. */
struct evo_chachapoly *evo_age_payload(const unsigned char file_key[AGE_FILE_KEY],
                                       const unsigned char nonce[AGE_NONCE]) EVO_CHECK;
/* The nonce of a chunk: its number from 0, big-endian, and whether it is the last one. */
void evo_age_chunk_nonce(uint64_t number, bool last, unsigned char nonce[EVO_CHACHAPOLY_NONCE]);

#endif
