/*
 * s3_credentials.h - where the keys for S3 come from; included by lib/store alone.
 *
 * The first source that is configured is used, in the order of the AWS tools:
 *
 *   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   2. web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN (AWS_ROLE_SESSION_NAME, AWS_ENDPOINT_URL_STS)
 *   3. the profile AWS_PROFILE ("default") in ~/.aws/credentials and ~/.aws/config
 *      (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE): keys, a web identity, or a credential_process
 *   4. a container's role: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (s3_metadata.h)
 *   5. a machine's role, unless AWS_EC2_METADATA_DISABLED is true; where no such service answers, it is not asked again
 *
 * A further source is one more row of the table in the .c file.
 * Keys with an expiry are fetched again five minutes before it, and the token file is read again then:
 * the platform replaces it. Secrets are told to the redactor as soon as they are known.
 */
#ifndef EVO_STORE_S3_CREDENTIALS_H
#define EVO_STORE_S3_CREDENTIALS_H

#include "store/s3_keys.h"

/* One thread at a time. */
struct evo_s3_credentials;
/* Reads nothing yet. region, the http rule and the authorities (a PEM file; may be NULL) are for STS. */
struct evo_s3_credentials *evo_s3_credentials_new(const char *region, bool allow_http, const char *ca_bundle,
                                                  struct evo_task *task) EVO_CHECK;
void evo_s3_credentials_free(struct evo_s3_credentials *c);
/* Copies the keys into *ret (released first). `fresh`: those in hand were refused as expired. `despite_cancel` as in
 * struct evo_http_request. EVO_ERR_STORE names the places that were looked at. */
enum evo_errc evo_s3_credentials_get(struct evo_s3_credentials *c, bool fresh, bool despite_cancel,
                                     struct evo_s3_keys *ret, struct evo_error *err) EVO_CHECK;

#endif
