#include "crypto/chachapoly.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/error.h"

#include "base/banned.h"

enum { LARGEST = 1 << 30 };

struct evo_chachapoly {
    EVP_CIPHER_CTX *ctx; /* holds the key; a message sets direction and nonce */
};

struct evo_chachapoly *evo_chachapoly_new(const unsigned char key[EVO_CHACHAPOLY_KEY])
{
    struct evo_chachapoly *c = evo_malloc(sizeof(*c));
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    c->ctx = EVP_CIPHER_CTX_new();
    if (!cipher || !c->ctx || EVP_CipherInit_ex2(c->ctx, cipher, key, NULL, 1, NULL) != 1)
        EVO_BUG("libcrypto has no ChaCha20-Poly1305");
    EVP_CIPHER_free(cipher); /* the context has its own reference */
    return c;
}

void evo_chachapoly_free(struct evo_chachapoly *c)
{
    if (!c)
        return;
    EVP_CIPHER_CTX_free(c->ctx);
    free(c);
}

static bool transform(struct evo_chachapoly *c, const unsigned char *in, size_t n, unsigned char *out)
{
    int len = 0;
    /* Without a byte, libcrypto would take the call for another. */
    return !n || (EVP_CipherUpdate(c->ctx, out, &len, in, (int)n) == 1 && (size_t)len == n);
}

void evo_chachapoly_seal(struct evo_chachapoly *c, const unsigned char nonce[EVO_CHACHAPOLY_NONCE],
                         const void *in, size_t n, unsigned char *out)
{
    int len = 0;
    EVO_ASSERT(n <= LARGEST);
    if (EVP_CipherInit_ex2(c->ctx, NULL, NULL, nonce, 1, NULL) != 1 || !transform(c, in, n, out) ||
        EVP_CipherFinal_ex(c->ctx, out + n, &len) != 1 || len != 0 ||
        EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_GET_TAG, EVO_CHACHAPOLY_TAG, out + n) != 1)
        EVO_BUG("ChaCha20-Poly1305 failed");
}

bool evo_chachapoly_open(struct evo_chachapoly *c, const unsigned char nonce[EVO_CHACHAPOLY_NONCE],
                         const void *in, size_t n, unsigned char *out)
{
    unsigned char tag[EVO_CHACHAPOLY_TAG], none[1];
    int len = 0;
    if (n < EVO_CHACHAPOLY_TAG)
        return false;
    n -= EVO_CHACHAPOLY_TAG;
    EVO_ASSERT(n <= LARGEST);
    memcpy(tag, (const unsigned char *)in + n, sizeof(tag));
    if (EVP_CipherInit_ex2(c->ctx, NULL, NULL, nonce, 0, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_SET_TAG, EVO_CHACHAPOLY_TAG, tag) != 1)
        EVO_BUG("ChaCha20-Poly1305 failed");
    /* An error must not stay behind in the thread's queue: TLS connections read it there. */
    ERR_set_mark();
    bool authentic = transform(c, in, n, out) && EVP_CipherFinal_ex(c->ctx, none, &len) == 1;
    ERR_pop_to_mark();
    if (!authentic && n)
        explicit_bzero(out, n);
    return authentic;
}
