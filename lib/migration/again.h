/*
 * again.h - the tries of one file or statement: who is in the way before each, what each did to others, and when the next
 * one is.
 *
 * A try that did not get its locks (retry.h), or was given up because too many waited behind it (locks/harm.h), has left
 * nothing behind: it was rolled back. Behind the first kind there is a pause that grows; behind the second, the queue is
 * looked at until it is quiet.
 */
#ifndef EVO_MIGRATION_AGAIN_H
#define EVO_MIGRATION_AGAIN_H

#include "migration/session.h"
#include "migration/step.h"

struct evo_tries {
    bool
        goes_on; /* the next try is of the statement behind one that succeeded: its harm counts together with that */
    int64_t counted_ms; /* session-milliseconds of the last try that are in `harm` already */
    int64_t failed;
    int64_t cancelled; /* of those, given up by us */
    struct evo_harm harm; /* of all of them */
    struct evo_watch_seen seen; /* of the last one */
};
#define EVO_TRIES_INIT                         \
    {                                          \
        .seen = {.blockers = EVO_STRBUF_INIT } \
    }
void evo_tries_release(struct evo_tries *t);
EVO_DEFINE_AUTO(tries);

/* Before a try: names whoever holds what statements [first, first + count) will want. Outside a transaction. Fails for a
 * cancel only. */
enum evo_errc evo_try_look(struct evo_session *s, const struct evo_step *step, size_t first, size_t count,
                           struct evo_error *err) EVO_CHECK;
/* Around a try. `waits`: it has no lock time-out of its own. `may_cancel` false: harm is only looked at (what may commit
 * inside would be left half done). */
void evo_try_begin(struct evo_session *s, const struct evo_step *step, struct evo_tries *t, bool waits,
                   bool may_cancel);
void evo_try_end(struct evo_session *s, struct evo_tries *t);
/* When the watch should look first, in ms. */
int64_t evo_try_watch_after(int64_t lock_timeout_ms);
/* Behind one that failed and was rolled back: waits until it is to be repeated. False: it is not, or a cancel came (err
 * is set to it then). [first, first + count): what it would lock. */
bool evo_try_again(struct evo_session *s, const struct evo_step *step, size_t first, size_t count,
                   struct evo_tries *t, struct evo_error *err);
/* Behind false: whether it was for others' sake, or for want of a lock, and no error of the statement's own. */
bool evo_tries_were_in_vain(const struct evo_session *s, const struct evo_tries *t,
                            const struct evo_error *err);

#endif
