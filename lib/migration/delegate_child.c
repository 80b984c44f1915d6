#include "migration/delegate_child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "crypto/random.h"
#include "migration/again.h"
#include "migration/apply.h"

/* Between two looks at the child and the server. */
#define TICK_MS 100
/* A cancelled tool has this long to end by itself; evo as a whole has 7 s. */
#define STOP_MS 2500
/* Its sessions end behind it; then they are terminated, and have as long again. */
#define SESSIONS_MS 1500
/* So often our own session says something, lest a firewall or the server takes it for a dead one. */
#define PING_MS (20 * 1000)
/* idle_session_timeout */
#define IDLE_SESSION_SINCE 140000

void evo_delegate_outcome_release(struct evo_delegate_outcome *o)
{
    if (!o)
        return;
    evo_strbuf_release(&o->output);
    evo_watch_seen_release(&o->seen);
    *o = (struct evo_delegate_outcome){ 0 };
}

/* ---- its environment ------------------------------------------------------------- */

static void set_variable(struct evo_strvec *env, const char *name, const char *value)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], name, n) != 0 || (env->items[i][n] != '=' && env->items[i][n]))
            continue;
        explicit_bzero(env->items[i], strlen(env->items[i]));
        free(env->items[i]);
        env->items[i] = evo_asprintf("%s=%s", name, value);
        return;
    }
    evo_strvec_pushf(env, "%s=%s", name, value);
}

/* "postgresql+asyncpg" of "postgresql+asyncpg://…": the driver is the project's choice. */
static char *scheme_of(const char *url)
{
    const char *end = url ? strstr(url, "://") : NULL;
    if (!end || !evo_starts_with(url, "postgresql") || memchr(url, '@', (size_t)(end - url)))
        return evo_strdup("postgresql");
    return evo_strndup(url, (size_t)(end - url));
}

/* Whether that URL leads where we are. One with `options` would win over PGOPTIONS; one with a service would be looked up
 * by way of the environment, which threads read. */
static bool is_same_database(const char *url, const struct evo_conninfo *info)
{
    EVO_AUTO(conninfo) other = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    if (!url || !*url || strstr(url, "options=") || strstr(url, "service=") ||
        evo_conninfo_parse(url, &other, &ignored))
        return false;
    return evo_streq(other.redacted, info->redacted) &&
           strcmp(evo_secret_reveal(&other.password), evo_secret_reveal(&info->password)) == 0;
}

void evo_delegate_environment(const struct evo_conninfo *info, const char *current, const char *application,
                              int64_t lock_timeout_ms, int64_t statement_timeout_ms, struct evo_strvec *env)
{
    evo_conninfo_environment(info, env);
    const char *own = evo_conninfo_get(info, "options");
    EVO_AUTO_STR options =
        evo_asprintf("%s%s-c lock_timeout=%" PRId64 " -c statement_timeout=%" PRId64, own ? own : "",
                     own && *own ? " " : "", lock_timeout_ms, statement_timeout_ms);
    set_variable(env, "PGOPTIONS", options);
    set_variable(env, "PGAPPNAME", application);
    if (is_same_database(current, info))
        return;
    EVO_AUTO_STR scheme = scheme_of(current);
    EVO_AUTO(strbuf) url = EVO_STRBUF_INIT;
    evo_conninfo_url(info, scheme, &url);
    set_variable(env, "DATABASE_URL", url.buf);
    evo_strbuf_wipe(&url);
}

/* ---- its sessions ---------------------------------------------------------------- */

/* One run of the tool. */
struct child {
    struct evo_session *session;
    const struct evo_step *step;
    const char *tool;
    char application[64];
    struct evo_process process;
    int output; /* our end */
    bool ended;
    int status;
    bool watched; /* its first session was found */
    int64_t started, pinged; /* monotonic */
    char *folder, *script; /* made for this run; NULL: none */
    struct evo_strbuf line; /* not ended yet */
    struct evo_delegate_outcome *ret;
};

static void child_auto(struct child *c)
{
    evo_process_release(&c->process);
    evo_fd_auto_(&c->output);
    evo_strbuf_release(&c->line);
    if (c->script)
        (void)unlink(c->script);
    if (c->folder)
        (void)rmdir(c->folder);
    free(c->script);
    free(c->folder);
}

/* Calls a function of the server for each of its sessions ("pid" counts them); the first one's pid, 0 for none, -1
 * where the server cannot be asked. */
static int sessions(const struct child *c, const char *function)
{
    struct evo_pg *pg = c->session->pg;
    EVO_AUTO_STR sql =
        evo_asprintf("SELECT pid, %s FROM pg_catalog.pg_stat_activity WHERE application_name = $1 "
                     "AND datname = pg_catalog.current_database() "
                     "AND pid <> pg_catalog.pg_backend_pid() ORDER BY backend_start",
                     function);
    const char *const params[] = { c->application };
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    int signo = evo_session_grace_begin();
    bool asked = evo_pg_alive(pg) && !evo_pg_query(pg, sql, 1, params, &r, &ignored);
    evo_session_grace_end(signo);
    return !asked ? -1 : evo_pg_rows(r) ? (int)evo_pg_value_int(r, 0, 0, -1) : 0;
}

static void look_at_server(struct child *c)
{
    int64_t now = evo_clock_ms();
    int64_t after = evo_try_watch_after(evo_session_lock_timeout(c->session, c->step));
    if (!c->watched && now - c->started >= after) {
        int pid = sessions(c, "pid");
        if (pid > 0) {
            /* Another's session is only looked at: a cancel could meet it where it is not atomic. */
            evo_watch_arm(c->session->watch, &(struct evo_watch_target){ .pid = pid });
            c->watched = true;
        }
        c->pinged = now;
    } else if (now - c->pinged >= PING_MS) {
        (void)sessions(c, "pid");
        c->pinged = now;
    }
}

/* Nothing of it may be at work when the ledger is read. False: something is. */
static bool await_sessions(const struct child *c)
{
    for (int round = 0; round < 2; round++) {
        struct evo_deadline deadline = evo_deadline_in(SESSIONS_MS);
        do {
            int pid = sessions(c, round ? "pg_catalog.pg_terminate_backend(pid)" : "pid");
            if (pid <= 0)
                return true; /* or nobody to ask: the session is opened again by whoever needs it */
            (void)poll(NULL, 0, TICK_MS / 2);
        } while (!evo_deadline_passed(deadline));
    }
    return false;
}

/* ---- what it says ---------------------------------------------------------------- */

/* One line to the log, and to what is kept. */
static void say(struct child *c)
{
    struct evo_strbuf *line = &c->line;
    for (size_t i = 0; i < line->len; i++)
        if ((unsigned char)line->buf[i] < 0x20 || line->buf[i] == 0x7f)
            line->buf[i] = ' ';
    if (!evo_utf8_valid(line->buf, line->len))
        for (size_t i = 0; i < line->len; i++)
            if ((unsigned char)line->buf[i] >= 0x80)
                line->buf[i] = '?';
    evo_strbuf_trim(line);
    if (line->len) {
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        evo_redact(&text, line->buf);
        evo_info(c->session->o->task, "%s: %s", c->tool, text.buf);
        struct evo_strbuf *kept = &c->ret->output;
        evo_strbuf_addf(kept, "%s\n", text.buf);
        if (kept->len > 2 * EVO_DELEGATE_OUTPUT_MAX) {
            EVO_AUTO_STR end = evo_strdup(kept->buf + kept->len - EVO_DELEGATE_OUTPUT_MAX);
            evo_strbuf_clear(kept);
            evo_strbuf_adds(kept, end);
        }
    }
    evo_strbuf_clear(line);
}

/* What is there to read now. False: end of file. */
static bool take(struct child *c)
{
    char chunk[8192];
    ssize_t n = read(c->output, chunk, sizeof(chunk));
    for (ssize_t i = 0; i < n; i++) {
        if (chunk[i] == '\n' || c->line.len >= sizeof(chunk))
            say(c);
        if (chunk[i] != '\n' && chunk[i])
            evo_strbuf_addch(&c->line, chunk[i]);
    }
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* ---- its life -------------------------------------------------------------------- */

/* In a folder of its own, which nobody else can write to. */
static enum evo_errc make_script(struct child *c, struct evo_error *err)
{
    const struct evo_delegate_command *command = &c->step->command;
    const char *tmp = getenv("TMPDIR");
    EVO_AUTO_STR folder = evo_asprintf("%s/evo-migrate-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
    if (!command->script)
        return EVO_OK;
    if (!mkdtemp(folder))
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not make a folder like \"%s\"", folder);
    c->folder = folder;
    folder = NULL;
    c->script = evo_path_join(c->folder, command->script_name);
    return evo_file_write(c->script, command->script, strlen(command->script), err);
}

/* What the child will find in its environment; "" for nothing. Borrowed. */
static const char *variable_of(const struct evo_strvec *env, const char *name)
{
    size_t n = strlen(name);
    const char *value = getenv(name);
    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->items[i], name, n) == 0 && (env->items[i][n] == '=' || !env->items[i][n]))
            value = env->items[i][n] ? env->items[i] + n + 1 : NULL;
    return value ? value : "";
}

/* What has another name with this tool. An empty variable, since a file of the project's would fill one that is missing. */
static void add_aliases(const struct evo_delegate *d, struct evo_strvec *env)
{
    const char *host = variable_of(env, "PGHOST");
    if (d->url_by_host && (host[0] == '\0' || host[0] == '/' || host[0] == '@'))
        set_variable(env, "DATABASE_URL", "");
    for (size_t i = 0; d->aliases && d->aliases[i].name; i++)
        evo_strvec_pushf(env, "%s=%s", d->aliases[i].name, variable_of(env, d->aliases[i].of));
}

static enum evo_errc start(struct child *c, struct evo_error *err)
{
    const struct evo_session *s = c->session;
    const struct evo_delegate_command *command = &c->step->command;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return evo_error_errno(err, EVO_ERR_INTERNAL, errno, "could not make a pipe");
    EVO_AUTO_FD theirs = ends[1];
    c->output = ends[0];
    (void)fcntl(c->output, F_SETFL, O_NONBLOCK);
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    evo_delegate_environment(s->o->info, getenv("DATABASE_URL"), c->application,
                             evo_session_lock_timeout(s, c->step), evo_session_statement_timeout(s, c->step),
                             &env);
    add_aliases(evo_delegate_of(s->o->project->kind), &env);
    for (size_t i = 0; i < command->env.count; i++)
        evo_strvec_push(&env, command->env.items[i]);
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    for (size_t i = 0; i < command->argv.count; i++)
        evo_strvec_push(&argv, c->script && evo_streq(command->argv.items[i], EVO_DELEGATE_SCRIPT)
                                   ? c->script
                                   : command->argv.items[i]);
    struct evo_process_options o = { .argv = argv.items,
                                     .env = &env,
                                     .cwd = command->cwd ? command->cwd : s->o->project->root,
                                     .in = EVO_FD_NULL,
                                     .out = theirs,
                                     .err = theirs };
    enum evo_errc rc = evo_process_start(&c->process, &o, err);
    evo_conninfo_environment_wipe(&env);
    if (rc && err)
        err->code = EVO_ERR_CONFIG;
    return rc ? EVO_ERR_CONFIG : EVO_OK;
}

/* Waits until it ends, or until the deadline; `heed` a cancel. */
static void attend(struct child *c, struct evo_deadline deadline, bool heed)
{
    bool open = true;
    while (!evo_deadline_passed(deadline) && !(heed && evo_cancelled())) {
        struct evo_error ignored = EVO_ERROR_INIT;
        struct pollfd fds[2] = { { .fd = open ? c->output : -1, .events = POLLIN },
                                 { .fd = heed ? evo_cancel_fd() : -1, .events = POLLIN } };
        (void)poll(fds, 2, open ? TICK_MS : TICK_MS / 10);
        if (fds[0].revents)
            open = take(c);
        if (!evo_process_wait(&c->process, evo_deadline_in(0), &c->status, &ignored)) {
            c->ended = true;
            /* A grandchild may hold the pipe open: what is in it is enough. */
            while (open && poll(fds, 1, 0) > 0)
                open = take(c);
            return;
        }
        look_at_server(c);
    }
}

/* The tool may be deep inside a driver that no signal reaches: its statement is cancelled as well. */
static void stop(struct child *c)
{
    evo_process_signal(&c->process, SIGINT);
    (void)sessions(c, "pg_catalog.pg_cancel_backend(pid)");
    attend(c, evo_deadline_in(STOP_MS), false);
    if (c->ended)
        return;
    c->ret->killed = true;
    evo_process_signal(&c->process, SIGKILL);
    attend(c, EVO_DEADLINE_NEVER, false);
}

enum evo_errc evo_delegate_run(struct evo_session *s, const struct evo_step *step, const char *tool,
                               struct evo_delegate_outcome *ret, struct evo_error *err)
{
    EVO_AUTO(delegate_outcome)
    outcome = { .output = EVO_STRBUF_INIT, .seen = { .blockers = EVO_STRBUF_INIT } };
    __attribute__((cleanup(child_auto))) struct child c = { .session = s,
                                                            .step = step,
                                                            .tool = tool,
                                                            .process = EVO_PROCESS_INIT,
                                                            .output = -1,
                                                            .line = EVO_STRBUF_INIT,
                                                            .ret = &outcome };
    (void)snprintf(c.application, sizeof(c.application), "evo-migrate %.20s %08" PRIx64, tool,
                   evo_random_below(UINT32_MAX));
    if (evo_pg_version(s->pg) >= IDLE_SESSION_SINCE) {
        enum evo_errc rc = evo_pg_exec(s->pg, "SET idle_session_timeout = 0", err);
        if (rc)
            return rc;
    }
    enum evo_errc rc = make_script(&c, err);
    if (!rc)
        rc = start(&c, err);
    if (rc)
        return rc;
    c.started = c.pinged = evo_clock_ms();
    attend(&c, EVO_DEADLINE_NEVER, true);
    if (!c.ended)
        stop(&c);
    say(&c);
    evo_watch_disarm(s->watch, &outcome.seen);
    outcome.sessions_left = !await_sessions(&c);
    outcome.status = c.status;
    *ret = outcome;
    outcome =
        (struct evo_delegate_outcome){ .output = EVO_STRBUF_INIT, .seen = { .blockers = EVO_STRBUF_INIT } };
    return EVO_OK;
}
