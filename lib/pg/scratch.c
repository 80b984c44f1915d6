#include "pg/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "pg/conn.h"
#include "pg/scratch_folder.h"
#include "pg/tools.h"

extern char **environ;

#define SUPERUSER "postgres"
#define PORT      "5432"
#define SOCKET    "/.s.PGSQL." PORT
/* An empty cluster and its first WAL files. */
#define ROOM_MIN ((uint64_t)128 << 20)
#define SHM_MIN  ((uint64_t)1 << 30)

#define INIT_TIMEOUT_MS  120000
#define START_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS  6000 /* the postmaster itself kills what has not ended after 5 s */

struct evo_scratch {
    struct evo_scratch_folder folder; /* data, log */
    struct evo_scratch_folder socket; /* only where the path of a socket in `folder` would be too long */
    struct evo_conninfo info;
    struct evo_process server;
    struct evo_process_user user;
    bool drop; /* we are root: run as `user` */
    char *bindir;
    int major;
    struct evo_task *task;
};

static const char *socket_folder(const struct evo_scratch *s)
{
    return s->socket.path ? s->socket.path : s->folder.path;
}

/* ---- before the start ------------------------------------------------------- */

static enum evo_errc find_programs(struct evo_scratch *s, int major, struct evo_error *err)
{
    EVO_AUTO_STR postgres = NULL;
    enum evo_errc rc = evo_pg_tool_find("postgres", major, &postgres, &s->major, err);
    if (rc)
        return evo_error_prefix(err, "a scratch cluster needs a server");
    s->bindir = evo_path_dir(postgres);
    EVO_AUTO_STR initdb = evo_path_join(s->bindir, "initdb");
    if (access(initdb, X_OK) == 0)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_UNSUPPORTED, "a scratch cluster needs \"initdb\", which is not in \"%s\"",
                  s->bindir);
    return evo_error_hint(err, "Set EVO_PG_BINDIR to the folder of a server's programs");
}

static enum evo_errc find_user(struct evo_scratch *s, struct evo_error *err)
{
    if (geteuid() != 0) {
        s->user.uid = geteuid();
        s->user.gid = getegid();
        return EVO_OK;
    }
    s->drop = true;
    if (!evo_process_user_find("postgres", &s->user, err))
        return EVO_OK;
    evo_error_set(err, EVO_ERR_UNSUPPORTED,
                  "a scratch cluster cannot run as root, and there is no user \"postgres\"");
    return evo_error_hint(err, "Run evo as another user, or: useradd --system postgres");
}

static enum evo_errc check_room(const char *parent, struct evo_error *err)
{
    struct statvfs fs;
    if (statvfs(parent, &fs) != 0)
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not look at folder \"%s\"", parent);
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (room >= ROOM_MIN)
        return EVO_OK;
    char has[EVO_HUMAN_MAX];
    char needs[EVO_HUMAN_MAX];
    evo_error_set(err, EVO_ERR_DISK, "not enough room for a scratch cluster in \"%s\": %s", parent,
                  evo_format_size(room, has));
    evo_error_detail(err, "An empty one takes %s, and what is restored comes on top.",
                     evo_format_size(ROOM_MIN, needs));
    return evo_error_hint(err, "Set TMPDIR to a folder with more room");
}

/* A socket's path has a limit, and the server reads its setting as a list of quoted names. */
static bool fits_socket(const char *folder)
{
    const struct sockaddr_un address = { 0 };
    return strlen(folder) + strlen(SOCKET) < sizeof(address.sun_path) && !strpbrk(folder, "\"',\\");
}

static enum evo_errc make_folders(struct evo_scratch *s, const char *parent, struct evo_error *err)
{
    int removed = evo_scratch_sweep(parent, s->user.uid);
    if (removed)
        evo_notice(s->task, "removed %d scratch cluster%s that a killed run left in \"%s\"", removed,
                   removed == 1 ? "" : "s", parent);
    enum evo_errc rc = check_room(parent, err);
    if (!rc)
        rc = evo_scratch_folder_make(parent, s->user.uid, s->user.gid, &s->folder, err);
    if (!rc && !fits_socket(s->folder.path)) {
        (void)evo_scratch_sweep("/tmp", s->user.uid);
        rc = evo_scratch_folder_make("/tmp", s->user.uid, s->user.gid, &s->socket, err);
    }
    return rc;
}

/* ---- children --------------------------------------------------------------- */

/* Takes the caller's variables from a child but for those that say where programs and time zones are. */
static void clean_environment(struct evo_strvec *env)
{
    static const char *const kept[] = { "PATH", "LD_LIBRARY_PATH", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS" };
    for (char **e = environ; *e; e++) {
        EVO_AUTO_STR name = evo_strndup(*e, strcspn(*e, "="));
        bool keep = false;
        for (size_t i = 0; i < EVO_COUNT(kept) && !keep; i++)
            keep = evo_streq(name, kept[i]);
        if (!keep)
            evo_strvec_push(env, name);
    }
    evo_strvec_push(env, "LC_ALL=C");
}

/* The last lines of what a program said, on one line: how it ended stands there. */
static void add_last_lines(struct evo_error *err, const char *text, size_t n)
{
    EVO_AUTO(strbuf) tail = EVO_STRBUF_INIT;
    size_t skip = n > 1200 ? n - 1200 : 0;
    evo_strbuf_add(&tail, text + skip, n - skip);
    evo_strbuf_trim(&tail);
    const char *begin = tail.buf;
    for (const char *p = tail.buf; skip && *p; p++)
        if (*p == '\n') {
            begin = p + 1;
            break;
        }
    for (char *p = tail.buf; *p; p++)
        if (*p == '\n')
            *p = ' ';
    evo_error_detail(err, "%s", begin);
}

static enum evo_errc failed(const struct evo_scratch *s, const char *what, const char *text, size_t n,
                            struct evo_error *err)
{
    bool full = strstr(text, "No space left on device") != NULL;
    bool closed = strstr(text, "Permission denied") != NULL;
    evo_error_set(err, full || closed ? EVO_ERR_DISK : EVO_ERR_UNSUPPORTED, "%s", what);
    add_last_lines(err, text, n);
    if (full || (closed && s->drop))
        evo_error_hint(err, full ? "Set TMPDIR to a folder with more room"
                                 : "Set TMPDIR to a folder that the user \"postgres\" can reach");
    return err ? err->code : EVO_ERR_UNSUPPORTED;
}

static enum evo_errc make_cluster(const struct evo_scratch *s, const struct evo_scratch_options *o,
                                  struct evo_error *err)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) said = EVO_STRBUF_INIT_MAX((size_t)1 << 20);
    evo_strvec_pushf(&argv, "%s/initdb", s->bindir);
    evo_strvec_pushf(&argv, "--pgdata=%s/data", s->folder.path);
    evo_strvec_push(&argv, "--username=" SUPERUSER);
    evo_strvec_push(&argv, "--auth=trust");
    evo_strvec_push(&argv, "--no-sync");
    evo_strvec_push(&argv, "--locale=C");
    evo_strvec_pushf(&argv, "--encoding=%s", o->encoding ? o->encoding : "UTF8");
    evo_strvec_pushf(&argv, "--lc-collate=%s", o->collate ? o->collate : "C");
    evo_strvec_pushf(&argv, "--lc-ctype=%s", o->ctype ? o->ctype : "C");
    clean_environment(&env);
    const struct evo_process_options options = {
        .argv = argv.items, .env = &env, .cwd = "/", .user = s->drop ? &s->user : NULL
    };
    int status = -1;
    enum evo_errc rc =
        evo_process_run(&options, NULL, NULL, &said, evo_deadline_in(INIT_TIMEOUT_MS), &status, err);
    if (!rc && status != 0)
        rc = failed(s, "could not make a scratch cluster: initdb failed", said.buf, said.len, err);
    return rc;
}

/* Fast, not safe: what is lost in a crash is made again. Locks for a schema that comes in one transaction. */
static const char *const settings[] = {
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "maintenance_work_mem=128MB",
    "max_locks_per_transaction=1024",
    "max_connections=100",
    "shared_buffers=128MB",
    "huge_pages=off",
    "unix_socket_permissions=0700",
    "logging_collector=off",
    "log_min_messages=warning",
    "log_min_error_statement=panic",
    "port=" PORT,
};

/* Parallel workers share memory in /dev/shm; a container's is often too small for an index. */
static bool shm_is_small(void)
{
    struct statvfs fs;
    return statvfs("/dev/shm", &fs) != 0 || (uint64_t)fs.f_bavail * fs.f_frsize < SHM_MIN;
}

static enum evo_errc start_server(struct evo_scratch *s, struct evo_error *err)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    EVO_AUTO_STR log = evo_path_join(s->folder.path, "log");
    EVO_AUTO_FD fd = open(log, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not write file \"%s\"", log);
    evo_strvec_pushf(&argv, "%s/postgres", s->bindir);
    evo_strvec_push(&argv, "-D");
    evo_strvec_pushf(&argv, "%s/data", s->folder.path);
    for (size_t i = 0; i < EVO_COUNT(settings); i++) {
        evo_strvec_push(&argv, "-c");
        evo_strvec_push(&argv, settings[i]);
    }
    evo_strvec_push(&argv, "-c");
    evo_strvec_push(&argv,
                    shm_is_small() ? "dynamic_shared_memory_type=mmap" : "dynamic_shared_memory_type=posix");
    evo_strvec_push(&argv, "-c");
    evo_strvec_pushf(&argv, "unix_socket_directories=\"%s\"", socket_folder(s));
    clean_environment(&env);
    const struct evo_process_options options = {
        .argv = argv.items,
        .env = &env,
        .cwd = "/",
        .user = s->drop ? &s->user : NULL,
        .death_signal = SIGQUIT, /* SIGTERM would wait for sessions to end */
        .in = EVO_FD_NULL,
        .out = fd,
        .err = fd,
    };
    return evo_process_start(&s->server, &options, err);
}

static enum evo_errc start_failed(const struct evo_scratch *s, const char *what, struct evo_error *err)
{
    EVO_AUTO_STR log = evo_path_join(s->folder.path, "log");
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    if (evo_file_read(log, (size_t)16 << 20, &text, NULL))
        evo_strbuf_clear(&text);
    return failed(s, what, text.buf, text.len, err);
}

/* Ready is what takes a connection. Until then, or until the server has ended, it is asked again. */
static enum evo_errc wait_for_server(struct evo_scratch *s, struct evo_error *err)
{
    struct evo_deadline deadline = evo_deadline_in(START_TIMEOUT_MS);
    for (;;) {
        EVO_AUTO_PTR(pg) pg = NULL;
        enum evo_errc rc = evo_pg_open(&s->info, NULL, &pg, err);
        if (rc != EVO_ERR_CONNECT)
            return rc;
        int status = -1;
        rc = evo_process_wait_or_cancel(&s->server, evo_deadline_in(10), false, &status, err);
        if (!rc)
            return start_failed(s, "could not start a scratch cluster: the server ended", err);
        if (rc != EVO_ERR_TIMEOUT)
            return rc;
        if (evo_deadline_passed(deadline))
            return start_failed(s, "could not start a scratch cluster: the server gives no answer", err);
    }
}

/* ---- where it is ------------------------------------------------------------ */

/* Nothing of PG* variables: they are about another server. */
static enum evo_errc set_conninfo(struct evo_scratch *s, struct evo_error *err)
{
    const char *address = getenv("PGHOSTADDR");
    if (address && *address) {
        /* libpq takes it for every connection that names no address, and a socket has none. */
        evo_error_set(err, EVO_ERR_CONFIG, "a scratch cluster cannot be reached while PGHOSTADDR is set");
        return evo_error_hint(err, "unset PGHOSTADDR");
    }
    const struct passwd *user = getpwuid(s->user.uid);
    struct evo_strvec *k = &s->info.keywords;
    const char *const pairs[] = { "host",    socket_folder(s), "port",    PORT,         "user",
                                  SUPERUSER, "sslmode",        "disable", "gssencmode", "disable" };
    for (size_t i = 0; i < EVO_COUNT(pairs); i++)
        evo_strvec_push(k, pairs[i]);
    if (user) {
        evo_strvec_push(k, "requirepeer");
        evo_strvec_push(k, user->pw_name);
    }
    evo_conninfo_set_database(&s->info, "postgres");
    return EVO_OK;
}

const struct evo_conninfo *evo_scratch_conninfo(const struct evo_scratch *s)
{
    return &s->info;
}

int evo_scratch_major(const struct evo_scratch *s)
{
    return s->major;
}

/* ---- start and stop --------------------------------------------------------- */

enum evo_errc evo_scratch_start(const struct evo_scratch_options *o, struct evo_scratch **ret,
                                struct evo_error *err)
{
    const char *tmp = getenv("TMPDIR");
    const char *named = o->parent ? o->parent : tmp && *tmp ? tmp : "/tmp";
    char parent[PATH_MAX]; /* children have another working directory */
    if (!realpath(named, parent))
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not look at folder \"%s\"", named);
    EVO_AUTO_PTR(scratch) s = evo_calloc(1, sizeof(*s));
    *s = (struct evo_scratch){ .folder = EVO_SCRATCH_FOLDER_INIT,
                               .socket = EVO_SCRATCH_FOLDER_INIT,
                               .server = EVO_PROCESS_INIT,
                               .task = o->task };
    enum evo_errc rc = find_programs(s, o->major, err);
    if (!rc)
        rc = find_user(s, err);
    if (!rc)
        rc = make_folders(s, parent, err);
    if (!rc)
        rc = set_conninfo(s, err);
    if (!rc)
        rc = make_cluster(s, o, err);
    if (!rc)
        rc = start_server(s, err);
    if (!rc)
        rc = wait_for_server(s, err);
    if (rc)
        return rc;
    evo_debug(o->task, "a scratch cluster of PostgreSQL %d runs in \"%s\"", s->major, s->folder.path);
    *ret = s;
    s = NULL;
    return EVO_OK;
}

void evo_scratch_stop(struct evo_scratch *s)
{
    if (!s)
        return;
    int status;
    if (s->server.pid > 0) {
        evo_process_signal(&s->server, SIGQUIT);
        (void)!evo_process_wait(&s->server, evo_deadline_in(STOP_TIMEOUT_MS), &status, NULL);
    }
    evo_process_release(&s->server);
    evo_scratch_folder_remove(&s->folder);
    evo_scratch_folder_remove(&s->socket);
    evo_conninfo_release(&s->info);
    free(s->bindir);
    free(s);
}
