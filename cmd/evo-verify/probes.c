/*
 * evo-verify up, evo-verify down: do the probes beside the migrations hold on the database as it is now?
 */
#include "evo-verify/commands.h"

#include "base/nearest.h"
#include "cli/connect.h"
#include "verify/verify.h"

struct verify_options {
    char *role;
    bool all;
    int64_t statement_timeout_ms;
};

#define FIELD(name) offsetof(struct verify_options, name)

static const struct evo_option options[] = {
    { "role", EVO_OPT_STRING, FIELD(role), .value = "NAME",
      .help = "run the probes as this role, so that a missing grant is found" },
    { "all", EVO_OPT_FLAG, FIELD(all),
      .help =
          "up: every applied migration; down: every one that is not applied; old probes may rightly fail" },
    { "statement-timeout", EVO_OPT_DURATION, FIELD(statement_timeout_ms), .value = "DURATION",
      .fallback = "30s", .help = "time for one probe" },
};

/* What is opened once: the folder, and of the database only what is asked for. */
struct work {
    struct evo_cmd *cmd;
    const struct verify_options *options;
    enum evo_verify_direction direction;
    struct evo_project project;
    struct evo_conninfo info;
    struct evo_pg *pg;
    struct evo_strvec names;
};

static void release_work(struct work *w)
{
    evo_strvec_release(&w->names);
    evo_pg_close(w->pg);
    evo_conninfo_release(&w->info);
    evo_project_release(&w->project);
}

/* Probes look where the migrations worked. */
static enum evo_errc connect(struct work *w, struct evo_error *err)
{
    enum evo_errc rc = evo_cmd_conninfo(w->cmd, &w->info, err);
    if (!rc)
        rc = evo_cmd_connect(w->cmd, &w->info, &w->pg, err);
    if (!rc)
        rc = evo_project_settle(w->pg, w->info.schema, &w->project, err);
    EVO_AUTO_STR path = NULL;
    if (!rc)
        rc = evo_project_search_path(w->pg, &w->project, w->info.schema, &path, err);
    return rc || !path ? rc : evo_pg_execf(w->pg, err, "SET search_path = %s", path);
}

static enum evo_errc take_from_database(struct work *w, bool all, struct evo_error *err)
{
    EVO_AUTO(ledger) ledger = { 0 };
    enum evo_errc rc = evo_ledger_load(w->pg, &w->project, w->info.schema, &ledger, err);
    if (rc)
        return rc;
    if (!all) {
        evo_verify_from_ledger(&ledger, w->direction, &w->names);
        return EVO_OK;
    }
    EVO_AUTO(state) state = { 0 };
    rc = evo_state_of(&w->project, &ledger, &state, err);
    if (!rc)
        evo_verify_from_state(&state, w->direction, &w->names);
    return rc;
}

/* *ret: whether the run directory knows of a run. */
static enum evo_errc take_from_rundir(struct work *w, bool *ret, struct evo_error *err)
{
    *ret = false;
    if (!w->cmd->run_dir)
        return EVO_OK;
    EVO_AUTO(rundir) rundir = { 0 };
    enum evo_errc rc = evo_rundir_load(w->cmd->run_dir, &rundir, err);
    if (rc)
        return rc == EVO_ERR_NOT_FOUND ? EVO_OK : rc; /* it is made when the first envelope is written */
    *ret = evo_verify_from_rundir(&rundir, w->direction, &w->names);
    return EVO_OK;
}

static enum evo_errc select_migrations(struct work *w, struct evo_error *err)
{
    const char *by = w->cmd->args.count > 0 ? "names" : w->options->all ? "all" : "run";
    bool known = w->cmd->args.count > 0;
    enum evo_errc rc = EVO_OK;
    if (known)
        rc = evo_verify_take_names(w->cmd, &w->project, &w->names, err);
    else if (!w->options->all)
        rc = take_from_rundir(w, &known, err);
    if (!rc)
        rc = connect(w, err);
    if (!rc && !known) {
        by = w->options->all ? "all" : "ledger";
        rc = take_from_database(w, w->options->all, err);
    }
    evo_json_set_string(w->cmd->data, "selected_by", by);
    return rc;
}

static void print_item(struct evo_cmd *cmd, const struct evo_verify_item *item, const char *file_name)
{
    const char *reset = evo_style(cmd, EVO_STYLE_RESET);
    if (!item->file.path) {
        evo_print(cmd, "%s-        %s  %s%s\n", evo_style(cmd, EVO_STYLE_DIM), item->name,
                  item->gone ? "its files are gone" : file_name, reset);
        return;
    }
    bool good = item->report.failed == 0 && item->report.count == item->file.count;
    evo_print(cmd, "%s%-8s%s %s  %zu probe%s\n", evo_style(cmd, good ? EVO_STYLE_GREEN : EVO_STYLE_RED),
              good ? "ok" : "not ok", reset, item->name, item->report.count,
              evo_plural((int64_t)item->report.count));
    for (size_t i = 0; i < item->report.count; i++) {
        const struct evo_probe_outcome *o = &item->report.items[i];
        if (o->verdict != EVO_VERDICT_TRUE)
            evo_print(cmd, "         %s:%d: %s\n         %s\n", item->file.path, o->line, o->message,
                      o->statement);
    }
}

static void print_report(struct work *w, const struct evo_verify *v)
{
    bool up = w->direction == EVO_VERIFY_UP;
    if (v->count == 0) {
        evo_print(w->cmd, "nothing to verify: %s\n",
                  w->options->all ? (up ? "no migration is applied" : "every migration is applied")
                  : up            ? "the last run applied no migration"
                                  : "the last run rolled no migration back");
        return;
    }
    for (size_t i = 0; i < v->count; i++)
        print_item(w->cmd, &v->items[i], up ? "no verify_up.sql" : "no verify_down.sql");
    if (v->without == v->count)
        evo_print(w->cmd, "nothing to verify: none of %zu migration%s has a %s\n", v->count,
                  evo_plural((int64_t)v->count), up ? "verify_up.sql" : "verify_down.sql");
    else
        evo_print(w->cmd, "%zu of %zu probe%s\n", v->probes - v->failed, v->probes,
                  v->probes == 1 ? " holds" : "s hold");
}

static enum evo_errc verify(struct work *w, struct evo_error *err)
{
    struct evo_cmd *cmd = w->cmd;
    evo_json_set_string(cmd->data, "direction", w->direction == EVO_VERIFY_UP ? "up" : "down");
    evo_json_set_string(cmd->data, "selected_by",
                        cmd->args.count > 0 ? "names"
                        : w->options->all   ? "all"
                                            : "run");
    EVO_AUTO(verify) v = { 0 };
    evo_verify_json(&v, cmd->data);
    if (cmd->args.count > 0 && w->options->all)
        return evo_error_set(err, EVO_ERR_USAGE, "--all and names of migrations exclude each other");
    const struct evo_shared *shared = cmd->shared;
    enum evo_errc rc = evo_project_open(cmd->root, shared->layout, shared->migrations, &w->project, err);
    if (!rc)
        rc = select_migrations(w, err);
    if (!rc)
        rc = evo_verify_load(&w->project, w->direction, &w->names, &v, err);
    if (rc)
        return rc;
    rc = evo_verify_run(&v, w->pg, w->options->role, w->options->statement_timeout_ms, cmd->task, err);
    evo_verify_json(&v, cmd->data);
    print_report(w, &v);
    return rc;
}

static enum evo_errc run(struct evo_cmd *cmd, const void *opts, enum evo_verify_direction direction,
                         struct evo_error *err)
{
    struct work w = { .cmd = cmd, .options = opts, .direction = direction };
    enum evo_errc rc = verify(&w, err);
    release_work(&w);
    return rc;
}

static enum evo_errc run_up(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    return run(cmd, opts, EVO_VERIFY_UP, err);
}

static enum evo_errc run_down(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    return run(cmd, opts, EVO_VERIFY_DOWN, err);
}

const struct evo_command evo_command_up = {
    .name = "up",
    .args = "[NAME…]",
    .max_args = -1,
    .summary = "run verify_up.sql of the migrations that were applied",
    .description =
        "Without names, the migrations of the last run: what the last migrate up in the run directory "
        "applied;\n"
        "without one, the newest migrations in the ledger, back to a pause of more than a minute.\n\n"
        "A statement holds when it returns rows and the first column of each is true. Lines above it say\n"
        "otherwise: -- evo:expect empty, rows N, rows >= N, values A, B, C, column NAME = VALUE, no-error.\n"
        "Probes run in read-only transactions and leave nothing behind.",
    .examples = "evo verify up\n"
                "evo verify up 20260115093000_add_user_status --role app",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct verify_options),
    .run = run_up,
};

const struct evo_command evo_command_down = {
    .name = "down",
    .args = "[NAME…]",
    .max_args = -1,
    .summary = "run verify_down.sql of the migrations that were rolled back",
    .description =
        "Without names, the migrations of the last run: what the last migrate down in the run directory\n"
        "rolled back; without one, the newest in the ledger, back to a pause of more than a minute.\n"
        "What was applied again since is left out.",
    .examples = "evo verify down",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct verify_options),
    .run = run_down,
};
