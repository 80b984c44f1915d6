#include "base/secret.h"

#include <pthread.h>

#include "base/banned.h"
#include "base/encode.h"

void evo_secret_set(struct evo_secret *secret, const char *value)
{
    evo_secret_release(secret);
    secret->value_ = evo_strdup(value);
}

void evo_secret_release(struct evo_secret *secret)
{
    if (!secret || !secret->value_)
        return;
    explicit_bzero(secret->value_, strlen(secret->value_));
    free(secret->value_);
    secret->value_ = NULL;
}

bool evo_secret_is_set(const struct evo_secret *secret)
{
    return secret->value_ != NULL;
}

const char *evo_secret_reveal(const struct evo_secret *secret)
{
    return secret->value_ ? secret->value_ : "";
}

/* Process-wide on purpose: a secret must be kept out of every output, whoever produces it. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct evo_strvec forms;

#define SHORTEST 4

static void add_form(const char *s)
{
    if (strlen(s) >= SHORTEST && !evo_strvec_contains(&forms, s))
        evo_strvec_push(&forms, s);
}

/* As JSON writes it: the secret may pass through an envelope. */
static void json_escape(struct evo_strbuf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            evo_strbuf_addch(out, '\\');
        if ((unsigned char)*s < 0x20)
            evo_strbuf_addf(out, "\\u%04x", *s);
        else
            evo_strbuf_addch(out, *s);
    }
}

static int longest_first(const void *a, const void *b)
{
    size_t la = strlen(*(char *const *)a), lb = strlen(*(char *const *)b);
    return la < lb ? 1 : la > lb ? -1 : 0;
}

void evo_redact_add(const char *secret)
{
    if (!secret || strlen(secret) < SHORTEST)
        return;
    size_t n = strlen(secret);
    EVO_AUTO(strbuf) form = EVO_STRBUF_INIT;
    (void)pthread_mutex_lock(&mutex);
    add_form(secret);
    evo_percent_encode(&form, secret, n, NULL);
    add_form(form.buf);
    evo_strbuf_clear(&form);
    json_escape(&form, secret);
    add_form(form.buf);
    evo_strbuf_clear(&form);
    evo_base64(&form, secret, n);
    add_form(form.buf);
    evo_strbuf_clear(&form);
    if (evo_percent_decode(&form, secret, n))
        add_form(form.buf);
    /* The longest first, so that a form that contains another is replaced whole. */
    qsort(forms.items, forms.count, sizeof(*forms.items), longest_first);
    (void)pthread_mutex_unlock(&mutex);
    evo_strbuf_wipe(&form);
}

/* "keyword=VALUE" up to the end of a parameter; quotes and backslashes as libpq's keyword strings have them. */
static bool find_keyword(const char *text, const char *keyword, bool url, struct evo_strbuf *out)
{
    for (const char *p = strstr(text, keyword); p; p = strstr(p + 1, keyword)) {
        if (p > text && !strchr(url ? "?&" : " \t\r\n'", p[-1]))
            continue;
        const char *v = p + strlen(keyword);
        v += url ? 0 : strspn(v, " \t");
        if (*v++ != '=')
            continue;
        v += url ? 0 : strspn(v, " \t");
        bool quoted = !url && *v == '\'';
        v += quoted;
        for (; *v && (quoted ? *v != '\'' : !strchr(url ? "&#" : " \t\r\n", *v)); v++) {
            if (!url && *v == '\\' && v[1])
                v++;
            evo_strbuf_addch(out, *v);
        }
        if (out->len)
            return true;
    }
    return false;
}

bool evo_redact_connection(const char *text)
{
    EVO_AUTO(strbuf) password = EVO_STRBUF_INIT;
    const char *authority = strstr(text, "://");
    bool found = false;
    if (authority) {
        authority += 3;
        /* The last '@' before the path: a password typed without encoding may hold one itself. */
        const char *end = authority + strcspn(authority, "/?#"), *at = end, *colon;
        while (at > authority && *at != '@')
            at--;
        if (*at != '@') {
            /* A raw '/', '?' or '#' in the password hides the '@' from the rule above. */
            const char *last = strrchr(authority, '@');
            const char *query = strchr(authority, '?');
            at = last && (!query || last < query) ? last : authority;
        }
        colon = memchr(authority, ':', (size_t)(at - authority));
        if (*at == '@' && colon && colon + 1 < at) {
            evo_strbuf_add(&password, colon + 1, (size_t)(at - colon - 1));
            found = true;
        }
    }
    if (!found)
        found = find_keyword(text, "password", authority != NULL, &password);
    if (found)
        evo_redact_add(password.buf);
    /* The key file's, beside the user's own. */
    evo_strbuf_clear(&password);
    if (find_keyword(text, "sslpassword", authority != NULL, &password)) {
        evo_redact_add(password.buf);
        found = true;
    }
    evo_strbuf_wipe(&password);
    return found;
}

void evo_redact_forget(void)
{
    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < forms.count; i++)
        explicit_bzero(forms.items[i], strlen(forms.items[i]));
    evo_strvec_release(&forms);
    (void)pthread_mutex_unlock(&mutex);
}

static const char *match(const char *text)
{
    for (size_t i = 0; i < forms.count; i++)
        if (evo_starts_with(text, forms.items[i]))
            return forms.items[i];
    return NULL;
}

void evo_redact(struct evo_strbuf *out, const char *text)
{
    (void)pthread_mutex_lock(&mutex);
    while (*text) {
        const char *found = match(text);
        if (found) {
            evo_strbuf_adds(out, "***");
            text += strlen(found);
        } else {
            evo_strbuf_addch(out, *text++);
        }
    }
    (void)pthread_mutex_unlock(&mutex);
}

bool evo_redact_finds(const char *text)
{
    bool found = false;
    (void)pthread_mutex_lock(&mutex);
    for (; *text && !found; text++)
        found = match(text) != NULL;
    (void)pthread_mutex_unlock(&mutex);
    return found;
}
