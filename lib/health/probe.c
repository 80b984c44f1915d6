#include "health/probe.h"

#include "base/clock.h"
#include "pg/conn.h"

#include "base/banned.h"

void evo_health_target_release(struct evo_health_target *t)
{
    if (!t)
        return;
    free(t->name);
    free(t->url);
    memset(t, 0, sizeof(*t));
}

enum evo_errc evo_health_target_http(const char *url, const struct evo_health_expect *expect,
                                     struct evo_health_target *ret, struct evo_error *err)
{
    EVO_AUTO(http_url) u = { 0 };
    enum evo_errc rc = evo_http_url_parse(url, &u, err);
    if (rc == EVO_ERR_UNSUPPORTED) /* there is no libcurl */
        return rc;
    if (rc || (!evo_streq(u.scheme, "http") && !evo_streq(u.scheme, "https"))) {
        /* What may be a password or a token is not shown. */
        int shown = strchr(url, '@') ? 0 : (int)strcspn(url, "?#");
        (void)evo_error_set(err, EVO_ERR_CONFIG, "invalid URL \"%.*s%s\" of a health check",
                            shown < 100 ? shown : 100, url, url[shown] ? "..." : "");
        return evo_error_hint(err, "Write a whole URL: --http https://example.org/health");
    }
    if (u.has_user) {
        EVO_AUTO_STR origin = evo_http_origin(url);
        (void)evo_error_set(err, EVO_ERR_CONFIG, "cannot check \"%s\": its URL holds a user or password",
                            origin);
        return evo_error_hint(err, "Point the check at an address that needs no password.");
    }
    *ret = (struct evo_health_target){
        .kind = EVO_HEALTH_HTTP,
        .name = evo_asprintf("%s://%s%s%s%s", u.scheme, u.host, *u.port ? ":" : "", u.port, u.path),
        .url = evo_strdup(url),
        .expect = expect,
    };
    return EVO_OK;
}

enum evo_errc evo_health_target_tcp(const char *address, struct evo_health_target *ret, struct evo_error *err)
{
    EVO_AUTO_STR url = evo_asprintf("http://%s", address);
    EVO_AUTO(http_url) u = { 0 };
    enum evo_errc rc = evo_http_url_parse(url, &u, err);
    if (rc == EVO_ERR_UNSUPPORTED) /* there is no libcurl */
        return rc;
    if (rc || !*u.port || u.has_user || u.query || !evo_ends_with(address, u.port)) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "invalid address \"%.100s\" of a TCP check", address);
        return evo_error_hint(err, "Write host and port: --tcp db.example.org:5432, --tcp [::1]:5432");
    }
    *ret = (struct evo_health_target){
        .kind = EVO_HEALTH_TCP,
        .name = evo_asprintf("tcp %s:%s", u.host, u.port),
        .url = evo_asprintf("http://%s:%s", u.host, u.port),
    };
    return EVO_OK;
}

void evo_health_target_db(const struct evo_conninfo *info, struct evo_health_target *ret)
{
    *ret = (struct evo_health_target){
        .kind = EVO_HEALTH_DB,
        .name = evo_asprintf("database %s", info->redacted),
        .info = info,
    };
}

static enum evo_errc attempt_http(const struct evo_health_target *t, struct evo_http *http,
                                  int64_t timeout_ms, struct evo_health_attempt *ret, struct evo_error *err)
{
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    (void)evo_strvec_push(&headers, "User-Agent: evo-health/" EVO_VERSION);
    (void)evo_strvec_push(&headers, "Accept: */*");
    struct evo_http_request request = {
        .method = "GET",
        .url = t->url,
        .headers = &headers,
        .connect_timeout_ms = timeout_ms,
        .timeout_ms = timeout_ms,
        .connect_only = t->kind == EVO_HEALTH_TCP,
    };
    EVO_AUTO(http_response) answer;
    evo_http_response_init(&answer);
    struct evo_error e = EVO_ERROR_INIT;
    enum evo_errc rc = evo_http_send(http, &request, &answer, &e);
    ret->latency_ms = answer.elapsed_ms;
    if (rc == EVO_ERR_CANCELLED) {
        if (err)
            *err = e;
        return rc;
    }
    if (rc) {
        evo_strbuf_adds(&ret->message, e.message);
        return EVO_OK;
    }
    ret->passed =
        t->kind == EVO_HEALTH_TCP ||
        evo_health_expect_check(t->expect, answer.status, answer.body.buf, answer.body.len, &ret->message);
    const char *location = evo_http_header(&answer, "location");
    if (!ret->passed && answer.status / 100 == 3 && location) {
        EVO_AUTO_STR origin = evo_http_origin(location);
        evo_strbuf_addf(&ret->message, " (a redirect%s%s)", location[0] == '/' ? "" : " to ",
                        location[0] == '/' ? "" : origin);
    }
    if (ret->passed && t->kind == EVO_HEALTH_TCP)
        evo_strbuf_adds(&ret->message, "accepts connections");
    else if (ret->passed)
        evo_strbuf_addf(&ret->message, "status %d", answer.status);
    return EVO_OK;
}

static enum evo_errc select_1(const struct evo_conninfo *info, int64_t timeout_ms, struct evo_error *err)
{
    struct evo_pg_options options = { .application_name = "evo-health", .connect_timeout_ms = timeout_ms };
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO_PTR(pg_result) rows = NULL;
    enum evo_errc rc = evo_pg_open(info, &options, &pg, err);
    if (!rc)
        rc = evo_pg_execf(pg, err, "SET statement_timeout = %lld", (long long)timeout_ms);
    if (!rc)
        rc = evo_pg_query(pg, "SELECT 1", 0, NULL, &rows, err);
    if (!rc && evo_pg_value_int(rows, 0, 0, 0) != 1)
        rc = evo_error_set(err, EVO_ERR_UNHEALTHY, "SELECT 1 did not return 1");
    return rc;
}

static enum evo_errc attempt_db(const struct evo_health_target *t, int64_t timeout_ms,
                                struct evo_health_attempt *ret, struct evo_error *err)
{
    struct evo_error e = EVO_ERROR_INIT;
    int64_t started = evo_clock_ms();
    enum evo_errc rc = select_1(t->info, timeout_ms, &e);
    ret->latency_ms = evo_clock_ms() - started;
    if (rc == EVO_ERR_CANCELLED) {
        if (err)
            *err = e;
        return rc;
    }
    ret->passed = rc == EVO_OK;
    evo_strbuf_adds(&ret->message, rc ? e.message : "SELECT 1 answered");
    return EVO_OK;
}

enum evo_errc evo_health_attempt(const struct evo_health_target *t, struct evo_http *http, int64_t timeout_ms,
                                 struct evo_health_attempt *ret, struct evo_error *err)
{
    evo_strbuf_clear(&ret->message);
    ret->passed = false;
    ret->latency_ms = 0;
    return t->kind == EVO_HEALTH_DB ? attempt_db(t, timeout_ms, ret, err)
                                    : attempt_http(t, http, timeout_ms, ret, err);
}
