/*
 * s3_keys.h - keys for S3 as a source of credentials gives them; included by lib/store alone.
 */
#ifndef EVO_STORE_S3_KEYS_H
#define EVO_STORE_S3_KEYS_H

#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/task.h"

struct evo_s3_keys {
    struct evo_secret access_key, secret_key, token; /* token unset: none */
    int64_t expires_ms; /* wall; -1: never */
    char source[256]; /* for messages: "AWS_ACCESS_KEY_ID", "profile \"ci\" in ~/.aws/credentials" */
};
void evo_s3_keys_release(struct evo_s3_keys *keys);
EVO_DEFINE_AUTO(s3_keys);

/* Sets the three (token NULL: none), and tells them to the redactor. */
void evo_s3_keys_set(struct evo_s3_keys *keys, const char *access_key, const char *secret_key,
                     const char *token);
/* Reads {"AccessKeyId": …, "SecretAccessKey": …, <token_member>: …, "Expiration": …}, as containers, machines and
 * programs answer; without an Expiration they hold for ever. `what` names the source ("the answer of …"). EVO_ERR_STORE
 * with nothing of the text in its message. */
enum evo_errc evo_s3_keys_parse(struct evo_s3_keys *keys, const struct evo_strbuf *text,
                                const char *token_member, const char *what, struct evo_error *err) EVO_CHECK;

#endif
