/* The URL functions of http.h: what can be said of a URL without a connection. */
#include <arpa/inet.h>

#include "http/http.h"
#include "http/libcurl.h"

#include "base/banned.h"

/* Schemes of our own ("s3://") are read too; nothing is guessed or normalised. */
#define URL_FLAGS (CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS)

static char *part(CURLU *u, CURLUPart what)
{
    char *text = NULL;
    if (evo_curl.url_get(u, what, &text, 0) != CURLUE_OK)
        return NULL;
    char *copy = evo_strdup(text);
    evo_curl.free(text);
    return copy;
}

enum evo_errc evo_http_url_parse(const char *url, struct evo_http_url *ret, struct evo_error *err)
{
    const char *behind = strstr(url, "://");
    if (!behind || behind[3] == '/') /* libcurl would take the first folder for the host */
        return evo_error_set(err, EVO_ERR_CONFIG, "not a URL");
    enum evo_errc rc = evo_curl_load(err);
    if (rc)
        return rc;
    CURLU *u = evo_curl.url();
    EVO_ASSERT(u);
    if (evo_curl.url_set(u, CURLUPART_URL, url, URL_FLAGS) != CURLUE_OK) {
        evo_curl.url_cleanup(u);
        return evo_error_set(err, EVO_ERR_CONFIG, "not a URL");
    }
    struct evo_http_url parsed = {
        .scheme = part(u, CURLUPART_SCHEME),
        .host = part(u, CURLUPART_HOST),
        .port = part(u, CURLUPART_PORT),
        .path = part(u, CURLUPART_PATH),
        .query = part(u, CURLUPART_QUERY),
    };
    EVO_AUTO_STR user = part(u, CURLUPART_USER);
    EVO_AUTO_STR password = part(u, CURLUPART_PASSWORD);
    parsed.has_user = user || password;
    evo_curl.url_cleanup(u);
    if (!parsed.scheme || !parsed.host || !*parsed.host) {
        evo_http_url_release(&parsed);
        return evo_error_set(err, EVO_ERR_CONFIG, "not a URL");
    }
    if (!parsed.port)
        parsed.port = evo_strdup("");
    if (!parsed.path)
        parsed.path = evo_strdup("");
    *ret = parsed;
    return EVO_OK;
}

void evo_http_url_release(struct evo_http_url *url)
{
    if (!url)
        return;
    free(url->scheme);
    free(url->host);
    free(url->port);
    free(url->path);
    free(url->query);
    memset(url, 0, sizeof(*url));
}

char *evo_http_origin(const char *url)
{
    EVO_AUTO(http_url) u = { 0 };
    if (evo_http_url_parse(url, &u, NULL))
        return evo_strdup("(not a URL)");
    return evo_asprintf("%s://%s%s%s", u.scheme, u.host, *u.port ? ":" : "", u.port);
}

bool evo_http_is_loopback(const char *host)
{
    struct in_addr v4;
    return strcasecmp(host, "localhost") == 0 || evo_streq(host, "[::1]") || evo_streq(host, "::1") ||
           (inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127);
}
