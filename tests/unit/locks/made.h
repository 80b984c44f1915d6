/*
 * made.h - a view made by hand: sessions by their pids, waits by two of them.
 */
#ifndef EVO_TESTS_LOCKS_MADE_H
#define EVO_TESTS_LOCKS_MADE_H

#include "cmocka_all.h"

#include <inttypes.h>
#include <string.h>

#include "locks/view.h"

static inline EVO_UNUSED size_t made_session(struct evo_locks_view *v, int64_t pid)
{
    size_t i = evo_locks_index(v, pid, NULL);
    if (i < v->nsessions)
        return i;
    EVO_GROW(v->sessions, v->nsessions, v->sessions_alloc);
    v->sessions[v->nsessions++] =
        (struct evo_locks_session){ .pid = pid,
                                    .user = evo_strdup("app"),
                                    .application = evo_asprintf("a%" PRId64, pid),
                                    .type = evo_strdup("client backend"),
                                    .state = evo_strdup("active"),
                                    .database = evo_strdup("shop"),
                                    .started = evo_asprintf("2026-11-26T08:00:00.%06" PRId64 "Z", pid),
                                    .query = evo_asprintf("SELECT %" PRId64, pid),
                                    .transaction_ms = 1000,
                                    .state_ms = 500 };
    return i;
}

/* held NULL: it only stands in front. */
static inline EVO_UNUSED void made_wait(struct evo_locks_view *v, int64_t blocked, int64_t blocking,
                                        int64_t ms, const char *held)
{
    size_t a = made_session(v, blocked), b = made_session(v, blocking);
    EVO_GROW(v->waits, v->nwaits, v->waits_alloc);
    v->waits[v->nwaits++] = (struct evo_locks_wait){ .blocked = a,
                                                     .blocking = b,
                                                     .type = evo_strdup("relation"),
                                                     .object = evo_strdup("public.t"),
                                                     .relation = evo_strdup("public.t"),
                                                     .mode = evo_strdup("ACCESS EXCLUSIVE"),
                                                     .held = evo_strdup(held),
                                                     .wait_ms = ms };
}

#endif
