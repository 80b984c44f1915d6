#include "store/s3_body.h"

#define SEND_TRIES 3
#define CLEANUP_MS 2000

static enum evo_errc damaged(const struct evo_s3_request *r, const struct evo_s3_digest *digest,
                             struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_STORE, "the store holds other bytes of \"%s\" than were sent", r->key);
    evo_error_detail(err, "The %s of its answer is another one, %d times in a row.",
                     digest->kind == EVO_S3_CHECKSUM_MD5 ? "ETag" : "checksum", SEND_TRIES);
    return evo_error_hint(
        err,
        digest->kind == EVO_S3_CHECKSUM_MD5
            ? "Run the command again. Where the ETags of this server are no MD5s, set --s3-checksum none."
            : "Run the command again; where it happens again, this server loses data.");
}

enum evo_errc evo_s3_send_body(struct evo_s3_client *c, struct evo_s3_request *r, struct evo_strvec *headers,
                               struct evo_s3_answer *answer, struct evo_s3_digest *ret_digest,
                               bool *ret_damaged, struct evo_error *err)
{
    struct evo_error why = EVO_ERROR_INIT;
    *ret_damaged = false;
    evo_s3_digest_of(c->settings.checksum, r->body, r->body_len, ret_digest);
    if (ret_digest->kind != EVO_S3_CHECKSUM_NONE)
        evo_strvec_pushf(headers, "%s: %s", evo_s3_checksum_header(ret_digest->kind), ret_digest->value);
    r->headers = headers;
    r->body_sha256 = ret_digest->sha256;
    for (int i = 0; i < SEND_TRIES; i++) {
        enum evo_errc rc = evo_s3_send(c, r, answer, &why);
        if (rc) {
            evo_s3_settings_explain(headers, answer->http.status, &answer->fault, &why);
            if (err)
                *err = why;
            return rc;
        }
        *ret_damaged = evo_s3_digest_contradicted(ret_digest, &answer->http);
        if (!*ret_damaged)
            return EVO_OK;
        evo_debug(c->task, "store: the answer tells of other bytes of \"%s\" than were sent", r->key);
    }
    return damaged(r, ret_digest, err);
}

void evo_s3_remove_wrong(struct evo_s3_client *c, const char *key)
{
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "DELETE",
                                .action = "s3:DeleteObject",
                                .key = key,
                                .despite_cancel = true,
                                .time_ms = CLEANUP_MS };
    struct evo_error why = EVO_ERROR_INIT;
    if (evo_s3_send(c, &r, &answer, &why) && why.code != EVO_ERR_NOT_FOUND)
        evo_warn(c->task, "could not remove the damaged object \"%s\": %s", key, why.message);
}
