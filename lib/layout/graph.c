#include "layout/graph.h"

#include "base/banned.h"

#define NOWHERE ((size_t)-1)

/* Edges by place instead of by name, both ways. */
struct graph {
    const struct evo_project *p;
    const struct evo_migration **sorted; /* the items by name */
    size_t *waiting; /* of an item: edges to what has not come yet */
};

static void graph_auto(struct graph *g)
{
    free(g->sorted);
    free(g->waiting);
}
#define AUTO_GRAPH __attribute__((cleanup(graph_auto))) struct graph

static int compare_names(const void *va, const void *vb)
{
    const struct evo_migration *a = *(const struct evo_migration *const *)va;
    const struct evo_migration *b = *(const struct evo_migration *const *)vb;
    return strcmp(a->name, b->name);
}

static struct graph graph_of(const struct evo_project *p)
{
    struct graph g = { .p = p,
                       .sorted = evo_calloc(p->count + 1, sizeof(struct evo_migration *)),
                       .waiting = evo_calloc(p->count + 1, sizeof(size_t)) };
    for (size_t i = 0; i < p->count; i++) {
        g.sorted[i] = &p->items[i];
        g.waiting[i] = p->items[i].down.count + p->items[i].depends.count;
    }
    if (p->count)
        qsort(g.sorted, p->count, sizeof(*g.sorted), compare_names);
    return g;
}

static size_t place_of(const struct graph *g, const char *name)
{
    const struct evo_migration wanted = { .name = (char *)name }, *key = &wanted;
    const struct evo_migration **found =
        bsearch(&key, g->sorted, g->p->count, sizeof(*g->sorted), compare_names);
    return found ? (size_t)(*found - g->p->items) : NOWHERE;
}

static size_t edges(const struct evo_migration *m)
{
    return m->down.count + m->depends.count;
}

static const char *edge(const struct evo_migration *m, size_t i)
{
    return i < m->down.count ? m->down.items[i] : m->depends.items[i - m->down.count];
}

/* ---- order ----------------------------------------------------------------------- */

/* What comes next behind `last`: what goes on with its branch, else the first by name. NOWHERE: nothing can. */
static size_t next_of(const struct graph *g, const bool *done, size_t last)
{
    size_t first = NOWHERE;
    for (size_t i = 0; i < g->p->count; i++) {
        const struct evo_migration *m = g->sorted[i];
        size_t at = (size_t)(m - g->p->items);
        if (done[at] || g->waiting[at])
            continue;
        if (last == NOWHERE || evo_strvec_contains(&m->down, g->p->items[last].name))
            return at;
        if (first == NOWHERE)
            first = at;
    }
    return first;
}

/* One of the cycles among what could not be ordered: from any of them, always on to one that waits too. */
static enum evo_errc refuse_cycle(const struct graph *g, const bool *done, struct evo_error *err)
{
    size_t at = 0, count = 0;
    while (done[at])
        at++;
    bool *seen = evo_calloc(g->p->count, sizeof(bool));
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    for (int round = 0; round < 2; round++) { /* into a cycle, then once around it */
        memset(seen, 0, g->p->count * sizeof(bool));
        while (!seen[at]) {
            const struct evo_migration *m = &g->p->items[at];
            seen[at] = true;
            if (round && count++ < 10)
                evo_strbuf_addf(&names, "%s\"%s\"", names.len ? ", " : "", m->name);
            for (size_t i = 0; i < edges(m); i++) {
                size_t to = place_of(g, edge(m, i));
                if (to == NOWHERE || done[to])
                    continue;
                at = to;
                break;
            }
        }
    }
    free(seen);
    (void)evo_error_set(err, EVO_ERR_CONFIG, "migrations build upon each other in a circle: %s%s", names.buf,
                        count > 10 ? " and more" : "");
    (void)evo_error_at(err, g->p->items[at].path, 0);
    return evo_error_migration(err, g->p->items[at].name);
}

enum evo_errc evo_graph_order(struct evo_project *p, struct evo_error *err)
{
    AUTO_GRAPH g = graph_of(p);
    bool *done = evo_calloc(p->count + 1, sizeof(bool));
    struct evo_migration *ordered = evo_calloc(p->count + 1, sizeof(*ordered));
    size_t count = 0, last = NOWHERE;
    while (count < p->count && (last = next_of(&g, done, last)) != NOWHERE) {
        done[last] = true;
        ordered[count++] = p->items[last];
        for (size_t i = 0; i < p->count; i++)
            for (size_t j = 0; j < edges(&p->items[i]); j++)
                g.waiting[i] -= strcmp(edge(&p->items[i], j), p->items[last].name) == 0;
    }
    enum evo_errc rc = count == p->count ? EVO_OK : refuse_cycle(&g, done, err);
    if (!rc && count)
        memcpy(p->items, ordered, count * sizeof(*ordered));
    free(ordered);
    free(done);
    return rc;
}

/* ---- what is needed, what is last ------------------------------------------------ */

void evo_graph_mark(const struct evo_project *p, const char *name, bool *ret)
{
    AUTO_GRAPH g = graph_of(p);
    size_t *stack = evo_calloc(p->count + 1, sizeof(*stack)), depth = 0;
    bool *seen = evo_calloc(p->count + 1, sizeof(bool));
    size_t at = place_of(&g, name);
    if (at != NOWHERE) {
        seen[at] = true;
        stack[depth++] = at;
    }
    while (depth) {
        const struct evo_migration *m = &p->items[stack[--depth]];
        ret[m - p->items] = true;
        for (size_t i = 0; i < edges(m); i++) {
            size_t to = place_of(&g, edge(m, i));
            if (to == NOWHERE || seen[to])
                continue;
            seen[to] = true;
            stack[depth++] = to;
        }
    }
    free(seen);
    free(stack);
}

void evo_graph_heads(const struct evo_project *p, struct evo_strvec *ret)
{
    AUTO_GRAPH g = graph_of(p);
    bool *followed = evo_calloc(p->count + 1, sizeof(bool));
    for (size_t i = 0; i < p->count; i++)
        for (size_t j = 0; j < p->items[i].down.count; j++) {
            size_t to = place_of(&g, p->items[i].down.items[j]);
            if (to != NOWHERE)
                followed[to] = true;
        }
    for (size_t i = 0; i < p->count; i++)
        if (!followed[i])
            evo_strvec_push(ret, p->items[i].name);
    free(followed);
}

void evo_graph_tips(const struct evo_project *p, const bool *marked, struct evo_strvec *ret)
{
    AUTO_GRAPH g = graph_of(p);
    bool *needed = evo_calloc(p->count + 1, sizeof(bool));
    for (size_t i = 0; i < p->count; i++)
        for (size_t j = 0; marked[i] && j < edges(&p->items[i]); j++) {
            size_t to = place_of(&g, edge(&p->items[i], j));
            if (to != NOWHERE)
                needed[to] = true;
        }
    for (size_t i = 0; i < p->count; i++)
        if (marked[i] && !needed[i])
            evo_strvec_push(ret, p->items[i].name);
    free(needed);
}

/* Labels of the item and of all that it follows. */
static void labels_of(const struct graph *g, size_t at, struct evo_strvec *ret)
{
    size_t *stack = evo_calloc(g->p->count + 1, sizeof(*stack)), depth = 0;
    bool *seen = evo_calloc(g->p->count + 1, sizeof(bool));
    seen[at] = true;
    stack[depth++] = at;
    while (depth) {
        const struct evo_migration *m = &g->p->items[stack[--depth]];
        for (size_t i = 0; i < m->labels.count; i++)
            evo_strvec_push(ret, m->labels.items[i]);
        for (size_t i = 0; i < m->down.count; i++) {
            size_t to = place_of(g, m->down.items[i]);
            if (to == NOWHERE || seen[to])
                continue;
            seen[to] = true;
            stack[depth++] = to;
        }
    }
    free(seen);
    free(stack);
}

bool evo_graph_is_meant(const struct evo_project *p)
{
    AUTO_GRAPH g = graph_of(p);
    EVO_AUTO(strvec) heads = EVO_STRVEC_INIT;
    evo_graph_heads(p, &heads);
    struct evo_strvec *labels = evo_calloc(heads.count + 1, sizeof(*labels));
    for (size_t i = 0; i < heads.count; i++)
        labels_of(&g, place_of(&g, heads.items[i]), &labels[i]);
    bool meant = true;
    for (size_t i = 0; i < heads.count && heads.count > 1; i++) {
        bool own = false;
        for (size_t k = 0; k < labels[i].count && !own; k++) {
            own = true;
            for (size_t j = 0; j < heads.count && own; j++)
                own = j == i || !evo_strvec_contains(&labels[j], labels[i].items[k]);
        }
        meant &= own;
    }
    for (size_t i = 0; i < heads.count; i++)
        evo_strvec_release(&labels[i]);
    free(labels);
    return meant;
}
