#include "base/task.h"

#include "base/banned.h"

void evo_task_log(struct evo_task *task, enum evo_level level, const char *fmt, ...)
{
    if (!task || !task->log)
        return;
    va_list ap;
    va_start(ap, fmt);
    EVO_AUTO_STR message = evo_vasprintf(fmt, ap);
    va_end(ap);
    task->log(task->ctx, level, message);
}

void evo_task_progress(struct evo_task *task, const struct evo_progress *progress)
{
    if (task && task->progress)
        task->progress(task->ctx, progress);
}
