/*
 * utf8.h - what evo needs of UTF-8 (RFC 3629): is it valid, and where may it be cut.
 */
#ifndef EVO_BASE_UTF8_H
#define EVO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* True when the n bytes are well-formed UTF-8: no overlong forms, surrogates or NUL bytes. */
bool evo_utf8_valid(const char *s, size_t n);

/* The largest length <= max at which the len bytes can be cut without splitting a character. */
size_t evo_utf8_cut(const char *s, size_t len, size_t max);

/* Number of code points in valid UTF-8 (invalid bytes count one each). */
size_t evo_utf8_length(const char *s, size_t n);

#endif
