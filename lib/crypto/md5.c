#include "crypto/md5.h"

#include <openssl/evp.h>

#include "base/banned.h"

bool evo_md5_of(const void *data, size_t n, unsigned char digest[EVO_MD5_SIZE])
{
    return EVP_Digest(data, n, digest, NULL, EVP_md5(), NULL) == 1;
}
