/*
 * alloc.h - allocation that cannot fail, and scope cleanup.
 *
 * evo's executables are short-lived; there is nothing sensible to do when a few
 * kilobytes cannot be had, so running out of memory ends the process with a
 * message (one of the two exits allowed below lib/cli). Anything whose size an
 * outsider decides has a limit of its own before it gets here.
 *
 * Ownership is released by scope:
 *
 *	EVO_AUTO(strbuf) path = EVO_STRBUF_INIT;      // evo_strbuf_release(&path) at scope end
 *	EVO_AUTO_PTR(pg_conn) conn = NULL;            // evo_pg_conn_close(conn) at scope end
 *
 * A module makes its type usable by EVO_DEFINE_AUTO (caller's storage, release
 * takes a pointer to it) or EVO_DEFINE_AUTO_PTR (heap, free takes the pointer).
 * Release functions accept NULL, zeroed and half-built objects.
 */
#ifndef EVO_BASE_ALLOC_H
#define EVO_BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#define EVO_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define EVO_CHECK             __attribute__((warn_unused_result))
#define EVO_UNUSED            __attribute__((unused))
#define EVO_NORETURN          __attribute__((noreturn))

/* Number of elements of a true array. */
#define EVO_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each returns memory to be given to free(), or ends the process. n == 0 gives a unique pointer. */
void *evo_malloc(size_t n) EVO_CHECK;
void *evo_calloc(size_t count, size_t size) EVO_CHECK;
/* Grows to count * size bytes; an overflowing product ends the process. */
void *evo_realloc_array(void *old, size_t count, size_t size) EVO_CHECK;
/* NULL gives NULL. */
char *evo_strdup(const char *s) EVO_CHECK;
char *evo_strndup(const char *s, size_t n) EVO_CHECK;
char *evo_asprintf(const char *fmt, ...) EVO_PRINTF(1, 2) EVO_CHECK;
char *evo_vasprintf(const char *fmt, va_list ap) EVO_PRINTF(1, 0) EVO_CHECK;

/* A broken invariant: prints where and what, and aborts (exit status 70 is set by lib/cli's handler). */
EVO_NORETURN void evo_bug(const char *file, int line, const char *fmt, ...) EVO_PRINTF(3, 4);
#define EVO_BUG(...) evo_bug(__FILE__, __LINE__, __VA_ARGS__)
#define EVO_ASSERT(cond)                            \
    do {                                            \
        if (!(cond))                                \
            EVO_BUG("broken invariant: %s", #cond); \
    } while (0)

/* Makes room for one more element of a growing array {items, count, alloc}. */
#define EVO_GROW(items, count, alloc)                                        \
    do {                                                                     \
        if ((count) == (alloc)) {                                            \
            (alloc) = (alloc) ? (alloc)*2 : 8;                               \
            (items) = evo_realloc_array((items), (alloc), sizeof(*(items))); \
        }                                                                    \
    } while (0)

#define EVO_DEFINE_AUTO(name)                                              \
    static inline EVO_UNUSED void evo_##name##_auto_(struct evo_##name *p) \
    {                                                                      \
        evo_##name##_release(p);                                           \
    }                                                                      \
    struct evo_##name
#define EVO_DEFINE_AUTO_PTR(name, free_fn)                                   \
    static inline EVO_UNUSED void evo_##name##_autop_(struct evo_##name **p) \
    {                                                                        \
        free_fn(*p);                                                         \
    }                                                                        \
    struct evo_##name
#define EVO_AUTO(name)     __attribute__((cleanup(evo_##name##_auto_))) struct evo_##name
#define EVO_AUTO_PTR(name) __attribute__((cleanup(evo_##name##_autop_))) struct evo_##name *

/* A heap string of this scope. */
#define EVO_AUTO_STR __attribute__((cleanup(evo_str_auto_))) char *
static inline EVO_UNUSED void evo_str_auto_(char **p)
{
    free(*p);
}
/* A file descriptor of this scope; -1 is none. */
#define EVO_AUTO_FD __attribute__((cleanup(evo_fd_auto_))) int
void evo_fd_auto_(int *fd);

#endif
