/*
 * s3_sign.h - AWS Signature Version 4 for S3; pure, included by lib/store alone.
 *
 * Follows "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)",
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, whose examples
 * are the unit test. Differences of S3 from the general form: the path is encoded once and never
 * normalised, and x-amz-content-sha256 is always there.
 *
 * What is signed is what the caller puts into `headers`, and the host: evo signs x-amz-* only,
 * because proxies may change the others.
 */
#ifndef EVO_STORE_S3_SIGN_H
#define EVO_STORE_S3_SIGN_H

#include "base/strbuf.h"
#include "base/strvec.h"
#include "crypto/sha256.h"

struct evo_s3_param {
    const char *name, *value; /* not encoded; value NULL: a name alone ("uploads"), sent as "uploads=" */
};

struct evo_s3_sign {
    const char *method;
    const char *host; /* with the port where it is not the scheme's own */
    const char *path; /* as it is sent: encoded */
    const char *query; /* as it is sent: from evo_s3_query() */
    const struct evo_strvec *headers; /* "Name: value", all to be signed; x-amz-date and
                                         x-amz-content-sha256 are among them */
    const char *payload_sha256; /* hex */
    const char *access_key, *secret_key, *region;
    int64_t wall_ms; /* the time in x-amz-date */
};

/* Encodes a path (each segment; "/" stays) and appends it. */
void evo_s3_path(struct evo_strbuf *out, const char *path);
/* Encodes the parameters, sorts them by name then value, and appends them: both canonical and fit to be sent. */
void evo_s3_query(struct evo_strbuf *out, const struct evo_s3_param *params, size_t count);

/* The steps, each visible to its test. */
void evo_s3_canonical_request(const struct evo_s3_sign *s, struct evo_strbuf *out,
                              struct evo_strbuf *signed_headers);
void evo_s3_string_to_sign(const struct evo_s3_sign *s, const char *canonical_request,
                           struct evo_strbuf *out);
/* Appends the value of the Authorization header. */
void evo_s3_authorization(const struct evo_s3_sign *s, struct evo_strbuf *out);

#endif
