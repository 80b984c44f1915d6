#include "crypto/x25519.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/error.h"

#include "base/banned.h"

static EVP_PKEY *secret_key(const unsigned char secret[EVO_X25519_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, EVO_X25519_SIZE);
    if (!key)
        EVO_BUG("libcrypto has no X25519");
    return key;
}

void evo_x25519_public(const unsigned char secret[EVO_X25519_SIZE], unsigned char ret_key[EVO_X25519_SIZE])
{
    EVP_PKEY *key = secret_key(secret);
    size_t n = EVO_X25519_SIZE;
    if (EVP_PKEY_get_raw_public_key(key, ret_key, &n) != 1 || n != EVO_X25519_SIZE)
        EVO_BUG("X25519 failed");
    EVP_PKEY_free(key);
}

bool evo_x25519_shared(const unsigned char secret[EVO_X25519_SIZE], const unsigned char peer[EVO_X25519_SIZE],
                       unsigned char ret_shared[EVO_X25519_SIZE])
{
    static const unsigned char zero[EVO_X25519_SIZE];
    EVP_PKEY *own = secret_key(secret);
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, EVO_X25519_SIZE);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    size_t n = EVO_X25519_SIZE;
    memset(ret_shared, 0, EVO_X25519_SIZE);
    if (!other || !ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, other) != 1)
        EVO_BUG("X25519 failed");
    /* libcrypto refuses the all-zero secret itself, by an error that must not stay behind in the thread's queue: TLS
     * connections read it there. The comparison is for a libcrypto that does not. */
    ERR_set_mark();
    bool derived = EVP_PKEY_derive(ctx, ret_shared, &n) == 1 && n == EVO_X25519_SIZE &&
                   CRYPTO_memcmp(ret_shared, zero, EVO_X25519_SIZE) != 0;
    ERR_pop_to_mark();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    EVP_PKEY_free(own);
    if (!derived)
        explicit_bzero(ret_shared, EVO_X25519_SIZE);
    return derived;
}
