/*
 * task.h - how the library talks to whoever called it, without printing.
 *
 * A struct evo_task is handed down to everything that takes long or has something
 * to say. lib/cli makes one that writes log lines and progress to stderr; tests
 * make one that collects. A NULL task, or NULL functions, say nothing.
 * Functions may be called from several threads at once; the implementation locks.
 */
#ifndef EVO_BASE_TASK_H
#define EVO_BASE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

enum evo_level { EVO_LOG_DEBUG, EVO_LOG_INFO, EVO_LOG_NOTICE, EVO_LOG_WARN };

/* How far a long operation is. Totals of 0 are unknown; a total of bytes may be an estimate. Show it often, also while
 * nothing moves (ten times a second will do): whoever displays it decides when. */
struct evo_progress {
    const char *what; /* "backup", "restore": another one is another operation */
    uint64_t bytes, bytes_total;
    uint64_t items, items_total;
    const char *item; /* "tables", "objects" */
    const char *current; /* borrowed during the call; NULL: none */
    bool done; /* the operation is over; without it, it lasts until the next one or the command's end */
};

struct evo_task {
    void *ctx;
    void (*log)(void *ctx, enum evo_level level, const char *message);
    void (*progress)(void *ctx, const struct evo_progress *progress);
};

void evo_task_log(struct evo_task *task, enum evo_level level, const char *fmt, ...) EVO_PRINTF(3, 4);
#define evo_debug(task, ...)  evo_task_log((task), EVO_LOG_DEBUG, __VA_ARGS__)
#define evo_info(task, ...)   evo_task_log((task), EVO_LOG_INFO, __VA_ARGS__)
#define evo_notice(task, ...) evo_task_log((task), EVO_LOG_NOTICE, __VA_ARGS__)
#define evo_warn(task, ...)   evo_task_log((task), EVO_LOG_WARN, __VA_ARGS__)
void evo_task_progress(struct evo_task *task, const struct evo_progress *progress);

#endif
