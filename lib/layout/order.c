#include "layout/order.h"

#include <unicode/ucol.h>

#include "base/banned.h"

/* Plain ASCII names, which is nearly every project, need no collation data: their characters have these places, and no
 * two of them differ in case only. Everything else goes to libicu. */
static const char simple_order[] = " _-0123456789abcdefghijklmnopqrstuvwxyz";

static bool is_simple(const struct evo_project *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].name[strspn(p->items[i].name, simple_order)])
            return false;
    return true;
}

struct collation {
    UCollator *icu; /* NULL: simple_order */
};

static void collation_auto(struct collation *c)
{
    if (c->icu)
        ucol_close(c->icu);
}

static int compare_simple(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    const char *pa = *a ? strchr(simple_order, *a) : NULL, *pb = *b ? strchr(simple_order, *b) : NULL;
    return pa == pb ? 0 : !pa ? -1 : !pb ? 1 : pa < pb ? -1 : 1;
}

static int compare_prisma(const void *va, const void *vb, void *ctx)
{
    const struct evo_migration *a = va, *b = vb;
    const struct collation *c = ctx;
    int order;
    if (c->icu) {
        UErrorCode status = U_ZERO_ERROR;
        order = (int)ucol_strcollUTF8(c->icu, a->name, -1, b->name, -1, &status);
    } else {
        order = compare_simple(a->name, b->name);
    }
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
    __attribute__((cleanup(collation_auto))) struct collation c = { NULL };
    if (!is_simple(p)) {
        UErrorCode status = U_ZERO_ERROR;
        c.icu = ucol_open("", &status);
        if (U_FAILURE(status))
            return evo_error_set(err, EVO_ERR_INTERNAL, "could not open the root collation: %s",
                                 u_errorName(status));
    }
    if (p->count)
        qsort_r(p->items, p->count, sizeof(*p->items), compare_prisma, &c);
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
