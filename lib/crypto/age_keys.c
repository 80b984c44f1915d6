#include "base/strbuf.h"
#include "crypto/age_impl.h"
#include "crypto/bech32.h"
#include "crypto/random.h"

#include "base/banned.h"

#define RECIPIENT_PREFIX "age"
#define SECRET_PREFIX    "AGE-SECRET-KEY-"

/* Text that people take for a recipient or an identity, by how it begins. The first row that fits counts. */
struct kind {
    const char *begins, *is;
};

static const char *kind_of(const struct kind *kinds, size_t count, const char *text, size_t n)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(kinds[i].begins);
        if (n >= len && strncasecmp(text, kinds[i].begins, len) == 0)
            return kinds[i].is;
    }
    return NULL;
}

static const struct kind other_recipients[] = {
    { "age1pq1", "is a post-quantum recipient, which is not supported" },
    { "age1tag1", "is the recipient of a hardware key, which is not supported" },
    { "age1tagpq1", "is the recipient of a hardware key, which is not supported" },
    { "ssh-", "is an ssh public key, which is not supported" },
    { "ecdsa-", "is an ssh public key, which is not supported" },
    { "sk-", "is an ssh public key, which is not supported" },
    { "AGE-SECRET-KEY-", "is a secret key (an identity), not a recipient" },
    { "AGE-PLUGIN-", "is a plugin's identity, not a recipient" },
};

static const struct kind other_identities[] = {
    { "AGE-SECRET-KEY-PQ-", "is a post-quantum identity, which is not supported" },
    { "AGE-PLUGIN-", "is a plugin's identity, which is not supported" },
    { "-----BEGIN AGE ENCRYPTED FILE", "begins a passphrase-protected identity, which is not supported" },
    { "age-encryption.org/", "begins a passphrase-protected identity, which is not supported" },
    { "-----BEGIN ", "begins an ssh or other PEM key, which is not supported" },
    { "ssh-", "is an ssh public key, not an identity" },
    { "age1", "is a recipient (a public key), not an identity" },
};

/* A plugin's recipient is "age1<name>1...", so a second "1" tells it: Bech32's own data has none. */
static bool is_plugin_recipient(const char *text)
{
    return evo_starts_with(text, "age1") && strchr(text + 4, '1') != NULL;
}

/* ret_why: what is wrong, to stand behind "recipient 2". */
static bool parse_recipient(const char *text, unsigned char key[EVO_X25519_SIZE], const char **ret_why)
{
    unsigned char any[EVO_X25519_SIZE], shared[EVO_X25519_SIZE];
    size_t n = 0;
    *ret_why = kind_of(other_recipients, EVO_COUNT(other_recipients), text, strlen(text));
    if (*ret_why)
        return false;
    if (is_plugin_recipient(text)) {
        *ret_why = "is a plugin's recipient, which is not supported";
        return false;
    }
    if (!evo_starts_with(text, RECIPIENT_PREFIX "1")) {
        *ret_why = "is not an age recipient";
        return false;
    }
    if (!evo_bech32_decode(text, strlen(text), RECIPIENT_PREFIX, key, EVO_X25519_SIZE, &n, ret_why))
        return false;
    if (n != EVO_X25519_SIZE) {
        *ret_why = "is too short";
        return false;
    }
    /* A point of low order makes every shared secret zero: anybody could open the file. */
    evo_random_bytes(any, sizeof(any));
    if (!evo_x25519_shared(any, key, shared)) {
        *ret_why = "is not a safe key (a point of low order)";
        return false;
    }
    explicit_bzero(any, sizeof(any));
    explicit_bzero(shared, sizeof(shared));
    return true;
}

static enum evo_errc bad_recipient(const char *text, size_t number, const char *why, struct evo_error *err)
{
    /* Anything else may be, or hold, a secret that got into the wrong place. */
    bool public =
        (evo_starts_with(text, "age1") || evo_starts_with(text, "ssh-")) && !strcasestr(text, "secret");
    if (public)
        evo_error_set(err, EVO_ERR_CONFIG, "recipient %zu (\"%.100s\") %s", number, text, why);
    else
        evo_error_set(err, EVO_ERR_CONFIG, "recipient %zu %s", number, why);
    return evo_error_hint(err, "A recipient is the public key \"age1...\" that age-keygen prints; "
                               "of an identity file: age-keygen -y FILE");
}

static bool holds(const struct evo_age_recipients *r, const unsigned char key[EVO_X25519_SIZE])
{
    for (size_t i = 0; i < r->count; i++)
        if (memcmp(r->keys[i], key, EVO_X25519_SIZE) == 0)
            return true;
    return false;
}

enum evo_errc evo_age_recipients_parse(const char *const *texts, size_t count,
                                       struct evo_age_recipients **ret, struct evo_error *err)
{
    if (!count)
        return evo_error_set(err, EVO_ERR_CONFIG, "no recipient is given");
    if (count > EVO_AGE_RECIPIENTS_MAX)
        return evo_error_set(err, EVO_ERR_CONFIG, "%zu recipients are given, %d are allowed", count,
                             EVO_AGE_RECIPIENTS_MAX);
    EVO_AUTO_PTR(age_recipients) r = evo_calloc(1, sizeof(*r));
    r->keys = evo_calloc(count, sizeof(*r->keys));
    for (size_t i = 0; i < count; i++) {
        unsigned char key[EVO_X25519_SIZE];
        const char *why;
        if (!parse_recipient(texts[i], key, &why))
            return bad_recipient(texts[i], i + 1, why, err);
        if (!holds(r, key))
            memcpy(r->keys[r->count++], key, sizeof(key));
    }
    *ret = r;
    r = NULL;
    return EVO_OK;
}

void evo_age_recipients_free(struct evo_age_recipients *r)
{
    if (!r)
        return;
    free(r->keys);
    free(r);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* One line that is neither empty nor a comment. ret_why: what is wrong with it. */
static bool parse_identity(const char *line, size_t n, struct evo_age_identity *id, const char **ret_why)
{
    size_t len = 0;
    *ret_why = kind_of(other_identities, EVO_COUNT(other_identities), line, n);
    if (*ret_why)
        return false;
    if (n < strlen(SECRET_PREFIX "1") || memcmp(line, SECRET_PREFIX "1", strlen(SECRET_PREFIX "1")) != 0) {
        *ret_why = "is not an age identity";
        return false;
    }
    if (!evo_bech32_decode(line, n, SECRET_PREFIX, id->secret, sizeof(id->secret), &len, ret_why))
        return false;
    if (len != sizeof(id->secret)) {
        *ret_why = "is too short";
        return false;
    }
    evo_x25519_public(id->secret, id->recipient);
    return true;
}

static enum evo_errc bad_identity(const char *what, const char *why, size_t number, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "%s: line %zu %s", what, number, why);
    if (strstr(why, "passphrase"))
        return evo_error_hint(err, "age -d asks for the passphrase and gives the identity out: age -d FILE");
    return evo_error_hint(
        err, "An identity is a line \"AGE-SECRET-KEY-1...\", as age-keygen writes it: age-keygen -o FILE");
}

enum evo_errc evo_age_identities_parse(const char *text, size_t n, const char *what,
                                       struct evo_age_identities **ret, struct evo_error *err)
{
    EVO_AUTO_PTR(age_identities) ids = evo_calloc(1, sizeof(*ids));
    const char *end = text + n;
    size_t number = 1;
    for (const char *line = text, *next; line < end; line = next, number++) {
        const char *lf = memchr(line, '\n', (size_t)(end - line));
        const char *stop = lf ? lf : end, *why;
        next = lf ? lf + 1 : end;
        while (line < stop && blank(*line))
            line++;
        while (line < stop && blank(stop[-1]))
            stop--;
        if (line == stop || *line == '#')
            continue;
        if (ids->count == EVO_AGE_IDENTITIES_MAX)
            return evo_error_set(err, EVO_ERR_CONFIG, "%s: more than %d identities", what,
                                 EVO_AGE_IDENTITIES_MAX);
        if (!parse_identity(line, (size_t)(stop - line), &ids->keys[ids->count], &why))
            return bad_identity(what, why, number, err);
        ids->count++;
    }
    if (!ids->count) {
        evo_error_set(err, EVO_ERR_CONFIG, "%s holds no identity", what);
        return evo_error_hint(err, "age-keygen writes one: age-keygen -o FILE");
    }
    *ret = ids;
    ids = NULL;
    return EVO_OK;
}

void evo_age_identities_free(struct evo_age_identities *ids)
{
    if (!ids)
        return;
    explicit_bzero(ids, sizeof(*ids));
    free(ids);
}
