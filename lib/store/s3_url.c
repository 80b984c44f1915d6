#include "store/s3_url.h"

#include "base/parse.h"
#include "http/http.h"
#include "store/backend.h"
#include "store/s3_sign.h"

#define BUCKET_MIN 3
#define BUCKET_MAX 63

bool evo_s3_region_valid(const char *region)
{
    size_t n = strlen(region);
    return n && n < 64 &&
           strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

bool evo_s3_is_loopback(const char *host)
{
    if (evo_streq(host, "localhost") || evo_ends_with(host, ".localhost") || evo_streq(host, "::1") ||
        evo_streq(host, "[::1]"))
        return true;
    /* 127.a.b.c and nothing else: "127.0.0.1.example.org" is a name. */
    if (!evo_starts_with(host, "127."))
        return false;
    int parts = 1;
    for (const char *p = host + 4;; p++) {
        size_t n = strspn(p, "0123456789");
        uint64_t v;
        if (n < 1 || n > 3 || !evo_parse_digits(p, n, &v) || v > 255)
            return false;
        parts++;
        p += n;
        if (!*p)
            return parts == 4;
        if (*p != '.')
            return false;
    }
}

enum evo_errc evo_s3_endpoint_parse(const char *endpoint, bool allow_http, const char *what,
                                    char **ret_scheme, char **ret_host, char **ret_path,
                                    struct evo_error *err)
{
    EVO_AUTO(http_url) u = { 0 };
    /* The text may hold a password: it is not repeated. */
    if (strchr(endpoint, '@'))
        return evo_error_set(err, EVO_ERR_CONFIG, "%s cannot hold a user or a password", what);
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_http_url_parse(endpoint, &u, &why);
    if (rc == EVO_ERR_UNSUPPORTED && err) /* there is no libcurl */
        *err = why;
    if (rc == EVO_ERR_UNSUPPORTED)
        return rc;
    if (rc || !strstr(endpoint, "://") || !*u.host ||
        (!evo_streq(u.scheme, "https") && !evo_streq(u.scheme, "http")) || u.query) {
        evo_error_set(err, EVO_ERR_CONFIG, "cannot use %s: \"%s\" is not the URL of a server", what,
                      endpoint);
        return evo_error_hint(err, "Write it as https://host or https://host:port.");
    }
    if (evo_streq(u.scheme, "http") && !allow_http && !evo_s3_is_loopback(u.host)) {
        evo_error_set(err, EVO_ERR_CONFIG,
                      "cannot use %s: plain http to \"%s\" would show the data to the network", what, u.host);
        return evo_error_hint(err, "Use https://, or --s3-allow-http where the network is trusted.");
    }
    EVO_ASSERT(u.scheme && u.host);
    bool default_port = !u.port || !*u.port || evo_streq(u.port, evo_streq(u.scheme, "https") ? "443" : "80");
    size_t n = u.path ? strlen(u.path) : 0;
    while (n && u.path[n - 1] == '/')
        n--;
    *ret_scheme = evo_strdup(u.scheme);
    *ret_host = default_port ? evo_strdup(u.host) : evo_asprintf("%s:%s", u.host, u.port);
    *ret_path = evo_strndup(u.path ? u.path : "", n);
    return EVO_OK;
}

static bool bucket_valid(const char *bucket)
{
    size_t n = strlen(bucket);
    return n >= BUCKET_MIN && n <= BUCKET_MAX && bucket[0] != '.' && bucket[0] != '-' &&
           strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == n;
}

/* Can be a label of a host name that a wildcard certificate covers. */
static bool bucket_is_label(const char *bucket)
{
    return strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(bucket);
}

static enum evo_errc parse_target(const char *url, struct evo_s3_url *u, struct evo_error *err)
{
    const char *p = url + strlen("s3://");
    if (strchr(p, '@') || strchr(p, '?')) {
        evo_error_set(err, EVO_ERR_CONFIG, "the store's URL cannot hold credentials or parameters");
        return evo_error_hint(
            err, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and write s3://bucket/prefix.");
    }
    size_t n = strcspn(p, "/");
    u->bucket = evo_strndup(p, n);
    if (!bucket_valid(u->bucket)) {
        evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" is not the name of a bucket", u->bucket);
        return evo_error_hint(err, "Write the store as s3://bucket/prefix.");
    }
    p += n;
    while (*p == '/')
        p++;
    n = strlen(p);
    while (n && p[n - 1] == '/')
        n--;
    EVO_AUTO_STR prefix = evo_strndup(p, n);
    if (n && !evo_store_key_valid(prefix))
        return evo_error_set(
            err, EVO_ERR_CONFIG,
            "cannot use \"%s\" as a prefix in the store: a segment is empty, \".\", \"..\", too "
            "long, or holds a control character",
            prefix);
    u->prefix = n ? evo_asprintf("%s/", prefix) : evo_strdup("");
    return EVO_OK;
}

enum evo_errc evo_s3_url_init(struct evo_s3_url *ret, const char *url, const char *endpoint,
                              const char *addressing, bool allow_http, struct evo_error *err)
{
    EVO_AUTO(s3_url) u = { 0 };
    enum evo_errc rc = parse_target(url, &u, err);
    if (rc)
        return rc;
    EVO_ASSERT(u.bucket && u.prefix);
    bool custom = endpoint && *endpoint;
    if (custom) {
        rc = evo_s3_endpoint_parse(endpoint, allow_http, "the S3 endpoint", &u.scheme, &u.host, &u.base_path,
                                   err);
        if (rc)
            return rc;
    } else {
        u.scheme = evo_strdup("https");
        u.base_path = evo_strdup("");
    }
    EVO_ASSERT(u.base_path);
    if (!addressing || !*addressing || evo_streq(addressing, "auto")) {
        u.virtual_host = !custom && bucket_is_label(u.bucket);
    } else if (evo_streq(addressing, "virtual")) {
        if (*u.base_path || !bucket_is_label(u.bucket)) {
            evo_error_set(err, EVO_ERR_CONFIG, "cannot address bucket \"%s\" by virtual host", u.bucket);
            return evo_error_hint(err, "Use --s3-addressing path.");
        }
        u.virtual_host = true;
    } else if (!evo_streq(addressing, "path")) {
        evo_error_set(err, EVO_ERR_CONFIG, "unknown S3 addressing \"%s\"", addressing);
        return evo_error_hint(err, "Use --s3-addressing auto, path or virtual.");
    }
    *ret = u;
    memset(&u, 0, sizeof(u));
    return EVO_OK;
}

void evo_s3_url_release(struct evo_s3_url *u)
{
    if (!u)
        return;
    free(u->bucket);
    free(u->prefix);
    free(u->scheme);
    free(u->host);
    free(u->base_path);
    memset(u, 0, sizeof(*u));
}

void evo_s3_url_locate(const struct evo_s3_url *u, const char *region, const char *key,
                       struct evo_strbuf *host, struct evo_strbuf *path)
{
    if (u->virtual_host)
        evo_strbuf_addf(host, "%s.", u->bucket);
    if (u->host)
        evo_strbuf_adds(host, u->host);
    else
        evo_strbuf_addf(host, "s3.%s.amazonaws.com%s", region, evo_starts_with(region, "cn-") ? ".cn" : "");
    evo_strbuf_adds(path, u->base_path);
    if (!u->virtual_host) {
        evo_strbuf_addch(path, '/');
        evo_s3_path(path, u->bucket);
    }
    if (key || u->virtual_host)
        evo_strbuf_addch(path, '/');
    if (key)
        evo_s3_path(path, key);
}
