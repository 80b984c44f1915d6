#include "crypto/sha1.h"

#include <openssl/evp.h>

#include "base/banned.h"

bool evo_sha1_of(const void *data, size_t n, unsigned char digest[EVO_SHA1_SIZE])
{
    return EVP_Digest(data, n, digest, NULL, EVP_sha1(), NULL) == 1;
}
