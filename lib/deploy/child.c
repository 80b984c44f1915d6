#include "deploy/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/process.h"

#define ENVELOPE_MAX ((size_t)16 << 20)

void evo_child_result_release(struct evo_child_result *r)
{
    if (!r)
        return;
    evo_envelope_release(&r->envelope);
    *r = (struct evo_child_result){ 0 };
}

/* Waits in short turns so that a cancel is seen at once: the child's end and the cancel both wake the wait. */
static enum evo_errc watch(struct evo_process *p, struct evo_deadline deadline, int64_t grace_ms,
                           int *ret_exit, struct evo_error *err)
{
    bool told = false;
    for (;;) {
        enum evo_errc rc = evo_process_wait_or_cancel(p, deadline, told, ret_exit, err);
        if (rc == EVO_ERR_CANCELLED && !told) {
            told = true;
            evo_process_signal(p, evo_cancel_signal());
            deadline = evo_deadline_in(grace_ms);
            continue;
        }
        if (rc == EVO_ERR_TIMEOUT) {
            evo_process_signal(p, SIGKILL);
            return evo_process_wait(p, EVO_DEADLINE_NEVER, ret_exit, err);
        }
        return rc;
    }
}

static enum evo_errc read_envelope(const struct evo_child_options *o, struct evo_child_result *ret,
                                   struct evo_error *err)
{
    EVO_AUTO_STR step = evo_strdup(o->envelope);
    for (char *p = step; *p; p++)
        if (*p == ' ')
            *p = '-';
    EVO_AUTO_STR path = evo_asprintf("%s/%02d-%s.json", o->run_dir, o->number, step);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    if (!evo_is_file(path))
        return EVO_OK; /* killed before it could write one: its exit status speaks */
    enum evo_errc rc = evo_file_read(path, ENVELOPE_MAX, &text, err);
    if (!rc)
        rc = evo_envelope_parse(text.buf, text.len, path, &ret->envelope, err);
    ret->has_envelope = rc == EVO_OK;
    return rc;
}

enum evo_errc evo_child_run(const struct evo_child_options *o, struct evo_deadline deadline, int64_t grace_ms,
                            struct evo_child_result *ret, struct evo_error *err)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT, env = EVO_STRVEC_INIT;
    evo_strvec_pushf(&argv, "%s/%s", o->bin_dir, o->program);
    for (size_t i = 0; o->words && o->words[i]; i++)
        evo_strvec_push(&argv, o->words[i]);
    for (size_t i = 0; o->args && i < o->args->count; i++)
        evo_strvec_push(&argv, o->args->items[i]);
    for (size_t i = 0; o->env && i < o->env->count; i++)
        evo_strvec_push(&env, o->env->items[i]);
    evo_strvec_pushf(&env, "EVO_RUN_DIR=%s", o->run_dir);
    evo_strvec_pushf(&env, "EVO_STEP=%d", o->number);
    /* The job's outputs, summary and annotations are the parent's to write. */
    static const char *const ours[] = { "EVO_IN_RUN_DIR", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY",
                                        "GITHUB_ACTIONS" };
    for (size_t i = 0; i < EVO_COUNT(ours); i++)
        evo_strvec_push(&env, ours[i]);

    struct evo_process_options options = {
        .argv = argv.items, .env = &env, .in = EVO_FD_NULL, .out = o->stdout_fd, .err = EVO_FD_INHERIT
    };
    EVO_AUTO(process) p = EVO_PROCESS_INIT;
    int64_t began = evo_clock_ms();
    enum evo_errc rc = evo_process_start(&p, &options, err);
    if (!rc)
        rc = watch(&p, deadline, grace_ms, &ret->exit, err);
    ret->elapsed_ms = evo_clock_ms() - began;
    return rc ? rc : read_envelope(o, ret, err);
}
