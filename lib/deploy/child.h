/*
 * child.h - one step as a child: started, watched, signalled, its envelope read.
 */
#ifndef EVO_DEPLOY_CHILD_H
#define EVO_DEPLOY_CHILD_H

#include "base/clock.h"
#include "base/strvec.h"
#include "result/rundir.h"

struct evo_child_options {
    const char *bin_dir; /* where the siblings are */
    const char *program; /* "evo-backup" */
    const char *const *words; /* its command and arguments; NULL-terminated, may be NULL */
    const struct evo_strvec *args; /* "--store=…": shared options to hand on; may be NULL */
    const struct evo_strvec *env; /* "NAME=value" over ours; may be NULL */
    const char *run_dir;
    int number; /* of its envelope */
    const char *envelope; /* "backup create": which envelope it leaves */
    int stdout_fd; /* where its text goes */
};

struct evo_child_result {
    int exit; /* as evo_process_wait() */
    int64_t elapsed_ms;
    bool has_envelope;
    struct evo_envelope envelope; /* where has_envelope */
};
void evo_child_result_release(struct evo_child_result *r);
EVO_DEFINE_AUTO(child_result);

/* Runs it to its end. A cancel is passed on as the signal that came; a child that has not ended `grace_ms` later, or when
 * `deadline` passes, is killed with its group. The child's own failure is not an error here: see ret->exit. */
enum evo_errc evo_child_run(const struct evo_child_options *o, struct evo_deadline deadline, int64_t grace_ms,
                            struct evo_child_result *ret, struct evo_error *err) EVO_CHECK;

#endif
