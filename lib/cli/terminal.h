/*
 * terminal.h - what goes to stderr: log lines and progress, redacted, one writer at a time.
 *
 * Not interactive when CI is set, TERM is dumb or unset, or stderr is no terminal: then no colour, and progress is a
 * plain line every few seconds. On a terminal it is one line redrawn in place.
 */
#ifndef EVO_CLI_TERMINAL_H
#define EVO_CLI_TERMINAL_H

#include <pthread.h>

#include "base/task.h"
#include "cli/command.h"

struct evo_terminal {
    enum evo_level least; /* lines below are dropped */
    bool errors_only;
    bool interactive;
    bool color; /* stderr */
    bool show_progress;
    bool drawn; /* a progress line stands on the terminal */
    int64_t progress_at; /* monotonic: of the last progress shown */
    int64_t began_at; /* of the first one */
    const char *drawn_what;
    pthread_mutex_t mutex;
    struct evo_task task; /* to hand down */
};

bool evo_terminal_is_interactive(int fd);
/* Follows --quiet, --verbose, EVO_LOG, --no-color, NO_COLOR, --no-progress. */
void evo_terminal_init(struct evo_terminal *t, const struct evo_shared *shared);
/* Ends a progress line that is being redrawn. */
void evo_terminal_finish(struct evo_terminal *t);
/* "evo-migrate: error: …" and the detail, hint and next lines below it. */
void evo_terminal_error(struct evo_terminal *t, const char *program, const struct evo_error *error);

#endif
