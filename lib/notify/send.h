/*
 * send.h - bring a message to Slack: by webhook or by bot token, with retries within a deadline.
 */
#ifndef EVO_NOTIFY_SEND_H
#define EVO_NOTIFY_SEND_H

#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "notify/slack.h"
#include "json/json.h"

/* Where messages go. */
struct evo_slack {
    enum evo_slack_via via;
    struct evo_secret url; /* webhook: the credential itself; bot: "<api>/chat.postMessage" */
    struct evo_secret token; /* bot */
};
void evo_slack_release(struct evo_slack *s);
EVO_DEFINE_AUTO(slack);

/* https, or http to this machine: a token does not travel in the clear. EVO_ERR_CONFIG names the variable, never the
 * value. api NULL: Slack's own. */
enum evo_errc evo_slack_webhook(const char *url, struct evo_slack *ret, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_slack_bot(const char *token, const char *api, struct evo_slack *ret,
                            struct evo_error *err) EVO_CHECK;

struct evo_slack_receipt {
    bool delivered;
    int attempts;
    bool plain; /* the blocks were refused, the text was taken */
    char ts[32], channel[32]; /* "" by webhook: it tells neither */
};
/* `message`, and once `plain` where its blocks are refused. EVO_ERR_NETWORK with Slack's name of the error and what to do
 * about it; *ret is filled in every case. */
enum evo_errc evo_slack_send(const struct evo_slack *s, const struct evo_json *message,
                             const struct evo_json *plain, struct evo_deadline deadline,
                             struct evo_task *task, struct evo_slack_receipt *ret,
                             struct evo_error *err) EVO_CHECK;

#endif
