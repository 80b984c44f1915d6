/*
 * evo-backup export: a backup out of the store as one tar.
 */
#include "evo-backup/commands.h"

#include <unistd.h>

#include "backup/export.h"
#include "base/parse.h"
#include "cli/backup_of.h"

struct options {
    bool force;
    char *backup_of;
};

static const struct evo_option options[] = {
    { "force", EVO_OPT_FLAG, offsetof(struct options, force), .flag_only = true,
      .help = "replace the file when it is there already" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
};

static enum evo_errc check_stdout(const struct evo_cmd *cmd, struct evo_error *err)
{
    if (cmd->shared->json)
        return evo_error_set(err, EVO_ERR_USAGE,
                             "cannot write both the tar and the result of --json to stdout");
    if (isatty(STDOUT_FILENO))
        return evo_error_set(err, EVO_ERR_USAGE, "cannot write a tar to a terminal");
    return EVO_OK;
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    const char *file = cmd->args.items[1];
    bool to_stdout = evo_streq(file, "-");
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    uint64_t bytes = 0;
    evo_json_set_null(cmd->data, "id");
    evo_json_set_null(cmd->data, "file");
    evo_json_set_null(cmd->data, "bytes");
    enum evo_errc rc = to_stdout ? check_stdout(cmd, err) : EVO_OK;
    if (!rc)
        rc = evo_cmd_open_backup(cmd, cmd->args.items[0], o->backup_of, &store, &backup, err);
    if (rc)
        return rc;
    evo_json_set_string(cmd->data, "id", backup.manifest.id);
    struct evo_export_options export = {
        .store = store, .backup = &backup, .file = file, .force = o->force, .task = cmd->task
    };
    rc = evo_backup_export(&export, &bytes, err);
    if (rc == EVO_ERR_INTEGRITY)
        evo_error_hint(err, "See what else is damaged: evo-backup verify %s", backup.manifest.id);
    if (rc)
        return rc;
    evo_json_set_string(cmd->data, "file", file);
    evo_json_set_int(cmd->data, "bytes", (int64_t)bytes);
    char size[EVO_HUMAN_MAX];
    if (!to_stdout)
        evo_print(cmd, "%s  %s, %s\n", file, backup.manifest.id, evo_format_size(bytes, size));
    return EVO_OK;
}

const struct evo_command evo_command_export = {
    .name = "export",
    .args = "ID FILE.tar",
    .min_args = 2,
    .max_args = 2,
    .summary = "write a backup into one tar",
    .description = "The tar holds the backup's folder. Unpacked, it restores by the commands in its "
                   "RESTORE.txt, with no store and "
                   "no evo at hand. Every object is compared with the manifest on the way; the file appears "
                   "only when all of it "
                   "is right. FILE.tar may be \"-\", for stdout: then the exit status alone tells. ID is a "
                   "backup's id, or \"latest\".",
    .examples = "evo-backup export latest shop.tar --environment production\n"
                "evo-backup export latest - | ssh vault 'cat >shop.tar'",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
