/*
 * evo-backup gc: remove what killed runs left in the store.
 */
#include "evo-backup/commands.h"

#include "backup/find.h"
#include "backup/gc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/backup_of.h"
#include "cli/table.h"

struct options {
    int64_t grace_ms;
    bool dry_run;
};

static const struct evo_option options[] = {
    { "grace", EVO_OPT_DURATION, offsetof(struct options, grace_ms), .value = "DURATION", .fallback = "1d",
      .help = "leave what is younger than this, and what is being made; 0: nothing is being made, all goes" },
    { "dry-run", EVO_OPT_FLAG, offsetof(struct options, dry_run),
      .help = "say what would go, remove nothing" },
};

/* Of what went. */
struct counts {
    int64_t folders, objects, uploads, bytes;
};

static struct counts count(const struct evo_gc_report *report)
{
    struct counts c = { 0 };
    for (size_t i = 0; i < report->count; i++) {
        const struct evo_gc_item *item = &report->items[i];
        if (item->fate != EVO_GC_REMOVED)
            continue;
        c.folders += item->kind == EVO_GC_FOLDER;
        c.uploads += item->kind == EVO_GC_UPLOAD;
        c.objects += item->kind == EVO_GC_FOLDER ? item->objects : item->kind == EVO_GC_OBJECT;
        c.bytes += item->bytes > 0 ? item->bytes : 0;
    }
    return c;
}

static struct evo_json *known(int64_t v)
{
    return v < 0 ? evo_json_null_new() : evo_json_int_new(v);
}

static void fill(struct evo_cmd *cmd, const struct options *o, const struct evo_gc_report *report)
{
    struct evo_json *lists[] = { [EVO_GC_REMOVED] = evo_json_array(),
                                 [EVO_GC_LEFT] = evo_json_array(),
                                 [EVO_GC_FAILED] = evo_json_array() };
    struct counts c = count(report);
    for (size_t i = 0; i < report->count; i++) {
        const struct evo_gc_item *item = &report->items[i];
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "key", item->key);
        evo_json_set_string(v, "kind", evo_gc_kind_name(item->kind));
        evo_json_set(v, "bytes", known(item->bytes));
        evo_json_set(v, "age_ms", known(item->age_ms));
        if (item->kind == EVO_GC_FOLDER)
            evo_json_set_int(v, "objects", item->objects);
        if (item->why)
            evo_json_set_string(v, "reason", item->why);
        evo_json_append(lists[item->fate], v);
    }
    evo_json_set(cmd->data, "removed", lists[EVO_GC_REMOVED]);
    evo_json_set(cmd->data, "left", lists[EVO_GC_LEFT]);
    evo_json_set(cmd->data, "failed", lists[EVO_GC_FAILED]);
    evo_json_set_int(cmd->data, "folders", c.folders);
    evo_json_set_int(cmd->data, "objects", c.objects);
    evo_json_set_int(cmd->data, "uploads", c.uploads);
    evo_json_set_int(cmd->data, "bytes", c.bytes);
    evo_json_set_bool(cmd->data, "dry_run", o->dry_run);
}

static void print(struct evo_cmd *cmd, const struct options *o, const struct evo_gc_report *report)
{
    static const char *const words[][2] = { [EVO_GC_REMOVED] = { "removed", "would go" },
                                            [EVO_GC_LEFT] = { "left", "left" },
                                            [EVO_GC_FAILED] = { "FAILED", "" } };
    EVO_AUTO(table) t = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    struct counts c = count(report);
    char size[EVO_HUMAN_MAX];
    for (int i = 0; i < 6; i++)
        evo_table_column(&t, "", i == 3 ? EVO_TABLE_RIGHT : EVO_TABLE_LEFT);
    for (size_t i = 0; i < report->count; i++) {
        const struct evo_gc_item *item = &report->items[i];
        evo_table_cell(&t, words[item->fate][o->dry_run]);
        evo_table_cell(&t, evo_gc_kind_name(item->kind));
        evo_table_cell(&t, item->key);
        evo_table_cell(&t, item->bytes < 0 ? NULL : evo_format_size((uint64_t)item->bytes, size));
        evo_table_cell(&t, item->age_ms < 0 ? NULL : evo_backup_age(0, item->age_ms, size));
        evo_table_cell(&t, item->why);
    }
    evo_table_format(&t, false, &text);
    evo_print(cmd, "%s%s%lld object%s and %lld upload%s, %s\n", text.buf,
              o->dry_run ? "would go: " : "removed ", (long long)c.objects, evo_plural(c.objects),
              (long long)c.uploads, evo_plural(c.uploads), evo_format_size((uint64_t)c.bytes, size));
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(gc_report) report = { 0 };
    fill(cmd, o, &report);
    enum evo_errc rc = evo_cmd_existing_store(cmd, &store, err);
    if (rc)
        return rc;
    struct evo_gc_options gc = { .store = store,
                                 .grace_ms = o->grace_ms,
                                 .now_ms = evo_wall_ms(),
                                 .dry_run = o->dry_run,
                                 .task = cmd->task };
    if (!o->grace_ms)
        evo_warn(cmd->task,
                 "without a grace time it takes what a backup that is running now has written so far");
    rc = evo_gc(&gc, &report, err);
    fill(cmd, o, &report);
    if (!rc || report.count)
        print(cmd, o, &report);
    return rc;
}

const struct evo_command evo_command_gc = {
    .name = "gc",
    .summary = "remove what killed runs left in the store",
    .description =
        "Unfinished backups and unfinished uploads, of every environment and database of the "
        "store, that nobody has "
        "written to for the grace time. Nothing of a backup with a manifest is touched, nor of one "
        "that is being made: its run says so every five minutes, in RUNNING.txt, and is taken for "
        "killed when that is half an hour old. Up to 15 minutes more than the grace time are "
        "allowed for clocks that differ.",
    .examples = "evo-backup gc --dry-run\n"
                "evo-backup gc --grace 2d",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
