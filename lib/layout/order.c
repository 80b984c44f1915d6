#include "layout/order.h"

#include "layout/collation.h"

#include "base/banned.h"

static bool is_plain(const struct evo_project *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (!evo_collation_is_plain(p->items[i].name))
            return false;
    return true;
}

static int compare_prisma(const void *va, const void *vb, void *ctx)
{
    const struct evo_migration *a = va, *b = vb;
    int order = evo_collation_compare(ctx, a->name, b->name);
    return order ? order : strcmp(a->name, b->name);
}

static void warn_of_byte_order(struct evo_project *p)
{
    size_t others = 0;
    for (size_t i = 1; i < p->count; i++)
        others += strcmp(p->items[i - 1].name, p->items[i].name) > 0;
    for (size_t i = 1; i < p->count && others; i++) {
        const char *first = p->items[i - 1].name, *second = p->items[i].name;
        if (strcmp(first, second) <= 0)
            continue;
        EVO_AUTO_STR more = others > 1 ? evo_asprintf(" (and %zu more)", others - 1) : evo_strdup("");
        evo_strvec_pushf(&p->warnings,
                         "\"%s\" comes before \"%s\", as Prisma orders; in byte order it would come after%s",
                         first, second, more);
        return;
    }
}

enum evo_errc evo_order_prisma(struct evo_project *p, struct evo_error *err)
{
    EVO_AUTO_PTR(collation) c = NULL;
    enum evo_errc rc = evo_collation_open(is_plain(p), &c, err);
    if (rc)
        return rc;
    if (p->count)
        qsort_r(p->items, p->count, sizeof(*p->items), compare_prisma, c);
    warn_of_byte_order(p);
    return EVO_OK;
}

int evo_order_versions(const char *a, const char *b)
{
    a += strspn(a, "0");
    b += strspn(b, "0");
    size_t na = strlen(a), nb = strlen(b);
    return na != nb ? (na < nb ? -1 : 1) : strcmp(a, b);
}

static int compare_sql(const void *va, const void *vb)
{
    const struct evo_migration *a = va, *b = vb;
    int order = evo_order_versions(a->version, b->version);
    return order ? order : strcmp(a->name, b->name);
}

void evo_order_sql(struct evo_project *p)
{
    if (p->count)
        qsort(p->items, p->count, sizeof(*p->items), compare_sql);
    for (size_t i = 1; i < p->count; i++)
        if (evo_order_versions(p->items[i - 1].version, p->items[i].version) == 0)
            evo_strvec_pushf(&p->warnings,
                             "\"%s\" and \"%s\" have the same version; they are applied in this order",
                             p->items[i - 1].name, p->items[i].name);
}

static int compare_bytes(const void *va, const void *vb)
{
    const struct evo_migration *a = va, *b = vb;
    return strcmp(a->name, b->name);
}

void evo_order_bytes(struct evo_project *p, const char *tool)
{
    if (p->count)
        qsort(p->items, p->count, sizeof(*p->items), compare_bytes);
    for (size_t i = 1; i < p->count; i++) {
        const struct evo_migration *first = &p->items[i - 1], *second = &p->items[i];
        if (evo_order_versions(first->version, second->version) <= 0)
            continue;
        evo_strvec_pushf(
            &p->warnings,
            "\"%s\" comes before \"%s\", as %s orders (by bytes); by its number it would come after",
            first->name, second->name, tool);
        return;
    }
}
