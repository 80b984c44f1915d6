/*
 * delegate_child.h - for delegate.c only: the tool as a child process, from its start to its last session's end.
 */
#ifndef EVO_MIGRATION_DELEGATE_CHILD_H
#define EVO_MIGRATION_DELEGATE_CHILD_H

#include "migration/session.h"
#include "migration/step.h"

/* What the tool said, kept: the end of it. */
#define EVO_DELEGATE_OUTPUT_MAX ((size_t)32 * 1024)

struct evo_delegate_outcome {
    int status; /* 0..255, 128+n: ended by signal n; not to be believed */
    bool killed; /* it did not end in time behind a cancel */
    bool sessions_left; /* the server still has one of its sessions: nothing can be concluded yet */
    struct evo_strbuf
        output; /* stdout and stderr as they came, redacted, without control characters but '\n' */
    struct evo_watch_seen seen; /* who stood in its way last (watch.h) */
};
void evo_delegate_outcome_release(struct evo_delegate_outcome *o);
EVO_DEFINE_AUTO(delegate_outcome);

/* Runs step->command to its end, whatever comes. EVO_OK says only that it ran; a cancel is not reported here: whoever
 * called looks at evo_cancelled(). EVO_ERR_CONFIG where it cannot be started: nothing happened then. */
enum evo_errc evo_delegate_run(struct evo_session *s, const struct evo_step *step, const char *tool,
                               struct evo_delegate_outcome *ret, struct evo_error *err) EVO_CHECK;

/* DATABASE_URL and PG*, time-outs and the name among them, appended to env. `current` is what DATABASE_URL holds now
 * (NULL: nothing): it stays where it names the same database, so that a driver or parameters of the framework's in it
 * stay as well. env is to be wiped (evo_conninfo_environment_wipe). */
void evo_delegate_environment(const struct evo_conninfo *info, const char *current, const char *application,
                              int64_t lock_timeout_ms, int64_t statement_timeout_ms, struct evo_strvec *env);

#endif
