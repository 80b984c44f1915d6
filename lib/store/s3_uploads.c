#include "store/s3_uploads.h"

#define LIST_MAX    ((size_t)4 << 20)
#define ABORT_TRIES 5

static int64_t time_of(struct evo_s3_patience patience)
{
    int left = evo_deadline_left(patience.deadline);
    return left < 0 ? 0 : left ? left : 1;
}

/* ---- find ---- */

enum evo_errc evo_s3_uploads_of(struct evo_s3_client *c, const char *key, struct evo_s3_patience patience,
                                struct evo_strvec *ids, struct evo_error *err)
{
    const struct evo_s3_param params[] = { { "uploads", NULL }, { "prefix", key } };
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "GET",
                                .action = "s3:ListBucketMultipartUploads",
                                .params = params,
                                .param_count = EVO_COUNT(params),
                                .max_body = LIST_MAX,
                                .despite_cancel = patience.despite_cancel,
                                .time_ms = time_of(patience) };
    enum evo_errc rc = evo_s3_send(c, &r, &answer, err);
    if (rc)
        return rc;
    if (!evo_s3_xml_uploads(answer.http.body.buf, answer.http.body.len, key, ids))
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store's list of unfinished uploads");
    return EVO_OK;
}

/* ---- end ---- */

/* One request about an upload. *ret_gone: it does not exist any more. */
static enum evo_errc ask(struct evo_s3_client *c, const char *method, const char *action, const char *key,
                         const char *id, struct evo_s3_patience patience, struct evo_s3_answer *answer,
                         bool *ret_gone, struct evo_error *err)
{
    const struct evo_s3_param params[] = { { "uploadId", id } };
    struct evo_s3_request r = { .method = method,
                                .action = action,
                                .key = key,
                                .params = params,
                                .param_count = 1,
                                .max_body = LIST_MAX,
                                .despite_cancel = patience.despite_cancel,
                                .time_ms = time_of(patience) };
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_s3_send(c, &r, answer, &why);
    *ret_gone = answer->http.status == 404 && !evo_streq(answer->fault.code, "NoSuchBucket");
    if (!rc || *ret_gone)
        return EVO_OK;
    if (err)
        *err = why;
    return rc;
}

enum evo_errc evo_s3_upload_abort(struct evo_s3_client *c, const char *key, const char *id,
                                  struct evo_s3_patience patience, struct evo_error *err)
{
    for (int i = 0; i < ABORT_TRIES; i++) {
        EVO_AUTO(s3_answer) answer;
        evo_s3_answer_init(&answer);
        bool gone = false;
        enum evo_errc rc =
            ask(c, "DELETE", "s3:AbortMultipartUpload", key, id, patience, &answer, &gone, err);
        if (rc || gone)
            return rc;
        /* Whoever may not look has to believe the abort. */
        struct evo_error unseen = EVO_ERROR_INIT;
        rc = ask(c, "GET", "s3:ListMultipartUploadParts", key, id, patience, &answer, &gone, &unseen);
        if (rc == EVO_ERR_CANCELLED) {
            if (err)
                *err = unseen;
            return rc;
        }
        if (rc || gone || !evo_s3_xml_has_parts(answer.http.body.buf, answer.http.body.len))
            return EVO_OK;
    }
    return evo_error_set(err, EVO_ERR_STORE, "the store still lists parts of it after %d aborts",
                         ABORT_TRIES);
}
