/*
 * s3.h - a store in an S3 bucket; included by lib/store alone.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/, and what other servers do differently: README.md.
 * Write-once is If-None-Match: *, and a look before and after it, because some servers ignore the header.
 */
#ifndef EVO_STORE_S3_H
#define EVO_STORE_S3_H

#include "store/backend.h"
#include "store/s3_request.h"

struct evo_s3 {
    struct evo_store base;
    struct evo_s3_client client;
};

enum evo_errc evo_s3_open(const struct evo_store_options *o, struct evo_store **ret,
                          struct evo_error *err) EVO_CHECK;
static inline struct evo_s3 *evo_s3_of(struct evo_store *store)
{
    return (struct evo_s3 *)store;
}

/* The rest is shared with s3_multipart.c; keys are full ones, with the store's prefix. */

/* One plain put. */
enum evo_errc evo_s3_put_object(struct evo_s3_client *c, const char *key, const void *data, size_t n,
                                struct evo_error *err) EVO_CHECK;
struct evo_s3_head {
    uint64_t size;
    int64_t mtime_ms;
    char etag[128]; /* as sent, with its quotes; "" where none was */
    int64_t locked_until_ms; /* -1: not locked */
    bool legal_hold;
};
enum evo_errc evo_s3_head(struct evo_s3_client *c, const char *key, struct evo_s3_head *ret,
                          struct evo_error *err) EVO_CHECK;

#endif
