/*
 * way.h - who would be in the way of locks that are about to be asked for, and who waits there already.
 *
 * A lock that is asked for while a long transaction holds a conflicting one makes a queue of everybody behind it; so it
 * is worth a look before. What is found may be gone a moment later, and what comes then was not seen: this is for naming
 * and for choosing a moment, not for deciding whether a lock will be had.
 */
#ifndef EVO_LOCKS_WAY_H
#define EVO_LOCKS_WAY_H

#include "locks/view.h"

/* What is about to be locked. */
struct evo_way_lock {
    const char *
        relation; /* as in SQL, looked up with the session's search_path; one that is not there is no matter */
    enum evo_lock_mode mode;
};

struct evo_way {
    struct evo_locks_view
        holders; /* sessions (no waits): they hold a conflicting lock; longest transaction first */
    int64_t waiting; /* other sessions that wait for locks on these relations */
};
void evo_way_release(struct evo_way *w);
EVO_DEFINE_AUTO(way);

/* Not of pg itself. Without locks in the list, nothing is asked. Not in a transaction that failed. */
enum evo_errc evo_way_look(struct evo_pg *pg, const struct evo_way_lock *locks, size_t count,
                           struct evo_way *ret, struct evo_error *err) EVO_CHECK;

#endif
