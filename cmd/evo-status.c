/*
 * evo-status: before anything: what is applied, pending, edited, failed or missing, and is it safe to start now.
 *
 * Exit status: 0 nothing that --fail-on names; 1 something of it (failed, edited, pending, drift, unhealthy); 2 usage or
 * configuration; 3 the database cannot be reached, a transaction pooler, another tool's ledger; 4 the store cannot be read.
 */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/connect.h"
#include "promote/promote.h"
#include "status/status.h"

#define LISTED 20

struct status_options {
    struct evo_strvec fail_on;
    int64_t backup_max_age_ms;
    char *fingerprint;
};

static const struct evo_option options[] = {
    { "fail-on", EVO_OPT_LIST, offsetof(struct status_options, fail_on), .value = "LIST",
      .fallback = "failed,edited", .choices = evo_status_fail_on,
      .help = "what ends with a status other than 0; the rest is warned of" },
    { "backup-max-age", EVO_OPT_DURATION, offsetof(struct status_options, backup_max_age_ms),
      .value = "DURATION", .fallback = "7d", .help = "how old the newest backup may be" },
    { "fingerprint", EVO_OPT_CHOICE, offsetof(struct status_options, fingerprint), .value = "MODE",
      .fallback = "on", .choices = "on off",
      .help = "look whether the schema is as the last run left it; off for one that is too large" },
};

/* ---- text for people ----------------------------------------------------------- */

struct group {
    const char *word;
    enum evo_migration_state state;
    enum evo_style style;
    bool unfinished;
};
/* In the order in which they want to be looked at. */
static const struct group listed[] = { { "failed", EVO_STATE_FAILED, EVO_STYLE_RED, false },
                                       { "unfinished", EVO_STATE_FAILED, EVO_STYLE_YELLOW, true },
                                       { "edited", EVO_STATE_EDITED, EVO_STYLE_RED, false },
                                       { "missing", EVO_STATE_MISSING, EVO_STYLE_YELLOW, false },
                                       { "pending", EVO_STATE_PENDING, EVO_STYLE_BOLD, false } };

static void print_list(struct evo_cmd *cmd, const struct evo_status_view *v, const struct group *g)
{
    size_t shown = 0, count = 0;
    for (size_t i = 0; i < v->state.count; i++) {
        const struct evo_state_item *item = &v->state.items[i];
        if (item->state != g->state || evo_status_is_unfinished(v, item) != g->unfinished)
            continue;
        if (++count > LISTED)
            continue;
        shown++;
        evo_print(cmd, "  %s%-10s%s  %s%s%s\n", evo_style(cmd, g->style), g->word,
                  evo_style(cmd, EVO_STYLE_RESET), item->name,
                  item->was_rolled_back ? "  (rolled back before)" : "", item->behind ? "  (behind)" : "");
    }
    if (count > shown)
        evo_print(cmd, "  %10s  … and %zu more\n", "", count - shown);
}

static void print_state(struct evo_cmd *cmd, const struct evo_status_view *v)
{
    const struct evo_state *s = &v->state;
    size_t unfinished = evo_status_unfinished(v);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    const struct evo_state_counts counts = { .applied = s->applied + s->missing,
                                             .pending = s->pending,
                                             .unfinished = unfinished,
                                             .failed = s->failed - unfinished,
                                             .edited = s->edited,
                                             .missing = s->missing };
    evo_print(cmd, "%s%s%s  PostgreSQL %s, %s in %s\n", evo_style(cmd, EVO_STYLE_BOLD), v->ledger.database,
              evo_style(cmd, EVO_STYLE_RESET), v->server_version_text, evo_layout_name(v->project->kind),
              v->project->migrations);
    evo_state_counts_text(&counts, &text);
    evo_print(cmd, "%s", text.buf);
    if (s->last_applied)
        evo_print(cmd, "; last %s", s->last_applied);
    evo_print(cmd, "\n\n");
    for (size_t i = 0; i < EVO_COUNT(listed); i++)
        print_list(cmd, v, &listed[i]);
    if (s->pending || s->failed || s->edited || s->missing)
        evo_print(cmd, "\n");
}

static void print_checks(struct evo_cmd *cmd, const struct evo_status_report *r)
{
    static const enum evo_style styles[] = { EVO_STYLE_GREEN, EVO_STYLE_YELLOW, EVO_STYLE_RED };
    for (size_t i = 0; i < r->count; i++) {
        const struct evo_status_check *c = &r->items[i];
        if (cmd->shared->quiet && c->verdict == EVO_STATUS_OK)
            continue;
        evo_print(cmd, "  %s%-4s%s  %-15s  %s\n", evo_style(cmd, styles[c->verdict]),
                  evo_status_verdict_name(c->verdict), evo_style(cmd, EVO_STYLE_RESET), c->name, c->message);
        if (c->hint)
            evo_print(cmd, "        %-15s  %s%s%s\n", "", evo_style(cmd, EVO_STYLE_DIM), c->hint,
                      evo_style(cmd, EVO_STYLE_RESET));
        if (c->next)
            evo_print(cmd, "        %-15s  next: %s\n", "", c->next);
    }
}

/* What of the schema is not as it was left. */
static void print_drift(struct evo_cmd *cmd, const struct evo_status_drift *d)
{
    if (!d->differences.count)
        return;
    evo_print(cmd, "\n");
    for (size_t i = 0; i < d->differences.count; i++)
        evo_print(cmd, "  %s\n", d->differences.items[i]);
    if (d->differences_total > d->differences.count)
        evo_print(cmd, "  … and %zu more\n", d->differences_total - d->differences.count);
}

/* ---- the run ------------------------------------------------------------------- */

static enum evo_errc look(struct evo_cmd *cmd, struct evo_status_view *view, struct evo_status_report *report,
                          struct evo_error *err)
{
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_cmd_conninfo(cmd, &info, err);
    if (rc)
        return rc;
    struct evo_error failed = EVO_ERROR_INIT;
    rc = evo_cmd_connect(cmd, &info, &pg, &failed);
    if (rc) {
        evo_status_not_connected(&failed, report);
        *err = failed;
        return rc;
    }
    return evo_status_look(view, pg, &info, err);
}

/* Passports that are looked at: who is proved at all is proved by one of the newest. */
#define PASSPORTS 20

/* Whether another environment has proved what is pending, as `evo-promote check` would say. */
static enum evo_errc look_at_staging(const struct evo_status_view *v, const char *from,
                                     struct evo_status_staging *ret)
{
    EVO_AUTO(passports) passports = { 0 };
    EVO_AUTO(differences) differences = { 0 };
    size_t index = 0;
    struct evo_error failed = EVO_ERROR_INIT; /* written also where nothing is wrong in the end */
    ret->from = from;
    if (!from || !v->state.pending)
        return EVO_OK;
    if (!v->store)
        return evo_error_set(&ret->error, EVO_ERR_PROMOTION_REFUSED,
                             "not known: no store is configured that holds the passports of \"%s\"", from);
    const struct evo_promote_view here = { *v->project, v->ledger, v->state }; /* borrowed */
    enum evo_errc rc = evo_promote_list(v->store, from, -1, PASSPORTS, &passports, &failed);
    if (!rc)
        rc = evo_promote_check(&passports, &here, from, &index, &differences, &failed);
    if (rc)
        ret->error = failed;
    else
        ret->passport = evo_strdup(passports.keys[index]);
    return rc;
}

/* Whether evo-notify would have whom to tell; never what it holds. */
static const char *notify_by(void)
{
    static const struct {
        const char *variable, *what;
    } ways[] = { { "SLACK_BOT_TOKEN", "Slack, by a bot" },
                 { "EVO_IN_SLACK_BOT_TOKEN", "Slack, by a bot" },
                 { "SLACK_WEBHOOK_URL", "Slack, by a webhook" },
                 { "EVO_IN_SLACK_WEBHOOK_URL", "Slack, by a webhook" } };
    for (size_t i = 0; i < EVO_COUNT(ways); i++) {
        const char *value = getenv(ways[i].variable);
        if (value && *value)
            return ways[i].what;
    }
    return NULL;
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct status_options *o = opts;
    EVO_AUTO(project) project = { 0 };
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(status_report) report = { 0 };
    EVO_AUTO_STR next = evo_cmd_next_options(cmd);
    EVO_AUTO(status_view)
    view = { .project = &project,
             .environment = evo_cmd_environment(cmd),
             .fail_on = &o->fail_on,
             .next_options = next,
             .backup_max_age_ms = o->backup_max_age_ms,
             .now_ms = evo_wall_ms(),
             .no_fingerprint = evo_streq(o->fingerprint, "off"),
             .notify = notify_by() };
    evo_status_json(NULL, NULL, NULL, cmd->data);
    if (o->fail_on.count > 1 && evo_strvec_contains(&o->fail_on, "none")) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "--fail-on: \"none\" stands alone");
        return evo_error_hint(err, "Leave it out, or everything else.");
    }
    enum evo_errc rc =
        evo_project_open(cmd->root, cmd->shared->layout, cmd->shared->migrations, &project, err);
    if (!rc && cmd->shared->store)
        rc = evo_cmd_store(cmd, &store, err);
    if (rc)
        return rc;
    view.store = store;
    rc = look(cmd, &view, &report, err);
    EVO_AUTO_STR from = evo_config_peek(cmd->config, cmd->shared->environment, "promote", "from");
    if (!rc && look_at_staging(&view, from, &view.staging) == EVO_ERR_CANCELLED) {
        *err = view.staging.error;
        rc = err->code;
    }
    if (!rc)
        evo_status_judge(&view, &report);
    evo_status_json(&project, rc ? NULL : &view, &report, cmd->data);
    if (rc)
        return rc;
    print_state(cmd, &view);
    print_checks(cmd, &report);
    print_drift(cmd, &view.drift);
    return evo_status_error(&report, err);
}

static const struct evo_command only = {
    .summary = "what is applied and what is not, and whether it is safe to start now",
    .description =
        "Reads only. Besides the migrations it looks at whatever would stand in the way of applying them: a\n"
        "transaction pooler, the migration lock, sessions that block others, long transactions, invalid "
        "indexes,\n"
        "constraints never validated, a schema that was changed by hand, a missing pg_dump, an unreachable "
        "store, "
        "an\n"
        "old backup, what another environment has not proved. Each check has a message and, where there is "
        "something to\n"
        "do, the next command. With --quiet only what is not ok is shown.\n\n"
        "A transaction pooler and a store that cannot be read always fail. Of the rest, --fail-on names what "
        "does:\n"
        "each word is a check's name; \"failed\" is what up cannot go on with, \"unfinished\" what it can, "
        "and\n"
        "\"pending\" covers both what is pending and what is unfinished. \"none\" stands alone.",
    .examples = "evo status\n"
                "evo status --fail-on pending,failed,edited     # in CI: is everything applied?\n"
                "evo status --json | jq -r '.data.pending[].name'",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct status_options),
    .run = run,
};
static const struct evo_command *const commands[] = { &only };
static const struct evo_program program = {
    .name = "evo-status",
    .section = "status",
    .summary = "what is applied and what is not, and whether it is safe to start now",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};

int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
