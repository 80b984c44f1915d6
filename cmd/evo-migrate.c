/*
 * evo-migrate: applies migrations, takes them back, says what it would do, and settles what failed.
 *
 * Exit status: 0 done; 1 refused (edited, failed or reordered files, irreversible); 2 usage or configuration; 3 database;
 * 5 a lock was not to be had; 7 a migration failed (schema_clean says what is left); 128+n ended by signal n.
 */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "migration/baseline.h"
#include "migration/down.h"
#include "migration/new.h"
#include "migration/resolve.h"
#include "migration/text.h"
#include "migration/up.h"

/* ---- options -------------------------------------------------------------- */

struct options {
    char *to;
    int64_t steps;
    bool dry_run, allow_edited, out_of_order, down, render, atomic, no_verify;
    int64_t lock_timeout_ms, statement_timeout_ms, lock_retries, harm_budget_ms, wait_ms;
    char *applied, *rolled_back, *edited, *fingerprint;
    bool drift, undone;
};

#define OPT_STEPS(text)                                                                                \
    {                                                                                                  \
        .name = "steps", .type = EVO_OPT_INT, .offset = offsetof(struct options, steps), .value = "N", \
        .min = 1, .max = 1000000, .help = (text)                                                       \
    }
#define OPT_TO(text)                                                                                   \
    {                                                                                                  \
        .name = "to", .type = EVO_OPT_STRING, .offset = offsetof(struct options, to), .value = "NAME", \
        .help = (text)                                                                                 \
    }
#define OPT_DRY_RUN                                                                           \
    {                                                                                         \
        .name = "dry-run", .type = EVO_OPT_FLAG, .offset = offsetof(struct options, dry_run), \
        .help = "show the plan, change nothing"                                               \
    }
#define OPT_POLICY                                                                                      \
    { .name = "allow-edited",                                                                           \
      .type = EVO_OPT_FLAG,                                                                             \
      .offset = offsetof(struct options, allow_edited),                                                 \
      .help = "go on although a file was edited since it was applied" },                                \
    {                                                                                                   \
        .name = "out-of-order", .type = EVO_OPT_FLAG, .offset = offsetof(struct options, out_of_order), \
        .help = "apply what arrived behind an applied migration (prisma always does)"                   \
    }
#define OPT_RENDER                                                                          \
    {                                                                                       \
        .name = "render", .type = EVO_OPT_FLAG, .offset = offsetof(struct options, render), \
        .help = "alembic: have each revision rendered as SQL, and apply that natively"      \
    }
#define OPT_ATOMIC                                                                          \
    {                                                                                       \
        .name = "atomic", .type = EVO_OPT_FLAG, .offset = offsetof(struct options, atomic), \
        .help = "all of it in one transaction, or, where a file cannot run in one, nothing" \
    }
#define OPT_WAIT                                                                             \
    {                                                                                        \
        .name = "wait", .manner = true, .type = EVO_OPT_DURATION,                            \
        .offset = offsetof(struct options, wait_ms), .value = "DURATION", .fallback = "10s", \
        .help = "wait so long for another run to end"                                        \
    }
#define OPT_TIMES                                                                              \
    { .name = "lock-timeout",                                                                  \
      .manner = true,                                                                          \
      .type = EVO_OPT_DURATION,                                                                \
      .offset = offsetof(struct options, lock_timeout_ms),                                     \
      .value = "DURATION",                                                                     \
      .fallback = "2s",                                                                        \
      .help = "give up waiting for a table lock after this long, roll back, and try again" },  \
        { .name = "statement-timeout",                                                         \
          .manner = true,                                                                      \
          .type = EVO_OPT_DURATION,                                                            \
          .offset = offsetof(struct options, statement_timeout_ms),                            \
          .value = "DURATION",                                                                 \
          .fallback = "0",                                                                     \
          .help = "end a statement that takes longer; 0 is no limit" },                        \
        { .name = "lock-retries",                                                              \
          .manner = true,                                                                      \
          .type = EVO_OPT_INT,                                                                 \
          .offset = offsetof(struct options, lock_retries),                                    \
          .value = "N",                                                                        \
          .fallback = "10",                                                                    \
          .min = 0,                                                                            \
          .max = 1000,                                                                         \
          .help = "try so many times more for a lock, with growing pauses" },                  \
        { .name = "harm-budget",                                                               \
          .manner = true,                                                                      \
          .type = EVO_OPT_DURATION,                                                            \
          .offset = offsetof(struct options, harm_budget_ms),                                  \
          .value = "DURATION",                                                                 \
          .fallback = "30s",                                                                   \
          .help = "sessions times seconds that others may wait behind a statement; past it "   \
                  "the statement is cancelled and tried again when it is quieter; 0: never" }, \
        OPT_WAIT

/* "off" for a schema that is too large to be looked at behind each migration. */
#define OPT_FINGERPRINT                                                                                  \
    {                                                                                                    \
        .name = "fingerprint", .type = EVO_OPT_CHOICE, .offset = offsetof(struct options, fingerprint),  \
        .value = "MODE", .fallback = "on", .choices = "on off",                                          \
        .help = "hold the schema against what the last run left, and record it before a run and behind " \
                "each migration, in schema evo"                                                          \
    }

static const struct evo_option up_options[] = { OPT_TO("stop after this migration"),
                                                OPT_STEPS("apply at most so many"),
                                                OPT_DRY_RUN,
                                                OPT_RENDER,
                                                OPT_ATOMIC,
                                                OPT_POLICY,
                                                OPT_TIMES,
                                                OPT_FINGERPRINT };
static const struct evo_option down_options[] = { OPT_STEPS("roll back so many, the last one first (1)"),
                                                  OPT_TO("roll back to this migration, which stays applied"),
                                                  OPT_DRY_RUN, OPT_TIMES, OPT_FINGERPRINT };
static const struct evo_option plan_options[] = {
    OPT_TO("up to this migration; with --down, back to it"),
    OPT_STEPS("at most so many"),
    { .name = "down",
      .type = EVO_OPT_FLAG,
      .offset = offsetof(struct options, down),
      .help = "the plan of down instead of up" },
    OPT_RENDER,
    OPT_ATOMIC,
    OPT_POLICY,
    OPT_FINGERPRINT,
};
static const struct evo_option resolve_options[] = {
    { .name = "applied",
      .type = EVO_OPT_STRING,
      .offset = offsetof(struct options, applied),
      .value = "NAME",
      .flag_only = true,
      .help = "the schema has all of this migration: record it as applied" },
    { .name = "rolled-back",
      .type = EVO_OPT_STRING,
      .offset = offsetof(struct options, rolled_back),
      .value = "NAME",
      .flag_only = true,
      .help = "the schema has nothing of this failed migration: let it be applied again" },
    { .name = "edited",
      .type = EVO_OPT_STRING,
      .offset = offsetof(struct options, edited),
      .value = "NAME",
      .flag_only = true,
      .help = "the file was edited since, and the database is as it says now: record its checksum" },
    { .name = "undone",
      .type = EVO_OPT_FLAG,
      .offset = offsetof(struct options, undone),
      .flag_only = true,
      .help = "what is on record as done was undone by hand: believe it also where evo cannot see it" },
    { .name = "drift",
      .type = EVO_OPT_FLAG,
      .offset = offsetof(struct options, drift),
      .flag_only = true,
      .help = "the schema was changed by hand and is as it should be: record it as it is now" },
    OPT_WAIT,
};
static const struct evo_option baseline_options[] = {
    { .name = "to",
      .type = EVO_OPT_STRING,
      .offset = offsetof(struct options, to),
      .value = "NAME",
      .flag_only = true,
      .help = "the last migration whose changes the schema has" },
    OPT_DRY_RUN,
    { .name = "no-verify",
      .type = EVO_OPT_FLAG,
      .offset = offsetof(struct options, no_verify),
      .flag_only = true,
      .help = "do not run verify_up.sql: an old probe may rightly be false after later migrations" },
    OPT_WAIT,
    OPT_FINGERPRINT,
};

/* ---- what every verb needs --------------------------------------------------- */

struct context {
    struct evo_conninfo info;
    struct evo_project project;
    char *next_options, *again;
    struct evo_migrate_options migrate;
};

static void evo_context_release(struct context *c)
{
    evo_project_release(&c->project);
    evo_conninfo_release(&c->info);
    free(c->next_options);
    free(c->again);
}

static enum evo_errc open_project(struct evo_cmd *cmd, struct evo_project *ret, struct evo_error *err)
{
    const struct evo_shared *shared = cmd->shared;
    return evo_project_open(cmd->root, shared->layout, shared->migrations, ret, err);
}

static enum evo_errc prepare(struct evo_cmd *cmd, const struct options *o, struct context *c,
                             struct evo_error *err)
{
    const struct evo_shared *shared = cmd->shared;
    enum evo_errc rc = open_project(cmd, &c->project, err);
    if (!rc)
        rc = evo_cmd_conninfo(cmd, &c->info, err);
    c->next_options = evo_cmd_next_options(cmd);
    c->again = evo_cmd_again_options(cmd);
    c->migrate = (struct evo_migrate_options){
        .info = &c->info,
        .project = &c->project,
        .expect_database = shared->expect_database,
        .expect_system_identifier = shared->expect_system_identifier,
        .plan = { .to = o->to,
                  .steps = o->steps,
                  .allow_edited = o->allow_edited,
                  .out_of_order = o->out_of_order,
                  .again = c->again,
                  .next_options = c->next_options },
        .dry_run = o->dry_run,
        .render = o->render && !o->down,
        .atomic = o->atomic,
        .no_fingerprint = evo_streq(o->fingerprint, "off"),
        .lock_timeout_ms = o->lock_timeout_ms,
        .statement_timeout_ms = o->statement_timeout_ms,
        .lock_retries = o->lock_retries,
        .harm_budget_ms = o->harm_budget_ms,
        .wait_ms = o->wait_ms,
        .task = cmd->task,
    };
    return rc;
}

static void print_plan(struct evo_cmd *cmd, bool down)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_text_plan(cmd->data, down, &text);
    evo_print(cmd, "%s", text.buf);
}

static void print_outcome(struct evo_cmd *cmd, bool down, bool ok)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_text_outcome(cmd->data, down, ok, &text);
    evo_print(cmd, "%s", text.buf);
}

/* ---- the verbs ------------------------------------------------------------------- */

static enum evo_errc run_up(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    __attribute__((cleanup(evo_context_release))) struct context c = { 0 };
    enum evo_errc rc = prepare(cmd, o, &c, err);
    if (rc)
        return rc;
    rc = evo_up_run(&c.migrate, cmd->data, err);
    if (o->dry_run && !rc)
        print_plan(cmd, false);
    else if (!o->dry_run)
        print_outcome(cmd, false, !rc);
    return rc;
}

static enum evo_errc run_down(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    __attribute__((cleanup(evo_context_release))) struct context c = { 0 };
    enum evo_errc rc = prepare(cmd, o, &c, err);
    if (rc)
        return rc;
    rc = evo_down_run(&c.migrate, cmd->data, err);
    if (o->dry_run && !rc)
        print_plan(cmd, true);
    else if (!o->dry_run)
        print_outcome(cmd, true, !rc);
    return rc;
}

static enum evo_errc run_plan(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    __attribute__((cleanup(evo_context_release))) struct context c = { 0 };
    enum evo_errc rc = prepare(cmd, o, &c, err);
    if (!rc)
        rc = evo_plan_show(&c.migrate, o->down, cmd->data, err);
    if (!rc)
        print_plan(cmd, o->down);
    return rc;
}

static enum evo_errc run_resolve(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    if ((o->applied != NULL) + (o->rolled_back != NULL) + (o->edited != NULL) + o->drift != 1) {
        (void)evo_error_set(err, EVO_ERR_USAGE,
                            "give one of --applied NAME, --rolled-back NAME, --edited NAME and --drift");
        return evo_error_hint(err, "evo-migrate resolve --help says what each is for.");
    }
    if (o->undone && !o->applied && !o->rolled_back)
        return evo_error_set(err, EVO_ERR_USAGE, "--undone goes with --rolled-back or --applied");
    __attribute__((cleanup(evo_context_release))) struct context c = { 0 };
    enum evo_errc rc = prepare(cmd, o, &c, err);
    const char *name = o->applied ? o->applied : o->rolled_back;
    if (!rc)
        rc = o->drift    ? evo_resolve_drift(&c.migrate, cmd->data, err)
             : o->edited ? evo_resolve_edited(&c.migrate, o->edited, cmd->data, err)
                         : evo_resolve_run(&c.migrate, name, o->applied != NULL, o->undone, cmd->data, err);
    if (!rc && o->drift)
        evo_print(cmd, "The schema is recorded as it is now.\n");
    else if (!rc && o->edited)
        evo_print(cmd, "%s is recorded as its file is now.\n", o->edited);
    else if (!rc)
        evo_print(cmd, "%s is recorded as %s.\n", name, o->applied ? "applied" : "rolled back");
    return rc;
}

static enum evo_errc run_baseline(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    if (!o->to) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "no migration is given up to which the schema is there");
        return evo_error_hint(err, "Give --to NAME; evo-status lists the names.");
    }
    __attribute__((cleanup(evo_context_release))) struct context c = { 0 };
    enum evo_errc rc = prepare(cmd, o, &c, err);
    if (rc)
        return rc;
    rc = evo_baseline_run(&c.migrate, !o->no_verify, cmd->data, err);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_text_baseline(cmd->data, o->dry_run, !rc, &text);
    evo_print(cmd, "%s", text.buf);
    return rc;
}

static enum evo_errc run_new(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    (void)opts;
    EVO_AUTO(project) project = { 0 };
    enum evo_errc rc = open_project(cmd, &project, err);
    if (!rc)
        rc = evo_new_run(&project, cmd->args.items[0], evo_wall_ms(), cmd->data, err);
    const struct evo_json *files = evo_json_get(cmd->data, "files");
    for (size_t i = 0; i < evo_json_count(files); i++)
        evo_print(cmd, "%s\n", evo_json_string(evo_json_at(files, i), ""));
    return rc;
}

/* ---- descriptors -------------------------------------------------------------------- */

static const struct evo_command up = {
    .name = "up",
    .summary = "apply what is pending",
    .description =
        "Each file runs in one transaction with its verify_up.sql and the ledger's row: all of it happens, "
        "or "
        "none. A file with a statement that cannot run in a transaction runs statement by statement and is "
        "resumed where it stopped. A lock that is not to be had within --lock-timeout is tried for again, "
        "and so "
        "is a statement behind which others waited for too long (--harm-budget).",
    .examples = "evo-migrate up\nevo-migrate up --to 20250102000000_user_status\nevo-migrate up --dry-run",
    .options = up_options,
    .noptions = EVO_COUNT(up_options),
    .options_size = sizeof(struct options),
    .run = run_up,
};
static const struct evo_command down = {
    .name = "down",
    .summary = "take the last migrations back",
    .description =
        "Runs down.sql in the reverse order of application, then verify_down.sql. What has no way back is "
        "named before anything is started.",
    .examples = "evo-migrate down\nevo-migrate down --steps 2\nevo-migrate down --to 20250101000000_init",
    .options = down_options,
    .noptions = EVO_COUNT(down_options),
    .options_size = sizeof(struct options),
    .run = run_down,
};
static const struct evo_command plan = {
    .name = "plan",
    .summary = "say what up (or down) would do",
    .description = "Names each migration, how it would run, what it locks, and what to know about it. "
                   "Changes nothing and "
                   "refuses what up would refuse.",
    .examples = "evo-migrate plan\nevo-migrate plan --down --steps 1",
    .options = plan_options,
    .noptions = EVO_COUNT(plan_options),
    .options_size = sizeof(struct options),
    .run = run_plan,
};
static const struct evo_command resolve = {
    .name = "resolve",
    .summary = "record what you know about a migration",
    .description = "Writes the ledger only: nothing in the schema is changed or undone.",
    .examples = "evo-migrate resolve --rolled-back 20250103000000_orders\n"
                "evo-migrate resolve --applied 20250101000000_init\n"
                "evo-migrate resolve --edited 20250101000000_init\n"
                "evo-migrate resolve --drift",
    .options = resolve_options,
    .noptions = EVO_COUNT(resolve_options),
    .options_size = sizeof(struct options),
    .run = run_resolve,
};
static const struct evo_command baseline = {
    .name = "baseline",
    .summary = "record what a schema has already, up to a migration",
    .description = "Writes the ledger only: the migrations up to --to are recorded as applied and not run. "
                   "The ledger must "
                   "hold nothing, or the first migrations and no others. Each verify_up.sql on the way is "
                   "run, and must pass.",
    .examples = "evo-migrate baseline --to 20250101000000_init --dry-run\n"
                "evo-migrate baseline --to 20250101000000_init",
    .options = baseline_options,
    .noptions = EVO_COUNT(baseline_options),
    .options_size = sizeof(struct options),
    .run = run_baseline,
};
static const struct evo_command new_migration = {
    .name = "new",
    .args = "NAME",
    .min_args = 1,
    .max_args = 1,
    .summary = "make the files of a new migration",
    .description = "Makes the migration with its way back and its checks, in the form of those that are "
                   "there. The checks "
                   "fail until they are written.",
    .examples = "evo-migrate new add_user_status",
    .run = run_new,
};

static const struct evo_command *const commands[] = {
    &up, &down, &plan, &resolve, &baseline, &new_migration
};
static const struct evo_program program = {
    .name = "evo-migrate",
    .section = "migrate",
    .summary = "apply migrations, take them back, say what would happen",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};

int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
