/*
 * s3_request.h - one signed request to S3, with what may be retried retried; included by lib/store alone.
 *
 * A request is signed anew for each attempt. The body's real SHA-256 is always part of the
 * signature, also over https, so that no server that checks it stores a body cut on its way.
 *
 * Tried again, with full jitter: lost connections, 5xx, 408, 429 and the codes that mean
 * "later". Tried again once: in the region the server names (redirects), with the server's time
 * (clock skew), with fresh credentials (expired ones). An answer that came before the connection was
 * reset counts: a server that refuses a body does so.
 */
#ifndef EVO_STORE_S3_REQUEST_H
#define EVO_STORE_S3_REQUEST_H

#include <pthread.h>

#include "base/task.h"
#include "http/http.h"
#include "store/s3_credentials.h"
#include "store/s3_settings.h"
#include "store/s3_sign.h"
#include "store/s3_url.h"
#include "store/s3_xml.h"

/* One bucket, shared by threads: `lock` guards what stands below it. */
struct evo_s3_client {
    struct evo_s3_url url;
    bool custom_endpoint;
    const struct evo_s3_provider *provider;
    struct evo_s3_settings settings;
    char *ca_bundle; /* NULL: none */
    struct evo_task *task;
    /* Limits; tests set them lower. */
    int attempts;
    int64_t backoff_ms, backoff_cap_ms;
    int64_t stall_ms; /* as in struct evo_http_request */
    size_t parts_max; /* of a multipart upload */
    uint64_t object_max; /* bytes */

    pthread_mutex_t lock;
    char *region;
    int64_t skew_ms; /* server's time minus ours, once it is known to matter */
    struct evo_s3_credentials *credentials;
    struct {
        struct evo_http *http;
    } * idle; /* connections that nobody uses now */
    size_t idle_count, idle_alloc;
};
void evo_s3_client_init(struct evo_s3_client *c);
void evo_s3_client_release(struct evo_s3_client *c);

struct evo_s3_request {
    const char *method;
    const char *action; /* the permission that it takes: "s3:PutObject" */
    const char *key; /* with the store's prefix; NULL: the bucket */
    const struct evo_s3_param *params;
    size_t param_count;
    const struct evo_strvec
        *headers; /* "name: value"; those that begin with x-amz- are signed; may be NULL */
    const void *body; /* NULL: none, and no Content-Length */
    size_t body_len;
    const char *body_sha256; /* in hex, where the caller has it */
    size_t max_body; /* of the answer; 0: 1 MiB */
    evo_store_sink *sink; /* may look at answer->http.headers: they are there before the first piece. Once it
                             was called, a lost connection ends the request with err->retryable */
    void *sink_ctx;
    bool never_twice; /* a repetition must be known by answer->lost: libcurl makes none by itself */
    bool error_in_200; /* a 2xx whose body is an <Error> is a failed attempt */
    bool despite_cancel; /* clean-up: sent after a cancel too, limited by time_ms */
    const atomic_bool *stop; /* as in struct evo_http_request; between attempts too */
    int64_t time_ms; /* for all attempts together; 0: no limit but theirs */
};

struct evo_s3_answer {
    struct evo_http_response http;
    struct evo_s3_fault fault; /* the last error's body; code "" where there was none */
    int attempts;
    bool lost; /* an attempt ended without a verdict: it may have been carried out */
};
void evo_s3_answer_init(struct evo_s3_answer *a);
void evo_s3_answer_release(struct evo_s3_answer *a);
EVO_DEFINE_AUTO(s3_answer);

/* EVO_OK for 2xx. `answer` (initialised) tells the last attempt on failure too, by http.status (0: none came) and fault. */
enum evo_errc evo_s3_send(struct evo_s3_client *c, const struct evo_s3_request *r,
                          struct evo_s3_answer *answer, struct evo_error *err) EVO_CHECK;

#endif
