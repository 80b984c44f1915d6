#include "crypto/bech32.h"

#include <stdint.h>

#include "base/banned.h"

enum { CHECKSUM = 6 };

/* One more value of five bits into the checksum, a BCH code over GF(32): BIP 173 gives the generator. */
static uint32_t polymod(uint32_t sum, unsigned value)
{
    static const uint32_t generator[] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3 };
    uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (unsigned i = 0; i < 5; i++)
        if (top >> i & 1)
            sum ^= generator[i];
    return sum;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool mixes_case(const char *text, size_t n)
{
    bool small = false, large = false;
    for (size_t i = 0; i < n; i++) {
        small = small || (text[i] >= 'a' && text[i] <= 'z');
        large = large || (text[i] >= 'A' && text[i] <= 'Z');
    }
    return small && large;
}

/* What is wrong with the data part, NULL: nothing. sum is the checksum over the prefix. */
static const char *decode_data(const char *data, size_t n, uint32_t sum, unsigned char *out, size_t max,
                               size_t *ret_n)
{
    static const char set[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    unsigned held = 0, bits = 0;
    size_t len = 0;
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        const char *at = data[i] ? strchr(set, lower(data[i])) : NULL;
        if (!at)
            return "holds a character that Bech32 does not have";
        unsigned value = (unsigned)(at - set);
        sum = polymod(sum, value);
        if (i >= n - CHECKSUM)
            continue;
        held = held << 5 | value;
        bits += 5;
        if (bits < 8)
            continue;
        bits -= 8;
        fits = fits && len < max;
        if (fits)
            out[len++] = (unsigned char)(held >> bits);
        held &= (1u << bits) - 1;
    }
    if (sum != 1)
        return "does not match its checksum: a character is wrong or missing";
    if (!fits)
        return "is too long";
    if (bits >= 5 || held)
        return "is not padded as Bech32 is";
    *ret_n = len;
    return NULL;
}

bool evo_bech32_decode(const char *text, size_t n, const char *prefix, unsigned char *out, size_t max,
                       size_t *ret_n, const char **ret_why)
{
    size_t prefix_len = strlen(prefix);
    const char *why;
    if (n < prefix_len + 1 || memcmp(text, prefix, prefix_len) != 0 || text[prefix_len] != '1') {
        why = "lacks its prefix";
    } else if (n < prefix_len + 1 + CHECKSUM) {
        why = "is too short";
    } else if (mixes_case(text, n)) {
        why = "mixes upper and lower case";
    } else {
        uint32_t sum = 1;
        for (size_t i = 0; i < prefix_len; i++)
            sum = polymod(sum, (unsigned char)lower(prefix[i]) >> 5);
        sum = polymod(sum, 0);
        for (size_t i = 0; i < prefix_len; i++)
            sum = polymod(sum, (unsigned char)lower(prefix[i]) & 31);
        why = decode_data(text + prefix_len + 1, n - prefix_len - 1, sum, out, max, ret_n);
    }
    if (!why)
        return true;
    explicit_bzero(out, max);
    *ret_why = why;
    return false;
}
