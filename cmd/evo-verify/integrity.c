/*
 * evo-verify integrity: does the database hold what its schema promises?
 */
#include "evo-verify/commands.h"

#include "base/quote.h"
#include "cli/connect.h"
#include "verify/integrity.h"

struct options {
    int64_t sample, jobs, statement_timeout_ms, lock_timeout_ms;
    struct evo_strvec tables, schemas;
    bool heapallindexed;
    char *progress;
};

#define FIELD(name) offsetof(struct options, name)

static const struct evo_option options[] = {
    { "sample", EVO_OPT_INT, FIELD(sample), .value = "N", .min = 1, .max = 1000000000,
      .help = "look at about so many rows of each table instead of all" },
    { "table", EVO_OPT_LIST, FIELD(tables), .value = "NAME",
      .help = "only this table (a list; \"orders\" or \"public.orders\")" },
    { "schema", EVO_OPT_LIST, FIELD(schemas), .value = "NAME",
      .help = "only tables of this schema (a list)" },
    { "heapallindexed", EVO_OPT_FLAG, FIELD(heapallindexed),
      .help = "by amcheck, also hold every row against its indexes" },
    { "jobs", EVO_OPT_INT, FIELD(jobs), .value = "N", .fallback = "2", .min = 1, .max = 32, .letter = 'j',
      .help = "sessions that look at the same time" },
    { "statement-timeout", EVO_OPT_DURATION, FIELD(statement_timeout_ms), .value = "DURATION",
      .fallback = "30min", .help = "time for one check of one table; 0 is no limit" },
    { "lock-timeout", EVO_OPT_DURATION, FIELD(lock_timeout_ms), .value = "DURATION", .fallback = "2s",
      .help = "time to wait for a table that somebody changes" },
    EVO_PROGRESS_OPTION(struct options),
};

static void print_finding(struct evo_cmd *cmd, const struct evo_finding *f)
{
    static const struct {
        const char *word;
        enum evo_style style;
    } verdicts[] = { { "ok", EVO_STYLE_GREEN }, { "warn", EVO_STYLE_YELLOW }, { "fail", EVO_STYLE_RED } };
    bool idle = f->unmade && f->verdict == EVO_FINDING_OK;
    evo_print(cmd, "%s%-5s%s %-17s  %s\n", evo_style(cmd, idle ? EVO_STYLE_DIM : verdicts[f->verdict].style),
              idle ? "-" : verdicts[f->verdict].word, evo_style(cmd, EVO_STYLE_RESET), f->check, f->message);
    if (f->statement)
        evo_print(cmd, "                         %s\n", f->statement);
    if (f->next)
        evo_print(cmd, "                         next: %s\n", f->next);
}

static void print_found(struct evo_cmd *cmd, const struct evo_integrity *found)
{
    for (size_t i = 0; i < found->count; i++)
        print_finding(cmd, &found->items[i]);
    if (found->count)
        evo_print(cmd, "%zu failed, %zu warning%s\n", found->failed, found->warned,
                  evo_plural((int64_t)found->warned));
}

/* The rows, by psql on the database that evo looked at. One that does not fit in a field is not cut. */
static void say_next(const struct evo_integrity *found, const char *url, struct evo_error *err)
{
    for (size_t i = 0; err && i < found->count; i++) {
        const struct evo_finding *f = &found->items[i];
        if (f->verdict != EVO_FINDING_FAIL || !f->statement)
            continue;
        EVO_AUTO_STR word = evo_quote_shell(f->statement);
        if (strlen(word) + strlen(url) < sizeof(err->next) - 16)
            evo_error_next(err, "psql \"%s\" -c %s", url, word);
        return;
    }
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO(integrity) found = { 0 };
    evo_cmd_progress(cmd, o->progress);
    evo_integrity_json(&found, cmd->data);
    enum evo_errc rc = evo_cmd_conninfo(cmd, &info, err);
    if (rc)
        return rc;
    const struct evo_integrity_options integrity = {
        .info = &info,
        .expect_database = cmd->shared->expect_database,
        .expect_system_identifier = cmd->shared->expect_system_identifier,
        .tables = &o->tables,
        .schemas = &o->schemas,
        .sample = o->sample,
        .statement_timeout_ms = o->statement_timeout_ms,
        .lock_timeout_ms = o->lock_timeout_ms,
        .heapallindexed = o->heapallindexed,
        .jobs = (int)o->jobs,
        .task = cmd->task,
    };
    rc = evo_integrity_run(&integrity, &found, err);
    evo_integrity_json(&found, cmd->data);
    print_found(cmd, &found);
    if (rc == EVO_ERR_INCONSISTENT)
        say_next(&found, info.redacted, err);
    return rc;
}

const struct evo_command evo_command_integrity = {
    .name = "integrity",
    .summary = "does the database hold what its schema promises",
    .description =
        "Looks for rows without the row they refer to, NULLs and equal rows where constraints allow none,\n"
        "sequences behind their columns, damaged indexes (where amcheck is installed), INVALID, duplicate\n"
        "and covered indexes, constraints NOT VALID or switched off, and collations that changed.\n\n"
        "Reads in one snapshot, in read-only transactions; changes nothing. Each finding has the SELECT\n"
        "that shows its rows. Exit 1: a check fails (inconsistent), or one could not be made (incomplete).",
    .examples = "evo-verify integrity\n"
                "evo-verify integrity --sample 10000 --schema public\n"
                "evo-verify integrity --table orders --heapallindexed",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
