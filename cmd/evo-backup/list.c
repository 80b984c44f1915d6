/*
 * evo-backup list: which backups there are, newest first.
 */
#include "evo-backup/commands.h"

#include "backup/find.h"
#include "base/clock.h"
#include "cli/backup_of.h"
#include "cli/connect.h"

struct options {
    bool all;
    char *backup_of;
};

static const struct evo_option options[] = {
    { "all", EVO_OPT_FLAG, offsetof(struct options, all),
      .help = "also unfinished ones, and those whose manifest cannot be read" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct options, backup_of), .value = "NAME",
      .help = "backups of this database (default: the one that --database names; all where none is named)" },
};

static void show_item(struct evo_cmd *cmd, const struct evo_backup_item *item)
{
    char time[EVO_TIME_MAX];
    char age[EVO_HUMAN_MAX];
    char size[EVO_HUMAN_MAX];
    evo_print(cmd, "%s  %.16sZ  %-11s  %-10s  ", item->id, evo_format_time(item->created_ms, time),
              evo_backup_age(item->created_ms, evo_wall_ms(), age), item->environment);
    if (item->complete)
        evo_print(cmd, "%-10s %12lld row%s  %s\n", evo_format_size(item->stored_bytes, size),
                  (long long)item->rows, item->rows == 1 ? " " : "s", item->database);
    else
        evo_print(cmd, "%s%s%s  %s\n", evo_style(cmd, EVO_STYLE_YELLOW), item->problem,
                  evo_style(cmd, EVO_STYLE_RESET), item->database);
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup_list) list = { 0 };
    EVO_AUTO_STR database = NULL;
    struct evo_json *backups = evo_json_array();
    evo_json_set(cmd->data, "backups", backups);
    enum evo_errc rc = evo_cmd_store(cmd, &store, err);
    if (!rc)
        rc = evo_cmd_backup_of(cmd, o->backup_of, &database, err);
    if (!rc)
        rc = evo_backup_list(store, evo_cmd_environment(cmd), database, &list, err);
    if (rc)
        return rc;
    size_t shown = 0;
    for (size_t i = 0; i < list.count; i++) {
        const struct evo_backup_item *item = &list.items[i];
        if (!item->complete && !o->all)
            continue;
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "id", item->id);
        evo_json_set_string(v, "database", item->database);
        evo_json_set_time(v, "created_at", item->created_ms);
        evo_json_set(v, "stored_bytes",
                     item->complete ? evo_json_int_new((int64_t)item->stored_bytes) : evo_json_null_new());
        evo_json_set(v, "rows", item->complete ? evo_json_int_new(item->rows) : evo_json_null_new());
        evo_json_set_bool(v, "complete", item->complete);
        evo_json_set_string(v, "problem", item->problem);
        evo_json_append(backups, v);
        show_item(cmd, item);
        shown++;
    }
    if (!shown)
        evo_print(cmd, "no backups of %s in environment \"%s\"\n", database ? database : "any database",
                  evo_cmd_environment(cmd));
    return EVO_OK;
}

const struct evo_command evo_command_list = {
    .name = "list",
    .summary = "list backups, newest first",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
