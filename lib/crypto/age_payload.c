#include "crypto/age_header.h"
#include "crypto/hkdf.h"

#include "base/banned.h"

struct evo_chachapoly *evo_age_payload(const unsigned char file_key[AGE_FILE_KEY],
                                       const unsigned char nonce[AGE_NONCE])
{
    unsigned char key[EVO_CHACHAPOLY_KEY];
    evo_hkdf_sha256(file_key, AGE_FILE_KEY, nonce, AGE_NONCE, "payload", 7, key, sizeof(key));
    struct evo_chachapoly *c = evo_chachapoly_new(key);
    explicit_bzero(key, sizeof(key));
    return c;
}

void evo_age_chunk_nonce(uint64_t number, bool last, unsigned char nonce[EVO_CHACHAPOLY_NONCE])
{
    memset(nonce, 0, EVO_CHACHAPOLY_NONCE);
    for (unsigned i = 0; i < sizeof(number); i++)
        nonce[EVO_CHACHAPOLY_NONCE - 2 - i] = (unsigned char)(number >> 8 * i);
    nonce[EVO_CHACHAPOLY_NONCE - 1] = last;
}

uint64_t evo_age_sealed_size(const struct evo_age_recipients *r, uint64_t plain)
{
    /* The last chunk is empty only where all is. */
    uint64_t chunks = plain ? (plain - 1) / AGE_CHUNK + 1 : 1;
    uint64_t around = evo_age_header_size(r->count) + AGE_NONCE + chunks * EVO_CHACHAPOLY_TAG;
    return plain > UINT64_MAX - around ? UINT64_MAX : plain + around;
}
