#include "backfill/ranges.h"

#include <inttypes.h>

#include "base/strbuf.h"

static bool is_last(const struct evo_strvec *v, const char *point)
{
    return v->count > 0 && evo_streq(v->items[v->count - 1], point);
}

void evo_ranges_of_bounds(const struct evo_strvec *bounds, size_t parts, struct evo_strvec *ret)
{
    /* The first and the last bound are the column's ends: points lie between them. */
    if (bounds->count < 3)
        return;
    size_t shares = bounds->count - 1;
    for (size_t i = 1; i < parts; i++) {
        size_t at = i * shares / parts;
        if (at > 0 && !is_last(ret, bounds->items[at]))
            evo_strvec_push(ret, bounds->items[at]);
    }
}

void evo_ranges_of_integers(int64_t least, int64_t greatest, size_t parts, struct evo_strvec *ret)
{
    if (greatest <= least || parts < 2)
        return;
    /* Unsigned: the span of int64_t does not fit into itself. */
    uint64_t span = (uint64_t)greatest - (uint64_t)least;
    for (size_t i = 1; i < parts; i++) {
        uint64_t step = span / parts * i + span % parts * i / parts;
        EVO_AUTO_STR point = evo_asprintf("%" PRId64, (int64_t)((uint64_t)least + step));
        if (step > 0 && !is_last(ret, point))
            evo_strvec_push(ret, point);
    }
}
