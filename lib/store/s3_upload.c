#include "store/s3_upload.h"

#include "base/parse.h"
#include "store/s3.h"
#include "store/s3_body.h"
#include "store/s3_uploads.h"

#define CLEANUP_MS 2000
#define ETAG_MAX   256

void evo_s3_upload_release(struct evo_s3_upload *u)
{
    for (size_t i = 0; i < u->count; i++)
        free(u->parts[i].etag);
    free(u->parts);
    free(u->id);
    memset(u, 0, sizeof(*u));
}

/* ---- clean-up: sent after a cancel too ---- */

static void abort_one(const struct evo_s3_upload *u, const char *id, struct evo_s3_patience patience)
{
    struct evo_error why = EVO_ERROR_INIT;
    if (evo_s3_upload_abort(u->client, u->key, id, patience, &why))
        evo_warn(
            u->client->task,
            "could not abort an unfinished upload of \"%s\" (%s); its parts are billed until it is removed: "
            "aws s3api abort-multipart-upload --bucket %s --key '%s' --upload-id '%s'",
            u->key, why.message, u->client->url.bucket, u->key, id);
}

void evo_s3_upload_abandon(struct evo_s3_upload *u)
{
    struct evo_s3_patience patience = { evo_deadline_in(CLEANUP_MS), .despite_cancel = true };
    if (u->id && !u->completed)
        abort_one(u, u->id, patience);
    if (!u->start_lost)
        return;
    EVO_AUTO(store_uploads) found = { 0 };
    struct evo_error why = EVO_ERROR_INIT;
    if (evo_s3_uploads_of(u->client, u->key, patience, &found, &why)) {
        evo_warn(u->client->task, "could not look for unfinished uploads of \"%s\": %s", u->key, why.message);
        return;
    }
    for (size_t i = 0; i < found.count; i++)
        if (!evo_streq(found.items[i].id, u->id))
            abort_one(u, found.items[i].id, patience);
}

/* ---- parts ---- */

static enum evo_errc start(struct evo_s3_upload *u, struct evo_error *err)
{
    const struct evo_s3_param params[] = { { "uploads", NULL } };
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    evo_strvec_push(&headers, "Content-Type: application/octet-stream");
    evo_s3_settings_headers(&u->client->settings, evo_wall_ms(), &headers);
    const char *algorithm = evo_s3_checksum_algorithm(u->client->settings.checksum);
    if (algorithm)
        evo_strvec_pushf(&headers, "x-amz-checksum-algorithm: %s", algorithm);
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "POST",
                                .action = "s3:PutObject",
                                .key = u->key,
                                .params = params,
                                .param_count = 1,
                                .headers = &headers,
                                .body = "",
                                .stop = u->stop,
                                .never_twice = true,
                                .error_in_200 = true };
    enum evo_errc rc = evo_s3_send(u->client, &r, &answer, err);
    u->start_lost = answer.lost;
    if (rc) {
        evo_s3_settings_explain(&headers, answer.http.status, &answer.fault, err);
        return rc;
    }
    if (evo_s3_xml_upload_id(answer.http.body.buf, answer.http.body.len, &u->id))
        return EVO_OK;
    u->start_lost = true;
    return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store: it named no upload for \"%s\"",
                         u->key);
}

enum evo_errc evo_s3_upload_part(struct evo_s3_upload *u, const void *data, size_t n, struct evo_error *err)
{
    enum evo_errc rc = u->id ? EVO_OK : start(u, err);
    if (rc)
        return rc;
    char number[16];
    (void)snprintf(number, sizeof(number), "%zu", u->count + 1);
    const struct evo_s3_param params[] = { { "partNumber", number }, { "uploadId", u->id } };
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "PUT",
                                .action = "s3:PutObject",
                                .key = u->key,
                                .params = params,
                                .param_count = EVO_COUNT(params),
                                .body = data,
                                .body_len = n,
                                .stop = u->stop };
    struct evo_s3_digest digest;
    bool damaged;
    rc = evo_s3_send_body(u->client, &r, &headers, &answer, &digest, &damaged, err);
    if (rc)
        return rc;
    const char *etag = evo_http_header(&answer.http, "etag");
    if (!etag || !*etag || strlen(etag) > ETAG_MAX)
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store: no ETag for part %s of \"%s\"",
                             number, u->key);
    EVO_GROW(u->parts, u->count, u->alloc);
    struct evo_s3_part *part = &u->parts[u->count++];
    *part = (struct evo_s3_part){ .etag = evo_strdup(etag) };
    memcpy(part->checksum, digest.value, sizeof(part->checksum));
    return EVO_OK;
}

/* ---- completion ---- */

static void add_xml_text(struct evo_strbuf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '&')
            evo_strbuf_adds(out, "&amp;");
        else if (*s == '<')
            evo_strbuf_adds(out, "&lt;");
        else if (*s == '>')
            evo_strbuf_adds(out, "&gt;");
        else
            evo_strbuf_addch(out, *s);
    }
}

static void format_complete(const struct evo_s3_upload *u, struct evo_strbuf *out)
{
    const char *element = evo_s3_checksum_element(u->client->settings.checksum);
    evo_strbuf_adds(out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < u->count; i++) {
        evo_strbuf_addf(out, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        add_xml_text(out, u->parts[i].etag);
        evo_strbuf_adds(out, "</ETag>");
        if (element) /* base64 needs no escapes */
            evo_strbuf_addf(out, "<%s>%s</%s>", element, u->parts[i].checksum, element);
        evo_strbuf_adds(out, "</Part>");
    }
    evo_strbuf_adds(out, "</CompleteMultipartUpload>");
}

/* "…-12": the parts that the object was made of; 0 where the ETag does not tell. */
static uint64_t parts_in_etag(const char *etag)
{
    const char *dash = strrchr(etag, '-');
    uint64_t n = 0;
    return dash && evo_parse_digits(dash + 1, strspn(dash + 1, "0123456789"), &n) ? n : 0;
}

/* Does the object lie there as it should? EVO_ERR_NOT_FOUND: not at all. */
static enum evo_errc look(struct evo_s3_upload *u, uint64_t size, struct evo_error *err)
{
    struct evo_s3_head head;
    enum evo_errc rc = evo_s3_head(u->client, u->key, &head, err);
    if (rc)
        return rc;
    uint64_t parts = parts_in_etag(head.etag);
    u->completed = true; /* if wrongly */
    bool whole = head.size == size && (!parts || parts == u->count);
    if (whole) {
        /* Not by the answer to the start: some tell it of the object alone. */
        rc = evo_s3_settings_honoured(&u->client->settings, u->key, head.encrypted, err);
        if (!rc)
            return EVO_OK;
    }
    evo_s3_remove_wrong(u->client, u->key);
    if (whole)
        return rc;
    evo_error_set(err, EVO_ERR_STORE, "the store completed \"%s\" with %llu bytes where %llu were sent",
                  u->key, (unsigned long long)head.size, (unsigned long long)size);
    return evo_error_hint(err, "Run the command again; where it happens again, this server loses data.");
}

enum evo_errc evo_s3_upload_complete(struct evo_s3_upload *u, uint64_t size, struct evo_error *err)
{
    EVO_AUTO(strbuf) body = EVO_STRBUF_INIT;
    format_complete(u, &body);
    const struct evo_s3_param params[] = { { "uploadId", u->id } };
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    evo_strvec_push(&headers, "Content-Type: application/xml");
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "POST",
                                .action = "s3:PutObject",
                                .key = u->key,
                                .params = params,
                                .param_count = 1,
                                .headers = &headers,
                                .body = body.buf,
                                .body_len = body.len,
                                .error_in_200 = true };
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_s3_send(u->client, &r, &answer, &why);
    bool gone = answer.http.status == 404; /* libcurl may have sent it twice */
    if (rc == EVO_ERR_CANCELLED || (rc && !answer.lost && !gone && answer.http.status)) {
        if (err)
            *err = why;
        return rc;
    }
    if (!rc && evo_s3_xml_completed(answer.http.body.buf, answer.http.body.len))
        return look(u, size, err);
    /* The verdict got lost, or a second try found the upload gone: the object itself decides. */
    struct evo_error missing = EVO_ERROR_INIT;
    enum evo_errc found = look(u, size, &missing);
    if (found && err)
        *err = rc && found == EVO_ERR_NOT_FOUND ? why : missing;
    if (found == EVO_ERR_NOT_FOUND)
        return rc ? rc : evo_error_set(err, EVO_ERR_STORE, "the store did not complete \"%s\"", u->key);
    return found;
}
