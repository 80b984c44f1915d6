#include "backup/pgdump.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

#include "base/cancel.h"

#define STDBUF "/usr/bin/stdbuf"
/* pg_dump cancels its query at the server within this; the server may be busy. */
enum { STOP_MS = 2000, MESSAGES_MAX = 4000 };

enum evo_errc evo_pgdump_start(struct evo_pgdump *d, const char *path, const struct evo_conninfo *info,
                               const char *snapshot, const char *const *arguments, bool unbuffered,
                               struct evo_error *err)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    if (unbuffered && access(STDBUF, X_OK) == 0) {
        evo_strvec_push(&argv, STDBUF);
        evo_strvec_push(&argv, "-o0");
    }
    evo_strvec_push(&argv, path);
    evo_strvec_push(&argv, "--format=custom");
    evo_strvec_push(&argv, "--no-password");
    evo_strvec_pushf(&argv, "--snapshot=%s", snapshot);
    for (; *arguments; arguments++)
        evo_strvec_push(&argv, *arguments);
    evo_conninfo_environment(info, &env);
    /* Its messages are looked into below. */
    evo_strvec_push(&env, "LC_ALL=C");
    d->messages = memfd_create("pg_dump", MFD_CLOEXEC);
    if (d->messages < 0)
        return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not create a memory file");
    struct evo_process_options o = {
        .argv = argv.items, .env = &env, .in = EVO_FD_NULL, .out = EVO_FD_PIPE, .err = d->messages
    };
    enum evo_errc rc = evo_process_start(&d->process, &o, err);
    evo_conninfo_environment_wipe(&env);
    return rc;
}

enum evo_errc evo_pgdump_fill(void *pgdump, void *buf, size_t size, size_t *ret_n, struct evo_error *err)
{
    struct evo_pgdump *d = pgdump;
    for (;;) {
        enum evo_errc rc = evo_cancel_check(err);
        if (rc)
            return rc;
        struct pollfd fds[2] = { { .fd = d->process.out, .events = POLLIN },
                                 { .fd = evo_cancel_fd(), .events = POLLIN } };
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not wait for pg_dump");
        if (!(fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
            continue;
        ssize_t n = read(d->process.out, buf, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not read from pg_dump");
        *ret_n = (size_t)n;
        return EVO_OK;
    }
}

/* The messages without the program's name before each. */
static void read_messages(const struct evo_pgdump *d, struct evo_strbuf *out)
{
    static const char *const noise[] = { "pg_dump: error: ", "pg_dump: detail: ", "pg_dump: hint: ",
                                         "pg_dump: " };
    char buf[MESSAGES_MAX + 1];
    off_t end = d->messages >= 0 ? lseek(d->messages, 0, SEEK_END) : -1;
    off_t from = end > MESSAGES_MAX ? end - MESSAGES_MAX : 0;
    ssize_t n = end > 0 ? pread(d->messages, buf, MESSAGES_MAX, from) : 0;
    buf[n > 0 ? n : 0] = '\0';
    char *rest = NULL;
    for (char *line = strtok_r(buf, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        for (size_t i = 0; i < EVO_COUNT(noise); i++)
            if (evo_starts_with(line, noise[i])) {
                line += strlen(noise[i]);
                break;
            }
        evo_strbuf_addf(out, "%s%s", out->len ? " " : "", line);
    }
}

enum evo_errc evo_pgdump_failed(struct evo_pgdump *d, struct evo_error *err)
{
    static const struct {
        const char *part;
        enum evo_errc code;
    } table[] = {
        { "due to lock timeout", EVO_ERR_LOCK_UNAVAILABLE },
        /* --lock-wait-timeout is set as this; pg_dump has no other. */
        { "due to statement timeout", EVO_ERR_LOCK_UNAVAILABLE },
        { "permission denied", EVO_ERR_PERMISSION },
        { "row-level security", EVO_ERR_PERMISSION },
        { "server version mismatch", EVO_ERR_UNSUPPORTED },
        { "no matching schemas were found", EVO_ERR_NOT_FOUND },
        { "no matching tables were found", EVO_ERR_NOT_FOUND },
    };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    read_messages(d, &text);
    enum evo_errc code = EVO_ERR_DATABASE;
    for (size_t i = 0; i < EVO_COUNT(table) && code == EVO_ERR_DATABASE; i++)
        if (strstr(text.buf, table[i].part))
            code = table[i].code;
    evo_error_set(err, code, "pg_dump could not read the database");
    if (text.len)
        evo_error_detail(err, "pg_dump said: %s", text.buf);
    /* The name of a setting is the same in every language. */
    if (strstr(text.buf, "max_locks_per_transaction"))
        return evo_error_hint(
            err, "A backup locks every table, and the server has no room for so many locks: raise "
                 "max_locks_per_transaction, which takes a restart.");
    return code;
}

enum evo_errc evo_pgdump_finish(struct evo_pgdump *d, struct evo_error *err)
{
    int status = 0;
    enum evo_errc rc = evo_process_wait(&d->process, EVO_DEADLINE_NEVER, &status, err);
    if (rc)
        return rc;
    return status ? evo_pgdump_failed(d, err) : EVO_OK;
}

void evo_pgdump_release(struct evo_pgdump *d)
{
    if (!d)
        return;
    if (d->process.pid) {
        int status = 0;
        struct evo_error ignored = EVO_ERROR_INIT;
        evo_process_signal(&d->process, SIGTERM);
        if (evo_process_wait(&d->process, evo_deadline_in(STOP_MS), &status, &ignored))
            evo_process_signal(&d->process, SIGKILL);
    }
    evo_process_release(&d->process);
    evo_fd_auto_(&d->messages);
    *d = (struct evo_pgdump)EVO_PGDUMP_INIT;
}
