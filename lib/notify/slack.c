#include "notify/slack.h"

#include "json/json.h"

#include "base/banned.h"

#define BASE_MS 500
#define CAP_MS  8000

/* One row an error that Slack names. */
static const struct {
    const char *name;
    enum evo_slack_step step;
    const char *hint;
} errors[] = {
    { "invalid_blocks", EVO_SLACK_PLAIN, NULL },
    { "invalid_blocks_format", EVO_SLACK_PLAIN, NULL },
    { "msg_blocks_too_long", EVO_SLACK_PLAIN, NULL },
    { "msg_too_long", EVO_SLACK_PLAIN, NULL },
    { "invalid_attachments", EVO_SLACK_PLAIN, NULL },

    { "ratelimited", EVO_SLACK_RETRY, NULL },
    { "rate_limited", EVO_SLACK_RETRY, NULL },
    { "message_limit_exceeded", EVO_SLACK_RETRY, NULL },
    { "rollup_error", EVO_SLACK_RETRY, NULL },
    { "internal_error", EVO_SLACK_RETRY, NULL },
    { "fatal_error", EVO_SLACK_RETRY, NULL },
    { "service_unavailable", EVO_SLACK_RETRY, NULL },
    { "request_timeout", EVO_SLACK_RETRY, NULL },

    { "invalid_token", EVO_SLACK_REFUSED, "Make a new webhook and store its URL in SLACK_WEBHOOK_URL." },
    { "no_service", EVO_SLACK_REFUSED,
      "The webhook was removed: make a new one and store its URL in SLACK_WEBHOOK_URL." },
    { "no_service_id", EVO_SLACK_REFUSED,
      "The webhook's URL is not whole: store it again in SLACK_WEBHOOK_URL." },
    { "no_team", EVO_SLACK_REFUSED,
      "The webhook's workspace is gone: make a new one and store its URL in SLACK_WEBHOOK_URL." },
    { "no_active_hooks", EVO_SLACK_REFUSED,
      "The webhook was disabled: make a new one and store its URL in SLACK_WEBHOOK_URL." },
    { "action_prohibited", EVO_SLACK_REFUSED,
      "An administrator of the workspace forbids this webhook to post." },
    { "posting_to_general_channel_denied", EVO_SLACK_REFUSED,
      "Take another channel than the workspace's general one." },
    { "channel_not_found", EVO_SLACK_REFUSED,
      "Check --channel: the channel's id, or its name with #; invite the app to a private one." },
    { "not_in_channel", EVO_SLACK_REFUSED, "Invite the app to the channel: /invite @APP in Slack." },
    { "channel_is_archived", EVO_SLACK_REFUSED, "The channel is archived: take another one." },
    { "is_archived", EVO_SLACK_REFUSED, "The channel is archived: take another one." },
    { "user_not_found", EVO_SLACK_REFUSED,
      "The webhook's user is gone: make a new one and store its URL in SLACK_WEBHOOK_URL." },
    { "restricted_action", EVO_SLACK_REFUSED, "The workspace's settings forbid the app to post there." },
    { "missing_scope", EVO_SLACK_REFUSED,
      "Give the app the scope chat:write (and chat:write.public for channels it is not in), and install it "
      "again." },
    { "not_authed", EVO_SLACK_REFUSED, "Store the bot's token (xoxb-...) in SLACK_BOT_TOKEN." },
    { "invalid_auth", EVO_SLACK_REFUSED, "Store the bot's token (xoxb-...) in SLACK_BOT_TOKEN." },
    { "not_allowed_token_type", EVO_SLACK_REFUSED, "Store the bot's token (xoxb-...) in SLACK_BOT_TOKEN." },
    { "token_expired", EVO_SLACK_REFUSED,
      "Install the app again and store its new token in SLACK_BOT_TOKEN." },
    { "token_revoked", EVO_SLACK_REFUSED,
      "Install the app again and store its new token in SLACK_BOT_TOKEN." },
    { "account_inactive", EVO_SLACK_REFUSED,
      "Install the app again and store its new token in SLACK_BOT_TOKEN." },
    { "invalid_payload", EVO_SLACK_REFUSED, NULL },
    { "no_text", EVO_SLACK_REFUSED, NULL },
};

const char *evo_slack_via_name(enum evo_slack_via via)
{
    return via == EVO_SLACK_BOT ? "bot" : "webhook";
}

const char *evo_slack_hint(const char *error)
{
    for (size_t i = 0; i < EVO_COUNT(errors); i++)
        if (evo_streq(errors[i].name, error))
            return errors[i].hint;
    return NULL;
}

/* An error's name is lower-case words; anything else (a proxy's page) is none. */
static void set_error(struct evo_slack_verdict *v, const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (n && n < sizeof(v->error) && (!text[n] || strchr(" \r\n", text[n]))) {
        memcpy(v->error, text, n);
        v->error[n] = '\0';
    }
}

static enum evo_slack_step step_of(const char *error, int status)
{
    for (size_t i = 0; i < EVO_COUNT(errors); i++)
        if (evo_streq(errors[i].name, error))
            return errors[i].step;
    bool passes = status == 408 || status == 425 || status == 429 || status >= 500;
    return passes ? EVO_SLACK_RETRY : EVO_SLACK_REFUSED;
}

static bool read_bot(const struct evo_http_response *answer, struct evo_slack_verdict *v)
{
    EVO_AUTO_PTR(json) json = NULL;
    if (evo_json_parse(answer->body.buf, answer->body.len, "answer", EVO_ERR_NETWORK, &json, NULL))
        return false;
    set_error(v, evo_json_get_string(json, "error", ""));
    (void)snprintf(v->ts, sizeof(v->ts), "%s", evo_json_get_string(json, "ts", ""));
    (void)snprintf(v->channel, sizeof(v->channel), "%s", evo_json_get_string(json, "channel", ""));
    return evo_json_get_bool(json, "ok", false);
}

void evo_slack_judge(enum evo_slack_via via, const struct evo_http_response *answer,
                     struct evo_slack_verdict *ret)
{
    *ret = (struct evo_slack_verdict){ .wait_ms = evo_http_retry_after_ms(answer) };
    bool good = answer->status / 100 == 2;
    if (via == EVO_SLACK_BOT) {
        good = read_bot(answer, ret) && good;
    } else {
        set_error(ret, good ? "" : answer->body.buf);
        /* A 200 that is not Slack's (a captive portal, a proxy's page) delivered nothing. */
        good = good && (evo_starts_with(answer->body.buf, "ok") || !answer->body.len);
    }
    ret->step = good ? EVO_SLACK_SENT : step_of(ret->error, answer->status);
}

int64_t evo_slack_pause(int attempt, int64_t asked_ms, int random)
{
    if (asked_ms >= 0)
        return asked_ms;
    int64_t ceiling = BASE_MS;
    for (int i = 1; i < attempt && ceiling < CAP_MS; i++)
        ceiling *= 2;
    return (ceiling < CAP_MS ? ceiling : CAP_MS) * random / 1000;
}
