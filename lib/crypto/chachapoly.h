/*
 * chachapoly.h - ChaCha20-Poly1305 (RFC 8439), over libcrypto, without additional data.
 *
 * One object is one key for many messages, each under a nonce of its own: a nonce used twice gives both messages away,
 * so whoever owns the key counts. The object is used by one thread at a time, and wiped when it is freed.
 */
#ifndef EVO_CRYPTO_CHACHAPOLY_H
#define EVO_CRYPTO_CHACHAPOLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"

#define EVO_CHACHAPOLY_KEY   32
#define EVO_CHACHAPOLY_NONCE 12
#define EVO_CHACHAPOLY_TAG   16

struct evo_chachapoly;
struct evo_chachapoly *evo_chachapoly_new(const unsigned char key[EVO_CHACHAPOLY_KEY]) EVO_CHECK;
void evo_chachapoly_free(struct evo_chachapoly *c);
EVO_DEFINE_AUTO_PTR(chachapoly, evo_chachapoly_free);

/* n bytes (at most 1 GiB) become n + EVO_CHACHAPOLY_TAG bytes at out, which does not overlap in. */
void evo_chachapoly_seal(struct evo_chachapoly *c, const unsigned char nonce[EVO_CHACHAPOLY_NONCE],
                         const void *in, size_t n, unsigned char *out);
/* n bytes with their tag become n - EVO_CHACHAPOLY_TAG bytes at out, which does not overlap in. False: not what was
 * sealed under this key and nonce, or shorter than a tag; out holds nothing of it then. */
bool evo_chachapoly_open(struct evo_chachapoly *c, const unsigned char nonce[EVO_CHACHAPOLY_NONCE],
                         const void *in, size_t n, unsigned char *out) EVO_CHECK;

#endif
