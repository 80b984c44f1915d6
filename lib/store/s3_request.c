#include "store/s3_request.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "store/s3_error.h"

#define ATTEMPTS       8
#define CONNECT_TRIES  4 /* a wrong endpoint is told soon */
#define BACKOFF_MS     100
#define BACKOFF_CAP_MS 10000
#define PARTS_MAX      10000
#define OBJECT_MAX     ((uint64_t)5 << 40) /* of most servers; AWS takes more by now */
#define IDLE_MAX       64
#define STOP_POLL_MS   250

/* ---- the client ---- */

void evo_s3_client_init(struct evo_s3_client *c)
{
    memset(c, 0, sizeof(*c));
    c->attempts = ATTEMPTS;
    c->backoff_ms = BACKOFF_MS;
    c->backoff_cap_ms = BACKOFF_CAP_MS;
    c->parts_max = PARTS_MAX; /* until the provider is known */
    c->object_max = OBJECT_MAX;
    (void)pthread_mutex_init(&c->lock, NULL);
}

void evo_s3_client_release(struct evo_s3_client *c)
{
    for (size_t i = 0; i < c->idle_count; i++)
        evo_http_free(c->idle[i].http);
    free(c->idle);
    free(c->region);
    free(c->ca_bundle);
    evo_s3_settings_release(&c->settings);
    evo_s3_credentials_free(c->credentials);
    evo_s3_url_release(&c->url);
    (void)pthread_mutex_destroy(&c->lock);
    memset(c, 0, sizeof(*c));
}

static enum evo_errc take_http(struct evo_s3_client *c, struct evo_http **ret, struct evo_error *err)
{
    struct evo_http *http = NULL;
    (void)pthread_mutex_lock(&c->lock);
    if (c->idle_count)
        http = c->idle[--c->idle_count].http;
    (void)pthread_mutex_unlock(&c->lock);
    if (!http)
        return evo_http_new(ret, err);
    *ret = http;
    return EVO_OK;
}

static void give_http(struct evo_s3_client *c, struct evo_http *http)
{
    (void)pthread_mutex_lock(&c->lock);
    if (c->idle_count < IDLE_MAX) {
        EVO_GROW(c->idle, c->idle_count, c->idle_alloc);
        c->idle[c->idle_count++].http = http;
        http = NULL;
    }
    (void)pthread_mutex_unlock(&c->lock);
    evo_http_free(http);
}

/* ---- one attempt ---- */

/* What one call of evo_s3_send knows across its attempts. */
struct call {
    struct evo_s3_client *client;
    const struct evo_s3_request *request;
    struct evo_s3_answer *answer;
    struct evo_deadline deadline;
    struct evo_s3_keys keys;
    char *region; /* that the last attempt was signed for */
    char payload_sha256[EVO_SHA256_HEX];
    int64_t signed_ms; /* the time that the last attempt was signed with, the skew included */
    bool fresh_keys, moved, skewed, expired; /* already tried */
    uint64_t delivered; /* bytes that the sink has taken */
};

static enum evo_errc count_and_pass(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct call *call = ctx;
    call->delivered += n;
    return call->request->sink(call->request->sink_ctx, data, n, err);
}

/* Region, keys and time of the next attempt. */
static enum evo_errc prepare(struct call *call, struct evo_error *err)
{
    struct evo_s3_client *c = call->client;
    (void)pthread_mutex_lock(&c->lock);
    free(call->region);
    call->region = evo_strdup(c->region);
    call->signed_ms = evo_wall_ms() + c->skew_ms;
    /* Under the lock: one thread asks the token service, the others wait for its answer. */
    enum evo_errc rc = evo_s3_credentials_get(c->credentials, call->fresh_keys, call->request->despite_cancel,
                                              &call->keys, err);
    (void)pthread_mutex_unlock(&c->lock);
    call->fresh_keys = false;
    return rc;
}

/* Fills the headers and the URL, signed. */
static void sign(const struct call *call, struct evo_strvec *headers, struct evo_strbuf *url)
{
    const struct evo_s3_request *r = call->request;
    EVO_AUTO(strbuf) host = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) path = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) query = EVO_STRBUF_INIT;
    evo_s3_url_locate(&call->client->url, call->region, r->key, &host, &path);
    evo_s3_query(&query, r->params, r->param_count);
    evo_strbuf_addf(url, "%s://%s%s%s%s", call->client->url.scheme, host.buf, path.buf, query.len ? "?" : "",
                    query.buf);

    char time[EVO_TIME_MAX];
    evo_strvec_pushf(headers, "x-amz-content-sha256: %s", call->payload_sha256);
    evo_strvec_pushf(headers, "x-amz-date: %s", evo_format_time_compact(call->signed_ms, time));
    if (evo_secret_is_set(&call->keys.token))
        evo_strvec_pushf(headers, "x-amz-security-token: %s", evo_secret_reveal(&call->keys.token));
    for (size_t i = 0; r->headers && i < r->headers->count; i++)
        if (evo_starts_with(r->headers->items[i], "x-amz-"))
            evo_strvec_push(headers, r->headers->items[i]);

    struct evo_s3_sign s = { .method = r->method,
                             .host = host.buf,
                             .path = path.buf,
                             .query = query.buf,
                             .headers = headers,
                             .payload_sha256 = call->payload_sha256,
                             .access_key = evo_secret_reveal(&call->keys.access_key),
                             .secret_key = evo_secret_reveal(&call->keys.secret_key),
                             .region = call->region,
                             .wall_ms = call->signed_ms };
    EVO_AUTO(strbuf) authorization = EVO_STRBUF_INIT;
    evo_s3_authorization(&s, &authorization);
    evo_strvec_pushf(headers, "Authorization: %s", authorization.buf);
    for (size_t i = 0; r->headers && i < r->headers->count; i++)
        if (!evo_starts_with(r->headers->items[i], "x-amz-"))
            evo_strvec_push(headers, r->headers->items[i]);
}

static enum evo_errc attempt(struct call *call, struct evo_error *err)
{
    const struct evo_s3_request *r = call->request;
    /* A failure before anything is sent must not be taken for the former attempt's answer. */
    call->answer->http.status = 0;
    call->answer->http.failure = EVO_HTTP_NONE;
    enum evo_errc rc = prepare(call, err);
    if (rc)
        return rc;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) url = EVO_STRBUF_INIT;
    sign(call, &headers, &url);
    struct evo_http_request request = { .method = r->method,
                                        .url = url.buf,
                                        .headers = &headers,
                                        .body = r->body,
                                        .body_len = r->body_len,
                                        .max_body = r->max_body,
                                        .stall_timeout_ms = call->client->stall_ms,
                                        .ca_bundle = call->client->ca_bundle,
                                        .fresh_connection = r->never_twice,
                                        .despite_cancel = r->despite_cancel,
                                        .stop = r->stop };
    if (r->sink) {
        request.sink = count_and_pass;
        request.sink_ctx = call;
    }
    if (r->time_ms)
        request.timeout_ms = evo_deadline_passed(call->deadline) ? 1 : evo_deadline_left(call->deadline);
    struct evo_http *http = NULL;
    rc = take_http(call->client, &http, err);
    if (rc)
        return rc;
    rc = evo_http_send(http, &request, &call->answer->http, err);
    give_http(call->client, http);
    for (size_t i = 0; i < headers.count; i++)
        explicit_bzero(headers.items[i], strlen(headers.items[i]));
    return rc;
}

/* ---- what to do about an answer ---- */

/* Where the server says the bucket is; "" where it does not or names no region. */
static const char *moved_to(const struct evo_s3_answer *a)
{
    const char *region = evo_http_header(&a->http, "x-amz-bucket-region");
    if (!region || !*region)
        region = a->fault.region;
    return evo_s3_region_valid(region) ? region : "";
}

static enum evo_s3_verdict judge(struct call *call, enum evo_errc rc)
{
    struct evo_s3_answer *a = call->answer;
    int status = a->http.status;
    memset(&a->fault, 0, sizeof(a->fault));
    /* A whole success is one only where the transfer ended well; a refusal is one however it ended. */
    if (status < 300 && rc)
        return evo_s3_judge_failure(a->http.failure);
    if (status < 300 &&
        !(call->request->error_in_200 && evo_s3_xml_fault(a->http.body.buf, a->http.body.len, &a->fault)))
        return EVO_S3_DONE;
    if (status < 300) {
        enum evo_s3_verdict verdict = evo_s3_judge(500, a->fault.code);
        return verdict == EVO_S3_FAIL ? EVO_S3_FAIL : EVO_S3_RETRY;
    }
    if (!evo_s3_xml_fault(a->http.body.buf, a->http.body.len, &a->fault))
        memset(&a->fault, 0, sizeof(a->fault));
    enum evo_s3_verdict verdict = evo_s3_judge(status, a->fault.code);
    /* The answer to HEAD has no body to say so. */
    bool elsewhere = *moved_to(a) && !evo_streq(moved_to(a), call->region);
    if (verdict == EVO_S3_FAIL && elsewhere && !*a->fault.code && (status == 400 || status == 403))
        return EVO_S3_MOVED;
    return verdict;
}

static bool move(struct call *call)
{
    const char *region = moved_to(call->answer);
    if (call->moved || !*region || evo_streq(region, call->region))
        return false;
    call->moved = true;
    struct evo_s3_client *c = call->client;
    (void)pthread_mutex_lock(&c->lock);
    free(c->region);
    c->region = evo_strdup(region);
    (void)pthread_mutex_unlock(&c->lock);
    evo_info(c->task, "store: bucket \"%s\" is in region \"%s\"", c->url.bucket, region);
    return true;
}

/* The server's clock minus ours; 0 where it does not tell. */
static int64_t measured_skew(const struct evo_s3_answer *a)
{
    int64_t server = a->fault.server_time_ms > 0 ? a->fault.server_time_ms : a->http.date_ms;
    return server > 0 ? server - evo_wall_ms() : 0;
}

static bool adjust_clock(struct call *call)
{
    int64_t skew = measured_skew(call->answer);
    if (call->skewed || !skew)
        return false;
    call->skewed = true;
    struct evo_s3_client *c = call->client;
    (void)pthread_mutex_lock(&c->lock);
    c->skew_ms = skew;
    (void)pthread_mutex_unlock(&c->lock);
    char text[EVO_S3_SKEW_MAX];
    evo_warn(c->task, "this machine's clock is %s the store's: requests are signed with the store's time",
             evo_s3_format_skew(skew, text));
    return true;
}

static enum evo_errc explain(const struct call *call, struct evo_error *err)
{
    const struct evo_s3_answer *a = call->answer;
    const struct evo_s3_client *c = call->client;
    if (a->http.status == 0 || (a->http.status < 300 && !*a->fault.code))
        return evo_s3_explain_failure(a->http.failure, c->custom_endpoint, err);
    struct evo_s3_context context = { .bucket = c->url.bucket,
                                      .key = call->request->key,
                                      .action = call->request->action,
                                      .source = call->keys.source,
                                      .access_key = evo_secret_reveal(&call->keys.access_key),
                                      .region = call->region,
                                      .moved_to = moved_to(a),
                                      .server_message = a->fault.message,
                                      .custom_endpoint = c->custom_endpoint,
                                      .skew_ms = measured_skew(a) };
    return evo_s3_explain(a->http.status, a->fault.code, &context, err);
}

/* In pieces where another thread may end the waiting. */
static enum evo_errc pause_for(const struct call *call, int64_t ms, struct evo_error *err)
{
    const atomic_bool *stop = call->request->stop;
    struct evo_deadline until = evo_deadline_in(ms);
    for (;;) {
        if (stop && atomic_load(stop))
            return evo_error_set(err, EVO_ERR_CANCELLED, "the request was stopped");
        int left = evo_deadline_left(until);
        if (!left)
            return EVO_OK;
        int piece = stop && left > STOP_POLL_MS ? STOP_POLL_MS : left;
        struct timespec t = { .tv_sec = piece / 1000, .tv_nsec = (long)(piece % 1000) * 1000000 };
        enum evo_errc rc = EVO_OK;
        if (call->request->despite_cancel)
            (void)nanosleep(&t, NULL);
        else
            rc = evo_cancel_sleep(piece, err);
        if (rc)
            return rc;
    }
}

/* True when another attempt is worth it; then it has waited. *rc is the call's result otherwise. */
static bool may_retry(struct call *call, int n, enum evo_errc *rc, struct evo_error *err)
{
    const struct evo_s3_client *c = call->client;
    struct evo_s3_answer *a = call->answer;
    a->lost = true;
    bool unreachable = a->http.failure == EVO_HTTP_DNS || a->http.failure == EVO_HTTP_REFUSED;
    int limit = unreachable && c->attempts > CONNECT_TRIES ? CONNECT_TRIES : c->attempts;
    if (n + 1 >= limit || call->delivered)
        return false;
    int64_t ms = evo_s3_backoff_ms(n, c->backoff_ms, c->backoff_cap_ms, evo_http_retry_after_ms(&a->http),
                                   evo_random_below(UINT64_MAX));
    if (call->request->time_ms && ms >= evo_deadline_left(call->deadline))
        return false;
    evo_debug(c->task, "store: %s: %s%s%s, attempt %d of %d in %lld ms", call->request->action,
              a->http.status ? "the server answered " : "",
              a->http.status ? "" : evo_http_failure_name(a->http.failure), a->fault.code, n + 2, limit,
              (long long)ms);
    enum evo_errc cancelled = pause_for(call, ms, err);
    if (cancelled)
        *rc = cancelled;
    return !cancelled;
}

static bool refresh_keys(struct call *call)
{
    if (call->expired)
        return false;
    call->expired = true;
    call->fresh_keys = true;
    return true;
}

static enum evo_errc run(struct call *call, struct evo_error *err)
{
    for (int n = 0;; n++) {
        call->answer->attempts++;
        enum evo_errc rc = attempt(call, err);
        if (rc == EVO_ERR_CANCELLED) {
            call->answer->lost = true;
            return rc;
        }
        /* No request was sent: credentials, or a broken libcurl. */
        if (rc && call->answer->http.failure == EVO_HTTP_NONE && !call->answer->http.status)
            return rc;
        bool again = false;
        switch (judge(call, rc)) {
        case EVO_S3_DONE:
            return EVO_OK;
        case EVO_S3_FAIL:
            break;
        case EVO_S3_RETRY:
            again = may_retry(call, n, &rc, err);
            break;
        case EVO_S3_MOVED:
            again = move(call);
            break;
        case EVO_S3_SKEWED:
            again = adjust_clock(call);
            break;
        case EVO_S3_EXPIRED:
            again = refresh_keys(call);
            break;
        }
        if (again)
            continue;
        if (rc == EVO_ERR_CANCELLED || call->answer->http.failure == EVO_HTTP_SINK)
            return rc;
        return explain(call, err);
    }
}

void evo_s3_answer_init(struct evo_s3_answer *a)
{
    memset(a, 0, sizeof(*a));
    evo_http_response_init(&a->http);
}

void evo_s3_answer_release(struct evo_s3_answer *a)
{
    if (a)
        evo_http_response_release(&a->http);
}

enum evo_errc evo_s3_send(struct evo_s3_client *c, const struct evo_s3_request *r,
                          struct evo_s3_answer *answer, struct evo_error *err)
{
    struct evo_error why = EVO_ERROR_INIT;
    struct call call = {
        .client = c, .request = r, .answer = answer, .deadline = evo_deadline_in(r->time_ms ? r->time_ms : -1)
    };
    if (r->body_sha256)
        (void)snprintf(call.payload_sha256, sizeof(call.payload_sha256), "%s", r->body_sha256);
    else
        (void)evo_sha256_hex(r->body ? r->body : "", r->body_len, call.payload_sha256);
    answer->attempts = 0;
    answer->lost = false;
    enum evo_errc rc = run(&call, &why);
    evo_s3_keys_release(&call.keys);
    free(call.region);
    if (rc && err)
        *err = why;
    return rc;
}
