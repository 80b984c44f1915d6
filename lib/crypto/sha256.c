#include "crypto/sha256.h"

/* The functions below EVP, which OpenSSL 3 would rather not see used: the first digest by EVP reads openssl.cnf and sets up
 * every cipher there is, which is a good part of what evo-status does at all. The code behind both is the same. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <errno.h>
#include <fcntl.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/encode.h"

#include "base/banned.h"

struct evo_sha256 {
    SHA256_CTX ctx;
};

static void start(struct evo_sha256 *h)
{
    if (SHA256_Init(&h->ctx) != 1)
        EVO_BUG("libcrypto has no SHA-256");
}

struct evo_sha256 *evo_sha256_new(void)
{
    struct evo_sha256 *h = evo_malloc(sizeof(*h));
    start(h);
    return h;
}

void evo_sha256_free(struct evo_sha256 *h)
{
    free(h);
}

void evo_sha256_update(struct evo_sha256 *h, const void *data, size_t n)
{
    if (SHA256_Update(&h->ctx, data, n) != 1)
        EVO_BUG("SHA-256 update failed");
}

void evo_sha256_final(struct evo_sha256 *h, unsigned char digest[EVO_SHA256_SIZE])
{
    if (SHA256_Final(digest, &h->ctx) != 1)
        EVO_BUG("SHA-256 final failed");
    start(h);
}

void evo_sha256_of(const void *data, size_t n, unsigned char digest[EVO_SHA256_SIZE])
{
    struct evo_sha256 h;
    start(&h);
    evo_sha256_update(&h, data, n);
    if (SHA256_Final(digest, &h.ctx) != 1)
        EVO_BUG("SHA-256 failed");
}

const char *evo_sha256_format(const unsigned char digest[EVO_SHA256_SIZE], char hex[EVO_SHA256_HEX])
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < EVO_SHA256_SIZE; i++) {
        hex[2 * i] = digit[digest[i] >> 4];
        hex[2 * i + 1] = digit[digest[i] & 15];
    }
    hex[2 * EVO_SHA256_SIZE] = '\0';
    return hex;
}

const char *evo_sha256_hex(const void *data, size_t n, char hex[EVO_SHA256_HEX])
{
    unsigned char digest[EVO_SHA256_SIZE];
    evo_sha256_of(data, n, digest);
    return evo_sha256_format(digest, hex);
}

static enum evo_errc hash_descriptor(int fd, const char *path, char hex[EVO_SHA256_HEX],
                                     struct evo_error *err)
{
    EVO_AUTO_PTR(sha256) h = evo_sha256_new();
    unsigned char piece[64 * 1024];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return evo_error_errno(err, EVO_ERR_DISK, errno, "could not read file \"%s\"", path);
        if (n == 0)
            break;
        evo_sha256_update(h, piece, (size_t)n);
    }
    unsigned char digest[EVO_SHA256_SIZE];
    evo_sha256_final(h, digest);
    (void)evo_sha256_format(digest, hex);
    return EVO_OK;
}

enum evo_errc evo_sha256_file(const char *path, char hex[EVO_SHA256_HEX], struct evo_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return evo_error_errno(err, errno == ENOENT ? EVO_ERR_NOT_FOUND : EVO_ERR_DISK, errno,
                               "could not open file \"%s\"", path);
    enum evo_errc rc = hash_descriptor(fd, path, hex, err);
    (void)close(fd);
    return rc;
}

void evo_hmac_sha256(const void *key, size_t key_len, const void *data, size_t n,
                     unsigned char digest[EVO_SHA256_SIZE])
{
    EVO_ASSERT(key_len <= INT32_MAX);
    if (!HMAC(EVP_sha256(), key_len ? key : "", (int)key_len, data, n, digest, NULL))
        EVO_BUG("HMAC-SHA-256 failed");
}
