/*
 * mrkdwn.h - text from outside, made fit for Slack (https://docs.slack.dev/messaging/formatting-message-text).
 *
 * In mrkdwn only & < > are special: escaped, no mention, channel call or link can be forged by a migration's name or a
 * server's message. Each function appends at most `max` bytes (Slack counts characters, which are never more), the
 * sign of a cut included, and never cuts inside a character, an entity or a code fence.
 */
#ifndef EVO_NOTIFY_MRKDWN_H
#define EVO_NOTIFY_MRKDWN_H

#include "base/strbuf.h"

/* Running text: escaped; bytes that are no UTF-8 become U+FFFD, control characters blanks (line breaks stay). */
void evo_mrkdwn_text(struct evo_strbuf *out, const char *s, size_t max);
/* `code` on one line; back-ticks in it become apostrophes. Nothing for an empty text. */
void evo_mrkdwn_code(struct evo_strbuf *out, const char *s, size_t max);
/* A fenced block; back-ticks in it become apostrophes. Nothing for an empty text. */
void evo_mrkdwn_block(struct evo_strbuf *out, const char *s, size_t max);
/* For plain_text objects: one line, cut, nothing escaped. */
void evo_mrkdwn_plain(struct evo_strbuf *out, const char *s, size_t max);

#endif
