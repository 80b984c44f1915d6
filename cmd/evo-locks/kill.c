/*
 * evo-locks kill: end one session, or with --cancel its query; without --yes say what that would be.
 */
#include "evo-locks/commands.h"

#include <inttypes.h>

#include "base/parse.h"
#include "base/quote.h"
#include "cli/connect.h"
#include "locks/describe.h"
#include "locks/kill.h"
#include "locks/report.h"

struct options {
    bool yes, cancel;
    char *started;
    int64_t wait_ms;
};

static const struct evo_option options[] = {
    { "yes", EVO_OPT_FLAG, offsetof(struct options, yes), .flag_only = true, .help = "do it" },
    { "cancel", EVO_OPT_FLAG, offsetof(struct options, cancel), .flag_only = true,
      .help = "end its running query only; the session and, until it is told, its transaction stay" },
    { "started", EVO_OPT_STRING, offsetof(struct options, started), .value = "TIME", .flag_only = true,
      .help = "only if the session began then, as show --json and kill without --yes tell it" },
    { "wait", EVO_OPT_DURATION, offsetof(struct options, wait_ms), .value = "DURATION", .fallback = "5s",
      .help = "for its end" },
};

/* The session among those that wait or are waited for, or appended to them. */
static size_t place(struct evo_locks_view *v, struct evo_locks_session *s)
{
    size_t i = evo_locks_index(v, s->pid, NULL);
    if (i < v->nsessions)
        return i;
    EVO_GROW(v->sessions, v->nsessions, v->sessions_alloc);
    v->sessions[v->nsessions++] = *s;
    *s = (struct evo_locks_session){ 0 };
    return i;
}

/* "pid 42 (…): UPDATE …; 3 sessions wait behind it: pid 43 (relation public.t), …" */
static void describe(const struct evo_locks_view *v, size_t at, struct evo_strbuf *out)
{
    size_t behind = evo_locks_behind(v, at, true, NULL), named = 0;
    evo_locks_describe(&v->sessions[at], out);
    if (!behind) {
        evo_strbuf_adds(out, "; nobody waits behind it");
        return;
    }
    evo_strbuf_addf(out, "; %zu session%s wait%s behind it", behind, behind == 1 ? "" : "s",
                    behind == 1 ? "s" : "");
    for (size_t i = 0; i < v->nwaits && named < 5; i++)
        if (v->waits[i].blocking == at)
            evo_strbuf_addf(out, "%spid %" PRId64 " (%s)", named++ ? ", " : ": ",
                            v->sessions[v->waits[i].blocked].pid, v->waits[i].object);
}

static enum evo_errc ask(struct evo_cmd *cmd, const struct evo_kill *k, const char *started, const char *what,
                         struct evo_error *err)
{
    EVO_AUTO_STR more = evo_cmd_next_options(cmd);
    EVO_AUTO_STR word = evo_quote_shell(started);
    (void)evo_error_set(err, EVO_ERR_USAGE, "nothing was ended: --yes is not given");
    (void)evo_error_detail(err, "%s: %s.", k->cancel ? "Its query would be cancelled" : "It would be ended",
                           what);
    (void)evo_error_hint(err, "%s",
                         k->cancel
                             ? "Its transaction fails, and stays until its application ends it."
                             : "Its transaction is rolled back, and its application loses the connection.");
    return evo_error_next(err, "evo-locks kill %" PRId64 " --yes --started %s%s%s", k->pid, word,
                          k->cancel ? " --cancel" : "", more);
}

/* Who asks: its pid and its role, quoted. */
static enum evo_errc ask_who(struct evo_pg *pg, struct evo_pg_result **ret, struct evo_error *err)
{
    return evo_pg_query(pg, "SELECT pg_catalog.pg_backend_pid(), pg_catalog.quote_ident(current_user)", 0,
                        NULL, ret, err);
}

static enum evo_errc end(struct evo_cmd *cmd, const struct options *o, struct evo_kill *k, struct evo_pg *pg,
                         struct evo_error *err)
{
    EVO_AUTO(locks_session) s = { 0 };
    EVO_AUTO(locks_report) report = { 0 };
    EVO_AUTO(strbuf) what = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) self = NULL;
    bool found = false;
    enum evo_errc rc = ask_who(pg, &self, err);
    if (!rc)
        rc = evo_locks_find(pg, k->pid, &found, &s, err);
    if (!rc && !found) {
        (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "there is no session with pid %" PRId64, k->pid);
        return evo_error_hint(err, "Those in the way of others: evo-locks show");
    }
    if (!rc)
        rc = evo_locks_report_look(pg, &report, err);
    if (rc)
        return rc;
    size_t at = place(&report.view, &s);
    struct evo_locks_session *target = &report.view.sessions[at];
    evo_locks_json(&report, cmd->data);
    evo_json_set(cmd->data, "target", evo_locks_session_json(&report.view, at));
    describe(&report.view, at, &what);
    k->role = evo_pg_value(self, 0, 1);
    rc = evo_kill_judge(k, target, evo_pg_value_int(self, 0, 0, 0), evo_pg_database(pg), err);
    if (rc == EVO_ERR_PERMISSION && !err->detail[0])
        (void)evo_error_detail(err, "It is %s.", what.buf);
    if (!rc && !o->yes)
        rc = ask(cmd, k, target->started, what.buf, err);
    if (!rc)
        rc = evo_kill_run(pg, k, target, err);
    evo_json_set_bool(cmd->data, "ended", !rc);
    if (!rc)
        evo_print(cmd, "%s: %s\n", k->cancel ? "query cancelled" : "ended", what.buf);
    return rc;
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO_PTR(pg) pg = NULL;
    const struct evo_locks_report nothing = { 0 };
    struct evo_kill k = { .started = o->started, .cancel = o->cancel, .wait_ms = o->wait_ms };
    evo_locks_json(&nothing, cmd->data);
    evo_json_set_null(cmd->data, "target");
    evo_json_set_bool(cmd->data, "ended", false);
    if (!evo_parse_int64(cmd->args.items[0], 1, INT32_MAX, &k.pid)) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "\"%.100s\" is not the pid of a session", cmd->args.items[0]);
        return evo_error_hint(err, "evo-locks show names them.");
    }
    enum evo_errc rc = evo_cmd_conninfo(cmd, &info, err);
    if (!rc)
        rc = evo_cmd_connect(cmd, &info, &pg, err);
    return rc ? rc : end(cmd, o, &k, pg, err);
}

const struct evo_command evo_command_kill = {
    .name = "kill",
    .args = "PID",
    .min_args = 1,
    .max_args = 1,
    .summary = "end a session that is in the way",
    .description =
        "Says whose session it is, what it does, since when, and who waits behind it. With --yes it is "
        "ended\n"
        "(pg_terminate_backend), or with --cancel its query (pg_cancel_backend), and its end is waited for.\n"
        "Another session that has got the same pid in the meantime is not touched. Never ended are a\n"
        "superuser's session, replication, the server's own processes, a vacuum that prevents wraparound, "
        "and\n"
        "what is connected to another database.",
    .examples = "evo locks kill 4711\n"
                "evo locks kill 4711 --yes\n"
                "evo locks kill 4711 --yes --cancel",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
