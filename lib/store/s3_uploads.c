#include "store/s3_uploads.h"

#include "base/cancel.h"
#include "store/backend.h"
#include "store/s3_error.h"

#define LIST_MAX    ((size_t)4 << 20)
#define UPLOADS_MAX ((size_t)1000000)
#define ABORT_TRIES 5
#define PAUSE_MS    100 /* doubled from try to try */

static int64_t time_of(struct evo_s3_patience patience)
{
    int left = evo_deadline_left(patience.deadline);
    return left < 0 ? 0 : left ? left : 1;
}

/* ---- find ---- */

static enum evo_errc get_page(struct evo_s3_client *c, const char *prefix,
                              const struct evo_s3_uploads_page *before, struct evo_s3_patience patience,
                              struct evo_s3_uploads_page *ret, struct evo_error *err)
{
    struct evo_s3_param params[4] = { { "uploads", NULL } };
    size_t n = 1;
    if (*prefix)
        params[n++] = (struct evo_s3_param){ "prefix", prefix };
    if (before->next_key)
        params[n++] = (struct evo_s3_param){ "key-marker", before->next_key };
    if (before->next_id)
        params[n++] = (struct evo_s3_param){ "upload-id-marker", before->next_id };
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "GET",
                                .action = "s3:ListBucketMultipartUploads",
                                .params = params,
                                .param_count = n,
                                .max_body = LIST_MAX,
                                .error_in_200 = true,
                                .despite_cancel = patience.despite_cancel,
                                .time_ms = time_of(patience) };
    enum evo_errc rc = evo_s3_send(c, &r, &answer, err);
    if (rc)
        return rc;
    if (!evo_s3_xml_uploads(answer.http.body.buf, answer.http.body.len, ret))
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store's list of unfinished uploads");
    /* A server that names no markers goes on behind what it told last. */
    if (ret->truncated && !ret->next_key && ret->list.count) {
        const struct evo_store_upload *last = &ret->list.items[ret->list.count - 1];
        ret->next_key = evo_strdup(last->key);
        ret->next_id = evo_strdup(last->id);
    }
    return EVO_OK;
}

/* Asks with one prefix, and keeps what begins with `wanted`, or is it where `exact`. */
static enum evo_errc list(struct evo_s3_client *c, const char *prefix, const char *wanted, bool exact,
                          struct evo_s3_patience patience, struct evo_store_uploads *ret,
                          struct evo_error *err)
{
    EVO_AUTO(s3_uploads_page) before = { 0 };
    for (;;) {
        EVO_AUTO(s3_uploads_page) page = { 0 };
        enum evo_errc rc = get_page(c, prefix, &before, patience, &page, err);
        if (rc)
            return rc;
        for (size_t i = 0; i < page.list.count; i++) {
            const struct evo_store_upload *u = &page.list.items[i];
            if (exact ? evo_streq(u->key, wanted) : evo_starts_with(u->key, wanted))
                evo_store_uploads_add(ret, u->key, u->id, u->started_ms);
        }
        if (!page.truncated)
            return EVO_OK;
        bool same = evo_streq(page.next_key, before.next_key) && evo_streq(page.next_id, before.next_id);
        if (!page.next_key || (before.next_key && same) || ret->count > UPLOADS_MAX)
            return evo_error_set(err, EVO_ERR_STORE,
                                 "cannot list the unfinished uploads below \"%s\": the store %s", wanted,
                                 page.next_key && !same ? "has too many" : "repeats itself");
        struct evo_s3_uploads_page swap = before;
        before = page;
        page = swap;
    }
}

enum evo_errc evo_s3_uploads_of(struct evo_s3_client *c, const char *key, struct evo_s3_patience patience,
                                struct evo_store_uploads *ret, struct evo_error *err)
{
    return list(c, key, key, true, patience, ret, err);
}

enum evo_errc evo_s3_uploads_below(struct evo_s3_client *c, const char *prefix,
                                   struct evo_s3_patience patience, struct evo_store_uploads *ret,
                                   struct evo_error *err)
{
    enum evo_errc rc = list(c, prefix, prefix, false, patience, ret, err);
    if (rc || c->provider->uploads_by_prefix || !*prefix)
        return rc;
    struct evo_error why = EVO_ERROR_INIT;
    rc = list(c, "", prefix, false, patience, ret, &why);
    if (!rc)
        return EVO_OK;
    if (why.http_status == 403) { /* credentials for this prefix alone */
        evo_debug(c->task, "store: only the uploads told for the prefix are seen: %s", why.message);
        return EVO_OK;
    }
    if (err)
        *err = why;
    return rc;
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
    *ret_gone = evo_s3_tells_missing(answer->http.status, answer->fault.code);
    if (!rc || *ret_gone)
        return EVO_OK;
    if (err)
        *err = why;
    return rc;
}

/* Before the second try and later ones: a part on its way may need a moment. */
static enum evo_errc pause_before(int attempt, struct evo_s3_patience patience, struct evo_error *err)
{
    int64_t ms = (int64_t)PAUSE_MS << (attempt - 1);
    int left = evo_deadline_left(patience.deadline);
    if (left >= 0 && left < ms)
        return evo_error_set(err, EVO_ERR_STORE, "the store still lists parts of it");
    if (!patience.despite_cancel)
        return evo_cancel_sleep(ms, err);
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    (void)nanosleep(&t, NULL);
    return EVO_OK;
}

enum evo_errc evo_s3_upload_abort(struct evo_s3_client *c, const char *key, const char *id,
                                  struct evo_s3_patience patience, struct evo_error *err)
{
    for (int i = 0; i < ABORT_TRIES; i++) {
        enum evo_errc rc = i ? pause_before(i, patience, err) : EVO_OK;
        if (rc)
            return rc;
        EVO_AUTO(s3_answer) answer;
        evo_s3_answer_init(&answer);
        bool gone = false;
        rc = ask(c, "DELETE", "s3:AbortMultipartUpload", key, id, patience, &answer, &gone, err);
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
