/*
 * watch.h - a second pair of eyes: who stands in the way of the statement that is running.
 *
 * A statement that waits for a lock cannot say for whom. A thread with a session of its own asks pg_blocking_pids()
 * once the statement has run for a while, logs each new blocker, and keeps the last answer for the error message. It
 * connects only when first needed: a run whose statements are quick pays nothing for it.
 *
 *	EVO_AUTO_PTR(watch) watch = evo_watch_new(info, task);
 *	evo_watch_arm(watch, evo_pg_backend_pid(pg), 500);
 *	rc = evo_pg_exec(pg, ddl, err);
 *	evo_watch_disarm(watch, &blockers);
 */
#ifndef EVO_MIGRATION_WATCH_H
#define EVO_MIGRATION_WATCH_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/task.h"
#include "pg/conninfo.h"

struct evo_watch;
/* Borrows info and task for its life. A thread that cannot be started is no error: nothing is seen then. */
struct evo_watch *evo_watch_new(const struct evo_conninfo *info, struct evo_task *task) EVO_CHECK;
void evo_watch_free(struct evo_watch *w);
EVO_DEFINE_AUTO_PTR(watch, evo_watch_free);

/* From now on backend `pid` is watched; the first look is after_ms from now. NULL w: nothing. */
void evo_watch_arm(struct evo_watch *w, int pid, int64_t after_ms);
/* Stops looking; appends what was seen last ("pid 42 (user "app", application "web", idle in transaction for 12 s): UPDATE
 * …"), nothing where nobody stood in the way. blockers may be NULL. */
void evo_watch_disarm(struct evo_watch *w, struct evo_strbuf *blockers);

#endif
