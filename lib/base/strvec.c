#include "base/strvec.h"

#include "base/banned.h"

void evo_strvec_clear(struct evo_strvec *v)
{
    for (size_t i = 0; i < v->count; i++)
        free(v->items[i]);
    v->count = 0;
    if (v->items)
        v->items[0] = NULL;
}

void evo_strvec_release(struct evo_strvec *v)
{
    if (!v)
        return;
    evo_strvec_clear(v);
    free(v->items);
    *v = (struct evo_strvec)EVO_STRVEC_INIT;
}

void evo_strvec_push_owned(struct evo_strvec *v, char *s)
{
    if (v->count + 2 > v->alloc) {
        v->alloc = v->alloc ? v->alloc * 2 : 8;
        v->items = evo_realloc_array(v->items, v->alloc, sizeof(*v->items));
    }
    v->items[v->count++] = s;
    v->items[v->count] = NULL;
}

const char *evo_strvec_push(struct evo_strvec *v, const char *s)
{
    evo_strvec_push_owned(v, evo_strdup(s));
    return v->items[v->count - 1];
}

const char *evo_strvec_pushf(struct evo_strvec *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    evo_strvec_push_owned(v, evo_vasprintf(fmt, ap));
    va_end(ap);
    return v->items[v->count - 1];
}

bool evo_strvec_contains(const struct evo_strvec *v, const char *s)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->items[i], s) == 0)
            return true;
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool evo_strvec_contains_sorted(const struct evo_strvec *v, const char *s)
{
    return v->count && bsearch(&s, v->items, v->count, sizeof(*v->items), compare);
}

void evo_strvec_sort(struct evo_strvec *v)
{
    if (v->count)
        qsort(v->items, v->count, sizeof(*v->items), compare);
}

void evo_strvec_split(struct evo_strvec *v, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, ",\r\n");
        size_t start = strspn(text, " \t"), end = n;
        while (end > start && (text[end - 1] == ' ' || text[end - 1] == '\t'))
            end--;
        if (end > start)
            evo_strvec_push_owned(v, evo_strndup(text + start, end - start));
        text += n;
        if (*text)
            text++;
    }
}
