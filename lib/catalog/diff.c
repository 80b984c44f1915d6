#include "catalog/catalog.h"

/* One text, a line after the other. */
struct lines {
    const char *at;
    size_t n; /* of the line at `at`, without its end */
};

static struct lines first_line(const char *text)
{
    return (struct lines){ .at = text, .n = strcspn(text, "\n") };
}

static void next_line(struct lines *l)
{
    l->at += l->n;
    l->at += *l->at == '\n';
    l->n = strcspn(l->at, "\n");
}

static int compare(const struct lines *a, const struct lines *b)
{
    int order = memcmp(a->at, b->at, a->n < b->n ? a->n : b->n);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

struct difference {
    struct evo_strbuf *out;
    size_t max, count;
};

static void add(struct difference *d, const char *sign, const struct lines *l)
{
    if (d->count++ >= d->max)
        return;
    evo_strbuf_adds(d->out, sign);
    evo_strbuf_add(d->out, l->at, l->n);
    evo_strbuf_addch(d->out, '\n');
}

size_t evo_catalog_diff(const char *before, const char *after, size_t max, struct evo_strbuf *out)
{
    struct difference d = { .out = out, .max = max };
    struct lines a = first_line(before);
    struct lines b = first_line(after);
    /* The format's line stands first, outside the order. */
    bool same = compare(&a, &b) == 0;
    if (!same && *a.at)
        add(&d, "- ", &a);
    if (!same && *b.at)
        add(&d, "+ ", &b);
    next_line(&a);
    next_line(&b);
    while (*a.at || *b.at) {
        int order = !*a.at ? 1 : !*b.at ? -1 : compare(&a, &b);
        if (order < 0)
            add(&d, "- ", &a);
        else if (order > 0)
            add(&d, "+ ", &b);
        if (order <= 0)
            next_line(&a);
        if (order >= 0)
            next_line(&b);
    }
    return d.count;
}
