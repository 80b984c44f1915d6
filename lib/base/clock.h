/*
 * clock.h - time. One unit: milliseconds in int64_t. Durations and deadlines are on
 * the monotonic clock; what is written down is on the wall clock, UTC, RFC 3339.
 */
#ifndef EVO_BASE_CLOCK_H
#define EVO_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define EVO_TIME_MAX 32

/* Monotonic milliseconds: for differences only. */
int64_t evo_clock_ms(void);
/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t evo_wall_ms(void);

/* "2026-11-22T10:15:00.123Z". Returns buf. */
const char *evo_format_time(int64_t wall_ms, char buf[EVO_TIME_MAX]);
/* "20261122T101500Z": for names. Returns buf. */
const char *evo_format_time_compact(int64_t wall_ms, char buf[EVO_TIME_MAX]);
/* RFC 3339 with any offset, "T" or a blank between, fraction optional. False: not a time. */
bool evo_parse_time(const char *s, int64_t *ret_wall_ms);

/* A point on the monotonic clock; ms < 0 is never. */
struct evo_deadline {
    int64_t at; /* -1: never */
};
#define EVO_DEADLINE_NEVER ((struct evo_deadline){ -1 })
struct evo_deadline evo_deadline_in(int64_t ms);
/* Milliseconds left, 0 when passed, -1 for never: as poll(2) takes it. */
int evo_deadline_left(struct evo_deadline d);
bool evo_deadline_passed(struct evo_deadline d);

#endif
