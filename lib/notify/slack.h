/*
 * slack.h - what Slack's answers mean, and when to try again. Pure: answers in, decisions out.
 *
 * An incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks) answers "ok", or an
 * error's name as plain text with a status that differs between sources; chat.postMessage
 * (https://docs.slack.dev/reference/methods/chat.postMessage) answers 200 with {"ok": false, "error": name}. So the
 * name decides where it is known, and the status where it is not. What will never work is never tried again.
 */
#ifndef EVO_NOTIFY_SLACK_H
#define EVO_NOTIFY_SLACK_H

#include "base/error.h"
#include "http/http.h"

enum evo_slack_via { EVO_SLACK_WEBHOOK, EVO_SLACK_BOT };
const char *evo_slack_via_name(enum evo_slack_via via); /* "webhook", "bot" */

enum evo_slack_step {
    EVO_SLACK_SENT,
    EVO_SLACK_RETRY, /* the same again, later */
    EVO_SLACK_PLAIN, /* the blocks were refused: once more as plain text */
    EVO_SLACK_REFUSED /* never */
};

struct evo_slack_verdict {
    enum evo_slack_step step;
    int64_t wait_ms; /* RETRY: what Slack asks for; -1: nothing */
    char error[64]; /* Slack's name of the error, "" where it gave none */
    char ts[32], channel[32]; /* SENT by bot token */
};
/* An answer that came (status is not 0). */
void evo_slack_judge(enum evo_slack_via via, const struct evo_http_response *answer,
                     struct evo_slack_verdict *ret);

/* What to do about an error of that name, as a hint; NULL for one that is not in the table. */
const char *evo_slack_hint(const char *error);

/* Pause before the next attempt (attempt 1 was the first): what Slack asks for, else exponential with full jitter;
 * `random` is uniform in [0, 1000). */
int64_t evo_slack_pause(int attempt, int64_t asked_ms, int random);
#define EVO_SLACK_ATTEMPTS 6

#endif
