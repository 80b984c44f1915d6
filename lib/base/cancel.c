#include "base/cancel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "base/clock.h"

/* Process-wide, as signals are (see the header). */
static volatile sig_atomic_t requested, first;
static int pipe_fd[2] = { -1, -1 };

static void handler(int signo)
{
    evo_cancel_request(signo);
}

void evo_cancel_request(int signo)
{
    int saved = errno;
    if (!first)
        first = signo;
    if (!requested) {
        requested = signo;
        if (pipe_fd[1] >= 0) {
            ssize_t n = write(pipe_fd[1], "x", 1);
            (void)n; /* full means: already readable */
        }
    }
    errno = saved;
}

enum evo_errc evo_cancel_install(struct evo_error *err)
{
    if (pipe_fd[0] < 0 && pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not create a pipe");
    struct sigaction sa = { .sa_handler = handler };
    (void)sigemptyset(&sa.sa_mask);
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < EVO_COUNT(signals); i++)
        (void)sigaction(signals[i], &sa, NULL);
    sa.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &sa, NULL);
    (void)sigaction(SIGXFSZ, &sa, NULL); /* a limit on the size of files is an error like a full disk */
    return EVO_OK;
}

int evo_cancel_signal(void)
{
    return requested;
}

int evo_cancel_first_signal(void)
{
    return first;
}

int evo_cancel_fd(void)
{
    return pipe_fd[0];
}

void evo_cancel_acknowledge(void)
{
    char c;
    while (pipe_fd[0] >= 0 && read(pipe_fd[0], &c, 1) == 1)
        continue;
    requested = 0;
}

enum evo_errc evo_cancel_check(struct evo_error *err)
{
    int signo = requested;
    if (!signo)
        return EVO_OK;
    return evo_error_set(err, EVO_ERR_CANCELLED, "cancelled by signal %d (%s)", signo, strsignal(signo));
}

enum evo_errc evo_cancel_sleep(int64_t ms, struct evo_error *err)
{
    struct evo_deadline d = evo_deadline_in(ms);
    while (!requested && !evo_deadline_passed(d)) {
        struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };
        (void)poll(&p, pipe_fd[0] >= 0, evo_deadline_left(d));
    }
    return evo_cancel_check(err);
}
