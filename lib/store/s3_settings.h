/*
 * s3_settings.h - what is sent with each object beside its bytes; included by lib/store alone.
 *
 * Storage class, server-side encryption, Object Lock and tags go with a put and with the start of a multipart
 * upload, and a checksum with each body: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html. Servers
 * refuse with 501 or 400 what they do not know; the error then names the header and the option it comes from.
 */
#ifndef EVO_STORE_S3_SETTINGS_H
#define EVO_STORE_S3_SETTINGS_H

#include "store/s3_provider.h"
#include "store/s3_xml.h"

struct evo_s3_settings {
    char *storage_class, *sse, *kms_key_id; /* NULL: not sent */
    char *lock_mode; /* "GOVERNANCE" or "COMPLIANCE"; NULL: none */
    int64_t lock_days;
    char *tags; /* as the header takes them: "team=data&env=prod"; NULL: none */
    enum evo_s3_checksum checksum;
};
/* EVO_ERR_CONFIG names the option that is wrong, or that lacks another one. */
enum evo_errc evo_s3_settings_init(struct evo_s3_settings *ret, const struct evo_store_options *o,
                                   const struct evo_s3_provider *provider, struct evo_error *err) EVO_CHECK;
void evo_s3_settings_release(struct evo_s3_settings *s);
EVO_DEFINE_AUTO(s3_settings);

/* Adds the headers of an object that is made at `wall_ms`, without a checksum. */
void evo_s3_settings_headers(const struct evo_s3_settings *s, int64_t wall_ms, struct evo_strvec *out);
/* Rewrites the error of a request that was refused with 400 or 501, so that it names which of its headers was it,
 * where the answer tells, or else which may have been. */
void evo_s3_settings_explain(const struct evo_strvec *headers, int status, const struct evo_s3_fault *fault,
                             struct evo_error *err);
/* Did the server do what must not be left undone? One that ignores the header for encryption takes the object all the
 * same: `encrypted` is what its answer to the put, or to a look at the object, tells. `key` is for the message. */
enum evo_errc evo_s3_settings_honoured(const struct evo_s3_settings *s, const char *key, bool encrypted,
                                       struct evo_error *err) EVO_CHECK;
#define EVO_S3_HEADER_SSE "x-amz-server-side-encryption"

#endif
