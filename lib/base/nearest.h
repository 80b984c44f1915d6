/*
 * nearest.h - "Did you mean …?": of the names there are, the one that was probably meant.
 */
#ifndef EVO_BASE_NEAREST_H
#define EVO_BASE_NEAREST_H

#include <stddef.h>

/* The shortest of the names that begin with it (three letters at least), else the nearest within a third of its length;
 * NULL where none is near. Borrowed. */
const char *evo_nearest(const char *name, const char *const *candidates, size_t count);
/* The same for names of which people remember a part ("user_status" of "20250102000000_user_status"): the first that
 * holds the whole of it, else the nearest. NULL where that is the name itself. Borrowed. */
const char *evo_nearest_or_part(const char *name, const char *const *candidates, size_t count);

#endif
