/*
 * bech32.h - Bech32 (BIP 173) to bytes: the text in which age writes its keys down, and no length limit but the
 * caller's.
 */
#ifndef EVO_CRYPTO_BECH32_H
#define EVO_CRYPTO_BECH32_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"

/*
 * The n bytes of text are `prefix` (human-readable part, in this very case), "1", data in the same case and a checksum.
 * At most max bytes go to out. False: out holds nothing of the text, *ret_n is untouched, and *ret_why is what is wrong
 * with it, to stand behind its subject ("mixes upper and lower case"); never a part of the text.
 */
bool evo_bech32_decode(const char *text, size_t n, const char *prefix, unsigned char *out, size_t max,
                       size_t *ret_n, const char **ret_why) EVO_CHECK;

#endif
