/*
 * watch.h - a second pair of eyes: who stands in the way of our statement, and who waits behind it.
 *
 * A statement that waits for a lock cannot say for whom, and one that holds its locks does not notice the queue behind it.
 * A thread with a session of its own looks at the locks (locks/view.h) once the statement has run for a while, logs who
 * blocks us and who waits behind us each time that changes, adds up the harm (locks/harm.h), and past the budget cancels
 * our statement by pg_cancel_backend(): by a session and not by PQcancel, so that it is encrypted as the session is, and
 * gets through a session pooler. It connects only when first needed: a run whose statements are quick pays nothing for
 * it. A look takes at most a fifth of the time.
 *
 * What is watched is what holds its locks: a transaction from BEGIN to COMMIT, however many statements are in it. Of a file
 * that is run statement by statement each one is armed by itself; harm and looks go on from one to the next (`goes_on`), so
 * that many short ones are not each too short to be looked at.
 *
 * Who waits for our migration lock (an advisory lock) is not harmed by the statement, and a vacuum can wait: neither
 * counts.
 *
 *	EVO_AUTO_PTR(watch) watch = evo_watch_new(info, task);
 *	evo_watch_arm(watch, &(struct evo_watch_target){ .pid = pid, .after_ms = 100, .budget_ms = 30000 });
 *	rc = evo_pg_exec(pg, ddl, err);
 *	evo_watch_disarm(watch, &seen);
 *	if (rc && seen.cancelled) …                     // by us: roll back, and try again at a quieter moment
 */
#ifndef EVO_MIGRATION_WATCH_H
#define EVO_MIGRATION_WATCH_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/task.h"
#include "locks/harm.h"
#include "pg/conninfo.h"

struct evo_watch_target {
    int64_t pid; /* of the server process, as the server says it */
    int64_t after_ms; /* the first look */
    int64_t budget_ms; /* of harm, in session-milliseconds; 0: nothing is cancelled */
    bool
        goes_on; /* the next statement of the same file: counting and looking go on; after_ms is of the first */
};

/* What was seen between arm and disarm. */
struct evo_watch_seen {
    struct evo_strbuf
        blockers; /* the last: "pid 42 (user "app", …): UPDATE …; …"; empty: nobody was in the way */
    struct evo_harm harm; /* since it was last armed without goes_on */
    bool cancelled; /* the statement was told to end */
    bool held; /* when it was told, it waited for nobody: it held its locks */
};
void evo_watch_seen_release(struct evo_watch_seen *s);
EVO_DEFINE_AUTO(watch_seen);

struct evo_watch;
/* Borrows info and task for its life. A thread that cannot be started is no error: nothing is seen then. */
struct evo_watch *evo_watch_new(const struct evo_conninfo *info, struct evo_task *task) EVO_CHECK;
void evo_watch_free(struct evo_watch *w);
EVO_DEFINE_AUTO_PTR(watch, evo_watch_free);

/* From now on the target is watched. NULL w: nothing. */
void evo_watch_arm(struct evo_watch *w, const struct evo_watch_target *target);
/* Stops looking; a cancel that is on its way has been delivered when it returns. Replaces *ret, which is initialized.
 * NULL w: nothing was seen. */
void evo_watch_disarm(struct evo_watch *w, struct evo_watch_seen *ret);

#endif
