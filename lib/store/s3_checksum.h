/*
 * s3_checksum.h - what is sent beside a body so that the server can tell damage, and what its answer tells; pure,
 * included by lib/store alone.
 *
 * Content-MD5 (RFC 1864), or x-amz-checksum-crc32c and x-amz-checksum-sha256 with their counterparts in a multipart
 * upload: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html. The object's own
 * checksum is then one over those of its parts ("composite").
 */
#ifndef EVO_STORE_S3_CHECKSUM_H
#define EVO_STORE_S3_CHECKSUM_H

#include "crypto/sha256.h"
#include "http/http.h"

enum evo_s3_checksum {
    EVO_S3_CHECKSUM_NONE,
    EVO_S3_CHECKSUM_MD5,
    EVO_S3_CHECKSUM_CRC32C,
    EVO_S3_CHECKSUM_SHA256
};
/* "none", "md5", "crc32c", "sha256". */
bool evo_s3_checksum_parse(const char *name, enum evo_s3_checksum *ret);
/* "Content-MD5", "x-amz-checksum-crc32c"; NULL for none. */
const char *evo_s3_checksum_header(enum evo_s3_checksum kind);
/* "CRC32C" for x-amz-checksum-algorithm, "ChecksumCRC32C" for the completion; NULL where the upload needs none. */
const char *evo_s3_checksum_algorithm(enum evo_s3_checksum kind);
const char *evo_s3_checksum_element(enum evo_s3_checksum kind);

struct evo_s3_digest {
    enum evo_s3_checksum kind; /* NONE too where libcrypto has no MD5 */
    char value[48]; /* base64; "" for none */
    char md5[33]; /* hex; "" unless that is the kind */
    char sha256[EVO_SHA256_HEX]; /* always: it is signed */
};
void evo_s3_digest_of(enum evo_s3_checksum kind, const void *data, size_t n, struct evo_s3_digest *ret);
/* Does the answer to a put tell that the server has other bytes? By its checksum header, or by an ETag that is an
 * MD5: 32 hexadecimal digits and no key of a KMS in between. */
bool evo_s3_digest_contradicted(const struct evo_s3_digest *digest, const struct evo_http_response *http);

#endif
