/* The answer's half of http.h. */
#include "http/response.h"

#include "base/clock.h"
#include "base/parse.h"
#include "http/libcurl.h"

#include "base/banned.h"

#define MAX_BODY           ((size_t)1 << 20)
#define MAX_RETRY_AFTER_MS ((int64_t)24 * 60 * 60 * 1000)

const char *evo_http_failure_name(enum evo_http_failure f)
{
    static const char *const name[] = {
        [EVO_HTTP_NONE] = "none",       [EVO_HTTP_URL] = "url",
        [EVO_HTTP_DNS] = "dns",         [EVO_HTTP_REFUSED] = "refused",
        [EVO_HTTP_RESET] = "reset",     [EVO_HTTP_TLS] = "tls",
        [EVO_HTTP_TIMEOUT] = "timeout", [EVO_HTTP_TOO_LARGE] = "too large",
        [EVO_HTTP_SINK] = "sink",       [EVO_HTTP_OTHER] = "other",
    };
    return name[f];
}

void evo_http_response_init(struct evo_http_response *r)
{
    *r = (struct evo_http_response){ .headers = EVO_STRVEC_INIT, .body = EVO_STRBUF_INIT, .date_ms = -1 };
}

void evo_http_response_release(struct evo_http_response *r)
{
    if (!r)
        return;
    evo_strvec_release(&r->headers);
    evo_strbuf_release(&r->body);
    evo_http_response_init(r);
}

void evo_http_response_clear(struct evo_http_response *r, size_t max_body)
{
    evo_strvec_clear(&r->headers);
    evo_strbuf_release(&r->body);
    *r = (struct evo_http_response){ .headers = r->headers, .date_ms = -1 };
    evo_strbuf_init(&r->body, max_body ? max_body : MAX_BODY);
}

const char *evo_http_header(const struct evo_http_response *r, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < r->headers.count; i++)
        if (strncmp(r->headers.items[i], name, n) == 0 && evo_starts_with(r->headers.items[i] + n, ": "))
            return r->headers.items[i] + n + 2;
    return NULL;
}

int64_t evo_http_date_ms(const char *text)
{
    time_t t = text && evo_curl_load(NULL) == EVO_OK ? evo_curl.getdate(text, NULL) : -1;
    return t < 0 ? -1 : (int64_t)t * 1000;
}

int64_t evo_http_retry_after_ms(const struct evo_http_response *r)
{
    const char *value = evo_http_header(r, "retry-after");
    uint64_t seconds;
    if (!value)
        return -1;
    if (evo_parse_digits(value, strlen(value), &seconds))
        return seconds > (uint64_t)MAX_RETRY_AFTER_MS / 1000 ? MAX_RETRY_AFTER_MS : (int64_t)seconds * 1000;
    int64_t at = evo_http_date_ms(value);
    if (at < 0)
        return -1;
    /* The server's own clock where it is known: ours may be off. */
    int64_t wait = at - (r->date_ms >= 0 ? r->date_ms : evo_wall_ms());
    return wait < 0 ? 0 : wait > MAX_RETRY_AFTER_MS ? MAX_RETRY_AFTER_MS : wait;
}
