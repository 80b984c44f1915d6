#include "store/s3_provider.h"

#include "base/strbuf.h"

#define PARTS_MAX 10000

/*
 * Checksums: AWS and SeaweedFS compare x-amz-checksum-*, which costs nothing (SeaweedFS does not compare
 * x-amz-content-sha256 with the body). MinIO, Ceph and versitygw compare x-amz-content-sha256, which is always signed. Of R2,
 * GCS and strangers only Content-MD5 is sure to be taken.
 */
static const struct evo_s3_provider providers[] = {
    { "aws", ".amazonaws.com .amazonaws.com.cn", EVO_S3_CHECKSUM_CRC32C, EVO_S3_CHECKSUM_CRC32C, PARTS_MAX,
      true },
    { "r2", ".r2.cloudflarestorage.com", EVO_S3_CHECKSUM_MD5, EVO_S3_CHECKSUM_MD5, PARTS_MAX, true },
    { "gcs", "storage.googleapis.com", EVO_S3_CHECKSUM_MD5, EVO_S3_CHECKSUM_MD5, PARTS_MAX, true },
    { "ceph", NULL, EVO_S3_CHECKSUM_NONE, EVO_S3_CHECKSUM_MD5, PARTS_MAX, true },
    { "minio", NULL, EVO_S3_CHECKSUM_NONE, EVO_S3_CHECKSUM_MD5, PARTS_MAX, false },
    { "seaweedfs", NULL, EVO_S3_CHECKSUM_CRC32C, EVO_S3_CHECKSUM_CRC32C, PARTS_MAX, true },
    { "versitygw", NULL, EVO_S3_CHECKSUM_NONE, EVO_S3_CHECKSUM_MD5, PARTS_MAX, true },
    { "scaleway", ".scw.cloud", EVO_S3_CHECKSUM_MD5, EVO_S3_CHECKSUM_MD5, 1000, false },
    { "other", NULL, EVO_S3_CHECKSUM_MD5, EVO_S3_CHECKSUM_MD5, PARTS_MAX, false },
};

static const struct evo_s3_provider *by_name(const char *name)
{
    for (size_t i = 0; i < EVO_COUNT(providers); i++)
        if (evo_streq(providers[i].name, name))
            return &providers[i];
    return NULL;
}

/* Is `host` (n bytes) the name `end`, or does it end so where that begins with a dot? */
static bool ends_so(const char *host, size_t n, const char *end, size_t end_n)
{
    return n >= end_n && (n == end_n || *end == '.') && strncasecmp(host + n - end_n, end, end_n) == 0;
}

static const struct evo_s3_provider *by_host(const char *host)
{
    size_t n = strcspn(host, ":");
    for (size_t i = 0; i < EVO_COUNT(providers); i++)
        for (const char *p = providers[i].hosts; p && *p;) {
            size_t end_n = strcspn(p, " ");
            if (ends_so(host, n, p, end_n))
                return &providers[i];
            p += end_n + (p[end_n] == ' ');
        }
    return by_name("other");
}

const struct evo_s3_provider *evo_s3_provider_find(const char *name, const char *host)
{
    if (name && *name && !evo_streq(name, "auto"))
        return by_name(name);
    return host ? by_host(host) : by_name("aws");
}
