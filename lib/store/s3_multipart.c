#include "store/s3_multipart.h"

#include "base/clock.h"
#include "base/parse.h"
#include "store/s3.h"

#define CLEANUP_MS  2000
#define ABORT_TRIES 3

struct multipart {
    struct evo_store_writer base;
    struct evo_s3_client *client;
    char *key;
    char *buf; /* of part_size; NULL until the first byte */
    size_t part_size, used;
    char *upload_id; /* NULL: not begun */
    struct evo_strvec etags; /* of parts 1, 2, ... */
    bool start_lost; /* an upload may have been begun whose id we do not know */
    bool part_lost; /* a part may still be arriving */
    bool committed;
};

static struct multipart *multipart_of(struct evo_store_writer *w)
{
    return (struct multipart *)w;
}

/* ---- clean-up: sent after a cancel too ---- */

enum evo_errc evo_s3_multipart_list(struct evo_s3_client *c, const char *key, int64_t time_ms,
                                    struct evo_strvec *ids, struct evo_error *err)
{
    const struct evo_s3_param params[] = { { "uploads", NULL }, { "prefix", key } };
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "GET",
                                .action = "s3:ListBucketMultipartUploads",
                                .params = params,
                                .param_count = EVO_COUNT(params),
                                .max_body = (size_t)4 << 20,
                                .despite_cancel = true,
                                .time_ms = time_ms };
    enum evo_errc rc = evo_s3_send(c, &r, &answer, err);
    if (rc)
        return rc;
    if (!evo_s3_xml_uploads(answer.http.body.buf, answer.http.body.len, key, ids))
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store's list of unfinished uploads");
    return EVO_OK;
}

/* One request about an upload, sent also after a cancel. 404 means that the upload is gone. */
static enum evo_errc clean_up(struct multipart *m, const char *method, const char *action,
                              const char *upload_id, struct evo_deadline deadline, bool *ret_gone,
                              struct evo_error *err)
{
    const struct evo_s3_param params[] = { { "uploadId", upload_id } };
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    int left = evo_deadline_left(deadline);
    struct evo_s3_request r = { .method = method,
                                .action = action,
                                .key = m->key,
                                .params = params,
                                .param_count = 1,
                                .despite_cancel = true,
                                .time_ms = left ? left : 1 };
    enum evo_errc rc = evo_s3_send(m->client, &r, &answer, err);
    *ret_gone = answer.http.status == 404;
    return *ret_gone ? EVO_OK : rc;
}

static void abort_upload(struct multipart *m, const char *upload_id, struct evo_deadline deadline)
{
    struct evo_error why = EVO_ERROR_INIT;
    bool gone = false;
    enum evo_errc rc = EVO_OK;
    for (int i = 0; i < ABORT_TRIES && !gone; i++) {
        rc = clean_up(m, "DELETE", "s3:AbortMultipartUpload", upload_id, deadline, &gone, &why);
        if (rc || gone || !m->part_lost)
            break;
        /* A part that was on its way when the abort arrived keeps the upload alive: look, and abort again. */
        if (clean_up(m, "GET", "s3:ListMultipartUploadParts", upload_id, deadline, &gone, &why))
            break;
    }
    if (rc)
        evo_warn(
            m->client->task,
            "could not abort an unfinished upload of \"%s\" (%s); its parts are billed until it is removed: "
            "aws s3api abort-multipart-upload --bucket %s --key '%s' --upload-id '%s'",
            m->key, why.message, m->client->url.bucket, m->key, upload_id);
}

/* Uploads of this key are ours: a key is written by one writer. */
static void abort_unknown(struct multipart *m, struct evo_deadline deadline)
{
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    struct evo_error why = EVO_ERROR_INIT;
    int left = evo_deadline_left(deadline);
    if (evo_s3_multipart_list(m->client, m->key, left ? left : 1, &ids, &why)) {
        evo_warn(m->client->task, "could not look for unfinished uploads of \"%s\": %s", m->key, why.message);
        return;
    }
    for (size_t i = 0; i < ids.count; i++)
        if (!evo_streq(ids.items[i], m->upload_id))
            abort_upload(m, ids.items[i], deadline);
}

static void multipart_free(struct evo_store_writer *base)
{
    struct multipart *m = multipart_of(base);
    struct evo_deadline deadline = evo_deadline_in(CLEANUP_MS);
    if (m->upload_id && !m->committed)
        abort_upload(m, m->upload_id, deadline);
    if (m->start_lost)
        abort_unknown(m, deadline);
    evo_strvec_release(&m->etags);
    free(m->upload_id);
    free(m->buf);
    free(m->key);
    free(m);
}

/* ---- parts ---- */

static enum evo_errc start(struct multipart *m, struct evo_error *err)
{
    const struct evo_s3_param params[] = { { "uploads", NULL } };
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    evo_strvec_push(&headers, "Content-Type: application/octet-stream");
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "POST",
                                .action = "s3:PutObject",
                                .key = m->key,
                                .params = params,
                                .param_count = 1,
                                .headers = &headers,
                                .body = "",
                                .never_twice = true,
                                .error_in_200 = true };
    enum evo_errc rc = evo_s3_send(m->client, &r, &answer, err);
    m->start_lost = answer.lost;
    if (rc)
        return rc;
    if (evo_s3_xml_upload_id(answer.http.body.buf, answer.http.body.len, &m->upload_id))
        return EVO_OK;
    m->start_lost = true;
    return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store: it named no upload for \"%s\"",
                         m->key);
}

static enum evo_errc too_many_parts(const struct multipart *m, struct evo_error *err)
{
    char part[EVO_HUMAN_MAX], most[EVO_HUMAN_MAX];
    evo_format_size(m->part_size, part);
    evo_format_size((uint64_t)m->part_size * m->client->parts_max, most);
    evo_error_set(err, EVO_ERR_STORE, "cannot write \"%s\": more than %zu parts of %s", m->key,
                  m->client->parts_max, part);
    evo_error_detail(err, "An object of S3 has at most %zu parts, and so at most %s with parts of this size.",
                     m->client->parts_max, most);
    return evo_error_hint(err, "Use larger parts: give evo-backup more memory by --memory.");
}

static enum evo_errc send_part(struct multipart *m, struct evo_error *err)
{
    if (m->etags.count == m->client->parts_max)
        return too_many_parts(m, err);
    enum evo_errc rc = m->upload_id ? EVO_OK : start(m, err);
    if (rc)
        return rc;
    char number[16];
    (void)snprintf(number, sizeof(number), "%zu", m->etags.count + 1);
    const struct evo_s3_param params[] = { { "partNumber", number }, { "uploadId", m->upload_id } };
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "PUT",
                                .action = "s3:PutObject",
                                .key = m->key,
                                .params = params,
                                .param_count = EVO_COUNT(params),
                                .body = m->buf,
                                .body_len = m->used };
    rc = evo_s3_send(m->client, &r, &answer, err);
    m->part_lost = m->part_lost || answer.lost || (rc && !answer.http.status);
    if (rc)
        return rc;
    const char *etag = evo_http_header(&answer.http, "etag");
    if (!etag || !*etag || strlen(etag) > 256)
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store: no ETag for part %s of \"%s\"",
                             number, m->key);
    evo_strvec_push(&m->etags, etag);
    m->used = 0;
    return EVO_OK;
}

static enum evo_errc multipart_write(struct evo_store_writer *base, const void *data, size_t n,
                                     struct evo_error *err)
{
    struct multipart *m = multipart_of(base);
    const char *p = data;
    if (!m->buf)
        m->buf = evo_malloc(m->part_size);
    while (n) {
        /* A full buffer goes when more comes: what fits into one is a plain put. */
        if (m->used == m->part_size) {
            enum evo_errc rc = send_part(m, err);
            if (rc)
                return rc;
        }
        size_t take = m->part_size - m->used < n ? m->part_size - m->used : n;
        memcpy(m->buf + m->used, p, take);
        m->used += take;
        p += take;
        n -= take;
    }
    return EVO_OK;
}

/* ---- commit ---- */

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

static void format_complete(const struct multipart *m, struct evo_strbuf *out)
{
    evo_strbuf_adds(out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < m->etags.count; i++) {
        evo_strbuf_addf(out, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        add_xml_text(out, m->etags.items[i]);
        evo_strbuf_adds(out, "</ETag></Part>");
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

/* What was completed is not what was sent: nobody must read it. */
static void remove_wrong(const struct multipart *m)
{
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "DELETE",
                                .action = "s3:DeleteObject",
                                .key = m->key,
                                .despite_cancel = true,
                                .time_ms = CLEANUP_MS };
    struct evo_error why = EVO_ERROR_INIT;
    if (evo_s3_send(m->client, &r, &answer, &why) && why.code != EVO_ERR_NOT_FOUND)
        evo_warn(m->client->task, "could not remove the damaged object \"%s\": %s", m->key, why.message);
}

/* Does the object lie there as it should? EVO_ERR_NOT_FOUND: not at all. */
static enum evo_errc look(const struct multipart *m, struct evo_error *err)
{
    struct evo_s3_head head;
    enum evo_errc rc = evo_s3_head(m->client, m->key, &head, err);
    if (rc)
        return rc;
    uint64_t parts = parts_in_etag(head.etag);
    if (head.size == m->base.size && (!parts || parts == m->etags.count))
        return EVO_OK;
    remove_wrong(m);
    evo_error_set(err, EVO_ERR_STORE, "the store completed \"%s\" with %llu bytes where %llu were sent",
                  m->key, (unsigned long long)head.size, (unsigned long long)m->base.size);
    return evo_error_hint(err, "Run the command again; where it happens again, this server loses data.");
}

static enum evo_errc complete(struct multipart *m, struct evo_error *err)
{
    EVO_AUTO(strbuf) body = EVO_STRBUF_INIT;
    format_complete(m, &body);
    const struct evo_s3_param params[] = { { "uploadId", m->upload_id } };
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    evo_strvec_push(&headers, "Content-Type: application/xml");
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "POST",
                                .action = "s3:PutObject",
                                .key = m->key,
                                .params = params,
                                .param_count = 1,
                                .headers = &headers,
                                .body = body.buf,
                                .body_len = body.len,
                                .error_in_200 = true };
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_s3_send(m->client, &r, &answer, &why);
    bool gone = answer.http.status == 404; /* libcurl may have sent it twice */
    if (rc == EVO_ERR_CANCELLED || (rc && !answer.lost && !gone && answer.http.status)) {
        if (err)
            *err = why;
        return rc;
    }
    if (!rc && evo_s3_xml_completed(answer.http.body.buf, answer.http.body.len))
        return look(m, err);
    /* The verdict got lost, or a second try found the upload gone: the object itself decides. */
    struct evo_error missing = EVO_ERROR_INIT;
    enum evo_errc found = look(m, &missing);
    if (found && err)
        *err = rc && found == EVO_ERR_NOT_FOUND ? why : missing;
    if (found == EVO_ERR_NOT_FOUND)
        return rc ? rc : evo_error_set(err, EVO_ERR_STORE, "the store did not complete \"%s\"", m->key);
    return found;
}

static enum evo_errc multipart_commit(struct evo_store_writer *base, struct evo_error *err)
{
    struct multipart *m = multipart_of(base);
    enum evo_errc rc;
    if (!m->upload_id) {
        rc = evo_s3_put_object(m->client, m->key, m->buf, m->used, err);
    } else {
        rc = m->used ? send_part(m, err) : EVO_OK;
        if (!rc)
            rc = complete(m, err);
    }
    m->committed = rc == EVO_OK;
    return rc;
}

static const struct evo_store_writer_ops multipart_ops = { multipart_write, multipart_commit,
                                                           multipart_free };

struct evo_store_writer *evo_s3_multipart_new(struct evo_s3_client *c, const char *key, size_t part_size)
{
    struct multipart *m = evo_calloc(1, sizeof(*m));
    m->base.ops = &multipart_ops;
    m->client = c;
    m->key = evo_strdup(key);
    m->part_size = part_size < EVO_S3_PART_MIN ? EVO_S3_PART_MIN : part_size;
    return &m->base;
}
