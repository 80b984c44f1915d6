/*
 * pace.h - how many rows the next batch takes, so that a batch takes about the time it should. Pure.
 *
 * Two numbers: `rows`, the most that are changed in a batch, and `window`, how many rows of the table are looked at for
 * them. Where every row is to be changed the two are the same; where few are, the window grows until looking takes the
 * time. Each step at most doubles or halves: one slow batch (a checkpoint of the server's, a cold page) costs one step.
 */
#ifndef EVO_BACKFILL_PACE_H
#define EVO_BACKFILL_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EVO_PACE_ROWS_FIRST = 500,
    EVO_PACE_ROWS_MAX = 50000,
    EVO_PACE_WINDOW_MAX = 200000,
};

struct evo_pace {
    int64_t target_ms;
    int64_t rows, rows_max;
    int64_t window, window_max;
};

/* `batch`: where to begin, and the most; 0: EVO_PACE_ROWS_FIRST and EVO_PACE_ROWS_MAX. */
void evo_pace_init(struct evo_pace *p, int64_t target_ms, int64_t batch);
/* After a batch that took so long. full: it found as many rows as it could take. */
void evo_pace_after(struct evo_pace *p, int64_t elapsed_ms, bool full);
/* Somebody waits for us, or the batch did not get its locks or its time: half of it. False where there is no less. */
bool evo_pace_yield(struct evo_pace *p);

#endif
