#include "crypto/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/error.h"

#include "base/banned.h"

/* libcrypto's parameters lack const; it only reads them. */
static OSSL_PARAM octets(const char *name, const void *data, size_t n)
{
    static char none[1];
    return OSSL_PARAM_construct_octet_string(name, n ? (void *)data : none, n);
}

void evo_hkdf_sha256(const void *key, size_t key_len, const void *salt, size_t salt_len, const void *info,
                     size_t info_len, unsigned char *out, size_t n)
{
    char digest[] = "SHA256";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[5], *p = params;
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    *p++ = octets(OSSL_KDF_PARAM_KEY, key, key_len);
    if (salt_len)
        *p++ = octets(OSSL_KDF_PARAM_SALT, salt, salt_len);
    *p++ = octets(OSSL_KDF_PARAM_INFO, info, info_len);
    *p = OSSL_PARAM_construct_end();
    if (!ctx || EVP_KDF_derive(ctx, out, n, params) != 1)
        EVO_BUG("HKDF-SHA-256 failed");
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}
