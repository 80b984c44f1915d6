/*
 * s3_error.h - what an answer of S3 means: done, worth another try, or an error a person understands.
 * Pure; included by lib/store alone. The table of codes follows "Error responses",
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and what other servers send.
 */
#ifndef EVO_STORE_S3_ERROR_H
#define EVO_STORE_S3_ERROR_H

#include <stdint.h>

#include "base/error.h"
#include "http/http.h"

enum evo_s3_verdict {
    EVO_S3_DONE,
    EVO_S3_FAIL,
    EVO_S3_RETRY, /* the same again, later */
    EVO_S3_SKEWED, /* again with the server's time */
    EVO_S3_MOVED, /* again in the region that the server names */
    EVO_S3_EXPIRED /* again with fresh credentials */
};
/* `code` is the error's code from the body, "" where there was none. */
enum evo_s3_verdict evo_s3_judge(int status, const char *code);
/* Is it the object, or the upload, that there is not? Some answer 404 for a bucket or an access key as well. */
bool evo_s3_tells_missing(int status, const char *code);
/* What a failed connection means. */
enum evo_s3_verdict evo_s3_judge_failure(enum evo_http_failure failure);
/* Full jitter: somewhere between 0 and base * 2^attempt, at most cap; at least what Retry-After asks (capped too).
 * attempt counts from 0; random is any 64 bits. */
int64_t evo_s3_backoff_ms(int attempt, int64_t base_ms, int64_t cap_ms, int64_t retry_after_ms,
                          uint64_t random);

/* "17 minutes behind" or "40 seconds ahead of", of the server's time minus ours. Returns buf. */
#define EVO_S3_SKEW_MAX 48
const char *evo_s3_format_skew(int64_t skew_ms, char buf[EVO_S3_SKEW_MAX]);

struct evo_s3_context {
    const char *bucket;
    const char *key; /* with the store's prefix; NULL: the bucket */
    const char *action; /* "s3:PutObject" */
    const char *source; /* where the credentials came from */
    const char *access_key; /* never shown: what repeats it is left out */
    const char *region, *moved_to; /* moved_to: what the server named, "" for nothing */
    const char *server_message;
    bool custom_endpoint;
    int64_t skew_ms; /* server's time minus ours; of a RequestTimeTooSkewed */
};
/* Makes the error of a failed answer. Returns its code. */
enum evo_errc evo_s3_explain(int status, const char *code, const struct evo_s3_context *context,
                             struct evo_error *err);
/* Adds a hint to what lib/http said of a connection that failed. Returns its code. */
enum evo_errc evo_s3_explain_failure(enum evo_http_failure failure, bool custom_endpoint,
                                     struct evo_error *err);

#endif
