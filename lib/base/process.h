/*
 * process.h - children: started by argv, never through a shell.
 *
 * A child gets its own process group and a parent-death signal, so that a killed
 * evo leaves nothing running; only descriptors 0, 1 and 2 reach it. Secrets go in
 * by environment, never by argv (argv is readable by every user of the machine).
 *
 *	struct evo_process p;
 *	struct evo_process_options o = { .argv = argv.items, .out = EVO_FD_PIPE, .err = EVO_FD_PIPE };
 *	rc = evo_process_start(&p, &o, err);
 *	... read p.out ...
 *	rc = evo_process_wait(&p, EVO_DEADLINE_NEVER, &status, err);
 */
#ifndef EVO_BASE_PROCESS_H
#define EVO_BASE_PROCESS_H

#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

enum {
    EVO_FD_INHERIT = -1,
    EVO_FD_PIPE = -2,
    EVO_FD_NULL = -3
}; /* or a descriptor >= 0, which stays the caller's */

/* Another user of this machine, for programs that refuse to run as root. */
struct evo_process_user {
    uid_t uid;
    gid_t gid;
    gid_t groups[32];
    size_t ngroups;
};
/* Looks the user up. EVO_ERR_NOT_FOUND where there is none. */
enum evo_errc evo_process_user_find(const char *name, struct evo_process_user *ret,
                                    struct evo_error *err) EVO_CHECK;

struct evo_process_options {
    char *const *argv; /* argv[0] is a path, or a name looked for on PATH */
    const struct evo_strvec
        *env; /* "NAME=value" put over the inherited environment; "NAME" alone removes; may be NULL */
    const char *cwd; /* NULL: the caller's */
    const struct evo_process_user *user; /* become this one first (as root only); NULL: stay who we are */
    int death_signal; /* sent to the child when the thread that started it ends; 0: SIGTERM */
    int in, out, err;
};

struct evo_process {
    pid_t pid; /* 0: none */
    int in, out, err; /* our ends of the pipes asked for, else -1 */
};
#define EVO_PROCESS_INIT               \
    {                                  \
        .in = -1, .out = -1, .err = -1 \
    }

/* Starts it. EVO_ERR_NOT_FOUND when the program does not exist, else EVO_ERR_INTERNAL. */
enum evo_errc evo_process_start(struct evo_process *p, const struct evo_process_options *o,
                                struct evo_error *err) EVO_CHECK;
/* Waits. *ret_status is 0..255, or 128+n when signal n ended it. EVO_ERR_TIMEOUT at the deadline (it still runs). */
enum evo_errc evo_process_wait(struct evo_process *p, struct evo_deadline deadline, int *ret_status,
                               struct evo_error *err) EVO_CHECK;
/* The same, but a cancel (base/cancel.h) ends the wait at once with EVO_ERR_CANCELLED, unless `ignore_cancel`. */
enum evo_errc evo_process_wait_or_cancel(struct evo_process *p, struct evo_deadline deadline,
                                         bool ignore_cancel, int *ret_status,
                                         struct evo_error *err) EVO_CHECK;
/* Sends signo to the child's whole group. */
void evo_process_signal(const struct evo_process *p, int signo);
/* Closes the pipes; a child still running is killed (SIGKILL to its group) and reaped. */
void evo_process_release(struct evo_process *p);
EVO_DEFINE_AUTO(process);

/* SIGPIPE must be ignored, as evo_cancel_install() does. Runs to the end: `input` (may be NULL) to its stdin, stdout and stderr collected (NULL: dropped), both read
 * as they come. Ends it on cancel (EVO_ERR_CANCELLED) or at the deadline (EVO_ERR_TIMEOUT). */
enum evo_errc evo_process_run(const struct evo_process_options *o, const char *input, struct evo_strbuf *out,
                              struct evo_strbuf *err_out, struct evo_deadline deadline, int *ret_status,
                              struct evo_error *err) EVO_CHECK;

/* Folder of the running executable (/proc/self/exe). The caller frees. */
enum evo_errc evo_process_self_dir(char **ret_dir, struct evo_error *err) EVO_CHECK;

#endif
