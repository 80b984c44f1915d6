#include "base/nearest.h"

#include <string.h>

#include "base/alloc.h"

#define NAME_LIMIT 256

/* Levenshtein distance; a longer name than anybody types is as far as it is long. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_LIMIT], n = strlen(b);
    if (n >= EVO_COUNT(row))
        return n;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; *a; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j], best = diagonal + (*a != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[n];
}

const char *evo_nearest(const char *name, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t n = strlen(name), least = n / 3 + 2;
    /* "prod" of "production": the shortest name that begins so. */
    for (size_t i = 0; n >= 3 && i < count; i++)
        if (strncmp(name, candidates[i], n) == 0 && (!best || strlen(candidates[i]) < strlen(best)))
            best = candidates[i];
    if (best)
        return best;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(name, candidates[i]);
        if (d < least && d < strlen(candidates[i])) {
            least = d;
            best = candidates[i];
        }
    }
    return best;
}

const char *evo_nearest_or_part(const char *name, const char *const *candidates, size_t count)
{
    const char *found = NULL;
    for (size_t i = 0; name[0] && !found && i < count; i++)
        if (strstr(candidates[i], name))
            found = candidates[i];
    if (!found)
        found = evo_nearest(name, candidates, count);
    return found && strcmp(found, name) != 0 ? found : NULL;
}
