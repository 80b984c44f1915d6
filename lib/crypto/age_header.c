#include "crypto/age_header.h"

#include <openssl/crypto.h>

#include "base/encode.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"

#include "base/banned.h"

#define PROJECT "age-encryption.org/"
#define INTRO   PROJECT "v1\n"
#define ARMOUR  "-----BEGIN AGE ENCRYP" /* as long as INTRO */
#define STANZA  "-> "
#define NATIVE  "X25519"
#define SCRYPT  "scrypt"
#define END     "--- "
#define WRAP    "age-encryption.org/v1/X25519"

enum { COLUMNS = 64, KEY_COLUMNS = 43 /* of base64 for 32 bytes */ };

/* The cipher that wraps the file key for one recipient. The share makes it a new one every time, so its nonce is fixed. */
static struct evo_chachapoly *wrapper(const unsigned char shared[EVO_X25519_SIZE],
                                      const unsigned char share[EVO_X25519_SIZE],
                                      const unsigned char recipient[EVO_X25519_SIZE])
{
    unsigned char salt[2 * EVO_X25519_SIZE], key[EVO_CHACHAPOLY_KEY];
    memcpy(salt, share, EVO_X25519_SIZE);
    memcpy(salt + EVO_X25519_SIZE, recipient, EVO_X25519_SIZE);
    evo_hkdf_sha256(shared, EVO_X25519_SIZE, salt, sizeof(salt), WRAP, strlen(WRAP), key, sizeof(key));
    struct evo_chachapoly *c = evo_chachapoly_new(key);
    explicit_bzero(key, sizeof(key));
    return c;
}

static const unsigned char wrap_nonce[EVO_CHACHAPOLY_NONCE];

static void header_mac(const char *text, size_t n, const unsigned char file_key[AGE_FILE_KEY],
                       unsigned char mac[EVO_SHA256_SIZE])
{
    unsigned char key[EVO_SHA256_SIZE];
    evo_hkdf_sha256(file_key, AGE_FILE_KEY, NULL, 0, "header", 6, key, sizeof(key));
    evo_hmac_sha256(key, sizeof(key), text, n, mac);
    explicit_bzero(key, sizeof(key));
}

static void write_stanza(struct evo_strbuf *out, const unsigned char recipient[EVO_X25519_SIZE],
                         const unsigned char file_key[AGE_FILE_KEY])
{
    unsigned char secret[EVO_X25519_SIZE], shared[EVO_X25519_SIZE];
    struct evo_age_stanza stanza;
    evo_random_bytes(secret, sizeof(secret));
    evo_x25519_public(secret, stanza.share);
    if (!evo_x25519_shared(secret, recipient, shared))
        EVO_BUG("a recipient of low order was let through");
    EVO_AUTO_PTR(chachapoly) c = wrapper(shared, stanza.share, recipient);
    explicit_bzero(secret, sizeof(secret));
    explicit_bzero(shared, sizeof(shared));
    evo_chachapoly_seal(c, wrap_nonce, file_key, AGE_FILE_KEY, stanza.body);
    evo_strbuf_adds(out, STANZA NATIVE " ");
    evo_base64_raw(out, stanza.share, sizeof(stanza.share));
    evo_strbuf_addch(out, '\n');
    evo_base64_raw(out, stanza.body, sizeof(stanza.body));
    evo_strbuf_addch(out, '\n');
}

void evo_age_header_write(struct evo_strbuf *out, const struct evo_age_recipients *r,
                          const unsigned char file_key[AGE_FILE_KEY])
{
    size_t start = out->len;
    unsigned char mac[EVO_SHA256_SIZE];
    evo_strbuf_adds(out, INTRO);
    for (size_t i = 0; i < r->count; i++)
        write_stanza(out, r->keys[i], file_key);
    evo_strbuf_add(out, END, 3);
    header_mac(out->buf + start, out->len - start, file_key, mac);
    evo_strbuf_addch(out, ' ');
    evo_base64_raw(out, mac, sizeof(mac));
    evo_strbuf_addch(out, '\n');
    EVO_ASSERT(evo_strbuf_ok(out));
}

uint64_t evo_age_header_size(size_t recipients)
{
    return strlen(INTRO) + recipients * (strlen(STANZA NATIVE " ") + 2 * (KEY_COLUMNS + 1)) + strlen(END) +
           KEY_COLUMNS + 1;
}

void evo_age_header_init(struct evo_age_header *h)
{
    *h = (struct evo_age_header){ .text = EVO_STRBUF_INIT_MAX(EVO_AGE_HEADER_MAX) };
}

void evo_age_header_release(struct evo_age_header *h)
{
    if (!h)
        return;
    evo_strbuf_release(&h->text);
    free(h->stanzas);
    h->stanzas = NULL;
    h->count = h->alloc = 0;
}

static enum evo_errc malformed(const struct evo_age_header *h, struct evo_error *err, const char *what)
{
    return evo_error_set(err, EVO_ERR_INTEGRITY, "header of the age file is damaged: line %zu %s",
                         h->lines + 1, what);
}

/* The first line as far as it came is another one. */
static enum evo_errc other_intro(const struct evo_age_header *h, struct evo_error *err)
{
    if (evo_starts_with(h->text.buf, ARMOUR)) {
        evo_error_set(err, EVO_ERR_INTEGRITY, "the age file is ASCII-armoured, which is not supported");
        return evo_error_hint(err, "age reads it: age -d FILE");
    }
    if (evo_starts_with(h->text.buf, PROJECT))
        return evo_error_set(err, EVO_ERR_INTEGRITY,
                             "the age file is of another version than v1, or its first line is damaged");
    return evo_error_set(err, EVO_ERR_INTEGRITY, "not an age file");
}

/* A word of a stanza's first line: the n bytes up to the next blank. */
struct word {
    const char *at;
    size_t n;
};

static bool is(const struct word *w, const char *text)
{
    return w->n == strlen(text) && memcmp(w->at, text, w->n) == 0;
}

/* The words of a stanza's first line: the first two, and how many. 0: not what such a line is. */
static size_t split_words(const char *line, size_t n, struct word words[2])
{
    size_t count = 0;
    for (size_t at = 0, next; at <= n; at = next + 1, count++) {
        for (next = at; next < n && line[next] != ' '; next++)
            if (line[next] < 0x21 || line[next] > 0x7e)
                return 0;
        if (next == at)
            return 0;
        if (count < 2)
            words[count] = (struct word){ line + at, next - at };
    }
    return count;
}

static bool decode_exactly(const char *text, size_t n, unsigned char *out, size_t size)
{
    size_t len = 0;
    return evo_base64_raw_decode(text, n, out, size, &len) && len == size;
}

static enum evo_errc read_stanza(struct evo_age_header *h, const char *line, size_t n, struct evo_error *err)
{
    struct word words[2];
    size_t count = split_words(line, n, words);
    if (!count)
        return malformed(h, err, "does not name a recipient");
    h->expected = EVO_AGE_BODY;
    h->body_len = 0;
    h->native = is(&words[0], NATIVE);
    if (!h->native) {
        h->others++;
        h->scrypt += is(&words[0], SCRYPT);
        return EVO_OK;
    }
    EVO_GROW(h->stanzas, h->count, h->alloc);
    struct evo_age_stanza *s = &h->stanzas[h->count];
    if (count != 2 || !decode_exactly(words[1].at, words[1].n, s->share, sizeof(s->share)))
        return malformed(h, err, "is not that of an X25519 recipient");
    h->count++;
    return EVO_OK;
}

static enum evo_errc read_body(struct evo_age_header *h, const char *line, size_t n, struct evo_error *err)
{
    unsigned char piece[COLUMNS / 4 * 3];
    size_t len = 0;
    if (n > COLUMNS || !evo_base64_raw_decode(line, n, piece, sizeof(piece), &len))
        return malformed(h, err, "is not base64 as age writes it");
    bool last = n < COLUMNS;
    if (last)
        h->expected = EVO_AGE_STANZA;
    if (!h->native)
        return EVO_OK;
    struct evo_age_stanza *s = &h->stanzas[h->count - 1];
    /* Its exact length, before any key is tried on it: a longer text could be made to open under several. */
    if (!last || len != sizeof(s->body))
        return malformed(h, err, "is not the wrapped key of an X25519 recipient");
    memcpy(s->body, piece, sizeof(s->body));
    return EVO_OK;
}

static enum evo_errc read_end(struct evo_age_header *h, const char *line, size_t n, struct evo_error *err)
{
    size_t prefix = strlen(END);
    if (!decode_exactly(line + prefix, n - prefix, h->mac, sizeof(h->mac)))
        return malformed(h, err, "is not a MAC");
    if (!h->count && !h->others)
        return malformed(h, err, "ends it without a recipient");
    /* By the specification: a passphrase vouches for who sealed the file only when nobody else can open it. */
    if (h->scrypt && h->count + h->others > 1)
        return malformed(h, err, "ends recipients beside a passphrase");
    h->mac_end = (size_t)(line - h->text.buf) + prefix - 1;
    h->expected = EVO_AGE_HEADER_END;
    return EVO_OK;
}

/* One line, without its end. */
static enum evo_errc read_line(struct evo_age_header *h, const char *line, size_t n, struct evo_error *err)
{
    switch (h->expected) {
    case EVO_AGE_INTRO: /* compared when it was long enough */
        h->expected = EVO_AGE_STANZA;
        return EVO_OK;
    case EVO_AGE_BODY:
        return read_body(h, line, n, err);
    case EVO_AGE_STANZA:
        if (n >= strlen(STANZA) && memcmp(line, STANZA, strlen(STANZA)) == 0)
            return read_stanza(h, line + strlen(STANZA), n - strlen(STANZA), err);
        if (n >= strlen(END) && memcmp(line, END, strlen(END)) == 0)
            return read_end(h, line, n, err);
        return malformed(h, err, "begins neither a recipient nor the MAC");
    default:
        EVO_BUG("a line after the header's end");
    }
}

enum evo_errc evo_age_header_read(struct evo_age_header *h, const char *data, size_t n, size_t *ret_used,
                                  struct evo_error *err)
{
    size_t used = 0;
    while (used < n && h->expected != EVO_AGE_HEADER_END) {
        const char *lf = memchr(data + used, '\n', n - used);
        size_t take = lf ? (size_t)(lf + 1 - (data + used)) : n - used;
        /* So that a long line of something else is neither kept nor waited for. */
        if (h->expected == EVO_AGE_INTRO && h->text.len + take > strlen(INTRO)) {
            evo_strbuf_add(&h->text, data + used, strlen(INTRO) - h->text.len);
            return other_intro(h, err);
        }
        evo_strbuf_add(&h->text, data + used, take);
        if (!evo_strbuf_ok(&h->text))
            return evo_error_set(err, EVO_ERR_INTEGRITY, "header of the age file is longer than %zu bytes",
                                 EVO_AGE_HEADER_MAX);
        used += take;
        if (!lf)
            break;
        if (h->expected == EVO_AGE_INTRO && !evo_streq(h->text.buf, INTRO))
            return other_intro(h, err);
        enum evo_errc rc = read_line(h, h->text.buf + h->line_at, h->text.len - 1 - h->line_at, err);
        if (rc)
            return rc;
        h->lines++;
        h->line_at = h->text.len;
    }
    *ret_used = used;
    return EVO_OK;
}

enum evo_errc evo_age_header_cut(const struct evo_age_header *h, struct evo_error *err)
{
    if (h->expected == EVO_AGE_INTRO && !evo_starts_with(INTRO, h->text.buf))
        return other_intro(h, err);
    return evo_error_set(err, EVO_ERR_INTEGRITY, "the age file is cut: it ends within its header");
}

static enum evo_errc no_identity(const struct evo_age_header *h, const struct evo_age_identities *ids,
                                 struct evo_error *err)
{
    if (h->scrypt) {
        evo_error_set(err, EVO_ERR_CONFIG, "the age file is sealed by a passphrase, which is not supported");
        return evo_error_hint(err, "age asks for the passphrase: age -d FILE");
    }
    evo_error_set(err, EVO_ERR_CONFIG, "none of the identities given (%zu) opens the age file", ids->count);
    evo_error_detail(err,
                     "It is sealed for %zu other recipient%s, %zu of them of age's own kind X25519. "
                     "A file whose header was tampered with looks the same.",
                     h->count + h->others, h->count + h->others == 1 ? "" : "s", h->count);
    return evo_error_hint(err, "Name the file with the secret key of one of its recipients: --identity FILE");
}

enum evo_errc evo_age_header_unwrap(const struct evo_age_header *h, const struct evo_age_identities *ids,
                                    unsigned char file_key[AGE_FILE_KEY], struct evo_error *err)
{
    for (size_t i = 0; i < h->count * ids->count; i++) {
        const struct evo_age_stanza *s = &h->stanzas[i / ids->count];
        const struct evo_age_identity *id = &ids->keys[i % ids->count];
        unsigned char shared[EVO_X25519_SIZE], mac[EVO_SHA256_SIZE];
        if (!evo_x25519_shared(id->secret, s->share, shared))
            return evo_error_set(err, EVO_ERR_INTEGRITY,
                                 "header of the age file is damaged: a share is a point of low order");
        EVO_AUTO_PTR(chachapoly) c = wrapper(shared, s->share, id->recipient);
        explicit_bzero(shared, sizeof(shared));
        if (!evo_chachapoly_open(c, wrap_nonce, s->body, sizeof(s->body), file_key))
            continue;
        header_mac(h->text.buf, h->mac_end, file_key, mac);
        if (CRYPTO_memcmp(mac, h->mac, sizeof(mac)) == 0)
            return EVO_OK;
        explicit_bzero(file_key, AGE_FILE_KEY);
        return evo_error_set(err, EVO_ERR_INTEGRITY, "header of the age file does not match its MAC");
    }
    return no_identity(h, ids, err);
}
