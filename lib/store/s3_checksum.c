#include "store/s3_checksum.h"

#include "base/encode.h"
#include "crypto/md5.h"
#include "pack/crc32c.h"

static const struct {
    const char *name, *header, *algorithm, *element;
} kinds[] = {
    [EVO_S3_CHECKSUM_NONE] = { "none", NULL, NULL, NULL },
    [EVO_S3_CHECKSUM_MD5] = { "md5", "Content-MD5", NULL, NULL },
    [EVO_S3_CHECKSUM_CRC32C] = { "crc32c", "x-amz-checksum-crc32c", "CRC32C", "ChecksumCRC32C" },
    [EVO_S3_CHECKSUM_SHA256] = { "sha256", "x-amz-checksum-sha256", "SHA256", "ChecksumSHA256" },
};

bool evo_s3_checksum_parse(const char *name, enum evo_s3_checksum *ret)
{
    for (size_t i = 0; i < EVO_COUNT(kinds); i++)
        if (evo_streq(kinds[i].name, name)) {
            *ret = (enum evo_s3_checksum)i;
            return true;
        }
    return false;
}

const char *evo_s3_checksum_header(enum evo_s3_checksum kind)
{
    return kinds[kind].header;
}

const char *evo_s3_checksum_algorithm(enum evo_s3_checksum kind)
{
    return kinds[kind].algorithm;
}

const char *evo_s3_checksum_element(enum evo_s3_checksum kind)
{
    return kinds[kind].element;
}

static void set_value(struct evo_s3_digest *d, const void *bytes, size_t n)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_base64(&text, bytes, n);
    (void)snprintf(d->value, sizeof(d->value), "%s", text.buf);
}

static void add_md5(struct evo_s3_digest *d, const void *data, size_t n)
{
    unsigned char md5[EVO_MD5_SIZE];
    if (!evo_md5_of(data, n, md5)) {
        d->kind = EVO_S3_CHECKSUM_NONE;
        return;
    }
    EVO_AUTO(strbuf) hex = EVO_STRBUF_INIT;
    evo_hex(&hex, md5, sizeof(md5));
    (void)snprintf(d->md5, sizeof(d->md5), "%s", hex.buf);
    set_value(d, md5, sizeof(md5));
}

void evo_s3_digest_of(enum evo_s3_checksum kind, const void *data, size_t n, struct evo_s3_digest *ret)
{
    unsigned char sha256[EVO_SHA256_SIZE];
    *ret = (struct evo_s3_digest){ .kind = kind };
    evo_sha256_of(data, n, sha256);
    (void)evo_sha256_format(sha256, ret->sha256);
    if (kind == EVO_S3_CHECKSUM_MD5) {
        add_md5(ret, data, n);
    } else if (kind == EVO_S3_CHECKSUM_CRC32C) {
        uint32_t crc = evo_crc32c_of(data, n);
        unsigned char big_endian[4] = { (unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                                        (unsigned char)(crc >> 8), (unsigned char)crc };
        set_value(ret, big_endian, sizeof(big_endian));
    } else if (kind == EVO_S3_CHECKSUM_SHA256) {
        set_value(ret, sha256, sizeof(sha256));
    }
}

/* The 32 digits of an ETag that is an MD5; NULL for any other. */
static const char *md5_in(const char *etag)
{
    if (*etag == '"')
        etag++;
    return strspn(etag, "0123456789abcdefABCDEF") == 32 && (!etag[32] || evo_streq(etag + 32, "\"")) ? etag
                                                                                                     : NULL;
}

bool evo_s3_digest_contradicted(const struct evo_s3_digest *digest, const struct evo_http_response *http)
{
    const char *name = evo_s3_checksum_header(digest->kind);
    if (!name)
        return false;
    if (digest->kind != EVO_S3_CHECKSUM_MD5) {
        const char *told = evo_http_header(http, name);
        return told && !evo_streq(told, digest->value);
    }
    const char *etag = evo_http_header(http, "etag"), *md5 = etag ? md5_in(etag) : NULL;
    const char *sse = evo_http_header(http, "x-amz-server-side-encryption");
    bool sealed = (sse && !evo_streq(sse, "AES256")) ||
                  evo_http_header(http, "x-amz-server-side-encryption-customer-algorithm");
    return md5 && !sealed && strncasecmp(md5, digest->md5, 32) != 0;
}
