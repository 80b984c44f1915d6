/*
 * parse.h - text to numbers, checked: the whole text must be the value, in range.
 *
 * Each returns false (and leaves *ret alone) for anything else: an empty string, a
 * sign where none is allowed, a leading or trailing blank, a value out of range.
 */
#ifndef EVO_BASE_PARSE_H
#define EVO_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool evo_parse_int64(const char *s, int64_t min, int64_t max, int64_t *ret);
bool evo_parse_uint64(const char *s, uint64_t max, uint64_t *ret);
/* The first n bytes of s, all of them digits. */
bool evo_parse_digits(const char *s, size_t n, uint64_t *ret);
/* true/false, yes/no, on/off, 1/0, in any case. */
bool evo_parse_bool(const char *s, bool *ret);
/* "500ms", "2s", "30min", "1h", "7d"; "0" alone is zero. Result in milliseconds. */
bool evo_parse_duration(const char *s, int64_t *ret_ms);
/* "4096", "64MiB", "10GB", "1.5GiB" is not taken; kB MB GB TB are powers of 1000, KiB … TiB of 1024. Bytes. */
bool evo_parse_size(const char *s, uint64_t *ret);

/* Buffers for the two below. */
#define EVO_HUMAN_MAX 32
/* "850 B", "12.3 MiB"; for people only. Returns buf. */
const char *evo_format_size(uint64_t bytes, char buf[EVO_HUMAN_MAX]);
/* "12 ms", "3.4 s", "2 min 05 s", "1 h 12 min"; for people only. Returns buf. */
const char *evo_format_duration(int64_t ms, char buf[EVO_HUMAN_MAX]);

#endif
