/*
 * evo-backup: consistent, parallel, compressed backups, streamed to the store; and what is there.
 *
 * Exit: 0 done; 1 no such backup, or an unfinished one; 2 usage; 3 database; 4 store; 5 a table stayed locked;
 * 6 a backup is damaged.
 */
#include "backup/create.h"
#include "backup/find.h"
#include "backup/verify.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/connect.h"

struct create_options {
    int64_t jobs;
    char *compress;
    uint64_t memory;
    int64_t lock_timeout_ms;
};
struct list_options {
    bool all;
    char *backup_of;
};
struct show_options {
    char *backup_of;
};
struct verify_options {
    bool quick;
    char *backup_of;
};

static const struct evo_option create_table[] = {
    { "jobs", EVO_OPT_INT, offsetof(struct create_options, jobs), .value = "N", .min = 1, .max = 32,
      .letter = 'j', .help = "sessions that copy at the same time (default: one a processor, 2 to 4)" },
    { "compress", EVO_OPT_CHOICE, offsetof(struct create_options, compress), .value = "LEVEL",
      .fallback = "fast", .choices = "fast better none", .help = "how hard to compress the tables" },
    { "memory", EVO_OPT_SIZE, offsetof(struct create_options, memory), .value = "SIZE", .fallback = "64MiB",
      .help = "memory to stay within" },
    { "lock-timeout", EVO_OPT_DURATION, offsetof(struct create_options, lock_timeout_ms), .value = "DURATION",
      .fallback = "60s", .help = "give up when a table stays locked by others for this long" },
};
static const struct evo_option list_table[] = {
    { "all", EVO_OPT_FLAG, offsetof(struct list_options, all),
      .help = "also unfinished ones, and those whose manifest cannot be read" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct list_options, backup_of), .value = "NAME",
      .help = "backups of this database (default: the one that --database names; all where none is named)" },
};
static const struct evo_option show_table[] = {
    { "backup-of", EVO_OPT_STRING, offsetof(struct show_options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
};
static const struct evo_option verify_table[] = {
    { "quick", EVO_OPT_FLAG, offsetof(struct verify_options, quick),
      .help = "compare names and sizes only, read nothing" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct verify_options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
};

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- create ----------------------------------------------------------------- */

static void fill_created(struct evo_cmd *cmd, const struct evo_manifest *m, const char *location)
{
    struct evo_manifest_totals t = evo_manifest_totals(m);
    evo_json_set_string(cmd->data, "id", m->id[0] ? m->id : NULL);
    evo_json_set_string(cmd->data, "location", location);
    evo_json_set_string(cmd->data, "database", m->database);
    evo_json_set_int(cmd->data, "tables", t.tables);
    evo_json_set_int(cmd->data, "rows", t.rows);
    evo_json_set_int(cmd->data, "raw_bytes", (int64_t)t.raw_bytes);
    evo_json_set_int(cmd->data, "stored_bytes", (int64_t)t.stored_bytes);
    evo_json_set_int(cmd->data, "objects", t.objects);
    evo_json_set_int(cmd->data, "elapsed_ms", evo_wall_ms() - cmd->started_ms);
    evo_json_set_string(cmd->data, "lsn", m->wal_after);
    evo_json_set_string(cmd->data, "server_version", m->server_version);
}

static enum evo_errc run_create(struct evo_cmd *cmd, void *options, struct evo_error *err)
{
    const struct create_options *o = options;
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) location = EVO_STRBUF_INIT;
    fill_created(cmd, &m, NULL);
    enum evo_errc rc = evo_cmd_conninfo(cmd, &info, err);
    if (!rc)
        rc = evo_cmd_store(cmd, &store, err);
    if (!rc)
        rc = evo_store_check(store, err);
    if (!rc)
        rc = evo_cmd_connect(cmd, &info, &pg, err);
    if (rc)
        return rc;
    struct evo_backup_options backup = { .pg = pg,
                                         .conninfo = &info,
                                         .store = store,
                                         .environment = evo_cmd_environment(cmd),
                                         .jobs = (int)o->jobs,
                                         .compress = o->compress,
                                         .memory = o->memory,
                                         .lock_timeout_ms = o->lock_timeout_ms,
                                         .task = cmd->task };
    rc = evo_backup_create(&backup, &m, err);
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_backup_key(&key, m.environment, m.database, m.id[0] ? m.id : NULL, NULL);
    evo_strbuf_addf(&location, "%s/%s", evo_store_url(store), key.buf);
    /* What failed has been taken back: an id that leads nowhere would only mislead. */
    if (rc)
        m.id[0] = '\0';
    fill_created(cmd, &m, rc ? NULL : location.buf);
    if (rc)
        return rc;
    struct evo_manifest_totals t = evo_manifest_totals(&m);
    char raw[EVO_HUMAN_MAX];
    char stored[EVO_HUMAN_MAX];
    char elapsed[EVO_HUMAN_MAX];
    evo_print(cmd, "%s%s%s  %s\n", evo_style(cmd, EVO_STYLE_BOLD), m.id, evo_style(cmd, EVO_STYLE_RESET),
              location.buf);
    evo_print(cmd, "%lld table%s, %lld row%s, %s in %s, %s\n", (long long)t.tables, plural(t.tables),
              (long long)t.rows, plural(t.rows), evo_format_size(t.raw_bytes, raw),
              evo_format_size(t.stored_bytes, stored),
              evo_format_duration(evo_wall_ms() - cmd->started_ms, elapsed));
    return EVO_OK;
}

/* ---- list, show, verify ----------------------------------------------------- */

/* Whose backups: as told, else the database that is configured (no connection is made). NULL where none is. */
static enum evo_errc whose(struct evo_cmd *cmd, const char *backup_of, char **ret, struct evo_error *err)
{
    if (backup_of) {
        *ret = evo_strdup(backup_of);
        return EVO_OK;
    }
    if (!evo_secret_is_set(&cmd->shared->database) && !getenv("PGDATABASE")) {
        *ret = NULL;
        return EVO_OK;
    }
    EVO_AUTO(conninfo) info = { 0 };
    enum evo_errc rc = evo_cmd_conninfo(cmd, &info, err);
    if (!rc)
        *ret = evo_strdup(info.database);
    return rc;
}

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

static enum evo_errc run_list(struct evo_cmd *cmd, void *options, struct evo_error *err)
{
    const struct list_options *o = options;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup_list) list = { 0 };
    EVO_AUTO_STR database = NULL;
    struct evo_json *backups = evo_json_array();
    evo_json_set(cmd->data, "backups", backups);
    enum evo_errc rc = evo_cmd_store(cmd, &store, err);
    if (!rc)
        rc = whose(cmd, o->backup_of, &database, err);
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

static enum evo_errc open_backup(struct evo_cmd *cmd, const char *backup_of, struct evo_store **ret_store,
                                 struct evo_backup *ret, struct evo_error *err)
{
    EVO_AUTO_STR database = NULL;
    enum evo_errc rc = evo_cmd_store(cmd, ret_store, err);
    if (!rc)
        rc = whose(cmd, backup_of, &database, err);
    return rc ? rc
              : evo_backup_open(*ret_store, evo_cmd_environment(cmd), database, cmd->args.items[0], ret, err);
}

static enum evo_errc run_show(struct evo_cmd *cmd, void *options, struct evo_error *err)
{
    const struct show_options *o = options;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    enum evo_errc rc = open_backup(cmd, o->backup_of, &store, &backup, err);
    if (rc)
        return rc;
    struct evo_json *v = evo_manifest_json(&backup.manifest);
    evo_json_format(v, EVO_JSON_INDENT, &text);
    evo_print(cmd, "%s\n", text.buf);
    evo_cmd_set_data(cmd, v);
    return EVO_OK;
}

static enum evo_errc run_verify(struct evo_cmd *cmd, void *options, struct evo_error *err)
{
    const struct verify_options *o = options;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    EVO_AUTO(verification) found = { 0 };
    struct evo_json *damaged = evo_json_array();
    evo_json_set_null(cmd->data, "id");
    evo_json_set_null(cmd->data, "objects");
    evo_json_set_null(cmd->data, "bytes");
    evo_json_set(cmd->data, "damaged", damaged);
    enum evo_errc rc = open_backup(cmd, o->backup_of, &store, &backup, err);
    if (rc)
        return rc;
    evo_json_set_string(cmd->data, "id", backup.manifest.id);
    rc = evo_backup_verify(store, &backup, o->quick, cmd->task, &found, err);
    if (rc)
        return rc;
    evo_json_set_int(cmd->data, "objects", found.objects);
    evo_json_set_int(cmd->data, "bytes", (int64_t)found.bytes);
    for (size_t i = 0; i < found.count; i++) {
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "object", found.damaged[i].object);
        evo_json_set_string(v, "reason", found.damaged[i].reason);
        evo_json_append(damaged, v);
        evo_print(cmd, "damaged: \"%s\" %s\n", found.damaged[i].object, found.damaged[i].reason);
    }
    rc = evo_verification_error(&found, &backup.manifest, err);
    if (rc)
        return rc;
    char size[EVO_HUMAN_MAX];
    evo_print(cmd, "%s is whole: %lld object%s, %s%s\n", backup.manifest.id, (long long)found.objects,
              plural(found.objects), evo_format_size(found.bytes, size),
              o->quick ? " (by names and sizes)" : "");
    return EVO_OK;
}

static const struct evo_command create = {
    .name = "create",
    .summary = "back the database up",
    .description =
        "Takes a consistent backup of the whole database while it is in use, by several sessions on one "
        "snapshot, and streams it to the store. It counts as a backup only when all of it is there. "
        "RESTORE.txt beside it holds the commands that restore it without evo.",
    .examples = "evo-backup create --store s3://my-bucket/backups --environment production\n"
                "evo-backup create --store /var/backups --jobs 4 --compress better",
    .options = create_table,
    .noptions = EVO_COUNT(create_table),
    .options_size = sizeof(struct create_options),
    .run = run_create,
};
static const struct evo_command list = {
    .name = "list",
    .summary = "list backups, newest first",
    .options = list_table,
    .noptions = EVO_COUNT(list_table),
    .options_size = sizeof(struct list_options),
    .run = run_list,
};
static const struct evo_command show = {
    .name = "show",
    .args = "ID",
    .min_args = 1,
    .max_args = 1,
    .summary = "print a backup's manifest",
    .description = "ID is a backup's id, or \"latest\".",
    .options = show_table,
    .noptions = EVO_COUNT(show_table),
    .options_size = sizeof(struct show_options),
    .run = run_show,
};
static const struct evo_command verify = {
    .name = "verify",
    .args = "ID",
    .min_args = 1,
    .max_args = 1,
    .summary = "read a backup and compare it with its manifest",
    .description =
        "Finds what is missing, cut, altered, swapped or added. ID is a backup's id, or \"latest\".",
    .options = verify_table,
    .noptions = EVO_COUNT(verify_table),
    .options_size = sizeof(struct verify_options),
    .run = run_verify,
};
static const struct evo_command *const commands[] = { &create, &list, &show, &verify };
static const struct evo_program program = {
    .name = "evo-backup",
    .section = "backup",
    .summary = "back up a database, and look after its backups",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};
int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
