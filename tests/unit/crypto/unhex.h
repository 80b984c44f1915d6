/* Published vectors are hexadecimal. */
#ifndef EVO_TESTS_UNHEX_H
#define EVO_TESTS_UNHEX_H

#include <string.h>

/* Returns out, which has room for half the digits. */
static inline const unsigned char *unhex(const char *hex, unsigned char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; hex[2 * i]; i++)
        out[i] = (unsigned char)((strchr(digits, hex[2 * i]) - digits) << 4 |
                                 (strchr(digits, hex[2 * i + 1]) - digits));
    return out;
}

#endif
