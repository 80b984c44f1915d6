#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cancel.h"
#include "base/file.h"

extern char **environ;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* One of the three standard descriptors: what the child gets, and the end we keep. */
struct end {
    int child, ours;
    bool close_child;
};

static bool open_end(int want, int number, struct end *e)
{
    *e = (struct end){ .child = want >= 0 ? want : number, .ours = -1 };
    if (want == EVO_FD_NULL) {
        e->child = open("/dev/null", O_RDWR | O_CLOEXEC);
        e->close_child = true;
        return e->child >= 0;
    }
    if (want == EVO_FD_PIPE) {
        int fd[2];
        if (pipe2(fd, O_CLOEXEC) != 0)
            return false;
        e->child = number == 0 ? fd[0] : fd[1];
        e->ours = number == 0 ? fd[1] : fd[0];
        e->close_child = true;
    }
    return true;
}

static void build_environment(const struct evo_strvec *changes, struct evo_strvec *ret)
{
    for (char **e = environ; *e; e++) {
        size_t name = strcspn(*e, "=");
        bool replaced = false;
        for (size_t i = 0; changes && i < changes->count && !replaced; i++)
            replaced = strncmp(changes->items[i], *e, name) == 0 &&
                       (changes->items[i][name] == '=' || changes->items[i][name] == '\0');
        if (!replaced)
            evo_strvec_push(ret, *e);
    }
    for (size_t i = 0; changes && i < changes->count; i++)
        if (strchr(changes->items[i], '='))
            evo_strvec_push(ret, changes->items[i]);
}

/* Tells the parent why the child could not become the program, and ends. */
static EVO_NORETURN void give_up(int report)
{
    int e = errno;
    ssize_t n = write(report, &e, sizeof(e));
    (void)n;
    _exit(127);
}

enum evo_errc evo_process_user_find(const char *name, struct evo_process_user *ret, struct evo_error *err)
{
    errno = 0;
    const struct passwd *entry = getpwnam(name);
    if (!entry)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "there is no user \"%s\" on this machine", name);
    struct evo_process_user user = { .uid = entry->pw_uid, .gid = entry->pw_gid };
    int n = (int)EVO_COUNT(user.groups);
    if (getgrouplist(name, entry->pw_gid, user.groups, &n) < 0) {
        /* More than fit: its own group is what files of its own need. */
        user.groups[0] = entry->pw_gid;
        n = 1;
    }
    user.ngroups = (size_t)n;
    *ret = user;
    return EVO_OK;
}

/* For good: the saved ids too. */
static bool become_user(const struct evo_process_user *u)
{
    return setgroups(u->ngroups, u->groups) == 0 && setresgid(u->gid, u->gid, u->gid) == 0 &&
           setresuid(u->uid, u->uid, u->uid) == 0;
}

/* After fork: only async-signal-safe calls. */
static EVO_NORETURN void become(const struct evo_process_options *o, const struct end ends[3], char **env,
                                pid_t parent, int report)
{
    (void)setpgid(0, 0);
    if (o->user && !become_user(o->user))
        give_up(report);
    /* Behind the change of user, which forgets it. */
    (void)prctl(PR_SET_PDEATHSIG, o->death_signal ? o->death_signal : SIGTERM);
    if (getppid() != parent)
        _exit(127); /* the parent died before the call above */
    /* Lift the three out of 0..2 first, so that none is overwritten before it is used. */
    int lifted[3];
    for (int i = 0; i < 3; i++) {
        lifted[i] = fcntl(ends[i].child, F_DUPFD_CLOEXEC, 3);
        if (lifted[i] < 0)
            give_up(report);
    }
    for (int i = 0; i < 3; i++)
        if (dup2(lifted[i], i) < 0)
            give_up(report);
    if (o->cwd && chdir(o->cwd) != 0)
        give_up(report);
    struct sigaction sa = { .sa_handler = SIG_DFL };
    static const int reset[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD };
    for (size_t i = 0; i < EVO_COUNT(reset); i++)
        (void)sigaction(reset[i], &sa, NULL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execvpe(o->argv[0], o->argv, env);
    give_up(report);
}

enum evo_errc evo_process_start(struct evo_process *p, const struct evo_process_options *o,
                                struct evo_error *err)
{
    struct end ends[3] = { { -1, -1, false }, { -1, -1, false }, { -1, -1, false } };
    const int want[3] = { o->in, o->out, o->err };
    EVO_AUTO_FD report_read = -1;
    EVO_AUTO_FD report_write = -1;
    int report[2] = { -1, -1 };
    bool opened = pipe2(report, O_CLOEXEC) == 0;
    report_read = report[0];
    report_write = report[1];
    for (int i = 0; i < 3 && opened; i++)
        opened = open_end(want[i], i, &ends[i]);
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    build_environment(o->env, &env);

    pid_t self = getpid();
    pid_t pid = opened ? fork() : -1;
    int failed = errno;
    if (pid == 0)
        become(o, ends, env.items, self, report_write);
    for (int i = 0; i < 3; i++)
        if (ends[i].close_child)
            close_fd(&ends[i].child);
    if (pid < 0) {
        for (int i = 0; i < 3; i++)
            close_fd(&ends[i].ours);
        return evo_error_errno(err, EVO_ERR_INTERNAL, failed, "could not start \"%s\"", o->argv[0]);
    }
    /* Also here, so that a signal sent to the group at once finds it. */
    (void)setpgid(pid, pid);
    *p = (struct evo_process){ .pid = pid, .in = ends[0].ours, .out = ends[1].ours, .err = ends[2].ours };

    close_fd(&report_write);
    int child_errno = 0;
    ssize_t n;
    do
        n = read(report_read, &child_errno, sizeof(child_errno));
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof(child_errno)) {
        evo_process_release(p);
        return evo_error_errno(err, child_errno == ENOENT ? EVO_ERR_NOT_FOUND : EVO_ERR_INTERNAL, child_errno,
                               "could not start \"%s\"", o->argv[0]);
    }
    return EVO_OK;
}

static int status_of(int raw)
{
    return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
}

/* A descriptor that becomes readable when the child ends; -1 on kernels before 5.3. */
static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

enum evo_errc evo_process_wait(struct evo_process *p, struct evo_deadline deadline, int *ret_status,
                               struct evo_error *err)
{
    return evo_process_wait_or_cancel(p, deadline, true, ret_status, err);
}

enum evo_errc evo_process_wait_or_cancel(struct evo_process *p, struct evo_deadline deadline,
                                         bool ignore_cancel, int *ret_status, struct evo_error *err)
{
    bool plain = deadline.at < 0 && ignore_cancel;
    EVO_AUTO_FD pidfd = plain ? -1 : open_pidfd(p->pid);
    for (;;) {
        int raw;
        pid_t got = waitpid(p->pid, &raw, plain ? 0 : WNOHANG);
        if (got == p->pid) {
            p->pid = 0;
            *ret_status = status_of(raw);
            return EVO_OK;
        }
        if (got < 0 && errno != EINTR)
            return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not wait for a child process");
        if (!ignore_cancel) {
            enum evo_errc rc = evo_cancel_check(err);
            if (rc)
                return rc;
        }
        if (got == 0) {
            int left = evo_deadline_left(deadline);
            if (left == 0)
                return evo_error_set(err, EVO_ERR_TIMEOUT, "the child process did not end in time");
            struct pollfd fds[2] = { { .fd = pidfd, .events = POLLIN },
                                     { .fd = ignore_cancel ? -1 : evo_cancel_fd(), .events = POLLIN } };
            /* Kernels before 5.3 have no pidfd: look again every 20 ms. */
            (void)poll(fds, 2, pidfd >= 0 || (left >= 0 && left < 20) ? left : 20);
        }
    }
}

void evo_process_signal(const struct evo_process *p, int signo)
{
    if (p->pid > 0)
        (void)kill(-p->pid, signo);
}

void evo_process_release(struct evo_process *p)
{
    if (!p)
        return;
    if (p->pid > 0) {
        (void)kill(-p->pid, SIGKILL);
        (void)kill(p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        p->pid = 0;
        close_fd(&p->in);
        close_fd(&p->out);
        close_fd(&p->err);
        return;
    }
    /* A zeroed struct has no pipes: descriptor 0 is never one of ours. */
    if (p->in > 0)
        close_fd(&p->in);
    if (p->out > 0)
        close_fd(&p->out);
    if (p->err > 0)
        close_fd(&p->err);
}

/* Reads what is there; closes at the end of file. What does not fit the buffer's limit is dropped. */
static void take(int *fd, struct evo_strbuf *out)
{
    char chunk[16384];
    ssize_t n = read(*fd, chunk, sizeof(chunk));
    if (n > 0 && out)
        evo_strbuf_add(out, chunk, (size_t)n);
    else if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        close_fd(fd);
}

enum evo_errc evo_process_run(const struct evo_process_options *o, const char *input, struct evo_strbuf *out,
                              struct evo_strbuf *err_out, struct evo_deadline deadline, int *ret_status,
                              struct evo_error *err)
{
    struct evo_process_options opts = *o;
    opts.in = input ? EVO_FD_PIPE : EVO_FD_NULL;
    opts.out = EVO_FD_PIPE;
    opts.err = EVO_FD_PIPE;
    EVO_AUTO(process) p = EVO_PROCESS_INIT;
    enum evo_errc rc = evo_process_start(&p, &opts, err);
    if (rc)
        return rc;
    size_t left_in = input ? strlen(input) : 0;
    if (p.in >= 0)
        (void)fcntl(p.in, F_SETFL, O_NONBLOCK);
    while (p.out >= 0 || p.err >= 0) {
        if (!left_in)
            close_fd(&p.in);
        struct pollfd fds[4] = { { .fd = p.out, .events = POLLIN },
                                 { .fd = p.err, .events = POLLIN },
                                 { .fd = p.in, .events = POLLOUT },
                                 { .fd = evo_cancel_fd(), .events = POLLIN } };
        int ready = poll(fds, 4, evo_deadline_left(deadline));
        rc = evo_cancel_check(err);
        if (rc)
            return rc;
        if (ready == 0)
            return evo_error_set(err, EVO_ERR_TIMEOUT, "\"%s\" did not end in time", o->argv[0]);
        if (fds[0].revents)
            take(&p.out, out);
        if (fds[1].revents)
            take(&p.err, err_out);
        if (fds[2].revents) {
            ssize_t n = write(p.in, input, left_in);
            if (n > 0) {
                input += n;
                left_in -= (size_t)n;
            } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
                left_in = 0; /* it no longer reads: its exit status says why */
            }
        }
    }
    return evo_process_wait(&p, deadline, ret_status, err);
}

enum evo_errc evo_process_self_dir(char **ret_dir, struct evo_error *err)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n < 0)
        return evo_error_errno(err, EVO_ERR_INTERNAL, errno,
                               "could not read the path of the running program");
    path[n] = '\0';
    *ret_dir = evo_path_dir(path);
    return EVO_OK;
}
