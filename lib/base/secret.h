/*
 * secret.h - values that must never be shown, and the gate that keeps them out of text.
 *
 * A struct evo_secret is wiped on release and no format helper takes one. The
 * redactor knows every secret of the process; lib/cli sends all that leaves it
 * (messages, envelopes, logs) through evo_redact(), which replaces a secret in its
 * raw, percent-encoded, JSON-escaped and base64 forms by "***".
 */
#ifndef EVO_BASE_SECRET_H
#define EVO_BASE_SECRET_H

#include "base/strbuf.h"
#include "base/strvec.h"

struct evo_secret {
    char *value_; /* read it through evo_secret_reveal() only, at the point of use */
};
#define EVO_SECRET_INIT \
    {                   \
        0               \
    }

/* Copies value; NULL makes it unset. */
void evo_secret_set(struct evo_secret *secret, const char *value);
void evo_secret_release(struct evo_secret *secret);
bool evo_secret_is_set(const struct evo_secret *secret);
/* The value, "" when unset. Not to be kept, logged or put on a command line. */
const char *evo_secret_reveal(const struct evo_secret *secret);
EVO_DEFINE_AUTO(secret);

/* The secrets known to the process. Adding is thread-safe; values under 4 bytes are not
 * taken (they would blank out ordinary text). */
void evo_redact_add(const char *secret);
/* Adds the password that a connection string holds (postgresql://user:PASSWORD@…, ?password=…, or password=… of a
 * keyword string). False where there is none. */
bool evo_redact_connection(const char *text);
/* Wipes all. */
void evo_redact_forget(void);
/* Appends text with every known secret replaced. */
void evo_redact(struct evo_strbuf *out, const char *text);
/* True when text holds a known secret in one of its forms. */
bool evo_redact_finds(const char *text);

#endif
