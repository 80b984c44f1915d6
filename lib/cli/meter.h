/*
 * meter.h - how fast a long operation is, how long it will still take, and the ways to say so.
 *
 * Pure: values in, text out; the time is a parameter and nothing is printed (that is terminal.h). A meter copies what it
 * is shown, so it can say it again when the operation is over.
 *
 * The rate is smoothed over about ten seconds. What is left is that rate over what remains of the bytes, and it is not
 * said while it would mean nothing: without a total, in the first seconds, before a hundredth is done, while nothing
 * moves, and when the total turned out too small.
 *
 *	backup [=======>            ]  37%  412.0 MiB of 1.1 GiB  48.2 MiB/s  12 of 40 tables  15 s left  public.orders
 *	backup: 412.0 MiB of 1.1 GiB (37%), 48.2 MiB/s, 12 of 40 tables, 15 s left (public.orders)
 *	backup: 1.1 GiB, 40 of 40 tables, in 23 s (48.6 MiB/s)
 */
#ifndef EVO_CLI_METER_H
#define EVO_CLI_METER_H

#include "base/strbuf.h"
#include "base/task.h"
#include "json/json.h"

struct evo_meter {
    char what[32], item[32], current[160]; /* current "": none */
    uint64_t bytes, bytes_total;
    uint64_t items, items_total;
    int64_t began_at, seen_at; /* monotonic milliseconds: of begin, and of the last update */
    int64_t sampled_at;
    uint64_t sampled_bytes;
    double rate; /* bytes a second, smoothed, to be divided by weight */
    double weight; /* how much of the smoothing's memory has been filled: 0 to 1 */
};

void evo_meter_begin(struct evo_meter *m, const struct evo_progress *p, int64_t now_ms);
void evo_meter_update(struct evo_meter *m, const struct evo_progress *p, int64_t now_ms);
/* True while this operation is the one that began. */
bool evo_meter_measures(const struct evo_meter *m, const char *what);

/* 0 to 100, by bytes or else by items; -1: not known. 100 only when all is done, and always when all items are. */
int evo_meter_percent(const struct evo_meter *m);
/* Bytes a second; 0: not known yet, or nothing moves. */
uint64_t evo_meter_rate(const struct evo_meter *m);
/* Milliseconds; -1: it would mean nothing. */
int64_t evo_meter_left(const struct evo_meter *m);

/* One line without an end, at most `columns` wide whatever the names hold: what does not fit is left out, the least
 * important first. Control characters show as "?". */
void evo_meter_bar(const struct evo_meter *m, size_t columns, struct evo_strbuf *out);
/* The same facts for a log, with a line end; and the last line, when the operation is over. */
void evo_meter_line(const struct evo_meter *m, struct evo_strbuf *out);
void evo_meter_last_line(const struct evo_meter *m, struct evo_strbuf *out);
/* lib/schema/progress.schema.json. `event` is "begin", "progress" or "end". What is not known is null. */
struct evo_json *evo_meter_event(const struct evo_meter *m, const char *event, int64_t wall_ms) EVO_CHECK;

#endif
