#include "base/utf8.h"

#include "base/banned.h"

/* Length in bytes of the well-formed character at s, 0 where there is none. RFC 3629 section 4. */
static size_t character(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80)
        return s[0] ? 1 : 0;
    size_t need;
    unsigned char low = 0x80, high = 0xBF;
    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        need = 2;
    } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        need = 3;
        if (s[0] == 0xE0)
            low = 0xA0;
        if (s[0] == 0xED)
            high = 0x9F;
    } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        need = 4;
        if (s[0] == 0xF0)
            low = 0x90;
        if (s[0] == 0xF4)
            high = 0x8F;
    } else {
        return 0;
    }
    if (n < need || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    return need;
}

bool evo_utf8_valid(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    while (n) {
        size_t step = character(p, n);
        if (!step)
            return false;
        p += step;
        n -= step;
    }
    return true;
}

size_t evo_utf8_cut(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t cut = max;
    /* s[max] exists since len > max: step back over continuation bytes, at most three. */
    for (int i = 0; i < 3 && cut && ((unsigned char)s[cut] & 0xC0) == 0x80; i++)
        cut--;
    return ((unsigned char)s[cut] & 0xC0) == 0x80 ? max : cut;
}

size_t evo_utf8_length(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t count = 0;
    while (n) {
        size_t step = character(p, n);
        if (!step)
            step = 1;
        p += step;
        n -= step;
        count++;
    }
    return count;
}
