/*
 * strbuf.h - a growing string with a limit.
 *
 * Invariants: `buf` is never NULL and always terminated at buf[len] (so it is a C
 * string where it holds no NUL byte); len <= max. What would grow past `max` is
 * not added and `overflow` stays true from then on: append freely, check once
 * with evo_strbuf_ok(). The model is git's strbuf and curl's dynbuf.
 *
 *	EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
 *	evo_strbuf_addf(&sql, "SET lock_timeout = %d", ms);
 */
#ifndef EVO_BASE_STRBUF_H
#define EVO_BASE_STRBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/banned.h"

struct evo_strbuf {
    char *buf;
    size_t len;
    size_t alloc; /* 0: buf is the shared empty string */
    size_t max; /* 0: EVO_STRBUF_MAX */
    bool overflow;
};

/* The limit where none is given: 64 MiB. */
#define EVO_STRBUF_MAX ((size_t)64 << 20)

extern char evo_strbuf_empty[1];
#define EVO_STRBUF_INIT         \
    {                           \
        .buf = evo_strbuf_empty \
    }
#define EVO_STRBUF_INIT_MAX(lim)              \
    {                                         \
        .buf = evo_strbuf_empty, .max = (lim) \
    }

void evo_strbuf_init(struct evo_strbuf *sb, size_t max);
/* Frees; sb is empty and usable afterwards. A zeroed struct is accepted. */
void evo_strbuf_release(struct evo_strbuf *sb);
/* As release, but wipes the memory first: for buffers that held a secret. */
void evo_strbuf_wipe(struct evo_strbuf *sb);
/* Empties, keeps the memory and the limit, clears overflow. */
void evo_strbuf_clear(struct evo_strbuf *sb);
/* Gives the string away (the caller frees it); sb is empty afterwards. */
char *evo_strbuf_detach(struct evo_strbuf *sb) EVO_CHECK;

/* True while nothing was refused for the limit. */
bool evo_strbuf_ok(const struct evo_strbuf *sb);

void evo_strbuf_add(struct evo_strbuf *sb, const void *data, size_t n);
void evo_strbuf_adds(struct evo_strbuf *sb, const char *s);
void evo_strbuf_addch(struct evo_strbuf *sb, char c);
void evo_strbuf_addf(struct evo_strbuf *sb, const char *fmt, ...) EVO_PRINTF(2, 3);
void evo_strbuf_vaddf(struct evo_strbuf *sb, const char *fmt, va_list ap) EVO_PRINTF(2, 0);
/* Cuts to n bytes; n > len does nothing. */
void evo_strbuf_truncate(struct evo_strbuf *sb, size_t n);
/* Removes white space (space, tab, CR, LF) at both ends. */
void evo_strbuf_trim(struct evo_strbuf *sb);
/* Room for n more bytes at buf + len, to be written by the caller, then evo_strbuf_advance. False: the limit. */
bool evo_strbuf_reserve(struct evo_strbuf *sb, size_t n) EVO_CHECK;
void evo_strbuf_advance(struct evo_strbuf *sb, size_t n);

/* Comparisons of plain C strings that read better than strcmp. NULL equals only NULL. */
bool evo_streq(const char *a, const char *b);
bool evo_starts_with(const char *s, const char *prefix);
bool evo_ends_with(const char *s, const char *suffix);

EVO_DEFINE_AUTO(strbuf);

#endif
