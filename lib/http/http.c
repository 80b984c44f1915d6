#include "http/http.h"

#include <errno.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"
#include "http/libcurl.h"
#include "http/response.h"

#include "base/banned.h"

#define CONNECT_TIMEOUT_MS 10000
#define STALL_TIMEOUT_MS   60000
#define MAX_HEADERS        ((size_t)256 << 10)
#define STOP_POLL_MS       250

struct evo_http {
    CURLM *multi; /* keeps the connections between requests */
};

/* One request on its way: what the callbacks share. */
struct transfer {
    const struct evo_http_request *request;
    struct evo_http_response *response;
    struct evo_error *err;
    CURL *easy;
    size_t sent; /* bytes of the body handed to libcurl */
    size_t header_bytes;
    enum evo_http_failure refused; /* why a callback ended the transfer */
    enum evo_errc sink_rc;
    char text[CURL_ERROR_SIZE];
};

enum evo_errc evo_http_new(struct evo_http **ret, struct evo_error *err)
{
    enum evo_errc rc = evo_curl_load(err);
    if (rc)
        return rc;
    struct evo_http *http = evo_calloc(1, sizeof(*http));
    http->multi = evo_curl.multi_init();
    if (!http->multi) {
        free(http);
        return evo_error_set(err, EVO_ERR_NETWORK, "could not set up an HTTP client");
    }
    *ret = http;
    return EVO_OK;
}

void evo_http_free(struct evo_http *http)
{
    if (!http)
        return;
    (void)evo_curl.multi_cleanup(http->multi);
    free(http);
}

/* ---- what libcurl calls ------------------------------------------------- */

static size_t refuse(struct transfer *t, enum evo_http_failure why)
{
    t->refused = why;
    return 0;
}

/* "HTTP/1.1 200 OK" starts an answer: what a former one (1xx, a redirect) said is forgotten. */
static void status_line(struct transfer *t, const char *line, size_t n)
{
    const char *blank = memchr(line, ' ', n);
    uint64_t status = 0;
    if (blank && line + n - blank >= 4)
        (void)evo_parse_digits(blank + 1, 3, &status);
    t->response->status = (int)status;
    t->header_bytes = 0;
    evo_strvec_clear(&t->response->headers);
    evo_strbuf_clear(&t->response->body);
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    n *= size;
    t->header_bytes += n;
    if (t->header_bytes > MAX_HEADERS)
        return refuse(t, EVO_HTTP_TOO_LARGE);
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        status_line(t, line, n);
        return n;
    }
    const char *colon = memchr(line, ':', n);
    if (!colon)
        return n; /* the empty line, or a continuation that RFC 9112 5.2 forbids */
    EVO_AUTO(strbuf) header = EVO_STRBUF_INIT;
    for (const char *p = line; p < colon; p++)
        evo_strbuf_addch(&header, *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p);
    EVO_AUTO(strbuf) value = EVO_STRBUF_INIT;
    evo_strbuf_add(&value, colon + 1, n - (size_t)(colon + 1 - line));
    evo_strbuf_trim(&value);
    (void)evo_strvec_pushf(&t->response->headers, "%s: %s", header.buf, value.buf);
    return n;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    n *= size;
    if (t->request->sink && t->response->status / 100 == 2) {
        t->sink_rc = t->request->sink(t->request->sink_ctx, data, n, t->err);
        return t->sink_rc ? refuse(t, EVO_HTTP_SINK) : n;
    }
    evo_strbuf_add(&t->response->body, data, n);
    return evo_strbuf_ok(&t->response->body) ? n : refuse(t, EVO_HTTP_TOO_LARGE);
}

static size_t on_send(char *room, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t left = t->request->body_len - t->sent;
    n = n * size < left ? n * size : left;
    if (n)
        memcpy(room, (const char *)t->request->body + t->sent, n);
    t->sent += n;
    return n;
}

/* Back to the start, for a connection that had died in the pool, or a redirect. */
static int on_rewind(void *ctx, curl_off_t offset, int origin)
{
    struct transfer *t = ctx;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->request->body_len)
        return CURL_SEEKFUNC_FAIL;
    t->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- the request -------------------------------------------------------- */

static bool has_header(const struct evo_strvec *headers, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; headers && i < headers->count; i++)
        if (strncasecmp(headers->items[i], name, n) == 0 && headers->items[i][n] == ':')
            return true;
    return false;
}

static void append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = evo_curl.slist_append(*list, line);
    EVO_ASSERT(longer);
    *list = longer;
}

/* The caller's headers, and those that libcurl would add by itself taken away ("Name:" removes one). */
static enum evo_errc header_list(const struct evo_strvec *headers, struct curl_slist **ret,
                                 struct evo_error *err)
{
    static const char *const unasked[] = { "Accept", "Content-Type", "Expect", "User-Agent",
                                           "Transfer-Encoding" };
    for (size_t i = 0; i < EVO_COUNT(unasked); i++) {
        char remove[32];
        (void)snprintf(remove, sizeof(remove), "%s:", unasked[i]);
        if (!has_header(headers, unasked[i]))
            append(ret, remove);
    }
    for (size_t i = 0; headers && i < headers->count; i++) {
        const char *line = headers->items[i];
        const char *colon = strchr(line, ':');
        if (!colon || colon == line || strpbrk(line, "\r\n"))
            return evo_error_set(err, EVO_ERR_CONFIG,
                                 "cannot send an HTTP header that has no name or holds a line break");
        if (colon[1 + strspn(colon + 1, " \t")]) {
            append(ret, line);
        } else { /* libcurl's way to write an empty value */
            EVO_AUTO_STR empty = evo_asprintf("%.*s;", (int)(colon - line), line);
            append(ret, empty);
        }
    }
    return EVO_OK;
}

#define SET(option, value)                                             \
    do {                                                               \
        if (evo_curl.easy_setopt(easy, (option), (value)) != CURLE_OK) \
            EVO_BUG("libcurl does not know the option " #option);      \
    } while (0)

static void set_certificates(CURL *easy, const char *bundle)
{
    const char *file = bundle ? bundle : getenv("CURL_CA_BUNDLE"), *dir = getenv("SSL_CERT_DIR");
    if (!file || !*file)
        file = getenv("SSL_CERT_FILE");
    if (file && *file)
        SET(CURLOPT_CAINFO, file);
    if (dir && *dir)
        SET(CURLOPT_CAPATH, dir);
}

static void set_method(CURL *easy, const struct evo_http_request *r, struct transfer *t)
{
    if (evo_streq(r->method, "HEAD")) {
        SET(CURLOPT_NOBODY, 1L);
        return;
    }
    if (r->body_len || evo_streq(r->method, "PUT") || evo_streq(r->method, "POST")) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        SET(CURLOPT_READFUNCTION, on_send);
        SET(CURLOPT_READDATA, t);
        SET(CURLOPT_SEEKFUNCTION, on_rewind);
        SET(CURLOPT_SEEKDATA, t);
    }
    SET(CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_options(CURL *easy, const struct evo_http_request *r, struct transfer *t)
{
    SET(CURLOPT_URL, r->url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for a name server */
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, 256L * 1024);
    SET(CURLOPT_ERRORBUFFER, t->text);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        (long)(r->connect_timeout_ms ? r->connect_timeout_ms : CONNECT_TIMEOUT_MS));
    SET(CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    SET(CURLOPT_FRESH_CONNECT, (long)r->fresh_connection);
    if (r->max_redirects > 0) {
        SET(CURLOPT_FOLLOWLOCATION, 1L);
        SET(CURLOPT_MAXREDIRS, (long)r->max_redirects);
        SET(CURLOPT_REDIR_PROTOCOLS_STR, strncasecmp(r->url, "https:", 6) == 0 ? "https" : "http,https");
    }
    if (r->connect_only) {
        SET(CURLOPT_CONNECT_ONLY, 1L);
        SET(CURLOPT_PROXY, "");
        SET(CURLOPT_FRESH_CONNECT, 1L);
        return;
    }
    if (r->no_proxy)
        SET(CURLOPT_PROXY, "");
    set_certificates(easy, r->ca_bundle);
    set_method(easy, r, t);
}

/* ---- waiting ------------------------------------------------------------ */

/* Any number that changes whenever a byte came or went. */
static uint64_t activity(const struct transfer *t)
{
    curl_off_t up = 0, down = 0;
    (void)evo_curl.easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    (void)evo_curl.easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    return (uint64_t)up + (uint64_t)down + t->header_bytes;
}

enum end { END_DONE, END_STALLED, END_CANCELLED, END_STOPPED };

/* Runs the transfer to its end, a stall, or a cancel. */
static enum end run(struct evo_http *http, struct transfer *t, CURLcode *ret)
{
    int64_t stall_ms = t->request->stall_timeout_ms ? t->request->stall_timeout_ms : STALL_TIMEOUT_MS;
    struct curl_waitfd cancel = { .fd = evo_cancel_fd(), .events = CURL_WAIT_POLLIN };
    bool watch = !t->request->despite_cancel && cancel.fd >= 0;
    struct evo_deadline stalled = evo_deadline_in(stall_ms);
    uint64_t seen = 0;
    for (;;) {
        if (!t->request->despite_cancel && evo_cancelled())
            return END_CANCELLED;
        if (t->request->stop && atomic_load(t->request->stop))
            return END_STOPPED;
        int running = 0, queued;
        if (evo_curl.multi_perform(http->multi, &running) != CURLM_OK)
            EVO_BUG("libcurl's multi handle is broken");
        CURLMsg *m = evo_curl.multi_info_read(http->multi, &queued);
        if (m && m->msg == CURLMSG_DONE) {
            *ret = m->data.result;
            return END_DONE;
        }
        uint64_t now = activity(t);
        if (now != seen) {
            seen = now;
            stalled = evo_deadline_in(stall_ms);
        } else if (evo_deadline_passed(stalled)) {
            return END_STALLED;
        }
        int wait_ms = evo_deadline_left(stalled);
        if (t->request->stop && wait_ms > STOP_POLL_MS)
            wait_ms = STOP_POLL_MS;
        (void)evo_curl.multi_poll(http->multi, &cancel, watch, wait_ms, NULL);
    }
}

/* ---- what it came to ---------------------------------------------------- */

/* One row a class of failure: how libcurl names it, and whether the same request may work next time. */
static const struct {
    CURLcode code;
    enum evo_http_failure failure;
    bool retryable;
} failures[] = {
    { CURLE_URL_MALFORMAT, EVO_HTTP_URL, false },
    { CURLE_UNSUPPORTED_PROTOCOL, EVO_HTTP_URL, false },
    { CURLE_COULDNT_RESOLVE_HOST, EVO_HTTP_DNS, true },
    { CURLE_COULDNT_RESOLVE_PROXY, EVO_HTTP_DNS, true },
    { CURLE_COULDNT_CONNECT, EVO_HTTP_REFUSED, true },
    { CURLE_INTERFACE_FAILED, EVO_HTTP_REFUSED, true },
    { CURLE_SEND_ERROR, EVO_HTTP_RESET, true },
    { CURLE_RECV_ERROR, EVO_HTTP_RESET, true },
    { CURLE_GOT_NOTHING, EVO_HTTP_RESET, true },
    { CURLE_PARTIAL_FILE, EVO_HTTP_RESET, true },
    { CURLE_OPERATION_TIMEDOUT, EVO_HTTP_TIMEOUT, true },
    { CURLE_SSL_CONNECT_ERROR, EVO_HTTP_TLS, true },
    { CURLE_PEER_FAILED_VERIFICATION, EVO_HTTP_TLS, false },
    { CURLE_SSL_CACERT_BADFILE, EVO_HTTP_TLS, false },
    { CURLE_SSL_CERTPROBLEM, EVO_HTTP_TLS, false },
    { CURLE_SSL_ISSUER_ERROR, EVO_HTTP_TLS, false },
};

/* Why the connection could not be made, as the system says it. */
static const char *connect_text(CURL *easy)
{
    long number = 0;
    (void)evo_curl.easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    switch (number) {
    case ENETUNREACH:
    case EHOSTUNREACH:
        return "no route to the host";
    case EADDRNOTAVAIL:
        return "no such local address";
    default:
        return "connection refused";
    }
}

static enum evo_errc network_error(struct transfer *t, CURLcode code, bool retryable)
{
    const struct evo_http_response *r = t->response;
    EVO_AUTO_STR whole = evo_http_origin(t->request->url);
    const char *scheme_end = strstr(whole, "://");
    const char *origin = t->request->connect_only && scheme_end ? scheme_end + 3 : whole;
    char human[EVO_HUMAN_MAX];
    switch (r->failure) {
    case EVO_HTTP_URL:
        return evo_error_set(t->err, EVO_ERR_CONFIG, "cannot request \"%s\": it is no http or https URL",
                             origin);
    case EVO_HTTP_DNS:
        (void)evo_error_set(t->err, EVO_ERR_NETWORK, "could not reach \"%s\": host name not found", origin);
        break;
    case EVO_HTTP_REFUSED:
        (void)evo_error_set(t->err, EVO_ERR_NETWORK, "could not reach \"%s\": %s", origin,
                            connect_text(t->easy));
        break;
    case EVO_HTTP_RESET:
        (void)evo_error_set(t->err, EVO_ERR_NETWORK, "lost the connection to \"%s\"%s", origin,
                            r->status ? " in the middle of its answer" : "");
        break;
    case EVO_HTTP_TIMEOUT:
        (void)evo_error_set(t->err, EVO_ERR_NETWORK,
                            r->status ? "answer of \"%s\" did not end within %s"
                                      : "no answer from \"%s\" within %s",
                            origin, evo_format_duration(r->elapsed_ms, human));
        break;
    case EVO_HTTP_TOO_LARGE:
        (void)evo_error_set(
            t->err, EVO_ERR_NETWORK, "answer of \"%s\" is larger than %s", origin,
            evo_format_size(t->header_bytes > MAX_HEADERS ? MAX_HEADERS : r->body.max, human));
        break;
    default: /* TLS too: libcurl's text names what is wrong with the certificate, never the URL */
        (void)evo_error_set(t->err, EVO_ERR_NETWORK, "could not reach \"%s\": %s", origin,
                            r->failure == EVO_HTTP_TLS && *t->text ? t->text : evo_curl.easy_strerror(code));
        break;
    }
    if (t->err)
        t->err->retryable = retryable;
    return EVO_ERR_NETWORK;
}

static enum evo_errc finish(struct transfer *t, CURLcode code)
{
    if (code == CURLE_OK)
        return EVO_OK;
    bool retryable = false;
    t->response->failure = t->refused ? t->refused : EVO_HTTP_OTHER;
    for (size_t i = 0; !t->refused && i < EVO_COUNT(failures); i++) {
        if (failures[i].code != code)
            continue;
        t->response->failure = failures[i].failure;
        retryable = failures[i].retryable;
    }
    if (t->response->failure == EVO_HTTP_SINK)
        return t->sink_rc;
    return network_error(t, code, retryable);
}

static enum evo_errc transfer(struct evo_http *http, struct transfer *t)
{
    CURLcode code = CURLE_OPERATION_TIMEDOUT; /* what a stall is */
    int64_t started = evo_clock_ms();
    if (evo_curl.multi_add_handle(http->multi, t->easy) != CURLM_OK)
        EVO_BUG("libcurl's multi handle takes no request");
    enum end end = run(http, t, &code);
    /* What is not done is thrown away with its connection here. */
    (void)evo_curl.multi_remove_handle(http->multi, t->easy);
    t->response->elapsed_ms = evo_clock_ms() - started;
    t->response->date_ms = evo_http_date_ms(evo_http_header(t->response, "date"));
    if (end == END_CANCELLED) {
        t->response->failure = EVO_HTTP_OTHER;
        return evo_cancel_check(t->err);
    }
    if (end == END_STOPPED) {
        t->response->failure = EVO_HTTP_OTHER;
        return evo_error_set(t->err, EVO_ERR_CANCELLED, "the request was stopped");
    }
    return finish(t, code);
}

enum evo_errc evo_http_send(struct evo_http *http, const struct evo_http_request *request,
                            struct evo_http_response *response, struct evo_error *err)
{
    struct transfer t = { .request = request, .response = response, .err = err };
    struct curl_slist *headers = NULL;
    evo_http_response_clear(response, request->max_body);
    enum evo_errc rc = header_list(request->headers, &headers, err);
    if (rc) {
        response->failure = EVO_HTTP_OTHER;
    } else {
        CURL *easy = t.easy = evo_curl.easy_init();
        EVO_ASSERT(easy);
        set_options(easy, request, &t);
        SET(CURLOPT_HTTPHEADER, headers);
        rc = transfer(http, &t);
        evo_curl.easy_cleanup(easy);
    }
    evo_curl.slist_free_all(headers);
    return rc;
}
