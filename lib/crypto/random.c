#include "crypto/random.h"

#include <openssl/rand.h>

#include "base/error.h"

#include "base/banned.h"

void evo_random_bytes(void *out, size_t n)
{
    EVO_ASSERT(n <= INT32_MAX);
    if (RAND_bytes(out, (int)n) != 1)
        EVO_BUG("no random bytes to be had");
}

uint64_t evo_random_below(uint64_t bound)
{
    if (!bound)
        return 0;
    /* Values under 2^64 mod bound would make the first residues likelier: draw again. */
    uint64_t unfair = (0 - bound) % bound, v;
    do
        evo_random_bytes(&v, sizeof(v));
    while (v < unfair);
    return v % bound;
}

const char *evo_random_hex(char *out, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    evo_random_bytes(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = digit[(unsigned char)out[i] & 15];
    out[n] = '\0';
    return out;
}

const char *evo_random_uuid(char out[EVO_UUID_MAX])
{
    char hex[33];
    (void)evo_random_hex(hex, 32);
    hex[12] = '4'; /* version */
    hex[16] = "89ab"[evo_random_below(4)]; /* variant */
    (void)snprintf(out, EVO_UUID_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
    return out;
}
