/*
 * evo-backup prune: remove the backups that a policy does not keep.
 */
#include "evo-backup/commands.h"

#include "backup/prune.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/backup_of.h"
#include "cli/connect.h"
#include "cli/table.h"

struct options {
    int64_t last, hourly, daily, weekly, monthly, yearly, within_ms;
    bool dry_run, all_databases;
    char *backup_of;
};

static const struct evo_option options[] = {
    { "keep-last", EVO_OPT_INT, offsetof(struct options, last), .value = "N", .help = "keep the newest N" },
    { "keep-hourly", EVO_OPT_INT, offsetof(struct options, hourly), .value = "N",
      .help = "keep the newest of each of the last N hours that have one" },
    { "keep-daily", EVO_OPT_INT, offsetof(struct options, daily), .value = "N",
      .help = "keep the newest of each of the last N days that have one" },
    { "keep-weekly", EVO_OPT_INT, offsetof(struct options, weekly), .value = "N",
      .help = "keep the newest of each of the last N ISO weeks that have one" },
    { "keep-monthly", EVO_OPT_INT, offsetof(struct options, monthly), .value = "N",
      .help = "keep the newest of each of the last N months that have one" },
    { "keep-yearly", EVO_OPT_INT, offsetof(struct options, yearly), .value = "N",
      .help = "keep the newest of each of the last N years that have one" },
    { "keep-within", EVO_OPT_DURATION, offsetof(struct options, within_ms), .value = "DURATION",
      .help = "keep those no older than this, counted from the newest" },
    { "dry-run", EVO_OPT_FLAG, offsetof(struct options, dry_run),
      .help = "say what would go, remove nothing" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct options, backup_of), .value = "NAME",
      .help = "backups of this database (default: the one that --database names)" },
    { "all-databases", EVO_OPT_FLAG, offsetof(struct options, all_databases),
      .help = "of every database of the environment, each by itself" },
};

static struct evo_json *common(const struct evo_pruned *r)
{
    struct evo_json *v = evo_json_object();
    evo_json_set_string(v, "id", r->id);
    evo_json_set_string(v, "database", r->database);
    evo_json_set_time(v, "created_at", r->created_ms);
    return v;
}

static void fill(struct evo_cmd *cmd, const struct options *o, const struct evo_prune_report *report)
{
    struct evo_json *kept = evo_json_array();
    struct evo_json *removed = evo_json_array();
    struct evo_json *failed = evo_json_array();
    for (size_t i = 0; i < report->count; i++) {
        const struct evo_pruned *r = &report->items[i];
        struct evo_json *v = common(r);
        struct evo_json *reasons = evo_json_array();
        for (size_t k = 0; k < r->reasons.count; k++)
            evo_json_append_string(reasons, r->reasons.items[k]);
        if (r->fate == EVO_PRUNED_KEPT || r->fate == EVO_PRUNED_LEFT)
            evo_json_set(v, "reasons", evo_json_ref(reasons));
        if (r->fate == EVO_PRUNED_REMOVED)
            evo_json_set_int(v, "stored_bytes", (int64_t)r->stored_bytes);
        if (r->fate == EVO_PRUNED_FAILED) {
            evo_json_set_bool(v, "complete", r->complete);
            evo_json_set_string(v, "message", r->failure);
        }
        evo_json_append(r->fate == EVO_PRUNED_REMOVED  ? removed
                        : r->fate == EVO_PRUNED_FAILED ? failed
                                                       : kept,
                        v);
        evo_json_free(reasons);
    }
    evo_json_set(cmd->data, "kept", kept);
    evo_json_set(cmd->data, "removed", removed);
    evo_json_set(cmd->data, "failed", failed);
    evo_json_set_bool(cmd->data, "dry_run", o->dry_run);
}

static void print(struct evo_cmd *cmd, const struct options *o, const struct evo_prune_report *report)
{
    static const char *const words[][2] = { [EVO_PRUNED_KEPT] = { "keep", "keep" },
                                            [EVO_PRUNED_REMOVED] = { "removed", "would go" },
                                            [EVO_PRUNED_FAILED] = { "FAILED", "" },
                                            [EVO_PRUNED_LEFT] = { "left", "" } };
    EVO_AUTO(table) t = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    int64_t now = evo_wall_ms();
    size_t removed = 0;
    uint64_t bytes = 0;
    for (int i = 0; i < 5; i++)
        evo_table_column(&t, "", EVO_TABLE_LEFT);
    for (size_t i = 0; i < report->count; i++) {
        const struct evo_pruned *r = &report->items[i];
        char age[EVO_HUMAN_MAX];
        EVO_AUTO(strbuf) reasons = EVO_STRBUF_INIT;
        for (size_t k = 0; k < r->reasons.count; k++)
            evo_strbuf_addf(&reasons, "%s%s", k ? ", " : "", r->reasons.items[k]);
        evo_table_cell(&t, words[r->fate][o->dry_run]);
        evo_table_cell(&t, r->id);
        evo_table_cell(&t, evo_backup_age(r->created_ms, now, age));
        evo_table_cell(&t, r->database);
        evo_table_cell(&t, reasons.buf);
        removed += r->fate == EVO_PRUNED_REMOVED;
        bytes += r->fate == EVO_PRUNED_REMOVED ? r->stored_bytes : 0;
    }
    char size[EVO_HUMAN_MAX];
    evo_table_format(&t, false, &text);
    evo_print(cmd, "%s%s%zu backup%s%s, %s\n", text.buf, o->dry_run ? "" : "removed ", removed,
              evo_plural((int64_t)removed), o->dry_run ? " would go" : "", evo_format_size(bytes, size));
}

/* Whose: what removes must be told. */
static enum evo_errc whose(struct evo_cmd *cmd, const struct options *o, char **ret, struct evo_error *err)
{
    if (o->all_databases && o->backup_of)
        return evo_error_set(err, EVO_ERR_USAGE, "--all-databases and --backup-of exclude each other");
    if (o->all_databases)
        return EVO_OK;
    enum evo_errc rc = evo_cmd_backup_of(cmd, o->backup_of, ret, err);
    if (rc || *ret)
        return rc;
    evo_error_set(err, EVO_ERR_USAGE, "no database says whose backups to prune");
    return evo_error_hint(err, "Add --backup-of NAME, or --all-databases.");
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(prune_report) report = { 0 };
    EVO_AUTO_STR database = NULL;
    fill(cmd, o, &report);
    enum evo_errc rc = evo_cmd_existing_store(cmd, &store, err);
    if (!rc)
        rc = whose(cmd, o, &database, err);
    if (rc)
        return rc;
    struct evo_prune_options prune = { .store = store,
                                       .environment = evo_cmd_environment(cmd),
                                       .database = database,
                                       .policy = { .last = o->last,
                                                   .hourly = o->hourly,
                                                   .daily = o->daily,
                                                   .weekly = o->weekly,
                                                   .monthly = o->monthly,
                                                   .yearly = o->yearly,
                                                   .within_ms = o->within_ms },
                                       .now_ms = evo_wall_ms(),
                                       .dry_run = o->dry_run,
                                       .task = cmd->task };
    rc = evo_prune(&prune, &report, err);
    fill(cmd, o, &report);
    if (report.count)
        print(cmd, o, &report);
    else if (!rc)
        evo_print(cmd, "no backups of %s in environment \"%s\"\n", database ? database : "any database",
                  evo_cmd_environment(cmd));
    return rc;
}

const struct evo_command evo_command_prune = {
    .name = "prune",
    .summary = "remove the backups that a policy does not keep",
    .description = "A backup stays when any --keep rule keeps it; days, weeks (from Monday), months and "
                   "years are those of UTC. "
                   "Only good backups count and go: unfinished ones are gc's, and what verify found damaged "
                   "is left for you to "
                   "look at. The newest whole backup always stays, and so does one under Object Lock or "
                   "legal hold. Backups of a part of the "
                   "database never push out whole ones.",
    .examples = "evo-backup prune --environment production --keep-daily 7 --keep-weekly 4 --keep-monthly 12\n"
                "evo-backup prune --all-databases --keep-within 30d --dry-run",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
