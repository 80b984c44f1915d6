#include "base/parse.h"
#include "store/s3.h"

bool evo_s3_parse_content_range(const char *text, uint64_t *ret_start, uint64_t *ret_total)
{
    if (!text || !evo_starts_with(text, "bytes "))
        return false;
    text += strlen("bytes ");
    size_t n = strspn(text, "0123456789");
    const char *slash = strchr(text, '/');
    return text[n] == '-' && evo_parse_digits(text, n, ret_start) && slash &&
           evo_parse_uint64(slash + 1, INT64_MAX, ret_total);
}

struct reader {
    struct evo_s3_answer answer;
    const char *key;
    evo_store_sink *sink;
    void *ctx;
    uint64_t next, end; /* bytes of the object still wanted: [next, end) */
    uint64_t total; /* the object's size; UINT64_MAX: not told yet */
    char etag[128];
    uint64_t position; /* in the object, of the next byte that arrives */
    bool begun; /* this answer's headers were looked at */
};

/* The first answer says what object this is; a later one must be of the same. */
static enum evo_errc begin(struct reader *r, struct evo_error *err)
{
    const struct evo_http_response *http = &r->answer.http;
    uint64_t start = 0, total = UINT64_MAX;
    r->begun = true;
    if (http->status == 206) {
        if (!evo_s3_parse_content_range(evo_http_header(http, "content-range"), &start, &total) ||
            start > r->next)
            return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store: a wrong range of \"%s\"",
                                 r->key);
    } else {
        /* The range was ignored, or none was asked for: everything comes. */
        const char *length = evo_http_header(http, "content-length");
        (void)(length && evo_parse_uint64(length, INT64_MAX, &total));
    }
    const char *etag = evo_http_header(http, "etag");
    if (r->total == UINT64_MAX) {
        r->total = total;
        (void)snprintf(r->etag, sizeof(r->etag), "%s", etag ? etag : "");
        if (r->end > total)
            r->end = total;
    } else if (total != r->total || !evo_streq(etag ? etag : "", r->etag)) {
        return evo_error_set(err, EVO_ERR_STORE, "could not read \"%s\": it was replaced meanwhile", r->key);
    }
    r->position = start;
    return EVO_OK;
}

static enum evo_errc take(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct reader *r = ctx;
    enum evo_errc rc = r->begun ? EVO_OK : begin(r, err);
    if (rc)
        return rc;
    const char *p = data;
    uint64_t skip = r->next > r->position ? r->next - r->position : 0;
    size_t cut = skip < n ? (size_t)skip : n;
    r->position += n;
    p += cut;
    n -= cut;
    if (n > r->end - r->next)
        n = (size_t)(r->end - r->next);
    if (!n)
        return EVO_OK;
    rc = r->sink(r->ctx, p, n, err);
    if (!rc)
        r->next += n;
    return rc;
}

static void reader_auto(struct reader *r)
{
    evo_s3_answer_release(&r->answer);
}

enum evo_errc evo_s3_read(struct evo_s3_client *c, const char *full, uint64_t offset, uint64_t length,
                          evo_store_sink *sink, void *ctx, struct evo_error *err)
{
    __attribute__((cleanup(reader_auto))) struct reader r = { .key = full,
                                                              .sink = sink,
                                                              .ctx = ctx,
                                                              .next = offset,
                                                              .end = length > UINT64_MAX - offset
                                                                         ? UINT64_MAX
                                                                         : offset + length,
                                                              .total = UINT64_MAX };
    evo_s3_answer_init(&r.answer);
    /* An empty range cannot be asked for; whether the object is there still matters. */
    if (r.end == r.next) {
        struct evo_s3_head head;
        return evo_s3_head(c, full, &head, err);
    }
    for (;;) {
        EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
        bool ranged = r.next > 0 || r.end != UINT64_MAX;
        if (ranged && r.end == UINT64_MAX)
            evo_strvec_pushf(&headers, "Range: bytes=%llu-", (unsigned long long)r.next);
        else if (ranged)
            evo_strvec_pushf(&headers, "Range: bytes=%llu-%llu", (unsigned long long)r.next,
                             (unsigned long long)(r.end - 1));
        if (*r.etag)
            evo_strvec_pushf(&headers, "If-Match: %s", r.etag);
        uint64_t before = r.next;
        r.begun = false;
        struct evo_s3_request request = { .method = "GET",
                                          .action = "s3:GetObject",
                                          .key = full,
                                          .headers = &headers,
                                          .sink = take,
                                          .sink_ctx = &r };
        struct evo_error why = EVO_ERROR_INIT;
        enum evo_errc rc = evo_s3_send(c, &request, &r.answer, &why);
        if (rc && r.answer.http.status == 416)
            return EVO_OK; /* nothing stands behind the object's end */
        if (rc && r.answer.http.status == 412)
            return evo_error_set(err, EVO_ERR_STORE, "could not read \"%s\": it was replaced meanwhile",
                                 full);
        if (!rc && !r.begun) /* an empty body: the sink was never called */
            rc = begin(&r, &why);
        if (!rc && (r.next >= r.end || r.end == UINT64_MAX || r.next >= r.total))
            return EVO_OK;
        /* Lost on the way, or ended early: go on behind what has come; not without any progress. */
        if (r.next == before || (rc && (rc != EVO_ERR_NETWORK || !why.retryable))) {
            if (rc && err)
                *err = why;
            return rc ? rc
                      : evo_error_set(err, EVO_ERR_NETWORK, "could not read \"%s\": the answer is too short",
                                      full);
        }
        evo_debug(c->task, "store: reading goes on at byte %llu of \"%s\"", (unsigned long long)r.next, full);
    }
}
