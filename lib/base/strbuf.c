#include "base/strbuf.h"

#include "base/banned.h"

char evo_strbuf_empty[1] = "";

static size_t limit(const struct evo_strbuf *sb)
{
    return sb->max ? sb->max : EVO_STRBUF_MAX;
}

void evo_strbuf_init(struct evo_strbuf *sb, size_t max)
{
    *sb = (struct evo_strbuf)EVO_STRBUF_INIT_MAX(max);
}

void evo_strbuf_release(struct evo_strbuf *sb)
{
    if (!sb)
        return;
    if (sb->alloc)
        free(sb->buf);
    evo_strbuf_init(sb, sb->max);
}

void evo_strbuf_wipe(struct evo_strbuf *sb)
{
    if (sb && sb->alloc)
        explicit_bzero(sb->buf, sb->alloc);
    evo_strbuf_release(sb);
}

void evo_strbuf_clear(struct evo_strbuf *sb)
{
    sb->len = 0;
    sb->overflow = false;
    if (sb->alloc)
        sb->buf[0] = '\0';
    else
        sb->buf = evo_strbuf_empty;
}

char *evo_strbuf_detach(struct evo_strbuf *sb)
{
    char *s = sb->alloc ? sb->buf : evo_strdup("");
    evo_strbuf_init(sb, sb->max);
    return s;
}

bool evo_strbuf_ok(const struct evo_strbuf *sb)
{
    return !sb->overflow;
}

bool evo_strbuf_reserve(struct evo_strbuf *sb, size_t n)
{
    if (sb->overflow || n > limit(sb) || sb->len > limit(sb) - n) {
        sb->overflow = true;
        return false;
    }
    size_t need = sb->len + n + 1;
    if (need > sb->alloc) {
        size_t grown = sb->alloc + sb->alloc / 2;
        if (grown < need)
            grown = need < 64 ? 64 : need;
        sb->buf = evo_realloc_array(sb->alloc ? sb->buf : NULL, grown, 1);
        sb->alloc = grown;
        sb->buf[sb->len] = '\0';
    }
    return true;
}

void evo_strbuf_advance(struct evo_strbuf *sb, size_t n)
{
    EVO_ASSERT(sb->len + n < sb->alloc);
    sb->len += n;
    sb->buf[sb->len] = '\0';
}

void evo_strbuf_add(struct evo_strbuf *sb, const void *data, size_t n)
{
    if (!n || !evo_strbuf_reserve(sb, n))
        return;
    memcpy(sb->buf + sb->len, data, n);
    evo_strbuf_advance(sb, n);
}

void evo_strbuf_adds(struct evo_strbuf *sb, const char *s)
{
    if (s)
        evo_strbuf_add(sb, s, strlen(s));
}

void evo_strbuf_addch(struct evo_strbuf *sb, char c)
{
    evo_strbuf_add(sb, &c, 1);
}

void evo_strbuf_vaddf(struct evo_strbuf *sb, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    EVO_ASSERT(n >= 0);
    if (!evo_strbuf_reserve(sb, (size_t)n))
        return;
    (void)vsnprintf(sb->buf + sb->len, (size_t)n + 1, fmt, ap);
    sb->len += (size_t)n;
}

void evo_strbuf_addf(struct evo_strbuf *sb, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    evo_strbuf_vaddf(sb, fmt, ap);
    va_end(ap);
}

void evo_strbuf_truncate(struct evo_strbuf *sb, size_t n)
{
    if (n >= sb->len)
        return;
    sb->len = n;
    sb->buf[n] = '\0';
}

void evo_strbuf_trim(struct evo_strbuf *sb)
{
    static const char space[] = " \t\r\n";
    size_t end = sb->len;
    while (end && memchr(space, sb->buf[end - 1], sizeof(space) - 1))
        end--;
    evo_strbuf_truncate(sb, end);
    size_t start = 0;
    while (start < sb->len && memchr(space, sb->buf[start], sizeof(space) - 1))
        start++;
    if (start) {
        memmove(sb->buf, sb->buf + start, sb->len - start);
        evo_strbuf_truncate(sb, sb->len - start);
    }
}

bool evo_streq(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool evo_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool evo_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}
