/*
 * evo-restore: bring a backup back into a database, in parallel, straight from the store.
 *
 * Exit: 0 restored; 1 no such backup, or the target is not empty; 2 usage; 3 database; 4 store; 6 the backup is
 * damaged.
 */
#include "backup/proof.h"
#include "backup/restore.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/backup_of.h"
#include "cli/command.h"

struct restore_options {
    struct evo_secret to;
    bool create, clean, into_existing, no_owner, no_privileged, no_privileges, data_only, schema_only,
        no_analyze, globals, dry_run;
    char *confirm, *backup_of, *at, *role, *identity, *archive_version, *progress;
    struct evo_strvec tables, schemas;
    uint64_t maintenance_work_mem;
    int64_t jobs, lock_timeout_ms;
};

static const struct evo_option options[] = {
    { "to", EVO_OPT_CONNECTION, offsetof(struct restore_options, to), .value = "URL", .env = "EVO_TARGET_URL",
      .help = "the database to restore into; never taken from DATABASE_URL" },
    { "create", EVO_OPT_FLAG, offsetof(struct restore_options, create),
      .help = "make the database that --to names; it must not exist" },
    { "into-existing", EVO_OPT_FLAG, offsetof(struct restore_options, into_existing),
      .help = "restore beside what is there, where no name of the backup is taken; needs --confirm" },
    { "clean", EVO_OPT_FLAG, offsetof(struct restore_options, clean),
      .help = "drop first what the backup brings, and nothing else, in one transaction with what takes its "
              "place: "
              "what fails leaves all as it was (not with --jobs above 1, nor for large objects); with "
              "--into-existing" },
    { "confirm", EVO_OPT_STRING, offsetof(struct restore_options, confirm), .value = "NAME",
      .help = "the name of the target database, typed again" },
    { "at", EVO_OPT_STRING, offsetof(struct restore_options, at), .value = "TIME",
      .help = "instead of an ID: the newest backup that is not newer than this (RFC 3339)" },
    { "table", EVO_OPT_LIST, offsetof(struct restore_options, tables), .value = "NAME", .letter = 't',
      .help =
          "only these tables, views and sequences, with their indexes, keys, triggers and what they need" },
    { "schema", EVO_OPT_LIST, offsetof(struct restore_options, schemas), .value = "NAME", .letter = 'n',
      .help = "only what lies in these schemas" },
    { "data-only", EVO_OPT_FLAG, offsetof(struct restore_options, data_only),
      .help = "only rows and the values of sequences, into empty tables that are there" },
    { "schema-only", EVO_OPT_FLAG, offsetof(struct restore_options, schema_only),
      .help = "everything but rows" },
    { "no-owner", EVO_OPT_FLAG, offsetof(struct restore_options, no_owner),
      .help = "everything belongs to the role that restores" },
    { "no-privileges", EVO_OPT_FLAG, offsetof(struct restore_options, no_privileges),
      .help = "grant nothing of what the backup's privileges say" },
    { "no-privileged", EVO_OPT_FLAG, offsetof(struct restore_options, no_privileged),
      .help = "leave out what only a superuser may make, and say what that was" },
    { "globals", EVO_OPT_FLAG, offsetof(struct restore_options, globals),
      .help = "first make the roles that the server lacks, without passwords, from a backup made with "
              "--globals" },
    { "role", EVO_OPT_STRING, offsetof(struct restore_options, role), .value = "NAME",
      .help = "become this role first (SET ROLE)" },
    { "lock-timeout", EVO_OPT_DURATION, offsetof(struct restore_options, lock_timeout_ms),
      .value = "DURATION", .fallback = "60s",
      .help = "give up when what --clean drops stays locked by others for this long" },
    { "jobs", EVO_OPT_INT, offsetof(struct restore_options, jobs), .value = "N", .min = 1, .max = 32,
      .letter = 'j',
      .help = "sessions that load and build indexes at the same time (default: one a processor, 2 to 4; with "
              "--clean 1: several cannot share a transaction, so only drops and schema are one then)" },
    { "maintenance-work-mem", EVO_OPT_SIZE, offsetof(struct restore_options, maintenance_work_mem),
      .value = "SIZE",
      .help = "memory at the server for each index or key that is built (default: the server's setting)" },
    { "no-analyze", EVO_OPT_FLAG, offsetof(struct restore_options, no_analyze),
      .help = "do not gather the planner's statistics at the end" },
    EVO_IDENTITY_OPTION(struct restore_options),
    { "archive-version", EVO_OPT_CHOICE, offsetof(struct restore_options, archive_version),
      .value = "VERSION", .choices = "1.12 1.13 1.14 1.15 1.16",
      .help = "version of the archive that pg_restore is given (default: what it reads)" },
    { "dry-run", EVO_OPT_FLAG, offsetof(struct restore_options, dry_run),
      .help = "check the backup and the target, say what would happen (with --clean, what would be dropped), "
              "change nothing" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct restore_options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
    EVO_PROGRESS_OPTION(struct restore_options),
};

/* Options that contradict each other. */
static enum evo_errc check_choices(const struct restore_options *o, struct evo_error *err)
{
    const struct {
        bool both;
        const char *message;
    } rules[] = {
        { o->create && o->into_existing, "--create and --into-existing exclude each other" },
        { o->data_only && o->schema_only, "--data-only and --schema-only exclude each other" },
        { o->data_only && o->create, "--data-only needs tables that are there: it excludes --create" },
        { o->data_only && o->clean, "--data-only and --clean exclude each other" },
        { o->clean && !o->into_existing,
          "--clean needs --into-existing, and --confirm with the name of the target" },
    };
    for (size_t i = 0; i < EVO_COUNT(rules); i++)
        if (rules[i].both)
            return evo_error_set(err, EVO_ERR_USAGE, "%s", rules[i].message);
    return EVO_OK;
}

static enum evo_errc check_usage(const struct restore_options *o, struct evo_conninfo *target,
                                 struct evo_error *err)
{
    if (!evo_secret_is_set(&o->to)) {
        evo_error_set(err, EVO_ERR_USAGE, "no target is named");
        return evo_error_hint(err, "Give --to postgresql://host/new_database, or set EVO_TARGET_URL.");
    }
    enum evo_errc rc = check_choices(o, err);
    if (!rc)
        rc = evo_conninfo_parse(evo_secret_reveal(&o->to), target, err);
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

/* ---- the backup ------------------------------------------------------------- */

static enum evo_errc open_at(struct evo_cmd *cmd, const struct restore_options *o,
                             struct evo_store **ret_store, struct evo_backup *backup, struct evo_error *err)
{
    EVO_AUTO_STR database = NULL;
    int64_t at_ms = 0;
    if (cmd->args.count && !evo_streq(cmd->args.items[0], "latest"))
        return evo_error_set(err, EVO_ERR_USAGE, "--at and an ID exclude each other");
    if (!evo_parse_time(o->at, &at_ms)) {
        evo_error_set(err, EVO_ERR_USAGE, "--at \"%s\" is no time", o->at);
        return evo_error_hint(err, "Write it as 2026-11-22T10:15:00Z.");
    }
    enum evo_errc rc = evo_cmd_existing_store(cmd, ret_store, err);
    if (!rc)
        rc = evo_cmd_backup_of(cmd, o->backup_of, &database, err);
    if (!rc && !database) {
        evo_error_set(err, EVO_ERR_USAGE, "whose backup is not known");
        return evo_error_hint(err, "Give --backup-of NAME.");
    }
    return rc ? rc : evo_backup_open_at(*ret_store, evo_cmd_environment(cmd), database, at_ms, backup, err);
}

/* The latest, or the one of a time, is taken for the whole database by whoever asks for it so. */
static enum evo_errc refuse_part(const struct restore_options *o, const struct evo_backup *backup,
                                 struct evo_error *err)
{
    const struct evo_manifest *m = &backup->manifest;
    if (!m->filtered || o->tables.count || o->schemas.count)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_USAGE, "backup \"%s\", the %s of database \"%s\", holds only a part of it",
                  m->id, o->at ? "newest at that time" : "latest", m->database);
    evo_error_detail(err, "It was made with options that leave something out. Nothing was changed.");
    return evo_error_hint(err,
                          "\"evo-backup list --backup-of %s\" says which are whole: give the id of one. To "
                          "restore this part: evo-restore %s …",
                          m->database, m->id);
}

/* What was found out about it earlier. A store whose proofs cannot be read keeps nobody from restoring. */
static void warn_of_verdicts(struct evo_cmd *cmd, struct evo_store *store, const struct evo_backup *backup)
{
    struct evo_verdict verdicts[EVO_PROOF_KINDS];
    struct evo_error err = EVO_ERROR_INIT;
    char time[EVO_TIME_MAX];
    if (evo_proof_verdicts(store, backup->prefix, verdicts, &err)) {
        evo_warn(cmd->task, "what was found out about this backup cannot be read: %s", err.message);
        return;
    }
    for (int kind = 0; kind < EVO_PROOF_KINDS; kind++)
        if (verdicts[kind].at_ms >= 0 && !verdicts[kind].ok && !verdicts[kind].data)
            evo_warn(cmd->task,
                     "\"evo-backup %s\" found this backup wrong at %s; \"evo-backup show %s\" says how",
                     evo_proof_kind_name((enum evo_proof_kind)kind),
                     evo_format_time(verdicts[kind].at_ms, time), backup->manifest.id);
}

static enum evo_errc open_backup(struct evo_cmd *cmd, const struct restore_options *o,
                                 struct evo_store **ret_store, struct evo_backup *backup,
                                 struct evo_error *err)
{
    if (!o->at && !cmd->args.count) {
        evo_error_set(err, EVO_ERR_USAGE, "no backup is named");
        return evo_error_hint(err, "Give an id, \"latest\", or --at TIME.");
    }
    enum evo_errc rc =
        o->at ? open_at(cmd, o, ret_store, backup, err)
              : evo_cmd_open_backup(cmd, cmd->args.items[0], o->backup_of, ret_store, backup, err);
    if (!rc && (o->at || evo_streq(cmd->args.items[0], "latest")))
        rc = refuse_part(o, backup, err);
    if (rc)
        return rc;
    warn_of_verdicts(cmd, *ret_store, backup);
    return evo_cmd_identity(o->identity, backup, err);
}

/* ---- the report ------------------------------------------------------------- */

static void fill(struct evo_cmd *cmd, const char *id, const struct evo_restoration *r, bool dry_run)
{
    struct evo_json *tables = evo_json_array();
    struct evo_json *skipped = evo_json_array();
    for (size_t i = 0; i < r->count; i++) {
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "name", r->tables[i].name);
        evo_json_set_int(v, "rows", r->tables[i].rows);
        evo_json_append(tables, v);
    }
    for (size_t i = 0; i < r->skipped.count; i++)
        evo_json_append_string(skipped, r->skipped.items[i]);
    struct evo_json *drops = evo_json_array();
    for (size_t i = 0; i < r->drops_count; i++) {
        const struct evo_doomed *d = &r->drops[i];
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "kind", d->kind);
        evo_json_set_string(v, "name", d->name);
        evo_json_set(v, "rows", d->rows < 0 ? evo_json_null_new() : evo_json_int_new(d->rows));
        evo_json_set(v, "bytes", d->bytes < 0 ? evo_json_null_new() : evo_json_int_new(d->bytes));
        evo_json_append(drops, v);
    }
    evo_json_set(cmd->data, "drops", drops);
    evo_json_set_string(cmd->data, "id", id);
    evo_json_set_string(cmd->data, "target", r->target);
    evo_json_set(cmd->data, "tables", tables);
    evo_json_set_int(cmd->data, "rows", r->rows);
    evo_json_set_int(cmd->data, "raw_bytes", (int64_t)r->raw_bytes);
    evo_json_set_int(cmd->data, "read_bytes", (int64_t)r->read_bytes);
    evo_json_set(cmd->data, "skipped", skipped);
    evo_json_set_string(cmd->data, "tool", r->tool);
    evo_json_set_bool(cmd->data, "dry_run", dry_run);
    evo_json_set_int(cmd->data, "elapsed_ms", evo_wall_ms() - cmd->started_ms);
}

static void tell(struct evo_cmd *cmd, const struct restore_options *o, const char *id,
                 const struct evo_restoration *r)
{
    char first[EVO_HUMAN_MAX];
    char second[EVO_HUMAN_MAX];
    const char *tables = r->count == 1 ? "" : "s";
    const char *rows = r->rows == 1 ? "" : "s";
    if (!o->dry_run) {
        evo_print(cmd, "restored %s into %s: %zu table%s, %lld row%s, %s\n", id, r->target, r->count, tables,
                  (long long)r->rows, rows, evo_format_duration(evo_wall_ms() - cmd->started_ms, first));
        return;
    }
    evo_print(cmd, "%s can be restored into %s\n", id, r->target);
    evo_print(cmd, "  %zu table%s, %lld row%s, %s of rows; %s would be read; schema by %s\n", r->count,
              tables, (long long)r->rows, rows, evo_format_size(r->raw_bytes, first),
              evo_format_size(r->read_bytes, second), r->tool);
    for (size_t i = 0; i < r->skipped.count; i++)
        evo_print(cmd, "  left out: %s\n", r->skipped.items[i]);
    for (size_t i = 0; i < r->drops_count; i++) {
        const struct evo_doomed *d = &r->drops[i];
        /* The name of a cast says itself that it is one. */
        bool says = evo_starts_with(d->name, d->kind);
        evo_print(cmd, "  would be dropped: %s%s%s", says ? "" : d->kind, says ? "" : " ", d->name);
        if (d->rows >= 0)
            evo_print(cmd, ", about %lld row%s", (long long)d->rows, d->rows == 1 ? "" : "s");
        if (d->bytes >= 0)
            evo_print(cmd, ", %s", evo_format_size((uint64_t)d->bytes, first));
        evo_print(cmd, "\n");
    }
    if (o->clean && !r->drops_count)
        evo_print(cmd, "  nothing would be dropped: nothing of it is there\n");
}

static int archive_minor(const char *version)
{
    uint64_t minor = 0;
    const char *point = version ? strchr(version, '.') : NULL;
    return point && evo_parse_digits(point + 1, strlen(point + 1), &minor) ? (int)minor : 0;
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct restore_options *o = opts;
    EVO_AUTO(conninfo) target = { 0 };
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    EVO_AUTO(restoration) result = { 0 };
    evo_cmd_progress(cmd, o->progress);
    fill(cmd, NULL, &result, o->dry_run);
    enum evo_errc rc = check_usage(o, &target, err);
    if (!rc)
        rc = open_backup(cmd, o, &store, &backup, err);
    if (rc)
        return rc;
    struct evo_restore_options restore = { .store = store,
                                           .backup = &backup,
                                           .target = &target,
                                           .tables = &o->tables,
                                           .schemas = &o->schemas,
                                           .role = o->role,
                                           .create = o->create,
                                           .clean = o->clean,
                                           .into_existing = o->into_existing,
                                           .data_only = o->data_only,
                                           .schema_only = o->schema_only,
                                           .no_owner = o->no_owner,
                                           .no_privileged = o->no_privileged,
                                           .no_privileges = o->no_privileges,
                                           .lock_timeout_ms = o->lock_timeout_ms,
                                           .no_analyze = o->no_analyze,
                                           .globals = o->globals,
                                           .dry_run = o->dry_run,
                                           .archive_minor = archive_minor(o->archive_version),
                                           .maintenance_work_mem = o->maintenance_work_mem,
                                           .jobs = (int)o->jobs,
                                           .task = cmd->task };
    rc = evo_restore(&restore, &result, err);
    fill(cmd, backup.manifest.id, &result, o->dry_run);
    if (!rc)
        tell(cmd, o, backup.manifest.id, &result);
    return rc;
}

static const struct evo_command restore = {
    .args = "[ID]",
    .min_args = 0,
    .max_args = 1,
    .summary = "bring a backup back into a database",
    .description =
        "ID is a backup's id, or \"latest\"; or --at says when. Every object is checked against "
        "the manifest as it is "
        "read; the first lie ends the restore. A target that holds anything is refused; with "
        "--into-existing one that "
        "holds a name of the backup's, unless --clean drops that first. --clean reads the backup once "
        "to its end, then drops what is there and makes and fills what takes its place in one "
        "transaction: others see the old until it ends, or wait for it, and whatever fails leaves all "
        "as it was. Where another restore fails, "
        "what it made is removed "
        "again: the database that --create made, or what it put into an empty one.",
    .examples =
        "evo-restore latest --backup-of shop --create --to postgresql://db.example.org/shop_restored\n"
        "evo-restore latest --backup-of shop --table orders --to \"dbname=scratch\" --no-owner\n"
        "evo-restore --at 2026-11-22T10:15:00Z --backup-of shop --to \"dbname=scratch\" --dry-run",
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
