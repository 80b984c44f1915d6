#include "base/alloc.h"

#include <errno.h>
#include <stdint.h>

#include "base/banned.h"

static EVO_NORETURN void out_of_memory(size_t n)
{
    fprintf(stderr, "evo: out of memory (%zu bytes)\n", n);
    exit(70);
}

void *evo_malloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

void *evo_calloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *evo_realloc_array(void *old, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        out_of_memory(SIZE_MAX);
    void *p = realloc(old, n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

char *evo_strndup(const char *s, size_t n)
{
    char *p = evo_malloc(n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *evo_strdup(const char *s)
{
    return s ? evo_strndup(s, strlen(s)) : NULL;
}

char *evo_vasprintf(const char *fmt, va_list ap)
{
    char *s = NULL;
    if (vasprintf(&s, fmt, ap) < 0)
        out_of_memory(0);
    return s;
}

char *evo_asprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = evo_vasprintf(fmt, ap);
    va_end(ap);
    return s;
}

void evo_bug(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "evo: internal error at %s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nhint: this is a bug in evo; please report it with the command you ran\n");
    va_end(ap);
    /* _exit, not abort: a core file could hold a password. */
    _exit(70);
}

void evo_fd_auto_(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        (void)close(*fd);
        errno = saved;
    }
}
