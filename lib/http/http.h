/*
 * http.h - HTTP(S) requests, over libcurl. The only folder that includes libcurl.
 *
 * One struct evo_http is one reusable connection pool of one thread. It knows
 * nothing of S3 or Slack: it sends what it is given and says what came back, or
 * which kind of failure it was. It speaks HTTP/1.1 (RFC 9112), never follows redirects by itself unless asked,
 * sends no header that was not asked for (but Host and Content-Length, the latter with every PUT and POST), sends
 * the path as written ("..", "//" and escapes untouched), verifies certificates, and obeys HTTPS_PROXY / NO_PROXY
 * and CURL_CA_BUNDLE / SSL_CERT_FILE / SSL_CERT_DIR as curl does. It never retries: its callers know what may be
 * repeated.
 *
 *	EVO_AUTO_PTR(http) http = NULL;
 *	EVO_AUTO(http_response) answer;
 *	evo_http_response_init(&answer);
 *	enum evo_errc rc = evo_http_new(&http, err);
 *	if (!rc)
 *	    rc = evo_http_send(http, &(struct evo_http_request){ .method = "GET", .url = url, .timeout_ms = 5000 },
 *	                       &answer, err);
 *	if (!rc && answer.status == 200)
 *	    …
 *
 * Errors: EVO_ERR_NETWORK with err->retryable for what may work next time (DNS, refused, reset,
 * time-out), and a message that names the origin and the class of failure but never the path or
 * query (they may hold a token). EVO_ERR_CONFIG for a URL that is none. An HTTP status is not an error here.
 */
#ifndef EVO_HTTP_HTTP_H
#define EVO_HTTP_HTTP_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

struct evo_http;
enum evo_errc evo_http_new(struct evo_http **ret, struct evo_error *err) EVO_CHECK;
void evo_http_free(struct evo_http *http);
EVO_DEFINE_AUTO_PTR(http, evo_http_free);

/* What class of failure a request met: for messages and for deciding about a retry. */
enum evo_http_failure {
    EVO_HTTP_NONE,
    EVO_HTTP_URL, /* the URL cannot be used */
    EVO_HTTP_DNS,
    EVO_HTTP_REFUSED, /* no connection: refused, no route */
    EVO_HTTP_RESET, /* connection lost, also in the middle of an answer */
    EVO_HTTP_TLS,
    EVO_HTTP_TIMEOUT,
    EVO_HTTP_TOO_LARGE, /* the body passed max_body, or the headers 256 KiB */
    EVO_HTTP_SINK, /* the caller's sink refused; its error stands */
    EVO_HTTP_OTHER
};
/* "dns", "refused", … : stable, for tables and logs. */
const char *evo_http_failure_name(enum evo_http_failure f);

struct evo_http_request {
    const char *method; /* "GET", "PUT", … */
    const char *url; /* http:// or https:// */
    const struct evo_strvec *headers; /* "Name: value"; may be NULL */
    const void *body; /* sent with Content-Length; NULL with body_len 0: none */
    size_t body_len;
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t timeout_ms; /* whole request; 0: none, but stall_timeout applies */
    int64_t stall_timeout_ms; /* no byte for so long is a time-out; 0: 60 s */
    size_t max_body; /* of the answer, when collected; 0: 1 MiB */
    int max_redirects; /* 0: a redirect is an answer like any other; from https only to https */
    bool no_proxy; /* straight to the server, whatever the environment says */
    const char *ca_bundle; /* PEM file; NULL: that of the environment */
    bool connect_only; /* connect, past any proxy, and nothing else: status stays 0 */
    /* Not one from the pool. libcurl sends a request again by itself when a pooled connection ends before the answer's
     * first byte, although the server may have carried it out: for what must not be done twice unnoticed. */
    bool fresh_connection;
    bool despite_cancel; /* clean-up: sent and awaited although a cancel was requested */
    /* Set by another thread, it ends this request alone within a quarter of a second, as a cancel would; NULL: none. */
    const atomic_bool *stop;
    /* Where given, a 2xx answer's body goes here in pieces instead of into the response. Returning other than EVO_OK
     * ends the request with that error. */
    enum evo_errc (*sink)(void *ctx, const void *data, size_t n, struct evo_error *err);
    void *sink_ctx;
};

struct evo_http_response {
    int status; /* 0: none came */
    struct evo_strvec headers; /* "name: value", names in lower case, of the last answer */
    struct evo_strbuf body;
    int64_t elapsed_ms;
    enum evo_http_failure failure;
    int64_t date_ms; /* the server's Date header as wall time, -1 where there is none */
};
void evo_http_response_init(struct evo_http_response *r);
void evo_http_response_release(struct evo_http_response *r);
EVO_DEFINE_AUTO(http_response);

/* Sends and waits; ends within a moment of a cancel (EVO_ERR_CANCELLED). `response` must be initialised; it is
 * cleared first, and filled as far as known on failure too. A server that refuses a body answers early: that answer
 * is read, and the rest of the body not sent. Where it also resets the connection, the answer is lost now and then
 * (EVO_HTTP_RESET, retryable) or incomplete (the same, with a status). */
enum evo_errc evo_http_send(struct evo_http *http, const struct evo_http_request *request,
                            struct evo_http_response *response, struct evo_error *err) EVO_CHECK;

/* First value of a header (name in lower case), NULL where there is none. Borrowed. */
const char *evo_http_header(const struct evo_http_response *r, const char *name);
/* Retry-After (RFC 9110 10.2.3) in milliseconds from now, at most a day: seconds or a date; -1 where there is none. */
int64_t evo_http_retry_after_ms(const struct evo_http_response *r);

/* An HTTP date (RFC 9110 5.6.7, in all its forms) as wall milliseconds; -1 for what is none, NULL too. */
int64_t evo_http_date_ms(const char *text);
/* "https://host:port" of a URL (the port where one is written), without user, path and query: the only form fit for
 * messages. "(not a URL)" for what is none. The caller frees. */
char *evo_http_origin(const char *url) EVO_CHECK;
/* Parts of a URL as libcurl's parser sees them (RFC 3986), of any scheme; path and query as written, not decoded.
 * Strings are owned by the struct. EVO_ERR_CONFIG, with a message that does not hold the text. */
struct evo_http_url {
    char *scheme, *host, *port, *path, *query; /* port "" where none is written; query NULL where none */
    bool has_user; /* a user or a password stands in it */
};
enum evo_errc evo_http_url_parse(const char *url, struct evo_http_url *ret, struct evo_error *err) EVO_CHECK;
void evo_http_url_release(struct evo_http_url *url);
EVO_DEFINE_AUTO(http_url);
/* True for localhost, 127.0.0.0/8 and ::1 (a host as evo_http_url_parse gives it): where plain http is no risk. */
bool evo_http_is_loopback(const char *host);

#endif
