/*
 * strvec.h - a growing list of strings that it owns; always NULL-terminated, so
 * that v.items can be handed to execv().
 */
#ifndef EVO_BASE_STRVEC_H
#define EVO_BASE_STRVEC_H

#include <stdbool.h>

#include "base/alloc.h"

struct evo_strvec {
    char **items; /* never NULL once something was pushed; items[count] is NULL */
    size_t count;
    size_t alloc;
};
#define EVO_STRVEC_INIT \
    {                   \
        0               \
    }

void evo_strvec_release(struct evo_strvec *v);
void evo_strvec_clear(struct evo_strvec *v);
/* Copies s. Returns the copy. */
const char *evo_strvec_push(struct evo_strvec *v, const char *s);
const char *evo_strvec_pushf(struct evo_strvec *v, const char *fmt, ...) EVO_PRINTF(2, 3);
/* Takes s over. */
void evo_strvec_push_owned(struct evo_strvec *v, char *s);
bool evo_strvec_contains(const struct evo_strvec *v, const char *s);
/* The same of a list that is in byte order, by halving it. */
bool evo_strvec_contains_sorted(const struct evo_strvec *v, const char *s);
/* Byte order. */
void evo_strvec_sort(struct evo_strvec *v);
/* Adds what `text` lists, separated by commas or line ends, trimmed, empty ones left out. */
void evo_strvec_split(struct evo_strvec *v, const char *text);

EVO_DEFINE_AUTO(strvec);

#endif
