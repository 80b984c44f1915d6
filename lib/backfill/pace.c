#include "backfill/pace.h"

static int64_t clamp(int64_t n, int64_t least, int64_t most)
{
    return n < least ? least : n > most ? most : n;
}

/* n times target / elapsed, at most twice and at least half of it. */
static int64_t scaled(int64_t n, int64_t target_ms, int64_t elapsed_ms)
{
    if (elapsed_ms * 2 <= target_ms)
        return n * 2;
    if (elapsed_ms >= target_ms * 2)
        return n / 2;
    return n * target_ms / elapsed_ms;
}

void evo_pace_init(struct evo_pace *p, int64_t target_ms, int64_t batch)
{
    int64_t rows = batch ? batch : EVO_PACE_ROWS_FIRST;
    *p = (struct evo_pace){ .target_ms = target_ms < 1 ? 1 : target_ms,
                            .rows = rows,
                            .rows_max = batch ? batch : EVO_PACE_ROWS_MAX,
                            .window = rows,
                            .window_max = rows > EVO_PACE_WINDOW_MAX ? rows : EVO_PACE_WINDOW_MAX };
}

void evo_pace_after(struct evo_pace *p, int64_t elapsed_ms, bool full)
{
    if (full) {
        p->rows = clamp(scaled(p->rows, p->target_ms, elapsed_ms), 1, p->rows_max);
        /* More of the window was left than twice a batch: it is too wide for rows as dense as these. */
        p->window = clamp(p->window, p->rows, p->rows * 2);
    } else {
        p->window = scaled(p->window, p->target_ms, elapsed_ms);
        if (p->window < p->rows)
            p->rows = p->window; /* also few rows took too long */
    }
    p->rows = clamp(p->rows, 1, p->rows_max);
    p->window = clamp(p->window, p->rows, p->window_max);
}

bool evo_pace_yield(struct evo_pace *p)
{
    if (p->rows == 1 && p->window == 1)
        return false;
    p->window = clamp(p->window / 2, 1, p->window_max);
    p->rows = clamp(p->rows / 2, 1, p->window);
    return true;
}
