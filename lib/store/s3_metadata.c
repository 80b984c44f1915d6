#include "store/s3_metadata.h"

#include "base/cancel.h"
#include "base/file.h"
#include "crypto/random.h"
#include "http/http.h"
#include "store/s3_error.h"
#include "store/s3_url.h"

#define TOKEN_MAX      ((size_t)64 << 10)
#define ATTEMPTS       3
#define CONNECT_MS     1000
#define TIMEOUT_MS     5000
#define ASK_ONCE_MS    1000
#define CONTAINER_HOST "http://169.254.170.2"
#define MACHINE_HOST   "http://169.254.169.254"
#define MACHINE_HOST_6 "http://[fd00:ec2::254]"
#define TOKEN_TTL      "X-aws-ec2-metadata-token-ttl-seconds: 21600"

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* ---- one question ---- */

struct question {
    const struct evo_s3_metadata_options *options;
    const char *method, *url;
    const char *header; /* may be NULL */
    int attempts;
    int64_t timeout_ms;
};

static enum evo_errc ask(const struct question *q, struct evo_http_response *answer, struct evo_error *err)
{
    EVO_AUTO_PTR(http) http = NULL;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    evo_strvec_push(&headers, "Accept: */*");
    if (q->header)
        evo_strvec_push(&headers, q->header);
    enum evo_errc rc = evo_http_new(&http, err);
    struct evo_http_request request = { .method = q->method,
                                        .url = q->url,
                                        .headers = &headers,
                                        .connect_timeout_ms = CONNECT_MS,
                                        .timeout_ms = q->timeout_ms,
                                        .max_body = TOKEN_MAX,
                                        .ca_bundle = q->options->ca_bundle,
                                        .no_proxy = evo_starts_with(q->url, "http:"),
                                        .despite_cancel = q->options->despite_cancel };
    for (int attempt = 0; !rc; attempt++) {
        rc = evo_http_send(http, &request, answer, err);
        bool again = rc ? rc != EVO_ERR_CANCELLED && err && err->retryable : answer->status >= 500;
        if (!again || attempt + 1 >= q->attempts)
            break;
        int64_t wait = evo_s3_backoff_ms(attempt, 100, 1000, evo_http_retry_after_ms(answer),
                                         evo_random_below(UINT64_MAX));
        rc = evo_cancel_sleep(wait, err);
    }
    for (size_t i = 0; i < headers.count; i++)
        explicit_bzero(headers.items[i], strlen(headers.items[i]));
    return rc;
}

static enum evo_errc status_error(const struct evo_http_response *answer, const char *what,
                                  struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_STORE, "could not get keys from %s: it answered %d", what, answer->status);
    if (err)
        err->http_status = answer->status;
    return EVO_ERR_STORE;
}

/* ---- containers ---- */

static bool may_be_asked_by_http(const char *host)
{
    static const char *const hosts[] = { "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
                                         "fd00:ec2::23" };
    for (size_t i = 0; i < EVO_COUNT(hosts); i++)
        if (strcasecmp(host, hosts[i]) == 0)
            return true;
    return evo_s3_is_loopback(host);
}

static enum evo_errc check_full_uri(const char *uri, struct evo_error *err)
{
    EVO_AUTO(http_url) u = { 0 };
    struct evo_error why = EVO_ERROR_INIT;
    if (evo_http_url_parse(uri, &u, &why) || u.has_user ||
        (!evo_streq(u.scheme, "http") && !evo_streq(u.scheme, "https")))
        return evo_error_set(err, EVO_ERR_CONFIG,
                             "cannot use AWS_CONTAINER_CREDENTIALS_FULL_URI: it is no http or https URL");
    if (evo_streq(u.scheme, "https") || may_be_asked_by_http(u.host))
        return EVO_OK;
    evo_error_set(err, EVO_ERR_CONFIG,
                  "cannot use AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http to \"%s\" would show the keys",
                  u.host);
    return evo_error_hint(err, "Use https, or one of the addresses that the platform sets.");
}

/* The value of Authorization; empty: none is asked for. */
static enum evo_errc load_authorization(struct evo_strbuf *out, struct evo_error *err)
{
    const char *file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *value = env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct evo_error why = EVO_ERROR_INIT;
    if (file && evo_file_read(file, TOKEN_MAX, out, &why)) {
        evo_error_set(err, EVO_ERR_STORE, "could not read the container's token: %s", why.message);
        return evo_error_hint(err, "Check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.");
    }
    if (!file && value)
        evo_strbuf_adds(out, value);
    evo_strbuf_trim(out);
    if (strlen(out->buf) != out->len || strpbrk(out->buf, "\r\n"))
        return evo_error_set(err, EVO_ERR_STORE, "cannot use the container's token: it is not one line");
    if (out->len)
        evo_redact_add(out->buf);
    return EVO_OK;
}

enum evo_errc evo_s3_container_keys(const struct evo_s3_metadata_options *o, bool *ret_configured,
                                    struct evo_s3_keys *keys, struct evo_error *err)
{
    const char *relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    *ret_configured = relative || full;
    if (!*ret_configured)
        return EVO_OK;
    if (relative && *relative != '/')
        return evo_error_set(
            err, EVO_ERR_CONFIG,
            "cannot use AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: it does not begin with \"/\"");
    enum evo_errc rc = relative ? EVO_OK : check_full_uri(full, err);
    if (rc)
        return rc;
    EVO_AUTO_STR url =
        relative ? evo_asprintf("%s%s", o->container_origin ? o->container_origin : CONTAINER_HOST, relative)
                 : evo_strdup(full);
    EVO_AUTO_STR origin = evo_http_origin(url);
    EVO_AUTO_STR what = evo_asprintf("the container's credentials service at \"%s\"", origin);
    (void)snprintf(keys->source, sizeof(keys->source), "%s", what);
    EVO_AUTO(strbuf) token = EVO_STRBUF_INIT_MAX(TOKEN_MAX + 65536);
    rc = load_authorization(&token, err);
    if (rc)
        return rc;
    EVO_AUTO(strbuf) header = EVO_STRBUF_INIT;
    evo_strbuf_addf(&header, "Authorization: %s", token.buf);
    struct question q = { .options = o,
                          .method = "GET",
                          .url = url,
                          .header = token.len ? header.buf : NULL,
                          .attempts = ATTEMPTS,
                          .timeout_ms = TIMEOUT_MS };
    EVO_AUTO(http_response) answer;
    evo_http_response_init(&answer);
    struct evo_error why = EVO_ERROR_INIT;
    rc = ask(&q, &answer, &why);
    evo_strbuf_wipe(&token);
    evo_strbuf_wipe(&header);
    if (rc) {
        if (err)
            *err = why;
        return rc == EVO_ERR_CANCELLED ? rc : evo_error_prefix(err, "could not get the container's keys");
    }
    if (answer.status != 200)
        rc = status_error(&answer, what, err);
    else
        rc = evo_s3_keys_parse(keys, &answer.body, "Token", what, err);
    evo_strbuf_wipe(&answer.body);
    return rc;
}

/* ---- machines ---- */

struct machine {
    const struct evo_s3_metadata_options *options;
    char *endpoint;
    bool chosen; /* the endpoint was set: it has to answer */
    struct evo_strbuf header; /* with the token */
};

static void machine_auto(struct machine *m)
{
    free(m->endpoint);
    evo_strbuf_wipe(&m->header);
}

static enum evo_errc find_endpoint(struct machine *m, struct evo_error *err)
{
    const char *chosen = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    bool six = mode && strcasecmp(mode, "IPv6") == 0;
    EVO_AUTO(http_url) u = { 0 };
    struct evo_error why = EVO_ERROR_INIT;
    m->chosen = chosen != NULL;
    m->endpoint = evo_strdup(chosen ? chosen : six ? MACHINE_HOST_6 : MACHINE_HOST);
    for (size_t n = strlen(m->endpoint); n && m->endpoint[n - 1] == '/'; n--)
        m->endpoint[n - 1] = '\0';
    if (evo_http_url_parse(m->endpoint, &u, &why) || u.has_user || u.query ||
        (!evo_streq(u.scheme, "http") && !evo_streq(u.scheme, "https")))
        return evo_error_set(err, EVO_ERR_CONFIG,
                             "cannot use AWS_EC2_METADATA_SERVICE_ENDPOINT: it is no http or https URL");
    return EVO_OK;
}

static enum evo_errc ask_machine(const struct machine *m, const char *path, struct evo_http_response *answer,
                                 struct evo_error *err)
{
    EVO_AUTO_STR url = evo_asprintf("%s/latest/meta-data/iam/security-credentials/%s", m->endpoint, path);
    struct question q = { .options = m->options,
                          .method = "GET",
                          .url = url,
                          .header = m->header.buf,
                          .attempts = ATTEMPTS,
                          .timeout_ms = TIMEOUT_MS };
    enum evo_errc rc = ask(&q, answer, err);
    return rc && rc != EVO_ERR_CANCELLED ? evo_error_prefix(err, "could not get the machine's keys") : rc;
}

/* Is there such a service? One question, soon given up. */
static enum evo_errc open_session(struct machine *m, bool *ret_there, struct evo_error *err)
{
    EVO_AUTO_STR url = evo_asprintf("%s/latest/api/token", m->endpoint);
    struct question q = { .options = m->options,
                          .method = "PUT",
                          .url = url,
                          .header = TOKEN_TTL,
                          .attempts = 1,
                          .timeout_ms = ASK_ONCE_MS };
    EVO_AUTO(http_response) answer;
    evo_http_response_init(&answer);
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = ask(&q, &answer, &why);
    *ret_there = !rc && answer.status == 200;
    if (!*ret_there && (m->chosen || rc == EVO_ERR_CANCELLED)) {
        if (err)
            *err = why;
        return rc == EVO_ERR_CANCELLED ? rc
               : rc                    ? evo_error_prefix(err, "could not get the machine's keys")
                    : status_error(&answer, "the machine's metadata service, which was asked for a token",
                                   err);
    }
    if (!*ret_there) {
        evo_debug(m->options->task, "store: no metadata service of a machine: %s",
                  rc ? why.message : "it gives no token");
        return EVO_OK;
    }
    evo_strbuf_trim(&answer.body);
    if (!answer.body.len || strlen(answer.body.buf) != answer.body.len || strpbrk(answer.body.buf, "\r\n"))
        return evo_error_set(err, EVO_ERR_STORE,
                             "cannot understand the token of the machine's metadata service");
    evo_redact_add(answer.body.buf);
    evo_strbuf_addf(&m->header, "X-aws-ec2-metadata-token: %s", answer.body.buf);
    evo_strbuf_wipe(&answer.body);
    return EVO_OK;
}

/* Its first line; EVO_OK with an empty one where the machine has no role. */
static enum evo_errc find_role(const struct machine *m, struct evo_strbuf *role, struct evo_error *err)
{
    static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-";
    EVO_AUTO(http_response) answer;
    evo_http_response_init(&answer);
    enum evo_errc rc = ask_machine(m, "", &answer, err);
    if (rc || answer.status == 404)
        return rc;
    if (answer.status != 200)
        return status_error(&answer, "the machine's metadata service", err);
    evo_strbuf_add(role, answer.body.buf, strcspn(answer.body.buf, "\r\n"));
    if (strspn(role->buf, fit) != role->len)
        return evo_error_set(err, EVO_ERR_STORE,
                             "cannot understand the machine's metadata service: no role's name");
    return EVO_OK;
}

enum evo_errc evo_s3_machine_keys(const struct evo_s3_metadata_options *o, bool *ret_configured,
                                  struct evo_s3_keys *keys, struct evo_error *err)
{
    const char *disabled = env("AWS_EC2_METADATA_DISABLED");
    *ret_configured = false;
    if (disabled && strcasecmp(disabled, "true") == 0)
        return EVO_OK;
    __attribute__((cleanup(machine_auto))) struct machine m = { .options = o, .header = EVO_STRBUF_INIT };
    EVO_AUTO(strbuf) role = EVO_STRBUF_INIT;
    struct evo_error why = EVO_ERROR_INIT;
    bool there = false;
    enum evo_errc rc = find_endpoint(&m, &why);
    if (!rc)
        rc = open_session(&m, &there, &why);
    if (!rc && there)
        rc = find_role(&m, &role, &why);
    if (!rc && !role.len)
        return EVO_OK;
    *ret_configured = true;
    EVO_AUTO_STR what = evo_asprintf("the machine's role \"%s\"", role.buf);
    (void)snprintf(keys->source, sizeof(keys->source), "%s", what);
    EVO_AUTO(http_response) answer;
    evo_http_response_init(&answer);
    if (!rc)
        rc = ask_machine(&m, role.buf, &answer, &why);
    if (!rc && answer.status != 200)
        rc = status_error(&answer, what, &why);
    else if (!rc)
        rc = evo_s3_keys_parse(keys, &answer.body, "Token", what, &why);
    evo_strbuf_wipe(&answer.body);
    if (rc && err)
        *err = why;
    return rc;
}
