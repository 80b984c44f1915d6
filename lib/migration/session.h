/*
 * session.h - one run's session with the database: connected, guarded, locked, and everything known about the state.
 *
 * The lock is a session lock: all migrations of a run go through this one session, and when it ends, in whatever way,
 * the lock is free. A second session is opened only for probes after a COMMIT, and to ask what became of a COMMIT
 * whose connection was lost.
 */
#ifndef EVO_MIGRATION_SESSION_H
#define EVO_MIGRATION_SESSION_H

#include "base/error.h"
#include "base/task.h"
#include "layout/ledger.h"
#include "layout/state.h"
#include "migration/journal.h"
#include "migration/plan.h"
#include "migration/settings.h"
#include "migration/watch.h"
#include "pg/conn.h"

/* What a verb is called with; all borrowed. */
struct evo_migrate_options {
    const struct evo_conninfo *info;
    struct evo_project *project; /* settled (layout/ledger.h) when the session is opened */
    const char *expect_database, *expect_system_identifier; /* guards; NULL: none */
    struct evo_plan_options plan;
    bool dry_run;
    bool render; /* up: what the project's own tool would run, as SQL that evo runs (render.h) */
    bool atomic; /* up: everything in one transaction, or refused */
    bool no_fingerprint; /* the schema is not looked at */
    int64_t lock_timeout_ms, statement_timeout_ms; /* 0: none */
    int64_t lock_retries;
    int64_t harm_budget_ms; /* session-milliseconds that others may wait behind a statement; 0: no limit */
    int64_t wait_ms; /* for the migration lock */
    struct evo_task *task;
};

/* The lock, as the last look found it: a file may release it (DISCARD ALL, pg_advisory_unlock_all()). */
enum evo_session_lock {
    EVO_SESSION_LOCK_HELD,
    EVO_SESSION_LOCK_RETAKEN, /* it was released, and is ours again; others may have been at it meanwhile */
    EVO_SESSION_LOCK_TAKEN /* it was released, and another session has it */
};

struct evo_session {
    const struct evo_migrate_options *o;
    struct evo_pg *pg;
    int64_t backend_pid; /* of the server process; behind a session pooler the protocol tells another one */
    struct evo_settings settings;
    char *search_path;
    int64_t lock_key, lock_key_too; /* the second is taken as well; 0: there is none */
    bool locked;
    enum evo_session_lock lock; /* the worst since it was last set to HELD */
    struct evo_ledger ledger;
    struct evo_journal journal;
    struct evo_state state;
    struct evo_watch *watch;
};
void evo_session_release(struct evo_session *s);
EVO_DEFINE_AUTO(session);

/* Connects and holds the guards; refuses a transaction pooler. With `lock`, takes the layout's lock (`wait_ms`). Then
 * loads ledger, journal and state: what they say is true as long as the lock is held. */
enum evo_errc evo_session_open(const struct evo_migrate_options *o, bool lock, struct evo_session *ret,
                               struct evo_error *err) EVO_CHECK;
/* Reads ledger, journal and state again. */
enum evo_errc evo_session_reload(struct evo_session *s, struct evo_error *err) EVO_CHECK;
/* A connection was lost: a new one, guarded and locked again, state read again. */
enum evo_errc evo_session_reopen(struct evo_session *s, struct evo_error *err) EVO_CHECK;
/* One more session with the same settings, without the lock: for probes and for questions about the first. */
enum evo_errc evo_session_second(const struct evo_session *s, struct evo_pg **ret,
                                 struct evo_error *err) EVO_CHECK;

/* An expression that tells whether the lock is held, and takes it again where it is free; and what its answer means.
 * It goes along with a message that is sent anyway. */
void evo_session_lock_look(const struct evo_session *s, struct evo_strbuf *sql);
void evo_session_lock_note(struct evo_session *s, const char *answer);

/* The texts of settings.h, sent; reset looks at the lock, too. */
enum evo_errc evo_session_reset(struct evo_session *s, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_session_begin(struct evo_session *s, const struct evo_step *step,
                                struct evo_error *err) EVO_CHECK;
/* The next file in the transaction that is open. */
enum evo_errc evo_session_go_on(struct evo_session *s, const struct evo_step *step,
                                struct evo_error *err) EVO_CHECK;
/* COMMIT, as the server says it: EVO_ERR_DATABASE where the transaction was rolled back instead. */
enum evo_errc evo_session_commit(struct evo_session *s, struct evo_error *err) EVO_CHECK;
/* Ends a transaction that failed. Also behind a cancel; a connection that does not answer is left to its end. */
void evo_session_rollback(struct evo_session *s);

/* Time-outs of one file: its directives, else the options. */
int64_t evo_session_lock_timeout(const struct evo_session *s, const struct evo_step *step);
int64_t evo_session_statement_timeout(const struct evo_session *s, const struct evo_step *step);

/* Around clean-up that talks to the server although a cancel was requested. */
int evo_session_grace_begin(void);
void evo_session_grace_end(int signo);

#endif
