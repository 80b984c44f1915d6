/*
 * s3_provider.h - what is known of the servers that speak S3, a row each; included by lib/store alone.
 *
 * A server that nobody knows is treated with care: checksums that every server takes, listings that are
 * filtered here. The documents: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html,
 * https://developers.cloudflare.com/r2/api/s3/api/, https://cloud.google.com/storage/docs/xml-api/reference-headers,
 * https://docs.ceph.com/en/latest/radosgw/s3/, and README.md for what was tried.
 */
#ifndef EVO_STORE_S3_PROVIDER_H
#define EVO_STORE_S3_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "store/s3_checksum.h"

struct evo_s3_provider {
    const char *name; /* of --s3-profile-of */
    const char *hosts; /* ends of host names, separated by blanks; NULL: told by no name */
    enum evo_s3_checksum checksum; /* for "auto" */
    enum evo_s3_checksum checksum_locked; /* the same, where Object Lock demands one */
    size_t parts_max; /* of a multipart upload */
    bool uploads_by_prefix; /* lists the unfinished uploads below a prefix, not only those of one key */
};

/* The row of `name`; for "auto" or NULL that of the host (with or without a port; NULL: AWS itself), else "other".
 * NULL for a name that is none. */
const struct evo_s3_provider *evo_s3_provider_find(const char *name, const char *host);

#endif
