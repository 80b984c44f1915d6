#include "store/s3_sts.h"

#include "base/cancel.h"
#include "base/encode.h"
#include "base/file.h"
#include "crypto/random.h"
#include "http/http.h"
#include "store/s3_error.h"
#include "store/s3_url.h"
#include "store/s3_xml.h"

#define TOKEN_MAX ((size_t)64 << 10)
#define ATTEMPTS  4

static void add_field(struct evo_strbuf *body, const char *name, const char *value)
{
    evo_strbuf_addf(body, "&%s=", name);
    evo_percent_encode(body, value, strlen(value), NULL);
}

static enum evo_errc read_token(const char *path, struct evo_strbuf *token, struct evo_error *err)
{
    struct evo_error why = EVO_ERROR_INIT;
    if (evo_file_read(path, TOKEN_MAX, token, &why)) {
        evo_error_set(err, EVO_ERR_STORE, "could not read the web identity token: %s", why.message);
        return evo_error_hint(err, "Check AWS_WEB_IDENTITY_TOKEN_FILE.");
    }
    evo_strbuf_trim(token);
    if (!token->len || strlen(token->buf) != token->len)
        return evo_error_set(err, EVO_ERR_STORE,
                             "cannot use the web identity token in \"%s\": no token in it", path);
    evo_redact_add(token->buf);
    return EVO_OK;
}

static enum evo_errc refused(const struct evo_http_response *response, const char *role,
                             struct evo_error *err)
{
    struct evo_s3_fault fault;
    if (!evo_s3_xml_fault(response->body.buf, response->body.len, &fault))
        fault.code[0] = fault.message[0] = '\0';
    evo_error_set(err, EVO_ERR_STORE, "could not assume the role \"%s\" by web identity: %d%s%s%s", role,
                  response->status, *fault.code ? " (" : "", fault.code, *fault.code ? ")" : "");
    if (err)
        err->http_status = response->status;
    if (*fault.message) {
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        evo_redact(&text, fault.message);
        evo_error_detail(err, "The token service says: %s", text.buf);
    }
    return evo_error_hint(err, "Check AWS_ROLE_ARN and that the role trusts this workflow's token.");
}

static enum evo_errc ask(const struct evo_sts_options *o, const char *url, const struct evo_strbuf *body,
                         struct evo_http_response *response, struct evo_error *err)
{
    EVO_AUTO_PTR(http) http = NULL;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    evo_strvec_push(&headers, "Content-Type: application/x-www-form-urlencoded");
    evo_strvec_push(&headers, "Accept: application/xml");
    enum evo_errc rc = evo_http_new(&http, err);
    if (rc)
        return rc;
    struct evo_http_request request = { .method = "POST",
                                        .url = url,
                                        .headers = &headers,
                                        .body = body->buf,
                                        .body_len = body->len,
                                        .timeout_ms = 20000,
                                        .ca_bundle = o->ca_bundle,
                                        .despite_cancel = o->despite_cancel };
    for (int attempt = 0;; attempt++) {
        rc = evo_http_send(http, &request, response, err);
        if (rc == EVO_ERR_CANCELLED)
            return rc;
        struct evo_s3_fault fault = { 0 };
        if (!rc && response->status != 200)
            (void)evo_s3_xml_fault(response->body.buf, response->body.len, &fault);
        enum evo_s3_verdict verdict =
            rc ? evo_s3_judge_failure(response->failure) : evo_s3_judge(response->status, fault.code);
        /* IDPCommunicationError: STS could not reach the identity provider; worth another try. */
        bool again = verdict == EVO_S3_RETRY || evo_streq(fault.code, "IDPCommunicationError");
        if (!again || attempt + 1 == ATTEMPTS)
            return rc;
        int64_t wait = evo_s3_backoff_ms(attempt, 200, 5000, evo_http_retry_after_ms(response),
                                         evo_random_below(UINT64_MAX));
        evo_debug(o->task, "store: the token service did not answer, trying again in %lld ms",
                  (long long)wait);
        rc = evo_cancel_sleep(wait, err);
        if (rc)
            return rc;
    }
}

enum evo_errc evo_s3_sts_assume(const struct evo_sts_options *o, struct evo_s3_keys *ret,
                                struct evo_error *err)
{
    EVO_AUTO_STR scheme = NULL;
    EVO_AUTO_STR host = NULL;
    EVO_AUTO_STR path = NULL;
    EVO_AUTO_STR standard = evo_asprintf("https://sts.%s.amazonaws.com%s", o->region,
                                         evo_starts_with(o->region, "cn-") ? ".cn" : "");
    enum evo_errc rc =
        evo_s3_endpoint_parse(o->endpoint && *o->endpoint ? o->endpoint : standard, o->allow_http,
                              "AWS_ENDPOINT_URL_STS", &scheme, &host, &path, err);
    if (rc)
        return rc;
    EVO_AUTO(strbuf) token = EVO_STRBUF_INIT_MAX(TOKEN_MAX + 65536);
    rc = read_token(o->token_file, &token, err);
    if (rc)
        return rc;

    char random[17];
    EVO_AUTO_STR name = o->session_name && *o->session_name
                            ? evo_strdup(o->session_name)
                            : evo_asprintf("evo-%s", evo_random_hex(random, 16));
    EVO_AUTO(strbuf) body = EVO_STRBUF_INIT;
    evo_strbuf_adds(&body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
    add_field(&body, "RoleArn", o->role_arn);
    add_field(&body, "RoleSessionName", name);
    add_field(&body, "WebIdentityToken", token.buf);
    evo_strbuf_wipe(&token);

    EVO_AUTO_STR url = evo_asprintf("%s://%s%s/", scheme, host, path);
    EVO_AUTO(http_response) response;
    evo_http_response_init(&response);
    rc = ask(o, url, &body, &response, err);
    evo_strbuf_wipe(&body);
    if (rc)
        return rc == EVO_ERR_CANCELLED
                   ? rc
                   : evo_error_prefix(err, "could not assume the role \"%s\"", o->role_arn);
    if (response.status != 200)
        return refused(&response, o->role_arn, err);

    struct evo_sts_answer answer = { .access_key = EVO_STRBUF_INIT,
                                     .secret_key = EVO_STRBUF_INIT,
                                     .token = EVO_STRBUF_INIT };
    bool ok = evo_s3_xml_sts(response.body.buf, response.body.len, &answer);
    if (ok) {
        evo_s3_keys_set(ret, answer.access_key.buf, answer.secret_key.buf, answer.token.buf);
        ret->expires_ms = answer.expires_ms;
    }
    evo_strbuf_wipe(&answer.access_key);
    evo_strbuf_wipe(&answer.secret_key);
    evo_strbuf_wipe(&answer.token);
    evo_strbuf_wipe(&response.body);
    if (!ok)
        return evo_error_set(err, EVO_ERR_STORE,
                             "cannot understand the answer of the token service at \"%s\"", host);
    return EVO_OK;
}
