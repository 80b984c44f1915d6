/*
 * encode.h - hexadecimal, percent-encoding (RFC 3986) and base64 (RFC 4648).
 */
#ifndef EVO_BASE_ENCODE_H
#define EVO_BASE_ENCODE_H

#include "base/strbuf.h"

/* Lower case. */
void evo_hex(struct evo_strbuf *out, const void *data, size_t n);
/* Everything but A-Z a-z 0-9 - _ . ~ and the bytes in `keep` (NULL: none) becomes %XX, upper case. */
void evo_percent_encode(struct evo_strbuf *out, const char *s, size_t n, const char *keep);
/* False: a malformed escape, or %00. '+' stays '+'. */
bool evo_percent_decode(struct evo_strbuf *out, const char *s, size_t n) EVO_CHECK;
void evo_base64(struct evo_strbuf *out, const void *data, size_t n);
/* The same without the "=" behind it. */
void evo_base64_raw(struct evo_strbuf *out, const void *data, size_t n);
/* Base64 without "=" into at most max bytes. False for anything that evo_base64_raw() would not have written (another
 * character, stray bits in the last one) and for what does not fit; out may be written to then, *ret_n is not. */
bool evo_base64_raw_decode(const char *s, size_t n, unsigned char *out, size_t max, size_t *ret_n) EVO_CHECK;

#endif
