/*
 * message.h - the facts of a run as a Slack message (Block Kit, https://docs.slack.dev/reference/block-kit). Pure.
 *
 * `text` is always there: it is the line of the push notification and of a screen reader. Sizes stay far below
 * Slack's limits (50 blocks, 3,000 characters a section, about 13,200 in all): the message is to be read.
 */
#ifndef EVO_NOTIFY_MESSAGE_H
#define EVO_NOTIFY_MESSAGE_H

#include "notify/facts.h"
#include "json/json.h"

/* channel NULL: for a webhook. `plain`: text alone, for a Slack that refused the blocks. */
struct evo_json *evo_notify_message(const struct evo_notify_facts *f, const char *channel,
                                    bool plain) EVO_CHECK;

#endif
