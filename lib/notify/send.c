#include "notify/send.h"

#include "base/cancel.h"
#include "base/parse.h"
#include "crypto/random.h"

#include "base/banned.h"

#define API              "https://slack.com/api"
#define ATTEMPT_MS       10000
#define CONNECT_MS       5000
#define ANSWER_MAX_BYTES ((size_t)256 << 10)

void evo_slack_release(struct evo_slack *s)
{
    if (!s)
        return;
    evo_secret_release(&s->url);
    evo_secret_release(&s->token);
}

/* `what` names the value, which is not shown: it is a secret, or was meant to be one. */
static enum evo_errc check_url(const char *url, const char *what, struct evo_error *err)
{
    EVO_AUTO(http_url) u = { 0 };
    enum evo_errc rc = evo_http_url_parse(url, &u, err);
    if (rc == EVO_ERR_UNSUPPORTED) /* there is no libcurl */
        return rc;
    if (rc || (!evo_streq(u.scheme, "http") && !evo_streq(u.scheme, "https")))
        return evo_error_set(err, EVO_ERR_CONFIG, "%s is not a URL", what);
    if (evo_streq(u.scheme, "http") && !evo_http_is_loopback(u.host))
        return evo_error_set(err, EVO_ERR_CONFIG, "%s is not an https URL", what);
    return EVO_OK;
}

enum evo_errc evo_slack_webhook(const char *url, struct evo_slack *ret, struct evo_error *err)
{
    enum evo_errc rc = check_url(url, "SLACK_WEBHOOK_URL", err);
    if (rc)
        return evo_error_hint(
            err, "Copy the whole URL of the incoming webhook: https://hooks.slack.com/services/...");
    *ret = (struct evo_slack){ .via = EVO_SLACK_WEBHOOK };
    evo_secret_set(&ret->url, url);
    return EVO_OK;
}

enum evo_errc evo_slack_bot(const char *token, const char *api, struct evo_slack *ret, struct evo_error *err)
{
    enum evo_errc rc = check_url(api ? api : API, "EVO_SLACK_API_URL", err);
    if (rc)
        return rc;
    if (!*token ||
        token[strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")]) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "SLACK_BOT_TOKEN is not a token");
        return evo_error_hint(err, "Copy the bot's token: xoxb-...");
    }
    *ret = (struct evo_slack){ .via = EVO_SLACK_BOT };
    api = api ? api : API;
    EVO_AUTO_STR url = evo_asprintf("%s%schat.postMessage", api, evo_ends_with(api, "/") ? "" : "/");
    evo_secret_set(&ret->url, url);
    evo_secret_set(&ret->token, token);
    return EVO_OK;
}

static void wipe(struct evo_strvec *v)
{
    for (size_t i = 0; i < v->count; i++)
        explicit_bzero(v->items[i], strlen(v->items[i]));
    evo_strvec_release(v);
}

static enum evo_errc post(struct evo_http *http, const struct evo_slack *s, const struct evo_json *message,
                          int64_t timeout_ms, struct evo_http_response *answer, struct evo_error *err)
{
    EVO_AUTO(strbuf) body = EVO_STRBUF_INIT;
    evo_json_format(message, EVO_JSON_COMPACT, &body);
    struct evo_strvec headers = EVO_STRVEC_INIT;
    (void)evo_strvec_push(&headers, "Content-Type: application/json; charset=utf-8");
    (void)evo_strvec_push(&headers, "User-Agent: evo-notify/" EVO_VERSION);
    if (s->via == EVO_SLACK_BOT)
        (void)evo_strvec_pushf(&headers, "Authorization: Bearer %s", evo_secret_reveal(&s->token));
    struct evo_http_request request = {
        .method = "POST",
        .url = evo_secret_reveal(&s->url),
        .headers = &headers,
        .body = body.buf,
        .body_len = body.len,
        .connect_timeout_ms = timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS,
        .timeout_ms = timeout_ms,
        .max_body = ANSWER_MAX_BYTES,
        .fresh_connection = true, /* a message must not appear twice because a pooled connection had ended */
    };
    enum evo_errc rc = evo_http_send(http, &request, answer, err);
    wipe(&headers);
    return rc;
}

static enum evo_errc refused(const struct evo_http_response *answer, const struct evo_slack_verdict *v,
                             struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_NETWORK, "Slack refused the message: %s (status %d)",
                        *v->error ? v->error : "no reason given", answer->status);
    const char *hint = evo_slack_hint(v->error);
    if (hint)
        (void)evo_error_hint(err, "%s", hint);
    if (err) {
        err->http_status = answer->status;
        err->retryable = v->step == EVO_SLACK_RETRY;
    }
    return EVO_ERR_NETWORK;
}

/* Waits for the next attempt; false where that would pass the deadline or there were enough. */
static enum evo_errc wait_for_next(int attempts, int64_t asked_ms, struct evo_deadline deadline,
                                   bool *ret_again, struct evo_error *err)
{
    int64_t pause = evo_slack_pause(attempts, asked_ms, (int)evo_random_below(1000));
    int left = evo_deadline_left(deadline);
    *ret_again = attempts < EVO_SLACK_ATTEMPTS && (left < 0 || pause < left);
    if (!*ret_again) {
        char human[EVO_HUMAN_MAX];
        if (asked_ms >= 0)
            (void)evo_error_detail(err, "Slack asks to wait for %s, which is too long.",
                                   evo_format_duration(asked_ms, human));
        else
            (void)evo_error_detail(err, "It was tried %d times.", attempts);
        return EVO_OK;
    }
    struct evo_error cancelled = EVO_ERROR_INIT;
    enum evo_errc rc = evo_cancel_sleep(pause, &cancelled);
    if (rc && err)
        *err = cancelled;
    return rc;
}

static int64_t attempt_time(struct evo_deadline deadline)
{
    int left = evo_deadline_left(deadline);
    return left < 0 || left > ATTEMPT_MS ? ATTEMPT_MS : left ? left : 1;
}

enum evo_errc evo_slack_send(const struct evo_slack *s, const struct evo_json *message,
                             const struct evo_json *plain, struct evo_deadline deadline,
                             struct evo_task *task, struct evo_slack_receipt *ret, struct evo_error *err)
{
    *ret = (struct evo_slack_receipt){ 0 };
    EVO_AUTO_PTR(http) http = NULL;
    enum evo_errc rc = evo_http_new(&http, err);
    bool again = !rc;
    while (again) {
        EVO_AUTO(http_response) answer;
        evo_http_response_init(&answer);
        struct evo_slack_verdict v = { .step = EVO_SLACK_RETRY, .wait_ms = -1 };
        ret->attempts++;
        rc = post(http, s, ret->plain ? plain : message, attempt_time(deadline), &answer, err);
        if (rc == EVO_ERR_CANCELLED || (rc && !answer.status && err && !err->retryable))
            return rc;
        if (!rc) {
            evo_slack_judge(s->via, &answer, &v);
            if (v.step == EVO_SLACK_SENT) {
                ret->delivered = true;
                memcpy(ret->ts, v.ts, sizeof(ret->ts));
                memcpy(ret->channel, v.channel, sizeof(ret->channel));
                return EVO_OK;
            }
            rc = refused(&answer, &v, err);
        }
        if (v.step == EVO_SLACK_PLAIN && !ret->plain) {
            evo_warn(task, "Slack refused the message's blocks (%s): it is sent as plain text", v.error);
            ret->plain = true;
            continue;
        }
        if (v.step != EVO_SLACK_RETRY)
            return rc;
        EVO_AUTO_STR why = evo_strdup(err ? err->message : "");
        enum evo_errc waited = wait_for_next(ret->attempts, v.wait_ms, deadline, &again, err);
        if (waited)
            return waited;
        if (again)
            evo_info(task, "%s; trying again", why);
    }
    return rc;
}
