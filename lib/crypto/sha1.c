#include "crypto/sha1.h"

#include <openssl/evp.h>

#include "base/alloc.h"

#include "base/banned.h"

bool evo_sha1_of(const void *data, size_t n, unsigned char digest[EVO_SHA1_SIZE])
{
    return EVP_Digest(data, n, digest, NULL, EVP_sha1(), NULL) == 1;
}

const char *evo_sha1_hex(const void *data, size_t n, char hex[EVO_SHA1_HEX])
{
    static const char digit[] = "0123456789abcdef";
    unsigned char digest[EVO_SHA1_SIZE];
    if (!evo_sha1_of(data, n, digest))
        EVO_BUG("SHA-1 failed");
    for (size_t i = 0; i < EVO_SHA1_SIZE; i++) {
        hex[2 * i] = digit[digest[i] >> 4];
        hex[2 * i + 1] = digit[digest[i] & 15];
    }
    hex[2 * EVO_SHA1_SIZE] = '\0';
    return hex;
}
