#include "layout/checksum.h"

#include <strings.h>

#include "base/banned.h"
#include "base/strbuf.h"
#include "crypto/sha256.h"

static const char bom[] = "\xef\xbb\xbf";

static bool digest_matches(const char *stored, const void *data, size_t n)
{
    unsigned char digest[EVO_SHA256_SIZE];
    evo_sha256_of(data, n, digest);
    if (strlen(stored) == EVO_SHA256_HEX - 1) {
        char hex[EVO_SHA256_HEX];
        return strcasecmp(evo_sha256_format(digest, hex), stored) == 0;
    }
    EVO_AUTO(strbuf) unpadded = EVO_STRBUF_INIT;
    for (size_t i = 0; i < sizeof(digest); i++)
        evo_strbuf_addf(&unpadded, "%x", digest[i]);
    return strcasecmp(unpadded.buf, stored) == 0;
}

/* Appends text with every line end written as `eol`. */
static void add_with_line_ends(struct evo_strbuf *out, const char *text, size_t n, const char *eol)
{
    for (const char *p = text, *end = text + n; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline ? newline : end;
        evo_strbuf_add(out, p, (size_t)(stop - p) - (newline && stop > p && stop[-1] == '\r'));
        if (newline)
            evo_strbuf_adds(out, eol);
        p = newline ? newline + 1 : end;
    }
}

bool evo_checksum_matches(const char *stored, const void *data, size_t n)
{
    if (digest_matches(stored, data, n))
        return true;
    const char *text = data;
    size_t skip = n >= 3 && memcmp(text, bom, 3) == 0 ? 3 : 0;
    static const char *const line_ends[] = { "\n", "\r\n" };
    for (size_t i = 0; i < EVO_COUNT(line_ends); i++) {
        EVO_AUTO(strbuf) form = EVO_STRBUF_INIT_MAX(2 * n + sizeof(bom));
        evo_strbuf_adds(&form, bom);
        add_with_line_ends(&form, text + skip, n - skip, line_ends[i]);
        if (digest_matches(stored, form.buf, form.len) || digest_matches(stored, form.buf + 3, form.len - 3))
            return true;
    }
    /* The bytes as they are, but for the mark. */
    EVO_AUTO(strbuf) marked = EVO_STRBUF_INIT_MAX(n + sizeof(bom));
    evo_strbuf_adds(&marked, bom);
    evo_strbuf_add(&marked, text, n);
    return digest_matches(stored, text + skip, n - skip) || digest_matches(stored, marked.buf, marked.len);
}
