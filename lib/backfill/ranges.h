/*
 * ranges.h - where a table's key is cut, so that several sessions can work on parts of it. Pure.
 *
 * A part is what lies behind one point and up to the next one, of the key's first column; the first part has no lower
 * bound and the last no upper one, so that the parts hold every row whatever the points are: bad points make uneven
 * parts, not wrong ones.
 */
#ifndef EVO_BACKFILL_RANGES_H
#define EVO_BACKFILL_RANGES_H

#include <stdint.h>

#include "base/strvec.h"

/* Points for `parts` parts from the bounds of a histogram with equal shares (pg_stats.histogram_bounds), in order. The
 * same bound twice gives one point; fewer bounds give fewer parts. Appends to ret. */
void evo_ranges_of_bounds(const struct evo_strvec *bounds, size_t parts, struct evo_strvec *ret);
/* Points between the least and the greatest value, evenly. */
void evo_ranges_of_integers(int64_t least, int64_t greatest, size_t parts, struct evo_strvec *ret);

#endif
