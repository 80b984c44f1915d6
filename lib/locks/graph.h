/*
 * graph.h - what follows from the waits: who stands at the root, and how many wait behind whom. Pure.
 *
 * Waits are a graph and not a tree: a session may wait for several others, and in the second before the server ends a
 * deadlock it goes round in a circle. So a session that was shown already stands a second time, without what hangs below
 * it (`again`), and a circle is entered where most wait. Whoever waits for one that holds its lock stands below that one
 * and not below all who only wait in front of it.
 */
#ifndef EVO_LOCKS_GRAPH_H
#define EVO_LOCKS_GRAPH_H

#include "locks/view.h"

#define EVO_LOCKS_ROOT ((size_t)-1)

/* How many sessions wait for session i, directly or for one that does; i itself is not counted. `set` (may be NULL) has
 * a flag for each session of the view. `own_advisory` false: direct waits for an advisory lock of i do not count. */
size_t evo_locks_behind(const struct evo_locks_view *v, size_t i, bool own_advisory, bool *set);

struct evo_locks_line {
    size_t session;
    size_t wait; /* why it stands here; EVO_LOCKS_ROOT */
    unsigned depth; /* 0: it waits for nobody */
    bool last; /* of those that wait for the same one */
    bool again; /* it stands above with what hangs below it */
    bool circle; /* it is entered here, and waits as well: a deadlock */
};
struct evo_locks_tree {
    struct evo_locks_line *items;
    size_t count, alloc;
};
void evo_locks_tree_release(struct evo_locks_tree *t);
EVO_DEFINE_AUTO(locks_tree);
/* Depth first; roots by how many wait behind them, then by the age of their transaction; those who wait for one, by how
 * long they do. */
void evo_locks_tree_make(const struct evo_locks_view *v, struct evo_locks_tree *ret);

#endif
