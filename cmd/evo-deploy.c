/*
 * evo-deploy: the pipeline, from the look before to the message after.
 *
 * Exit status: 0 when every step that ran succeeded (a message that could not be sent is a warning); else the
 * failing step's own status; 5 when another run is under way; 128+n when signal n ended it.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "cli/config.h"
#include "cli/connect.h"
#include "cli/github.h"
#include "crypto/random.h"
#include "deploy/deploy.h"
#include "deploy/summary.h"
#include "result/rundir.h"

struct options {
    struct evo_strvec skip, only;
    bool dry_run;
    char *on_failure, *backup;
    int64_t wait_ms;
};

static const struct evo_option options[] = {
    { "skip", EVO_OPT_LIST, offsetof(struct options, skip), .value = "STEPS", .choices = EVO_STEP_NAMES,
      .help = "leave these steps out" },
    { "only", EVO_OPT_LIST, offsetof(struct options, only), .value = "STEPS", .choices = EVO_STEP_NAMES,
      .help = "run only these steps" },
    { "dry-run", EVO_OPT_FLAG, offsetof(struct options, dry_run),
      .help = "look, and show what would happen; change nothing" },
    { "on-failure", EVO_OPT_CHOICE, offsetof(struct options, on_failure), .value = "WHAT", .fallback = "stop",
      .choices = "stop rollback",
      .help = "after a failed step: leave things as they are, or undo what this run applied" },
    { "backup", EVO_OPT_CHOICE, offsetof(struct options, backup), .value = "WHEN", .fallback = "pending",
      .choices = "always pending", .help = "back up always, or only when a migration is pending" },
    { "wait", EVO_OPT_DURATION, offsetof(struct options, wait_ms), .value = "DURATION", .fallback = "0",
      .help = "wait this long for another run to end" },
};

/* What the callbacks of the pipeline need. */
struct context {
    struct evo_cmd *cmd;
    struct evo_deploy_result *result;
    const char *run_dir;
};

static void on_step(void *ctx, const char *name, bool starts)
{
    struct context *c = ctx;
    if (!starts) {
        evo_github_group_end();
        return;
    }
    evo_print(c->cmd, "%s== %s%s\n", evo_style(c->cmd, EVO_STYLE_BOLD), name,
              evo_style(c->cmd, EVO_STYLE_RESET));
    (void)fflush(stdout);
    evo_github_group_start(name);
}

/* evo-notify reads envelopes and nothing else: ours must be there before it starts, though it is not final. */
static enum evo_errc leave_provisional(void *ctx, enum evo_errc rc, const struct evo_error *error,
                                       struct evo_error *err)
{
    struct context *c = ctx;
    EVO_AUTO(envelope)
    e = { .command = evo_strdup("deploy"),
          .environment = evo_strdup(c->cmd->shared->environment),
          .started_ms = c->cmd->started_ms,
          .elapsed_ms = evo_wall_ms() - c->cmd->started_ms,
          .exit = evo_errc_exit(rc),
          .data = evo_deploy_result_json(c->result),
          .failed = rc != EVO_OK };
    if (error)
        e.error = *error;
    return evo_rundir_store(c->run_dir, &e, err);
}

/* The folder given, or a new one: under the runner's folder, else under the system's for temporary files. */
static enum evo_errc make_run_dir(const struct evo_cmd *cmd, char **ret, struct evo_error *err)
{
    const char *base = getenv("RUNNER_TEMP");
    if (!base || !*base)
        base = getenv("TMPDIR");
    if (!base || !*base)
        base = "/tmp";
    char when[EVO_TIME_MAX], suffix[7];
    EVO_AUTO_STR dir =
        cmd->run_dir ? evo_strdup(cmd->run_dir)
                     : evo_asprintf("%s/evo-run-%s-%s", base, evo_format_time_compact(cmd->started_ms, when),
                                    evo_random_hex(suffix, 6));
    enum evo_errc rc = evo_dir_make(dir, err);
    if (rc)
        return evo_error_prefix(err, "run directory");
    *ret = dir;
    dir = NULL;
    return EVO_OK;
}

static bool is_set(const char *variable)
{
    return variable && *variable;
}

static void gather_facts(const struct evo_cmd *cmd, const struct options *o, char **ret_from,
                         struct evo_deploy_facts *facts)
{
    const char *environment = cmd->shared->environment;
    *ret_from = evo_config_peek(cmd->config, environment, "promote", "from");
    *facts = (struct evo_deploy_facts){
        .skip = &o->skip,
        .only = &o->only,
        .has_store = cmd->shared->store != NULL,
        .has_health = evo_config_has(cmd->config, environment, "health", "http") ||
                      evo_config_has(cmd->config, environment, "health", "tcp") ||
                      evo_config_has(cmd->config, environment, "health", "db"),
        .promote_from = *ret_from,
        .backup_always = evo_streq(o->backup, "always"),
    };
    static const char *const slack[] = { "SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "EVO_IN_SLACK_WEBHOOK_URL",
                                         "EVO_IN_SLACK_BOT_TOKEN" };
    for (size_t i = 0; i < EVO_COUNT(slack); i++)
        facts->has_slack = facts->has_slack || is_set(getenv(slack[i]));
}

static const char *verdict_of(enum evo_errc rc)
{
    return rc == EVO_OK ? "success" : rc == EVO_ERR_CANCELLED ? "cancelled" : "failure";
}

/* Outputs and summary, before a non-zero exit. What cannot be written there is a warning: the run's result stands. */
static void tell_github(struct context *c, enum evo_errc rc, const struct evo_error *error)
{
    const struct evo_deploy_result *r = c->result;
    EVO_AUTO_STR applied = r->applied >= 0 ? evo_asprintf("%lld", (long long)r->applied) : NULL;
    EVO_AUTO_STR pending = r->pending >= 0 ? evo_asprintf("%lld", (long long)r->pending) : NULL;
    const struct {
        const char *name, *value;
    } outputs[] = { { "applied", applied },
                    { "pending", pending },
                    { "backup-id", r->backup_id },
                    { "run-dir", c->run_dir } };
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc wrote = EVO_OK;
    for (size_t i = 0; i < EVO_COUNT(outputs) && !wrote; i++)
        wrote = evo_github_output(outputs[i].name, outputs[i].value, &failed);
    EVO_AUTO(strbuf) summary = EVO_STRBUF_INIT;
    evo_deploy_summary(r, c->cmd->shared->environment, rc ? error : NULL, &summary);
    if (!wrote)
        wrote = evo_github_summary(summary.buf, &failed);
    if (wrote)
        evo_warn(c->cmd->task, "could not write what the job reads: %s", failed.message);
}

static void print_result(struct context *c, enum evo_errc rc)
{
    static const enum evo_style style[] = { EVO_STYLE_GREEN, EVO_STYLE_RED, EVO_STYLE_DIM, EVO_STYLE_YELLOW };
    struct evo_cmd *cmd = c->cmd;
    const struct evo_deploy_result *r = c->result;
    evo_print(cmd, "\n%s== result%s\n", evo_style(cmd, EVO_STYLE_BOLD), evo_style(cmd, EVO_STYLE_RESET));
    for (size_t i = 0; i < r->nsteps; i++) {
        const struct evo_deploy_step *s = &r->steps[i];
        evo_print(cmd, "%s%-9s%s %-14s %s\n", evo_style(cmd, style[s->verdict]),
                  evo_step_verdict_name(s->verdict), evo_style(cmd, EVO_STYLE_RESET), s->name,
                  s->reason ? s->reason : "");
    }
    if (r->backup_id)
        evo_print(cmd, "backup %s\n", r->backup_id);
    evo_print(cmd, "%s; results in %s\n", verdict_of(rc), c->run_dir);
}

static enum evo_errc deploy(struct context *c, const struct options *o, struct evo_error *err)
{
    struct evo_cmd *cmd = c->cmd;
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO_STR bin_dir = NULL;
    EVO_AUTO_STR from = NULL;
    enum evo_errc rc = evo_process_self_dir(&bin_dir, err);
    if (!rc)
        rc = evo_cmd_conninfo(cmd, &info, err);
    if (!rc && evo_secret_is_set(&info.password))
        evo_github_mask(evo_secret_reveal(&info.password));
    if (!rc)
        rc = evo_cmd_connect(cmd, &info, &pg, err);
    if (!rc)
        rc = evo_pg_refuse_pooler(pg, &info, err);
    if (rc)
        return rc;
    struct evo_deploy_options d = { .bin_dir = bin_dir,
                                    .run_dir = c->run_dir,
                                    .environment = cmd->shared->environment,
                                    .args = &cmd->passed,
                                    .rollback = evo_streq(o->on_failure, "rollback"),
                                    .dry_run = o->dry_run,
                                    .stdout_fd = cmd->shared->json ? STDERR_FILENO : STDOUT_FILENO,
                                    .wait_ms = o->wait_ms,
                                    .task = cmd->task,
                                    .on_step = on_step,
                                    .ctx = c,
                                    .before_notify = leave_provisional };
    gather_facts(cmd, o, &from, &d.facts);
    return evo_deploy(&d, pg, c->result, err);
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO(deploy_result) result = { .applied = -1, .pending = -1 };
    EVO_AUTO_STR run_dir = NULL;
    enum evo_errc rc = make_run_dir(cmd, &run_dir, err);
    if (rc)
        return rc;
    free(cmd->run_dir);
    cmd->run_dir = evo_strdup(run_dir);
    /* Our own envelope is the first of the folder, provisional and final alike. */
    (void)setenv("EVO_STEP", "0", 1);
    struct context c = { cmd, &result, run_dir };
    rc = deploy(&c, o, err);
    print_result(&c, rc);
    tell_github(&c, rc, err);
    struct evo_json *data = evo_deploy_result_json(&result);
    evo_json_set_string(data, "run_dir", run_dir);
    evo_json_set_bool(data, "dry_run", o->dry_run);
    evo_cmd_set_data(cmd, data);
    return rc;
}

static const char description[] =
    "Runs, in this order, under one lock: status, promote-check, backup, migrate, verify, health,\n"
    "promote-record, notify. With nothing pending, backup and migrate are skipped. Options of the steps\n"
    "come from evo.json and EVO_* variables. On SIGINT or SIGTERM the running step is cancelled and\n"
    "cleaned up, people are told, and the lock is released, within 7 seconds.";
static const char examples[] =
    "  evo deploy --dry-run                          what would happen\n"
    "  evo deploy --environment staging              the pipeline, with environments.staging of evo.json\n"
    "  evo deploy --only migrate,verify              two steps of it\n"
    "  evo deploy --on-failure rollback              undo what this run applied when a later step fails";

static const struct evo_command only = { .summary =
                                             "run the pipeline: check, back up, migrate, verify, tell people",
                                         .description = description,
                                         .examples = examples,
                                         .options = options,
                                         .noptions = EVO_COUNT(options),
                                         .options_size = sizeof(struct options),
                                         .run = run };
static const struct evo_command *const commands[] = { &only };
static const struct evo_program program = {
    .name = "evo-deploy",
    .section = "deploy",
    .summary = "run the pipeline: check, back up, migrate, verify, tell people",
    .commands = commands,
    .ncommands = EVO_COUNT(commands)
};

int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
