/*
 * terminal.h - what goes to stderr: log lines and progress, redacted, one writer at a time.
 *
 * Not interactive when CI is set, TERM is dumb or unset, or stderr is no terminal: then no colour, and progress is a
 * plain line every few seconds. On a terminal it is one line redrawn in place, within the terminal's width, and ended by
 * a line end when the operation is over. What is over at once leaves nothing behind.
 *
 * A command may choose otherwise (evo_cmd_progress, command.h). With "json" everything on stderr is one JSON object a
 * line, also log lines and the error (lib/schema/progress.schema.json).
 */
#ifndef EVO_CLI_TERMINAL_H
#define EVO_CLI_TERMINAL_H

#include <pthread.h>

#include "base/task.h"
#include "cli/command.h"
#include "cli/meter.h"

enum evo_progress_mode {
    EVO_PROGRESS_AUTO, /* the bar where it is interactive, else lines */
    EVO_PROGRESS_JSON,
    EVO_PROGRESS_NONE,
    EVO_PROGRESS_PLAIN /* lines, and always a last one */
};

struct evo_terminal {
    enum evo_level least; /* lines below are dropped */
    bool errors_only;
    bool interactive;
    bool color; /* stderr */
    bool show_progress;
    enum evo_progress_mode mode;
    bool drawn; /* the bar stands on the terminal's last line */
    bool metering; /* an operation is on its way */
    bool told; /* something was shown of it */
    int64_t told_at; /* monotonic: when, or when it began */
    struct evo_meter meter;
    pthread_mutex_t mutex;
    struct evo_task task; /* to hand down */
};

bool evo_terminal_is_interactive(int fd);
/* Follows --quiet, --verbose, EVO_LOG, --no-color, NO_COLOR, --no-progress. */
void evo_terminal_init(struct evo_terminal *t, const struct evo_shared *shared);
/* "auto", "json", "none", "plain"; another word is a broken invariant, as the option's table checks it. */
void evo_terminal_set_progress(struct evo_terminal *t, const char *mode);
/* The operation that is on its way is over: its last state is shown. */
void evo_terminal_finish(struct evo_terminal *t);
/* "evo-migrate: error: …" and the detail, hint and next lines below it. */
void evo_terminal_error(struct evo_terminal *t, const char *program, const struct evo_error *error);

#endif
