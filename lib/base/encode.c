#include "base/encode.h"

#include "base/banned.h"

void evo_hex(struct evo_strbuf *out, const void *data, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++) {
        evo_strbuf_addch(out, digit[p[i] >> 4]);
        evo_strbuf_addch(out, digit[p[i] & 15]);
    }
}

static bool unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void evo_percent_encode(struct evo_strbuf *out, const char *s, size_t n, const char *keep)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (unreserved(c) || (keep && c && strchr(keep, c)))
            evo_strbuf_addch(out, (char)c);
        else
            evo_strbuf_addf(out, "%%%02X", c);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool evo_percent_decode(struct evo_strbuf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '%') {
            evo_strbuf_addch(out, s[i]);
            continue;
        }
        if (n - i < 3)
            return false;
        int high = hex_value(s[i + 1]), low = hex_value(s[i + 2]);
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return false;
        evo_strbuf_addch(out, (char)(high * 16 + low));
        i += 2;
    }
    return true;
}

static const char base64_set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void evo_base64(struct evo_strbuf *out, const void *data, size_t n)
{
    const char *set = base64_set;
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i += 3) {
        unsigned left = n - i >= 3 ? 3 : (unsigned)(n - i);
        unsigned v =
            (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
        char quad[4] = { set[v >> 18], set[v >> 12 & 63], left > 1 ? set[v >> 6 & 63] : '=',
                         left > 2 ? set[v & 63] : '=' };
        evo_strbuf_add(out, quad, 4);
    }
}

void evo_base64_raw(struct evo_strbuf *out, const void *data, size_t n)
{
    evo_base64(out, data, n);
    while (n % 3 && out->len && out->buf[out->len - 1] == '=')
        evo_strbuf_truncate(out, out->len - 1);
}

bool evo_base64_raw_decode(const char *s, size_t n, unsigned char *out, size_t max, size_t *ret_n)
{
    size_t len = 0;
    unsigned bits = 0, held = 0; /* what of the characters so far is no whole byte yet */
    if (n % 4 == 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *at = s[i] ? strchr(base64_set, s[i]) : NULL;
        if (!at)
            return false;
        held = held << 6 | (unsigned)(at - base64_set);
        bits += 6;
        if (bits < 8)
            continue;
        if (len == max)
            return false;
        bits -= 8;
        out[len++] = (unsigned char)(held >> bits);
        held &= (1u << bits) - 1;
    }
    if (held)
        return false;
    *ret_n = len;
    return true;
}
