/*
 * harm.h - what our statement costs others, when that is too much, and when it is quiet enough to try again. Pure.
 *
 * Harm is counted in sessions × time: one session that waits behind us for 30 s is as much as thirty that wait for one.
 * It is summed up over looks at the server (view.h); a session that came after the last look counts only for as long as
 * it waits.
 *
 * Past the budget our statement is given up, and tried again at a quieter moment: when nobody waits for the same tables
 * and nobody holds a lock there that would be in our way. For one that was given up while it held its locks (it is slow,
 * not kept waiting) a free moment is not enough; the tables must be quiet in several looks one after the other. It does
 * not wait for ever: when the time is over it is tried anyway, and the budget holds for that try, too.
 */
#ifndef EVO_LOCKS_HARM_H
#define EVO_LOCKS_HARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evo_harm {
    int64_t sessions_max; /* that waited at one moment */
    int64_t session_ms; /* sessions × milliseconds */
    int64_t looked_at; /* monotonic: of the last look; 0: none yet */
};
/* One look: waits_ms[i] is how long the i-th session has been waiting, -1 where that is not known. began_at is when our
 * statement began: nobody waited for it before. */
void evo_harm_add(struct evo_harm *h, int64_t began_at, int64_t now, const int64_t *waits_ms, size_t count);
/* True from the moment on when the budget is used up; 0: there is none. */
bool evo_harm_is_too_much(const struct evo_harm *h, int64_t budget_ms);
/* In whole seconds, rounded up. */
int64_t evo_harm_seconds(int64_t session_ms);

struct evo_quiet_policy {
    int64_t least_ms; /* first wait, whatever is seen: those who queued must get their turn */
    int64_t most_ms; /* then it is tried anyway */
    unsigned looks; /* quiet ones that are wanted one after the other */
};
#define EVO_QUIET_LEAST_MS 250
#define EVO_QUIET_MOST_MS  (30 * 1000)
/* For the try behind the `failed`-th one (1-based) that was given up; held: it had its locks by then. */
struct evo_quiet_policy evo_quiet_policy(int64_t failed, bool held);

enum evo_quiet { EVO_QUIET_GO, EVO_QUIET_GO_ANYWAY, EVO_QUIET_LOOK_AGAIN };
/* What to do after waited_ms, when the last `looks` looks found nobody in the way and nobody waiting. *ret_next_ms: of
 * LOOK_AGAIN, when. */
enum evo_quiet evo_quiet_decide(const struct evo_quiet_policy *p, int64_t waited_ms, unsigned looks,
                                int64_t *ret_next_ms);

#endif
