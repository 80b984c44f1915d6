/*
 * evo-backfill: changes data in small batches on a server that is at work, and goes on where it stopped.
 *
 * Exit status: 0 done; 1 there is more to do (--max-duration), the migration is not applied, or another definition was
 * begun; 2 usage, or a backfill.sql that is not understood; 3 database; 5 rows or the backfill itself stayed locked;
 * 128+n ended by signal n, the batch in work rolled back.
 */
#include "backfill/backfill.h"
#include "backfill/source.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/quote.h"
#include "cli/command.h"
#include "cli/connect.h"

struct options {
    char *table, *key, *set, *where, *progress;
    int64_t batch, target_ms, pause_ms, max_lag_ms, max_duration_ms, lock_timeout_ms, statement_timeout_ms;
    int64_t retries, jobs;
    uint64_t max_wal_rate;
    bool dry_run, restart;
};
#define FIELD(name) offsetof(struct options, name)

static const struct evo_option options[] = {
    { "table", EVO_OPT_STRING, FIELD(table), .value = "NAME", .flag_only = true,
      .help = "without NAME: the table to change" },
    { "key", EVO_OPT_STRING, FIELD(key), .value = "COLUMNS", .flag_only = true,
      .help = "columns of the unique index to go by, with commas (default: the primary key)" },
    { "set", EVO_OPT_STRING, FIELD(set), .value = "SQL", .flag_only = true,
      .help = "what stands behind SET: \"status = 'active', updated_at = now()\"" },
    { "where", EVO_OPT_STRING, FIELD(where), .value = "SQL", .flag_only = true,
      .help = "only rows this is true of; without it each row is changed, once" },
    { "batch", EVO_OPT_INT, FIELD(batch), .value = "N", .min = 1, .max = 1000000,
      .help = "begin with so many rows a batch and take no more (default: 500, up to 50000)" },
    { "target", EVO_OPT_DURATION, FIELD(target_ms), .value = "DURATION", .fallback = "200ms",
      .help = "batches are made as large as takes about this long" },
    { "pause", EVO_OPT_DURATION, FIELD(pause_ms), .value = "DURATION",
      .help = "do nothing for so long between batches" },
    { "max-lag", EVO_OPT_DURATION, FIELD(max_lag_ms), .value = "DURATION", .fallback = "10s",
      .help = "hold still while a standby is further behind" },
    { "max-wal-rate", EVO_OPT_SIZE, FIELD(max_wal_rate), .value = "SIZE",
      .help = "write no more log than this a second, as seen while a batch runs" },
    { "max-duration", EVO_OPT_DURATION, FIELD(max_duration_ms), .value = "DURATION",
      .help = "stop behind a batch when the time is over, with exit status 1; the same command goes on" },
    { "jobs", EVO_OPT_INT, FIELD(jobs), .value = "N", .fallback = "1", .min = 1, .max = 16, .letter = 'j',
      .help = "sessions that work on ranges of the key at the same time" },
    { "lock-timeout", EVO_OPT_DURATION, FIELD(lock_timeout_ms), .value = "DURATION", .fallback = "2s",
      .help = "give up waiting for a lock after this long, roll back, and try again" },
    { "statement-timeout", EVO_OPT_DURATION, FIELD(statement_timeout_ms), .value = "DURATION",
      .fallback = "30s",
      .help = "end a statement that takes longer, and try a smaller batch; 0 is no limit" },
    { "retries", EVO_OPT_INT, FIELD(retries), .value = "N", .fallback = "10", .min = 0, .max = 1000,
      .help = "try a batch so many times more, with growing pauses" },
    { "dry-run", EVO_OPT_FLAG, FIELD(dry_run), .flag_only = true,
      .help = "count, and show the first batch's statement and its plan; change nothing" },
    { "restart", EVO_OPT_FLAG, FIELD(restart), .flag_only = true,
      .help = "forget how far it was and begin anew; without a condition this changes rows again" },
    EVO_PROGRESS_OPTION(struct options),
};

static const char description[] =
    "NAME is a migration with a backfill.sql: one UPDATE, DELETE or INSERT ... SELECT\n"
    "below the line\n\n"
    "  -- evo:backfill table=orders key=id\n\n"
    "table= may be left out where an UPDATE or DELETE says it, key= for the primary key. Forms:\n\n"
    "  UPDATE orders SET a = 1 WHERE a IS NULL      one table: evo adds the batch to its WHERE\n"
    "  ... WHERE :batch ...                         anything else says where the batch goes, and\n"
    "                                               -- evo:where CONDITION which rows to change\n"
    "  (SELECT id FROM orders WHERE a IS NULL       the batch takes the place of LIMIT $1\n"
    "   LIMIT $1 FOR UPDATE SKIP LOCKED)\n\n"
    "Each batch is one transaction, with its place on record in evo.backfill: whatever ends a run,\n"
    "the same command goes on behind it. Rows that others hold are left for later. With a condition\n"
    "that the change makes false, sweeps follow until one finds nothing; else there is one pass.";

/* ---- the command that goes on --------------------------------------------------- */

static void add_word(struct evo_strbuf *out, const char *option, const char *value)
{
    EVO_AUTO_STR word = evo_quote_shell(value);
    evo_strbuf_addf(out, " --%s %s", option, word);
}

/* The options as they were given; what is as by default needs no word, and what is asked for once is not repeated. */
static char *command_again(const struct evo_cmd *cmd, const struct options *o)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO_STR more = evo_cmd_next_options(cmd);
    evo_strbuf_adds(&out, "evo-backfill");
    if (cmd->args.count) {
        EVO_AUTO_STR name = evo_quote_shell(cmd->args.items[0]);
        evo_strbuf_addf(&out, " %s", name);
    }
    for (size_t i = 0; i < EVO_COUNT(options); i++) {
        EVO_AUTO(strbuf) value = EVO_STRBUF_INIT;
        const struct evo_option *option = &options[i];
        if (option->type == EVO_OPT_FLAG || evo_streq(option->name, "progress"))
            continue;
        if ((option->type == EVO_OPT_INT && evo_streq(option->name, "batch") && !o->batch) ||
            (option->type == EVO_OPT_SIZE && !o->max_wal_rate))
            continue;
        evo_option_format(option, o, &value);
        if (value.len && !(option->fallback && evo_streq(value.buf, option->fallback)))
            add_word(&out, option->name, value.buf);
    }
    evo_strbuf_adds(&out, more);
    return evo_strbuf_detach(&out);
}

/* ---- the report ----------------------------------------------------------------- */

static void tell_dry_run(struct evo_cmd *cmd)
{
    const struct evo_json *d = cmd->data;
    evo_print(cmd, "%s%lld rows of %s would be changed, the first %lld by\n\n%s\n\n%s\n",
              evo_json_get_bool(d, "rows_total_exact", false) ? "" : "about ",
              (long long)evo_json_get_int(d, "rows_total", 0), evo_json_get_string(d, "table", ""),
              (long long)evo_json_get_int(d, "batch_rows", 0), evo_json_get_string(d, "statement", ""),
              evo_json_get_string(d, "plan", ""));
}

static void tell(struct evo_cmd *cmd, bool ok)
{
    const struct evo_json *d = cmd->data;
    char human[EVO_HUMAN_MAX];
    if (!evo_json_get_string(d, "name", NULL))
        return;
    evo_print(cmd, "%s %s: %lld rows in %lld batches, %s\n", ok ? "done" : "stopped",
              evo_json_get_string(d, "name", ""), (long long)evo_json_get_int(d, "rows_done", 0),
              (long long)evo_json_get_int(d, "batches", 0),
              evo_format_duration(evo_json_get_int(d, "elapsed_ms", 0), human));
}

/* ---- what is to be done ---------------------------------------------------------- */

struct work {
    struct evo_conninfo info;
    struct evo_project project;
    struct evo_backfill_form form;
    char *again, *more;
    const char *file, *schema;
};

static void work_release(struct work *w)
{
    evo_backfill_form_release(&w->form);
    evo_project_release(&w->project);
    evo_conninfo_release(&w->info);
    free(w->again);
    free(w->more);
}

static enum evo_errc check_usage(const struct evo_cmd *cmd, const struct options *o, struct evo_error *err)
{
    bool named = cmd->args.count > 0;
    if (named && (o->table || o->key || o->set || o->where)) {
        evo_error_set(err, EVO_ERR_USAGE, "NAME and --table, --key, --set, --where exclude each other");
        return evo_error_hint(err, "What to change stands in the migration's backfill.sql.");
    }
    if (!named && (!o->table || !o->set)) {
        evo_error_set(err, EVO_ERR_USAGE, "what to change is not said");
        return evo_error_hint(err, "Give the NAME of a migration with a backfill.sql, or --table and --set.");
    }
    return EVO_OK;
}

static enum evo_errc load_named(struct evo_cmd *cmd, struct work *w, struct evo_error *err)
{
    const struct evo_shared *shared = cmd->shared;
    const char *name = cmd->args.items[0];
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_project_open(cmd->root, shared->layout, shared->migrations, &w->project, err);
    if (!rc)
        rc = evo_backfill_source_load(&w->project, name, &w->form, &w->file, err);
    if (!rc)
        rc = evo_cmd_conninfo(cmd, &w->info, err);
    if (!rc)
        rc = evo_cmd_connect(cmd, &w->info, &pg, err);
    if (!rc)
        rc = evo_backfill_source_applied(pg, &w->project, w->info.schema, name, w->more, err);
    /* A backfill works where the migrations worked: for Prisma that is public by default. */
    w->schema = w->info.schema;
    if (!rc && !w->schema && evo_layout_of(w->project.kind)->in_schema)
        w->schema = "public";
    return rc;
}

static enum evo_errc load(struct evo_cmd *cmd, const struct options *o, struct work *w, struct evo_error *err)
{
    enum evo_errc rc = check_usage(cmd, o, err);
    if (rc)
        return rc;
    w->again = command_again(cmd, o);
    w->more = evo_cmd_next_options(cmd);
    if (cmd->args.count)
        return load_named(cmd, w, err);
    rc = evo_backfill_form_of_options(o->table, o->key, o->set, o->where, &w->form, err);
    if (!rc)
        rc = evo_cmd_conninfo(cmd, &w->info, err);
    w->schema = w->info.schema;
    return rc;
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    __attribute__((cleanup(work_release))) struct work w = { 0 };
    evo_cmd_progress(cmd, o->progress);
    evo_backfill_data_init(cmd->data);
    enum evo_errc rc = load(cmd, o, &w, err);
    if (rc)
        return rc;
    const struct evo_backfill_options backfill = {
        .info = &w.info,
        .schema = w.schema,
        .expect_database = cmd->shared->expect_database,
        .expect_system_identifier = cmd->shared->expect_system_identifier,
        .form = &w.form,
        .name = cmd->args.count ? cmd->args.items[0] : NULL,
        .file = w.file,
        .batch = o->batch,
        .target_ms = o->target_ms,
        .pause_ms = o->pause_ms > 0 ? o->pause_ms : 0,
        .max_lag_ms = o->max_lag_ms,
        .max_wal_rate = o->max_wal_rate,
        .max_duration_ms = o->max_duration_ms,
        .lock_timeout_ms = o->lock_timeout_ms,
        .statement_timeout_ms = o->statement_timeout_ms,
        .retries = o->retries,
        .jobs = (int)o->jobs,
        .dry_run = o->dry_run,
        .restart = o->restart,
        .again = w.again,
        .task = cmd->task,
    };
    rc = evo_backfill_run(&backfill, cmd->data, err);
    if (!rc && o->dry_run)
        tell_dry_run(cmd);
    else if (!o->dry_run)
        tell(cmd, !rc);
    return rc;
}

static const struct evo_command backfill = {
    .args = "[NAME]",
    .max_args = 1,
    .summary = "change data in small batches",
    .description = description,
    .examples = "evo-backfill 20250103000000_normalised_emails --max-duration 20min\n"
                "evo-backfill --table users --set \"full_name = name\" --where \"full_name IS NULL\"\n"
                "evo-backfill 20250104000000_order_totals --dry-run",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
static const struct evo_command *const commands[] = { &backfill };
static const struct evo_program program = {
    .name = "evo-backfill",
    .section = "backfill",
    .summary = "change data in small batches",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};

int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
