/*
 * evo-backup list: which backups there are, newest first, and what is known of each.
 */
#include "evo-backup/commands.h"

#include <unistd.h>

#include "backup/list.h"
#include "base/clock.h"
#include "cli/backup_of.h"
#include "cli/connect.h"
#include "cli/table.h"

struct options {
    bool all, all_environments;
    char *backup_of;
    struct evo_strvec labels;
};

static const struct evo_option options[] = {
    { "all", EVO_OPT_FLAG, offsetof(struct options, all),
      .help = "also unfinished ones, and those whose manifest cannot be read" },
    { "all-environments", EVO_OPT_FLAG, offsetof(struct options, all_environments),
      .help = "of every environment in the store" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct options, backup_of), .value = "NAME",
      .help = "backups of this database (default: the one that --database names; all where none is named)" },
    { "label", EVO_OPT_LINES, offsetof(struct options, labels), .value = "K=V",
      .flag_only = true, /* of create, EVO_BACKUP_LABEL gives labels: here it would hide the others */
      .help = "only those with this label; several: with all of them" },
};

static enum evo_errc check_labels(const struct evo_strvec *labels, struct evo_error *err)
{
    for (size_t i = 0; i < labels->count; i++)
        if (!strchr(labels->items[i], '=') || labels->items[i][0] == '=')
            return evo_error_set(err, EVO_ERR_USAGE, "--label \"%s\" is not of the form NAME=VALUE",
                                 labels->items[i]);
    return EVO_OK;
}

static bool wanted(const struct options *o, const struct evo_backup_item *item)
{
    if (item->state != EVO_BACKUP_COMPLETE && !o->all)
        return false;
    for (size_t i = 0; i < o->labels.count; i++) {
        const char *label = o->labels.items[i];
        EVO_AUTO_STR name = evo_strndup(label, strcspn(label, "="));
        if (!evo_streq(evo_json_get_string(item->labels, name, NULL), strchr(label, '=') + 1))
            return false;
    }
    return true;
}

/* ---- for programs ----------------------------------------------------------- */

static void set_verdict(struct evo_json *v, const char *at, const char *ok, const struct evo_verdict *verdict)
{
    evo_json_set_time(v, at, verdict->at_ms);
    evo_json_set(v, ok, verdict->at_ms < 0 ? evo_json_null_new() : evo_json_bool_new(verdict->ok));
}

static struct evo_json *item_json(const struct evo_backup_item *item)
{
    bool complete = item->state == EVO_BACKUP_COMPLETE;
    struct evo_json *v = evo_json_object();
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        { "stored_bytes", (int64_t)item->totals.stored_bytes },
        { "rows", item->totals.rows },
        { "raw_bytes", (int64_t)item->totals.raw_bytes },
        { "tables", item->totals.tables },
        { "objects", item->totals.objects },
    };
    evo_json_set_string(v, "id", item->id);
    evo_json_set_string(v, "environment", item->environment);
    evo_json_set_string(v, "database", item->database);
    evo_json_set_time(v, "created_at", item->created_ms);
    for (size_t i = 0; i < EVO_COUNT(numbers); i++)
        evo_json_set(v, numbers[i].name, complete ? evo_json_int_new(numbers[i].value) : evo_json_null_new());
    evo_json_set_bool(v, "complete", complete);
    evo_json_set_string(v, "problem", item->problem);
    evo_json_set_string(v, "server_version", item->server_version);
    evo_json_set_string(v, "fingerprint", item->fingerprint);
    evo_json_set(v, "filtered", complete ? evo_json_bool_new(item->selection) : evo_json_null_new());
    evo_json_set(v, "encrypted", complete ? evo_json_bool_new(item->encrypted) : evo_json_null_new());
    evo_json_set(v, "labels", item->labels ? evo_json_copy(item->labels) : evo_json_null_new());
    set_verdict(v, "verified_at", "verified_ok", &item->verdicts[EVO_PROOF_VERIFY]);
    set_verdict(v, "drilled_at", "drilled_ok", &item->verdicts[EVO_PROOF_DRILL]);
    return v;
}

/* ---- for people ------------------------------------------------------------- */

static const struct {
    const char *title;
    enum evo_table_align align;
} columns[] = {
    { "ID", EVO_TABLE_LEFT },       { "AGE", EVO_TABLE_LEFT },    { "ENVIRONMENT", EVO_TABLE_LEFT },
    { "DATABASE", EVO_TABLE_LEFT }, { "SIZE", EVO_TABLE_RIGHT },  { "RATIO", EVO_TABLE_RIGHT },
    { "ROWS", EVO_TABLE_RIGHT },    { "SCHEMA", EVO_TABLE_LEFT }, { "VERIFIED", EVO_TABLE_LEFT },
    { "DRILLED", EVO_TABLE_LEFT },  { "LABELS", EVO_TABLE_LEFT }, { "NOTE", EVO_TABLE_LEFT },
};

static bool add_label(void *ctx, const char *key, struct evo_json *value)
{
    struct evo_strbuf *text = ctx;
    evo_strbuf_addf(text, "%s%s=%s", text->len ? " " : "", key, evo_json_string(value, ""));
    return true;
}

/* "2 h ago", "DAMAGED 2 h ago", "". */
static void add_verdict(struct evo_table *t, const struct evo_verdict *verdict, const char *bad, int64_t now)
{
    char age[EVO_HUMAN_MAX];
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    if (verdict->at_ms >= 0)
        evo_strbuf_addf(&text, "%s%s", verdict->ok ? "" : bad, evo_backup_age(verdict->at_ms, now, age));
    evo_table_cell(t, text.buf);
}

/* Twelve digits tell schemas apart. */
static void add_fingerprint(struct evo_table *t, const char *fingerprint)
{
    EVO_AUTO_STR text = fingerprint ? evo_strndup(fingerprint, 12) : NULL;
    evo_table_cell(t, text);
}

static void add_numbers(struct evo_table *t, const struct evo_manifest_totals *totals)
{
    char size[EVO_HUMAN_MAX];
    char text[EVO_HUMAN_MAX] = "";
    evo_table_cell(t, evo_format_size(totals->stored_bytes, size));
    if (totals->stored_bytes && totals->raw_bytes)
        (void)snprintf(text, sizeof(text), "%.1fx", (double)totals->raw_bytes / (double)totals->stored_bytes);
    evo_table_cell(t, text);
    (void)snprintf(text, sizeof(text), "%lld", (long long)totals->rows);
    evo_table_cell(t, text);
}

static void add_row(struct evo_table *t, const struct evo_backup_item *item, int64_t now)
{
    char age[EVO_HUMAN_MAX];
    EVO_AUTO(strbuf) labels = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) note = EVO_STRBUF_INIT;
    bool complete = item->state == EVO_BACKUP_COMPLETE;
    evo_table_cell(t, item->id);
    evo_table_cell(t, evo_backup_age(item->created_ms, now, age));
    evo_table_cell(t, item->environment);
    evo_table_cell(t, item->database);
    if (complete)
        add_numbers(t, &item->totals);
    for (int i = 0; !complete && i < 3; i++)
        evo_table_cell(t, NULL);
    add_fingerprint(t, item->fingerprint);
    add_verdict(t, &item->verdicts[EVO_PROOF_VERIFY], "DAMAGED ", now);
    add_verdict(t, &item->verdicts[EVO_PROOF_DRILL], "FAILED ", now);
    evo_json_each(item->labels, add_label, &labels);
    evo_table_cell(t, labels.buf);
    if (item->problem)
        evo_strbuf_adds(&note, item->problem);
    else if (item->selection || item->encrypted)
        evo_strbuf_addf(&note, "%s%s%s", item->selection ? "a part" : "",
                        item->selection && item->encrypted ? ", " : "", item->encrypted ? "encrypted" : "");
    evo_table_cell(t, note.buf);
}

/* Where nothing is found, the name of the environment is the first thing to doubt. */
static void name_environments(struct evo_cmd *cmd, struct evo_store *store)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_backup_environments(store, &names, &ignored) || !names.count)
        return;
    for (size_t i = 0; i < names.count && i < 10; i++)
        evo_strbuf_addf(&text, "%s\"%s\"", i ? ", " : "", names.items[i]);
    evo_notice(cmd->task, "environments in this store: %s%s", text.buf, names.count > 10 ? ", …" : "");
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup_list) list = { 0 };
    EVO_AUTO(table) table = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO_STR database = NULL;
    struct evo_json *backups = evo_json_array();
    evo_json_set(cmd->data, "backups", backups);
    enum evo_errc rc = check_labels(&o->labels, err);
    if (!rc)
        rc = evo_cmd_existing_store(cmd, &store, err);
    if (!rc)
        rc = evo_cmd_backup_of(cmd, o->backup_of, &database, err);
    if (!rc)
        rc = evo_backup_list(store, o->all_environments ? NULL : evo_cmd_environment(cmd), database, &list,
                             err);
    if (rc)
        return rc;
    for (size_t c = 0; c < EVO_COUNT(columns); c++)
        evo_table_column(&table, columns[c].title, columns[c].align);
    int64_t now = evo_wall_ms();
    size_t hidden = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (!wanted(o, &list.items[i])) {
            hidden += !o->all && list.items[i].state != EVO_BACKUP_COMPLETE;
            continue;
        }
        evo_json_append(backups, item_json(&list.items[i]));
        add_row(&table, &list.items[i], now);
    }
    /* A program that reads lines is not given one that is no backup. */
    evo_table_format(&table, isatty(STDOUT_FILENO), &text);
    evo_print(cmd, "%s", text.buf);
    if (hidden)
        evo_notice(cmd->task, "%zu more cannot be read, or %s not finished: evo-backup list --all%s%s",
                   hidden, hidden == 1 ? "was" : "were",
                   o->all_environments ? " --all-environments" : " --environment ",
                   o->all_environments ? "" : evo_cmd_environment(cmd));
    if (!text.len && !hidden)
        name_environments(cmd, store);
    if (!text.len && o->all_environments)
        evo_print(cmd, "no backups of %s in any environment\n", database ? database : "any database");
    else if (!text.len)
        evo_print(cmd, "no backups of %s in environment \"%s\"\n", database ? database : "any database",
                  evo_cmd_environment(cmd));
    return EVO_OK;
}

const struct evo_command evo_command_list = {
    .name = "list",
    .summary = "list backups, newest first",
    .description =
        "Ratio is the size of the rows against what is stored of them; schema is the beginning of its "
        "fingerprint. "
        "Verified and drilled say when the backup was last read back, and last restored for a trial.",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
