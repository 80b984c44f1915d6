#include "backup/pgrestore.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

#include "backup/rehead.h"
#include "backup/script.h"
#include "base/cancel.h"
#include "base/process.h"

enum { MESSAGES_READ = 1 << 20, MESSAGES_MAX = 4000, HELD_BACK = 64 * 1024, STOP_MS = 2000, LOOK_MS = 100 };
#define TOC_SIZE_MAX ((size_t)512 << 20)

/* 'name' as a value of a keyword string. */
static char *dbname_argument(const char *name)
{
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    evo_strbuf_adds(&sb, "--dbname=dbname='");
    for (; *name; name++) {
        if (*name == '\'' || *name == '\\')
            evo_strbuf_addch(&sb, '\\');
        evo_strbuf_addch(&sb, *name);
    }
    evo_strbuf_addch(&sb, '\'');
    return evo_strbuf_detach(&sb);
}

static void build_argv(const struct evo_pgrestore *r, struct evo_strvec *argv)
{
    evo_strvec_push(argv, r->path);
    evo_strvec_push(argv, "--exit-on-error");
    evo_strvec_push(argv, "--no-password");
    evo_strvec_push(argv, "--format=custom");
    if (r->no_owner)
        evo_strvec_push(argv, "--no-owner");
    if (r->role)
        evo_strvec_pushf(argv, "--role=%s", r->role);
    evo_strvec_push_owned(argv, dbname_argument(r->target->database));
}

static void build_environment(const struct evo_pgrestore *r, struct evo_strvec *env)
{
    evo_conninfo_environment(r->target, env);
    evo_strvec_push(env, "LC_ALL=C");
}

/* What the server said, and what may be done about it. */
static const struct advice {
    const char *part;
    enum evo_errc code;
    const char *hint;
} advices[] = {
    { "permission denied to create extension", EVO_ERR_PERMISSION,
      "Restore as a superuser, or leave out what only one may make: --no-privileged." },
    { "must be superuser", EVO_ERR_PERMISSION,
      "Restore as a superuser, or leave out what only one may make: --no-privileged." },
    { "permission denied for schema", EVO_ERR_PERMISSION,
      "Make the role the owner of the target: ALTER DATABASE … OWNER TO …; or have evo make it: "
      "--create." },
    { "permission denied", EVO_ERR_PERMISSION, "Restore as a role that may, or with --no-owner." },
    { "must be owner", EVO_ERR_PERMISSION, "Restore as a role that may, or with --no-owner." },
    { "must be member of role", EVO_ERR_PERMISSION, "Restore as a role that may, or with --no-owner." },
    { "must be able to SET ROLE", EVO_ERR_PERMISSION, "Restore as a role that may, or with --no-owner." },
    { "relation \"", EVO_ERR_DATABASE,
      "What is restored needs another table or view: name it in --table as well, or see to it that it is "
      "there." },
    { "role \"", EVO_ERR_DATABASE,
      "CREATE ROLE what is missing, or restore with --no-owner --no-privileges." },
    { "schema \"", EVO_ERR_DATABASE,
      "The backup holds a table, not the schema it is in: CREATE SCHEMA first, in a database that is "
      "there "
      "already (without --create)." },
    { "max_locks_per_transaction", EVO_ERR_DATABASE,
      "The server has no room for so many locks in one transaction: raise max_locks_per_transaction, which "
      "takes "
      "a restart." },
    { "is not available", EVO_ERR_DATABASE, "Install the extension's package on the target's server." },
};

/* Where no row fits: EVO_ERR_DATABASE, without a hint. */
static struct advice advise(const struct evo_pgrestore *r, const char *messages)
{
    struct advice a = { .code = EVO_ERR_DATABASE };
    for (size_t i = 0; i < EVO_COUNT(advices) && !a.hint; i++)
        if (strstr(messages, advices[i].part))
            a = advices[i];
    /* No advice that was followed already. */
    if (a.hint && r->no_owner && strstr(a.hint, "--no-owner"))
        a.hint = a.code == EVO_ERR_PERMISSION
                     ? "Restore as a superuser, or leave out what only one may make: --no-privileged."
                     : "CREATE ROLE what is missing, or restore with --no-privileges.";
    return a;
}

/* An error from what pg_restore said. */
static enum evo_errc failed(const struct evo_pgrestore *r, const char *messages, struct evo_error *err)
{
    const struct advice a = advise(r, messages);
    evo_error_set(err, a.code, "pg_restore could not restore into the database");
    if (*messages)
        evo_error_detail(err, "pg_restore said: %s", messages);
    if (a.hint)
        evo_error_hint(err, "%s", a.hint);
    return a.code;
}

enum evo_errc evo_pgrestore_explain(const struct evo_pgrestore *r, struct evo_error *err)
{
    const struct advice a = advise(r, err->message);
    return a.hint && !err->hint[0] ? evo_error_hint(err, "%s", a.hint) : err->code;
}

/* Lines into one, without the program's name before each. */
static void tidy(char *messages, struct evo_strbuf *out)
{
    static const char *const noise[] = { "pg_restore: error: ", "pg_restore: detail: ", "pg_restore: hint: ",
                                         "pg_restore: " };
    char *rest = NULL;
    /* The statement itself is not passed on: it may be a USER MAPPING with its password. What it was about stands in
     * "from TOC entry". It may have several lines; the next message begins with the program's name. */
    bool statement = false;
    for (char *line = strtok_r(messages, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        statement =
            evo_starts_with(line, "Command was:") || (statement && !evo_starts_with(line, "pg_restore:"));
        if (statement)
            continue;
        for (size_t i = 0; i < EVO_COUNT(noise); i++)
            if (evo_starts_with(line, noise[i])) {
                line += strlen(noise[i]);
                break;
            }
        if (out->len < MESSAGES_MAX)
            evo_strbuf_addf(out, "%s%s", out->len ? " " : "", line);
    }
}

/* The error from the messages in a memory file. */
static enum evo_errc failed_with(const struct evo_pgrestore *r, int messages, struct evo_error *err)
{
    EVO_AUTO(strbuf) said = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    if (evo_strbuf_reserve(&said, MESSAGES_READ)) {
        ssize_t n = pread(messages, said.buf, MESSAGES_READ, 0);
        evo_strbuf_advance(&said, n > 0 ? (size_t)n : 0);
    }
    tidy(said.buf, &text);
    return failed(r, text.buf, err);
}

static enum evo_errc memory_file(const char *data, size_t n, int *ret_fd, struct evo_error *err)
{
    EVO_AUTO_FD fd = memfd_create("evo-restore", MFD_CLOEXEC);
    while (fd >= 0 && n) {
        ssize_t put = write(fd, data, n);
        if (put < 0 && errno != EINTR)
            break;
        data += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    if (fd < 0 || n)
        return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not write a memory file");
    *ret_fd = fd;
    fd = -1;
    return EVO_OK;
}

/* ---- entries ---------------------------------------------------------------- */

/* The table of contents in custom format, as the archive of a database without rows, and the list of the wanted ones. */
static enum evo_errc write_archive(const struct evo_toc *toc, const bool *wanted, int *ret_archive,
                                   int *ret_list, struct evo_error *err)
{
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT_MAX(TOC_SIZE_MAX);
    EVO_AUTO(strbuf) ids = EVO_STRBUF_INIT_MAX(TOC_SIZE_MAX);
    /* Whether this pg_restore knows the compression does not matter: there is nothing compressed. */
    struct evo_toc bare = *toc;
    bare.codec = EVO_CODEC_NONE;
    enum evo_errc rc = evo_toc_format(&bare, EVO_TOC_CUSTOM, &bytes, err);
    if (!rc)
        rc = memory_file(bytes.buf, bytes.len, ret_archive, err);
    for (size_t i = 0; i < toc->count; i++)
        if (wanted[i])
            evo_strbuf_addf(&ids, "%d;\n", (int)toc->items[i].id);
    return rc ? rc : memory_file(ids.buf, ids.len, ret_list, err);
}

static enum evo_errc wait_for(struct evo_process *p, int *ret_status, struct evo_error *err)
{
    enum evo_errc rc = evo_process_wait_or_cancel(p, EVO_DEADLINE_NEVER, false, ret_status, err);
    if (rc == EVO_ERR_CANCELLED) {
        /* It then cancels at the server what it runs there. */
        struct evo_error ignored = EVO_ERROR_INIT;
        evo_process_signal(p, SIGTERM);
        if (evo_process_wait(p, evo_deadline_in(STOP_MS), ret_status, &ignored))
            evo_process_signal(p, SIGKILL);
    }
    return rc;
}

enum evo_errc evo_pgrestore_entries(const struct evo_pgrestore *r, const struct evo_toc *toc,
                                    const bool *wanted, enum evo_pgrestore_how how, struct evo_error *err)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    EVO_AUTO(process) process = EVO_PROCESS_INIT;
    EVO_AUTO_FD archive = -1;
    EVO_AUTO_FD list = -1;
    EVO_AUTO_FD messages = -1;
    enum evo_errc rc = write_archive(toc, wanted, &archive, &list, err);
    if (!rc)
        rc = memory_file("", 0, &messages, err);
    if (rc)
        return rc;
    build_argv(r, &argv);
    if (how == EVO_PGRESTORE_ONE_TRANSACTION)
        evo_strvec_push(&argv, "--single-transaction");
    if (how == EVO_PGRESTORE_PARALLEL && r->jobs > 1)
        evo_strvec_pushf(&argv, "--jobs=%d", r->jobs);
    /* By path: each of its processes opens the archive again. It writes nothing to its standard output. */
    evo_strvec_push(&argv, "--use-list=/proc/self/fd/1");
    evo_strvec_push(&argv, "/proc/self/fd/0");
    build_environment(r, &env);
    struct evo_process_options options = {
        .argv = argv.items, .env = &env, .in = archive, .out = list, .err = messages
    };
    int status = 0;
    rc = evo_process_start(&process, &options, err);
    evo_conninfo_environment_wipe(&env);
    if (!rc)
        rc = wait_for(&process, &status, err);
    return rc || !status ? rc : failed_with(r, messages, err);
}

/* ---- as SQL ----------------------------------------------------------------- */

/* The archive of these entries alone: its standard output, by which the others get their list, is taken here. */
static enum evo_errc write_wanted(const struct evo_toc *toc, const bool *wanted, int *ret_archive,
                                  struct evo_error *err)
{
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT_MAX(TOC_SIZE_MAX);
    struct evo_toc bare = *toc;
    bare.codec = EVO_CODEC_NONE;
    bare.items = evo_calloc(toc->count + 1, sizeof(*bare.items));
    bare.count = 0;
    for (size_t i = 0; i < toc->count; i++)
        if (wanted[i])
            bare.items[bare.count++] = toc->items[i];
    enum evo_errc rc = evo_toc_format(&bare, EVO_TOC_CUSTOM, &bytes, err);
    free(bare.items);
    return rc ? rc : memory_file(bytes.buf, bytes.len, ret_archive, err);
}

static enum evo_errc read_back(int fd, struct evo_strbuf *ret, struct evo_error *err)
{
    enum { BLOCK = 1 << 20 };
    for (off_t at = 0;;) {
        if (!evo_strbuf_reserve(ret, BLOCK))
            return evo_error_set(err, EVO_ERR_UNSUPPORTED,
                                 "the schema is too large to be made in one transaction");
        ssize_t n = pread(fd, ret->buf + ret->len, BLOCK, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not read what pg_restore wrote");
        if (!n)
            return EVO_OK;
        evo_strbuf_advance(ret, (size_t)n);
        at += n;
    }
}

enum evo_errc evo_pgrestore_script(const struct evo_pgrestore *r, const struct evo_toc *toc,
                                   const bool *wanted, struct evo_strbuf *ret, struct evo_error *err)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    EVO_AUTO(process) process = EVO_PROCESS_INIT;
    EVO_AUTO_FD archive = -1;
    EVO_AUTO_FD script = -1;
    EVO_AUTO_FD messages = -1;
    enum evo_errc rc = write_wanted(toc, wanted, &archive, err);
    if (!rc)
        rc = memory_file("", 0, &messages, err);
    if (!rc)
        rc = memory_file("", 0, &script, err);
    if (rc)
        return rc;
    evo_strvec_push(&argv, r->path);
    evo_strvec_push(&argv, "--format=custom");
    evo_strvec_push(&argv, "--file=-");
    if (r->no_owner)
        evo_strvec_push(&argv, "--no-owner");
    if (r->role)
        evo_strvec_pushf(&argv, "--role=%s", r->role);
    evo_strvec_push(&argv, "/proc/self/fd/0");
    evo_strvec_push(&env, "LC_ALL=C");
    struct evo_process_options options = {
        .argv = argv.items, .env = &env, .in = archive, .out = script, .err = messages
    };
    int status = 0;
    size_t before = ret->len;
    rc = evo_process_start(&process, &options, err);
    if (!rc)
        rc = wait_for(&process, &status, err);
    if (rc || status)
        return rc ? rc : failed_with(r, messages, err);
    rc = read_back(script, ret, err);
    if (!rc)
        evo_script_tidy(ret->buf + before);
    return rc;
}

/* ---- an archive by its standard input --------------------------------------- */

struct feed {
    struct evo_process process;
    struct evo_strbuf held; /* the last bytes so far */
    const atomic_bool *stop;
};

/* Writes to the child, looking for a cancel while it does not take any. */
static enum evo_errc write_on(struct feed *f, const char *data, size_t n, struct evo_error *err)
{
    while (n) {
        enum evo_errc rc = evo_cancel_check(err);
        if (rc)
            return rc;
        struct pollfd fds[2] = { { .fd = f->process.in, .events = POLLOUT },
                                 { .fd = evo_cancel_fd(), .events = POLLIN } };
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not wait for pg_restore");
        if (!(fds[0].revents & (POLLOUT | POLLERR | POLLHUP)))
            continue;
        /* No more than a pipe takes at once, so that this does not block. */
        ssize_t put = write(f->process.in, data, n < PIPE_BUF ? n : PIPE_BUF);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return evo_error_errno(err, EVO_ERR_DATABASE, errno, "pg_restore stopped reading");
        data += put;
        n -= (size_t)put;
    }
    return EVO_OK;
}

static enum evo_errc hold_back(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct feed *f = ctx;
    enum evo_errc rc = EVO_OK;
    if (f->stop && atomic_load(f->stop))
        return evo_error_set(err, EVO_ERR_CANCELLED, "the restore ended early");
    if (f->held.len + n > HELD_BACK) {
        rc = write_on(f, f->held.buf, f->held.len, err);
        evo_strbuf_clear(&f->held);
    }
    if (!rc && n > HELD_BACK) {
        rc = write_on(f, data, n - HELD_BACK, err);
        data = (const char *)data + n - HELD_BACK;
        n = HELD_BACK;
    }
    evo_strbuf_add(&f->held, data, n);
    return rc;
}

/* It has all of the object, and may still wait for a lock of somebody's: until it ends, or nobody wants it any more. */
static enum evo_errc await_end(struct feed *f, int *ret_status, struct evo_error *err)
{
    for (;;) {
        enum evo_errc rc =
            evo_process_wait_or_cancel(&f->process, evo_deadline_in(LOOK_MS), false, ret_status, err);
        if (rc != EVO_ERR_TIMEOUT)
            return rc;
        if (f->stop && atomic_load(f->stop))
            return evo_error_set(err, EVO_ERR_CANCELLED, "the restore ended early");
    }
}

static enum evo_errc conclude(const struct evo_pgrestore *r, struct feed *f, int messages, enum evo_errc rc,
                              struct evo_error *err)
{
    int status = 0;
    struct evo_error ignored = EVO_ERROR_INIT;
    /* A broken pipe is its word against ours: it says why it ended. */
    bool broken = rc == EVO_ERR_DATABASE;
    if (rc && !broken)
        evo_process_signal(&f->process,
                           SIGTERM); /* before it sees the end: that would be a complete object */
    evo_fd_auto_(&f->process.in);
    f->process.in = -1;
    if (!rc) {
        rc = await_end(f, &status, err);
        if (!rc)
            return status ? failed_with(r, messages, err) : EVO_OK;
        evo_process_signal(&f->process, SIGTERM);
    }
    enum evo_errc wait_rc = evo_process_wait(&f->process, evo_deadline_in(STOP_MS), &status, &ignored);
    if (!broken)
        return rc;
    if (wait_rc)
        return evo_error_set(err, wait_rc, "%s", ignored.message);
    return failed_with(r, messages, err);
}

enum evo_errc evo_pgrestore_object(const struct evo_pgrestore *r, const struct evo_object_source *from,
                                   const struct evo_backup_object *o, const atomic_bool *stop,
                                   struct evo_error *err)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    EVO_AUTO_FD messages = -1;
    enum evo_errc rc = memory_file("", 0, &messages, err);
    if (rc)
        return rc;
    build_argv(r, &argv);
    if (r->clean) {
        evo_strvec_push(&argv, "--clean");
        evo_strvec_push(&argv, "--if-exists");
    }
    build_environment(r, &env);
    struct evo_process_options options = {
        .argv = argv.items, .env = &env, .in = EVO_FD_PIPE, .out = EVO_FD_NULL, .err = messages
    };
    struct feed f = { .process = EVO_PROCESS_INIT, .held = EVO_STRBUF_INIT, .stop = stop };
    rc = evo_process_start(&f.process, &options, err);
    evo_conninfo_environment_wipe(&env);
    if (rc)
        return rc;
    EVO_AUTO_PTR(rehead) older = r->minor ? evo_rehead_new(r->minor, hold_back, &f) : NULL;
    rc = older ? evo_object_read(from, o, evo_rehead_write, older, err)
               : evo_object_read(from, o, hold_back, &f, err);
    if (!rc && older)
        rc = evo_rehead_finish(older, err);
    if (!rc)
        rc = write_on(&f, f.held.buf, f.held.len, err);
    rc = conclude(r, &f, messages, rc, err);
    evo_strbuf_release(&f.held);
    evo_process_release(&f.process);
    return rc;
}
