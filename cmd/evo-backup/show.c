/*
 * evo-backup show: the manifest of a backup.
 */
#include "evo-backup/commands.h"

#include "cli/backup_of.h"

struct options {
    char *backup_of;
};

static const struct evo_option options[] = {
    { "backup-of", EVO_OPT_STRING, offsetof(struct options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
};

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    enum evo_errc rc = evo_cmd_open_backup(cmd, cmd->args.items[0], o->backup_of, &store, &backup, err);
    if (rc)
        return rc;
    struct evo_json *v = evo_manifest_json(&backup.manifest);
    evo_json_format(v, EVO_JSON_INDENT, &text);
    evo_print(cmd, "%s\n", text.buf);
    evo_cmd_set_data(cmd, v);
    return EVO_OK;
}

const struct evo_command evo_command_show = {
    .name = "show",
    .args = "ID",
    .min_args = 1,
    .max_args = 1,
    .summary = "print a backup's manifest",
    .description = "ID is a backup's id, or \"latest\".",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
