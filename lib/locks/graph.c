#include "locks/graph.h"

#include "base/error.h"

static bool is_advisory(const struct evo_locks_wait *w)
{
    return evo_streq(w->type, "advisory");
}

/* Waits by the session that is waited for, longest first: those for session i are order[first[i]] to
 * order[first[i + 1] - 1]. */
struct by_blocking {
    size_t *order, *first;
};

static void by_blocking_release(struct by_blocking *b)
{
    free(b->order);
    free(b->first);
}
#define AUTO_BY_BLOCKING __attribute__((cleanup(by_blocking_release))) struct by_blocking

static int compare_waits(const void *a, const void *b, void *view)
{
    const struct evo_locks_view *v = view;
    const size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct evo_locks_wait *x = &v->waits[i], *y = &v->waits[k];
    if (x->blocking != y->blocking)
        return x->blocking < y->blocking ? -1 : 1;
    if (x->wait_ms != y->wait_ms)
        return x->wait_ms > y->wait_ms ? -1 : 1;
    return i < k ? -1 : i > k;
}

/* Without those that `left_out` (may be NULL) flags. */
static struct by_blocking by_blocking_of(const struct evo_locks_view *v, const bool *left_out)
{
    struct by_blocking b = { .order = evo_calloc(v->nwaits + 1, sizeof(size_t)),
                             .first = evo_calloc(v->nsessions + 1, sizeof(size_t)) };
    size_t n = 0;
    for (size_t k = 0; k < v->nwaits; k++) {
        if (left_out && left_out[k])
            continue;
        b.order[n++] = k;
        b.first[v->waits[k].blocking + 1]++;
    }
    qsort_r(b.order, n, sizeof(*b.order), compare_waits, (void *)v);
    for (size_t i = 0; i < v->nsessions; i++)
        b.first[i + 1] += b.first[i];
    return b;
}

static size_t behind(const struct evo_locks_view *v, const struct by_blocking *by, size_t i,
                     bool own_advisory, bool *set)
{
    bool *seen = evo_calloc(v->nsessions, sizeof(*seen));
    size_t *queue = evo_calloc(v->nsessions, sizeof(*queue));
    size_t head = 0, tail = 0;
    seen[i] = true;
    queue[tail++] = i;
    while (head < tail) {
        size_t at = queue[head++];
        for (size_t k = by->first[at]; k < by->first[at + 1]; k++) {
            const struct evo_locks_wait *w = &v->waits[by->order[k]];
            if (seen[w->blocked] || (at == i && !own_advisory && is_advisory(w)))
                continue;
            seen[w->blocked] = true;
            queue[tail++] = w->blocked;
        }
    }
    seen[i] = false;
    for (size_t k = 0; set && k < v->nsessions; k++)
        set[k] = seen[k];
    free(queue);
    free(seen);
    return tail - 1;
}

size_t evo_locks_behind(const struct evo_locks_view *v, size_t i, bool own_advisory, bool *set)
{
    AUTO_BY_BLOCKING by = by_blocking_of(v, NULL);
    return behind(v, &by, i, own_advisory, set);
}

void evo_locks_tree_release(struct evo_locks_tree *t)
{
    if (!t)
        return;
    free(t->items);
    *t = (struct evo_locks_tree){ 0 };
}

struct making {
    const struct evo_locks_view *v;
    struct evo_locks_tree *tree;
    struct by_blocking children;
    bool *waits, *shown; /* of each session */
    size_t *behind;
};

/* Of each wait: it is not worth a line. */
static bool *left_out(const struct evo_locks_view *v)
{
    bool *ret = evo_calloc(v->nwaits, sizeof(*ret));
    bool *held = evo_calloc(v->nsessions, sizeof(*held)); /* it waits for one that holds its lock */
    size_t *front = evo_calloc(v->nsessions, sizeof(*front)); /* 1 + the wait that stands for the others */
    for (size_t k = 0; k < v->nwaits; k++)
        held[v->waits[k].blocked] = held[v->waits[k].blocked] || v->waits[k].held;
    for (size_t k = 0; k < v->nwaits; k++) {
        const struct evo_locks_wait *w = &v->waits[k];
        if (w->held)
            continue;
        ret[k] = held[w->blocked] || front[w->blocked] != 0;
        if (!ret[k])
            front[w->blocked] = k + 1;
    }
    free(front);
    free(held);
    return ret;
}

/* As deep as the longest chain of waits, each session at most once on the way. */
static void add(struct making *m, size_t session, size_t wait, unsigned depth,
                bool last) /* NOLINT(misc-no-recursion) */
{
    EVO_GROW(m->tree->items, m->tree->count, m->tree->alloc);
    m->tree->items[m->tree->count++] =
        (struct evo_locks_line){ .session = session,
                                 .wait = wait,
                                 .depth = depth,
                                 .last = last,
                                 .again = m->shown[session] && m->behind[session] > 0,
                                 .circle = wait == EVO_LOCKS_ROOT && m->waits[session] };
    if (m->shown[session])
        return;
    m->shown[session] = true;
    size_t end = m->children.first[session + 1];
    for (size_t k = m->children.first[session]; k < end; k++) {
        size_t child = m->children.order[k];
        add(m, m->v->waits[child].blocked, child, depth + 1, k + 1 == end);
    }
}

/* The next to begin with: those who wait for nobody, then whoever is left of a circle. */
static size_t next_root(const struct making *m)
{
    const struct evo_locks_view *v = m->v;
    size_t best = v->nsessions;
    bool best_waits = true;
    for (size_t i = 0; i < v->nsessions; i++) {
        if (m->shown[i] || !m->behind[i])
            continue;
        bool also_waits = m->waits[i];
        bool better = best == v->nsessions || (best_waits && !also_waits);
        if (!better && also_waits == best_waits)
            better = m->behind[i] > m->behind[best] ||
                     (m->behind[i] == m->behind[best] &&
                      v->sessions[i].transaction_ms > v->sessions[best].transaction_ms);
        if (better) {
            best = i;
            best_waits = also_waits;
        }
    }
    return best;
}

void evo_locks_tree_make(const struct evo_locks_view *v, struct evo_locks_tree *ret)
{
    bool *hidden = left_out(v);
    AUTO_BY_BLOCKING children = by_blocking_of(v, hidden);
    AUTO_BY_BLOCKING all = by_blocking_of(v, NULL);
    struct making m = { .v = v,
                        .tree = ret,
                        .children = children,
                        .waits = evo_calloc(v->nsessions, sizeof(bool)),
                        .shown = evo_calloc(v->nsessions, sizeof(bool)),
                        .behind = evo_calloc(v->nsessions, sizeof(size_t)) };
    *ret = (struct evo_locks_tree){ 0 };
    for (size_t k = 0; k < v->nwaits; k++)
        m.waits[v->waits[k].blocked] = true;
    for (size_t i = 0; i < v->nsessions; i++)
        m.behind[i] = behind(v, &all, i, true, NULL);
    size_t root = next_root(&m);
    while (root < v->nsessions) {
        add(&m, root, EVO_LOCKS_ROOT, 0, false);
        root = next_root(&m);
    }
    free(hidden);
    free(m.waits);
    free(m.shown);
    free(m.behind);
}
