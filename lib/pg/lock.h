/*
 * lock.h - advisory locks, by polling only: a session blocked in pg_advisory_lock() holds a snapshot and deadlocks
 * CREATE INDEX CONCURRENTLY. (https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS)
 *
 * The locks belong to the session: they outlast transactions and ROLLBACK, and end with evo_pg_unlock() or the
 * session. Behind a transaction pooler they hold nothing (evo_pg_refuse_pooler()).
 */
#ifndef EVO_PG_LOCK_H
#define EVO_PG_LOCK_H

#include "pg/conn.h"

#define EVO_LOCK_PRISMA ((int64_t)72707369)
/* evo's own keys: migrations of layouts without a lock, and one run of evo-deploy. */
#define EVO_LOCK_MIGRATION ((int64_t)0x65766f6d69670001) /* "evomig" */
#define EVO_LOCK_RUN       ((int64_t)0x65766f72756e0001) /* "evorun" */

/* Takes the session-level lock, trying again (50 ms growing to 1 s) until wait_ms passed (0: one try, negative: no
 * end). Says once (notice) that it waits, and for whom. EVO_ERR_LOCK_UNAVAILABLE, retryable, names the holder: pid,
 * user, application, client address, state, query and since when; what a plain role may not see of another's session
 * is "hidden". `what` is for messages: "migration lock". */
enum evo_errc evo_pg_lock(struct evo_pg *pg, int64_t key, int64_t wait_ms, const char *what,
                          struct evo_task *task, struct evo_error *err) EVO_CHECK;
/* Releases it; false where it was not held. Works after a cancel too, within 2 s. Errors are not reported: the
 * session's end releases as well. */
bool evo_pg_unlock(struct evo_pg *pg, int64_t key);

#endif
