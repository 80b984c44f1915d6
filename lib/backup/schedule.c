#include "backup/schedule.h"

#include <stdlib.h>

#include "base/alloc.h"

/* Pieces whose locks are held that are passed over for one that is free. */
enum { LOOK_AT = 500 };

/* One of a piece's needs or locks; sorted by piece once all are known. */
struct need {
    size_t piece, other;
};
struct hold {
    size_t piece, table;
    enum evo_schedule_lock how;
};
struct piece {
    uint64_t cost;
    uint64_t way; /* to the end: its own cost and the costliest chain behind it */
    size_t missing; /* needs that are not done */
    size_t after_begin, after_end; /* those that need it, in `needs` */
    size_t hold_begin, hold_end;
};
struct table {
    size_t shared; /* how many run that share it */
    bool alone;
};

struct evo_schedule {
    struct piece *pieces;
    size_t count, alloc;
    struct need *needs; /* by `other` after begin */
    size_t nneeds, needs_alloc;
    struct hold *holds; /* by `piece` after begin */
    size_t nholds, holds_alloc;
    struct table *tables;
    size_t ntables;
    size_t *heap; /* pieces that need nothing more, the longest way on top */
    size_t nheap;
    size_t *aside; /* those that were looked at, and whose locks are taken */
    size_t left;
};

struct evo_schedule *evo_schedule_new(void)
{
    return evo_calloc(1, sizeof(struct evo_schedule));
}

void evo_schedule_free(struct evo_schedule *s)
{
    if (!s)
        return;
    free(s->pieces);
    free(s->needs);
    free(s->holds);
    free(s->tables);
    free(s->heap);
    free(s->aside);
    free(s);
}

size_t evo_schedule_add(struct evo_schedule *s, uint64_t cost)
{
    EVO_GROW(s->pieces, s->count, s->alloc);
    s->pieces[s->count] = (struct piece){ .cost = cost };
    return s->count++;
}

void evo_schedule_need(struct evo_schedule *s, size_t piece, size_t other)
{
    EVO_ASSERT(piece < s->count && other < s->count);
    EVO_GROW(s->needs, s->nneeds, s->needs_alloc);
    s->needs[s->nneeds++] = (struct need){ .piece = piece, .other = other };
    s->pieces[piece].missing++;
}

void evo_schedule_lock(struct evo_schedule *s, size_t piece, size_t table, enum evo_schedule_lock how)
{
    EVO_ASSERT(piece < s->count);
    EVO_GROW(s->holds, s->nholds, s->holds_alloc);
    s->holds[s->nholds++] = (struct hold){ .piece = piece, .table = table, .how = how };
    if (table >= s->ntables)
        s->ntables = table + 1;
}

/* ---- ready ones, the longest way first -------------------------------------- */

static bool before(const struct evo_schedule *s, size_t a, size_t b)
{
    uint64_t x = s->pieces[a].way;
    uint64_t y = s->pieces[b].way;
    return x != y ? x > y : a < b;
}

static void push(struct evo_schedule *s, size_t piece)
{
    size_t i = s->nheap++;
    for (; i && before(s, piece, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = piece;
}

static size_t pop(struct evo_schedule *s)
{
    size_t top = s->heap[0];
    size_t last = s->heap[--s->nheap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < s->nheap; i = child) {
        if (child + 1 < s->nheap && before(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s, s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return top;
}

/* ---- beginning -------------------------------------------------------------- */

static int by_other(const void *a, const void *b)
{
    const struct need *x = a;
    const struct need *y = b;
    return x->other != y->other ? (x->other > y->other) - (x->other < y->other)
                                : (x->piece > y->piece) - (x->piece < y->piece);
}

/* The stronger lock first, so that the one behind it can be left out. */
static int by_piece(const void *a, const void *b)
{
    const struct hold *x = a;
    const struct hold *y = b;
    if (x->piece != y->piece)
        return x->piece > y->piece ? 1 : -1;
    if (x->table != y->table)
        return x->table > y->table ? 1 : -1;
    return (int)y->how - (int)x->how;
}

static void index_needs(struct evo_schedule *s)
{
    if (s->nneeds)
        qsort(s->needs, s->nneeds, sizeof(*s->needs), by_other);
    for (size_t i = 0; i < s->nneeds; i++) {
        struct piece *p = &s->pieces[s->needs[i].other];
        if (p->after_begin == p->after_end)
            p->after_begin = i;
        p->after_end = i + 1;
    }
}

static void index_holds(struct evo_schedule *s)
{
    size_t kept = 0;
    if (s->nholds)
        qsort(s->holds, s->nholds, sizeof(*s->holds), by_piece);
    for (size_t i = 0; i < s->nholds; i++) {
        const struct hold h = s->holds[i];
        if (kept && s->holds[kept - 1].piece == h.piece && s->holds[kept - 1].table == h.table)
            continue;
        struct piece *p = &s->pieces[h.piece];
        if (p->hold_begin == p->hold_end)
            p->hold_begin = kept;
        p->hold_end = kept + 1;
        s->holds[kept++] = h;
    }
    s->nholds = kept;
}

/* Each piece behind those it needs. Fewer than all: there is a circle. */
static size_t sort_by_needs(const struct evo_schedule *s, size_t *order)
{
    size_t *missing = evo_calloc(s->count + 1, sizeof(*missing));
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        missing[i] = s->pieces[i].missing;
        if (!missing[i])
            order[n++] = i;
    }
    for (size_t i = 0; i < n; i++) {
        const struct piece *p = &s->pieces[order[i]];
        for (size_t k = p->after_begin; k < p->after_end; k++)
            if (--missing[s->needs[k].piece] == 0)
                order[n++] = s->needs[k].piece;
    }
    free(missing);
    return n;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

enum evo_errc evo_schedule_begin(struct evo_schedule *s, struct evo_error *err)
{
    EVO_ASSERT(!s->heap);
    s->heap = evo_calloc(s->count + 1, sizeof(*s->heap));
    s->aside = evo_calloc(s->count + 1, sizeof(*s->aside));
    s->tables = evo_calloc(s->ntables + 1, sizeof(*s->tables));
    s->left = s->count;
    index_needs(s);
    index_holds(s);
    size_t *order = s->aside;
    if (sort_by_needs(s, order) != s->count)
        return evo_error_set(err, EVO_ERR_INTEGRITY,
                             "entries of the table of contents need each other in a circle");
    for (size_t i = s->count; i-- > 0;) {
        struct piece *p = &s->pieces[order[i]];
        for (size_t k = p->after_begin; k < p->after_end; k++) {
            uint64_t way = s->pieces[s->needs[k].piece].way;
            p->way = way > p->way ? way : p->way;
        }
        p->way = sum(p->way, p->cost);
    }
    for (size_t i = 0; i < s->count; i++)
        if (!s->pieces[i].missing)
            push(s, i);
    return EVO_OK;
}

/* ---- handing out ------------------------------------------------------------ */

static bool is_free(const struct evo_schedule *s, const struct piece *p)
{
    for (size_t i = p->hold_begin; i < p->hold_end; i++) {
        const struct table *t = &s->tables[s->holds[i].table];
        if (t->alone || (t->shared && s->holds[i].how == EVO_SCHEDULE_ALONE))
            return false;
    }
    return true;
}

static void lock(struct evo_schedule *s, const struct piece *p, bool take)
{
    for (size_t i = p->hold_begin; i < p->hold_end; i++) {
        struct table *t = &s->tables[s->holds[i].table];
        if (s->holds[i].how == EVO_SCHEDULE_ALONE)
            t->alone = take;
        else
            t->shared += take ? 1 : (size_t)-1;
    }
}

bool evo_schedule_take(struct evo_schedule *s, size_t *ret_piece)
{
    size_t passed = 0;
    bool found = false;
    /* While one of ten thousand keys of the same table runs, the others are not gone through each time. */
    while (s->nheap && !found && passed < LOOK_AT) {
        size_t piece = pop(s);
        if (is_free(s, &s->pieces[piece])) {
            lock(s, &s->pieces[piece], true);
            *ret_piece = piece;
            found = true;
        } else {
            s->aside[passed++] = piece;
        }
    }
    while (passed)
        push(s, s->aside[--passed]);
    return found;
}

void evo_schedule_finish(struct evo_schedule *s, size_t piece)
{
    const struct piece *p = &s->pieces[piece];
    lock(s, p, false);
    s->left--;
    for (size_t k = p->after_begin; k < p->after_end; k++)
        if (--s->pieces[s->needs[k].piece].missing == 0)
            push(s, s->needs[k].piece);
}

size_t evo_schedule_left(const struct evo_schedule *s)
{
    return s->left;
}

size_t evo_schedule_count(const struct evo_schedule *s)
{
    return s->count;
}
