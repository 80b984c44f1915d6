/*
 * apply.h - one file, run: in one transaction, as it is, (statements.h) statement by statement, or (delegate.h) by the
 * project's own tool.
 *
 * In one transaction:
 *
 *	BEGIN, time-outs of the file
 *	the script, as few messages as may be
 *	settings back; the transaction's id noted
 *	the verify file, each probe under a read-only savepoint
 *	the ledger's row
 *	COMMIT
 *	the verify file again, on a new connection
 *
 * (transaction.h). Any failure before COMMIT leaves nothing. Where the connection dies in COMMIT, pg_xact_status gives the verdict: evo
 * never guesses. A lock that was not to be had (55P03, 40P01) rolls the whole transaction back and tries it again
 * (retry.h), and so does a try that kept others waiting for too long (again.h).
 */
#ifndef EVO_MIGRATION_APPLY_H
#define EVO_MIGRATION_APPLY_H

#include "base/error.h"
#include "migration/script.h"
#include "migration/session.h"
#include "migration/step.h"

struct evo_applied {
    int64_t started_ms; /* wall */
    int64_t elapsed_ms;
    bool transaction; /* it was one */
    int64_t retries;
    struct evo_harm harm; /* what it cost others, in all tries */
    int64_t cancelled; /* tries given up for it */
    bool verified; /* there were probes, and they passed */
    bool
        committed; /* it is in and on record, whatever is wrong with it: only its probe behind COMMIT can fail then */
    size_t
        done; /* it failed, and is no one transaction: so many statements from the first on are done and stay */
    size_t
        stopped_at; /* number of the statement that stopped it then, 1-based; 0: none, it was behind the last */
    bool
        escaped; /* it failed, and ended the transaction that it was run in, which nobody could see in its text */
    bool lost; /* it is committed, but the connection was lost: reopen the session */
};

/* Runs the step and records it. On failure the error is complete: EVO_ERR_MIGRATION_FAILED, EVO_ERR_LOCK_UNAVAILABLE or
 * EVO_ERR_CANCELLED, with migration, schema_clean, and the next command; no transaction is left open. */
enum evo_errc evo_apply(struct evo_session *s, struct evo_step *step, struct evo_applied *ret,
                        struct evo_error *err) EVO_CHECK;

/* The same for several in one transaction, all of mode `transaction` (atomic.h): all or none. ret: one for each, zeroed. */
enum evo_errc evo_apply_together(struct evo_session *s, struct evo_step *steps, size_t count,
                                 struct evo_applied *ret, struct evo_error *err) EVO_CHECK;

/* The parts that its ways share. */

/* The whole script, under the watch: `blockers` is who was in its way. */
enum evo_errc evo_apply_script(struct evo_session *s, const struct evo_step *step,
                               struct evo_script_outcome *outcome, struct evo_strbuf *blockers,
                               struct evo_error *err) EVO_CHECK;
/* Probes of the step on pg (in its transaction where it is in one). A false one is EVO_ERR_PROBE_FALSE. */
enum evo_errc evo_apply_probes(struct evo_pg *pg, const struct evo_step *step,
                               struct evo_error *err) EVO_CHECK;
/* The same, on a new connection. */
enum evo_errc evo_apply_probes_anew(const struct evo_session *s, const struct evo_step *step,
                                    struct evo_error *err) EVO_CHECK;
/* The same behind COMMIT: a cancel changes nothing any more, and the next migration says that it came. */
enum evo_errc evo_apply_probes_committed(const struct evo_session *s, const struct evo_step *step,
                                         struct evo_error *err) EVO_CHECK;
/* The migration is in, and its probe says no: the error of it. `steps`: so many to take back. Returns err->code. */
enum evo_errc evo_apply_fail_committed(const struct evo_session *s, const struct evo_step *step, size_t steps,
                                       struct evo_error *err);
/* Behind a COMMIT, also one of the project's own tool: the probes on a new connection, unless a cancel came, which changes
 * nothing any more. A false one is EVO_ERR_MIGRATION_FAILED with the way back: the next migration would build upon it. */
enum evo_errc evo_apply_committed(const struct evo_session *s, const struct evo_step *step,
                                  struct evo_error *err) EVO_CHECK;

#endif
