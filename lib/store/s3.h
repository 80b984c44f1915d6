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

/* The rest is shared by the files of this kind of store; keys are full ones, with the store's prefix. */

/* One plain put. */
enum evo_errc evo_s3_put_object(struct evo_s3_client *c, const char *key, const void *data, size_t n,
                                struct evo_error *err) EVO_CHECK;
struct evo_s3_head {
    uint64_t size;
    int64_t mtime_ms;
    char etag[128]; /* as sent, with its quotes; "" where none was */
    int64_t locked_until_ms; /* -1: not locked */
    bool legal_hold;
    bool encrypted; /* by the server, and it says so */
};
enum evo_errc evo_s3_head(struct evo_s3_client *c, const char *key, struct evo_s3_head *ret,
                          struct evo_error *err) EVO_CHECK;
/* "bytes 100-199/4096" of a Content-Range; text may be NULL. */
bool evo_s3_parse_content_range(const char *text, uint64_t *ret_start, uint64_t *ret_total);
/* As evo_store_read(); in s3_read.c. */
enum evo_errc evo_s3_read(struct evo_s3_client *c, const char *full, uint64_t offset, uint64_t length,
                          evo_store_sink *sink, void *ctx, struct evo_error *err) EVO_CHECK;
/* As evo_store_list_prefix(), with a prefix and with keys without that of the store; in s3_list.c. */
enum evo_errc evo_s3_list(struct evo_s3_client *c, const char *prefix, bool flat, struct evo_store_list *ret,
                          struct evo_error *err) EVO_CHECK;
/* Can anything be listed? */
enum evo_errc evo_s3_list_any(struct evo_s3_client *c, struct evo_error *err) EVO_CHECK;

#endif
