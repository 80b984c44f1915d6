/*
 * evo-verify roundtrip: do migrations go up, down and up again, and can their probes fail?
 */
#include "evo-verify/commands.h"

#include "cli/connect.h"
#include "cli/table.h"
#include "layout/state.h"
#include "migration/roundtrip.h"

struct options {
    struct evo_secret scratch_url;
    bool all;
    int64_t statement_timeout_ms;
};

#define FIELD(name) offsetof(struct options, name)

static const struct evo_option options[] = {
    { "scratch-url", EVO_OPT_CONNECTION, FIELD(scratch_url), .value = "URL",
      .help = "a server to make the database on (default: a cluster of its own on this machine)" },
    { "all", EVO_OPT_FLAG, FIELD(all), .help = "every migration, also those that are applied" },
    { "statement-timeout", EVO_OPT_DURATION, FIELD(statement_timeout_ms), .value = "DURATION",
      .fallback = "30s", .help = "time for one probe" },
};

struct work {
    struct evo_cmd *cmd;
    const struct options *options;
    struct evo_project project;
    struct evo_conninfo info, scratch;
    struct evo_pg *target; /* NULL: no database is named */
    struct evo_strvec names;
    char *next_options;
};

static void release_work(struct work *w)
{
    evo_strvec_release(&w->names);
    evo_pg_close(w->target);
    evo_conninfo_release(&w->info);
    evo_conninfo_release(&w->scratch);
    evo_project_release(&w->project);
    free(w->next_options);
}

/* Only to read: its version, its roles, and what is pending in it. */
static enum evo_errc connect_target(struct work *w, struct evo_error *err)
{
    if (!evo_cmd_has_database(w->cmd))
        return EVO_OK;
    enum evo_errc rc = evo_cmd_conninfo(w->cmd, &w->info, err);
    if (!rc)
        rc = evo_cmd_connect(w->cmd, &w->info, &w->target, err);
    if (!rc)
        rc = evo_project_settle(w->target, w->info.schema, &w->project, err);
    return rc;
}

static enum evo_errc take_pending(struct work *w, struct evo_error *err)
{
    EVO_AUTO(ledger) ledger = { 0 };
    EVO_AUTO(state) state = { 0 };
    enum evo_errc rc = evo_ledger_load(w->target, &w->project, w->info.schema, &ledger, err);
    if (!rc)
        rc = evo_state_of(&w->project, &ledger, &state, err);
    for (size_t i = 0; !rc && i < state.count; i++)
        if (state.items[i].state == EVO_STATE_PENDING)
            evo_strvec_push(&w->names, state.items[i].name);
    return rc;
}

static enum evo_errc select_migrations(struct work *w, struct evo_error *err)
{
    bool named = w->cmd->args.count > 0, all = w->options->all || !w->target;
    evo_json_set_string(w->cmd->data, "selected_by", named ? "names" : all ? "all" : "pending");
    if (named)
        return evo_verify_take_names(w->cmd, &w->project, &w->names, err);
    if (!all)
        return take_pending(w, err);
    for (size_t i = 0; i < w->project.count; i++)
        evo_strvec_push(&w->names, w->project.items[i].name);
    return EVO_OK;
}

/* ---- the report --------------------------------------------------------------------- */

/* "true/false": verify_up.sql, verify_down.sql. */
static void add_cell(struct evo_table *table, const struct evo_trip *t, const struct evo_trip_cell *c)
{
    EVO_AUTO_STR text = NULL;
    if (c->taken && (t->has_verify_up || t->has_verify_down))
        text = evo_asprintf("%s/%s", t->has_verify_up ? evo_trip_answer_name(c->up) : "-",
                            t->has_verify_down ? evo_trip_answer_name(c->down) : "-");
    evo_table_cell(table, text);
}

static void print_table(struct evo_cmd *cmd, const struct evo_roundtrip *r)
{
    static const char *const titles[] = { "VERDICT", "MIGRATION", "BEFORE", "UP", "DOWN", "UP AGAIN" };
    EVO_AUTO(table) table = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(titles); i++)
        evo_table_column(&table, titles[i], EVO_TABLE_LEFT);
    for (size_t i = 0; i < r->count; i++) {
        const struct evo_trip *t = &r->items[i];
        evo_table_cell(&table, evo_trip_verdict_name(t->verdict));
        evo_table_cell(&table, t->name);
        add_cell(&table, t, &t->before);
        add_cell(&table, t, &t->after_up);
        add_cell(&table, t, &t->after_down);
        add_cell(&table, t, &t->after_up_again);
    }
    evo_table_format(&table, true, &text);
    evo_print(cmd, "%s", text.buf);
}

static void print_trip(struct evo_cmd *cmd, const struct evo_trip *t)
{
    if (!t->messages.count)
        return;
    evo_print(cmd, "%s%s%s\n", evo_style(cmd, EVO_STYLE_BOLD), t->name, evo_style(cmd, EVO_STYLE_RESET));
    for (size_t i = 0; i < t->messages.count; i++)
        evo_print(cmd, "  %s\n", t->messages.items[i]);
    for (size_t i = 0; i < t->differences.count; i++)
        evo_print(cmd, "    %s\n", t->differences.items[i]);
    if (t->ndifferences > t->differences.count)
        evo_print(cmd, "    … and %zu lines more\n", t->ndifferences - t->differences.count);
}

static void print_found(struct evo_cmd *cmd, const struct evo_roundtrip *r)
{
    if (!r->count) {
        evo_print(cmd, "nothing to try: no migration is pending; --all takes every one\n");
        return;
    }
    if (!r->server_version)
        return;
    print_table(cmd, r);
    for (size_t i = 0; i < r->count; i++)
        print_trip(cmd, &r->items[i]);
    evo_print(cmd, "%zu of %zu migration%s on PostgreSQL %s\n", r->count - r->bad, r->count,
              r->count == 1 ? " passes" : "s pass", r->server_version);
}

static enum evo_errc roundtrip(struct work *w, struct evo_roundtrip *found, struct evo_error *err)
{
    struct evo_cmd *cmd = w->cmd;
    if (cmd->args.count > 0 && w->options->all)
        return evo_error_set(err, EVO_ERR_USAGE, "--all and names of migrations exclude each other");
    enum evo_errc rc = EVO_OK;
    if (evo_secret_is_set(&w->options->scratch_url))
        rc = evo_conninfo_parse(evo_secret_reveal(&w->options->scratch_url), &w->scratch, err);
    if (!rc)
        rc = evo_project_open(cmd->root, cmd->shared->layout, cmd->shared->migrations, &w->project, err);
    if (!rc)
        rc = connect_target(w, err);
    if (!rc)
        rc = select_migrations(w, err);
    if (rc)
        return rc;
    const struct evo_roundtrip_options trip = { .project = &w->project,
                                                .names = &w->names,
                                                .target = w->target,
                                                .schema = w->info.schema,
                                                .scratch = w->scratch.database ? &w->scratch : NULL,
                                                .next_options = w->next_options,
                                                .probe_timeout_ms = w->options->statement_timeout_ms,
                                                .task = cmd->task };
    rc = evo_roundtrip_run(&trip, found, err);
    evo_roundtrip_json(found, cmd->data);
    if (!rc || rc == EVO_ERR_ROUNDTRIP)
        print_found(cmd, found);
    return rc;
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    EVO_AUTO(roundtrip) found = { 0 };
    struct work w = { .cmd = cmd, .options = opts, .next_options = evo_cmd_next_options(cmd) };
    evo_json_set_string(cmd->data, "selected_by", cmd->args.count ? "names" : "pending");
    evo_roundtrip_json(&found, cmd->data);
    enum evo_errc rc = roundtrip(&w, &found, err);
    release_work(&w);
    return rc;
}

const struct evo_command evo_command_roundtrip = {
    .name = "roundtrip",
    .args = "[NAME…]",
    .max_args = -1,
    .summary = "apply migrations, take them back and apply them again, on a scratch database",
    .description =
        "Without names, the migrations that are pending in the database; where no database is named, all.\n"
        "The database is only read. The work is done in a PostgreSQL cluster that is made for it on this\n"
        "machine and removed again, or, with --scratch-url, in a database \"evo_roundtrip_…\" that is made\n"
        "there and dropped.\n\n"
        "verify_up.sql must not hold before up, hold after it, not hold after down, and hold after up "
        "again;\n"
        "verify_down.sql the other way round. One that cannot fail is vacuous. A way back that leaves\n"
        "another schema than there was is lossy. Both are refused. One without a way back goes up only.",
    .examples = "evo-verify roundtrip\n"
                "evo-verify roundtrip 20260115093000_add_user_status\n"
                "evo-verify roundtrip --all --scratch-url postgresql://scratch.example.org/postgres",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
