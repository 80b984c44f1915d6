/*
 * evo-restore: bring a backup back into a database, in parallel, straight from the store.
 *
 * Exit: 0 restored; 1 no such backup, or the target is not empty; 2 usage; 3 database; 4 store; 6 the backup is
 * damaged.
 */
#include "backup/restore.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/backup_of.h"
#include "cli/command.h"

struct restore_options {
    struct evo_secret to;
    bool create, into_existing, no_owner, dry_run;
    char *confirm, *backup_of, *progress;
    int64_t jobs;
};

static const struct evo_option options[] = {
    { "to", EVO_OPT_CONNECTION, offsetof(struct restore_options, to), .value = "URL", .env = "EVO_TARGET_URL",
      .help = "the database to restore into; never taken from DATABASE_URL" },
    { "create", EVO_OPT_FLAG, offsetof(struct restore_options, create),
      .help = "make the database that --to names; it must not exist" },
    { "into-existing", EVO_OPT_FLAG, offsetof(struct restore_options, into_existing),
      .help = "restore beside what is there, where no name of the backup is taken; needs --confirm" },
    { "confirm", EVO_OPT_STRING, offsetof(struct restore_options, confirm), .value = "NAME",
      .help = "the name of the target database, typed again" },
    { "no-owner", EVO_OPT_FLAG, offsetof(struct restore_options, no_owner),
      .help = "everything belongs to the role that restores" },
    { "jobs", EVO_OPT_INT, offsetof(struct restore_options, jobs), .value = "N", .min = 1, .max = 32,
      .letter = 'j', .help = "sessions that load at the same time (default: one a processor, 2 to 4)" },
    { "dry-run", EVO_OPT_FLAG, offsetof(struct restore_options, dry_run),
      .help = "check the backup and the target, change nothing" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct restore_options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
    EVO_PROGRESS_OPTION(struct restore_options),
};

static enum evo_errc check_usage(const struct restore_options *o, struct evo_conninfo *target,
                                 struct evo_error *err)
{
    if (!evo_secret_is_set(&o->to)) {
        evo_error_set(err, EVO_ERR_USAGE, "no target is named");
        return evo_error_hint(err, "Give --to postgresql://host/new_database, or set EVO_TARGET_URL.");
    }
    if (o->create && o->into_existing)
        return evo_error_set(err, EVO_ERR_USAGE, "--create and --into-existing exclude each other");
    enum evo_errc rc = evo_conninfo_parse(evo_secret_reveal(&o->to), target, err);
    if (rc)
        return rc;
    /* What a person typed must be the target, whether or not it had to be typed. */
    if (o->confirm && !evo_streq(o->confirm, target->database)) {
        evo_error_set(err, EVO_ERR_USAGE, "--confirm says \"%s\", but the target is \"%s\"", o->confirm,
                      target->database);
        return evo_error_hint(err, "Nothing was changed. Check --to, or type --confirm %s", target->database);
    }
    if (o->into_existing && !o->confirm) {
        evo_error_set(err, EVO_ERR_USAGE,
                      "--into-existing needs the name of the target database, typed again");
        return evo_error_hint(err, "--into-existing --confirm %s", target->database);
    }
    return EVO_OK;
}

static void fill(struct evo_cmd *cmd, const char *id, const struct evo_restoration *r)
{
    struct evo_json *tables = evo_json_array();
    for (size_t i = 0; i < r->count; i++) {
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "name", r->tables[i].name);
        evo_json_set_int(v, "rows", r->tables[i].rows);
        evo_json_append(tables, v);
    }
    evo_json_set_string(cmd->data, "id", id);
    evo_json_set_string(cmd->data, "target", r->target);
    evo_json_set(cmd->data, "tables", tables);
    evo_json_set_int(cmd->data, "rows", r->rows);
    evo_json_set_int(cmd->data, "elapsed_ms", evo_wall_ms() - cmd->started_ms);
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct restore_options *o = opts;
    EVO_AUTO(conninfo) target = { 0 };
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    EVO_AUTO(restoration) result = { 0 };
    evo_cmd_progress(cmd, o->progress);
    fill(cmd, NULL, &result);
    enum evo_errc rc = check_usage(o, &target, err);
    if (!rc)
        rc = evo_cmd_open_backup(cmd, cmd->args.items[0], o->backup_of, &store, &backup, err);
    if (rc)
        return rc;
    struct evo_restore_options restore = { .store = store,
                                           .backup = &backup,
                                           .target = &target,
                                           .create = o->create,
                                           .into_existing = o->into_existing,
                                           .no_owner = o->no_owner,
                                           .dry_run = o->dry_run,
                                           .jobs = (int)o->jobs,
                                           .task = cmd->task };
    rc = evo_restore(&restore, &result, err);
    fill(cmd, backup.manifest.id, &result);
    if (rc)
        return rc;
    char elapsed[EVO_HUMAN_MAX];
    if (o->dry_run)
        evo_print(cmd, "%s can be restored into %s\n", backup.manifest.id, result.target);
    else
        evo_print(cmd, "restored %s into %s: %zu table%s, %lld row%s, %s\n", backup.manifest.id,
                  result.target, result.count, result.count == 1 ? "" : "s", (long long)result.rows,
                  result.rows == 1 ? "" : "s", evo_format_duration(evo_wall_ms() - cmd->started_ms, elapsed));
    return EVO_OK;
}

static const struct evo_command restore = {
    .args = "ID",
    .min_args = 1,
    .max_args = 1,
    .summary = "bring a backup back into a database",
    .description =
        "ID is a backup's id, or \"latest\". Every object is checked against the manifest as it is read; the "
        "first "
        "lie ends the restore. A target that holds anything is refused; with --into-existing one that holds "
        "a name "
        "of the backup's. Where the restore fails, what it made is removed again: the database that --create "
        "made, or "
        "what it put into an empty one.",
    .examples =
        "evo-restore latest --backup-of shop --create --to postgresql://db.example.org/shop_restored\n"
        "evo-restore 20261122T101500Z-3f9a2c --to \"dbname=scratch\" --no-owner --jobs 4",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct restore_options),
    .run = run,
};
static const struct evo_command *const commands[] = { &restore };
static const struct evo_program program = {
    .name = "evo-restore",
    .section = "restore",
    .summary = "bring a backup back into a database",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};
int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
