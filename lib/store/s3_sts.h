/*
 * s3_sts.h - keys for a web identity token; included by lib/store alone.
 *
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html: the
 * request is not signed, the token is the proof. It goes in the body, not in the URL, where proxies would log it.
 */
#ifndef EVO_STORE_S3_STS_H
#define EVO_STORE_S3_STS_H

#include "store/s3_keys.h"

struct evo_sts_options {
    const char *token_file, *role_arn, *session_name; /* session_name NULL: made up */
    const char *endpoint; /* NULL: sts.<region>.amazonaws.com */
    const char *region;
    const char *ca_bundle; /* may be NULL */
    bool allow_http, despite_cancel;
    struct evo_task *task;
};
/* Reads the token file, asks, and fills the three keys and expires_ms of *ret. */
enum evo_errc evo_s3_sts_assume(const struct evo_sts_options *o, struct evo_s3_keys *ret,
                                struct evo_error *err) EVO_CHECK;

#endif
