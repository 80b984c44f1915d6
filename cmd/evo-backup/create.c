/*
 * evo-backup create: a consistent, parallel, compressed backup, streamed to the store.
 */
#include "evo-backup/commands.h"

#include "backup/create.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/connect.h"

struct options {
    int64_t jobs;
    char *compress, *codec;
    struct evo_strvec schemas, exclude_schemas, tables, exclude_tables, exclude_table_data;
    struct evo_strvec labels, encrypt_to;
    bool globals;
    uint64_t memory, max_rate, range_bytes, object_bytes;
    int64_t lock_timeout_ms;
    char *progress;
};

static const struct evo_option options[] = {
    { "jobs", EVO_OPT_INT, offsetof(struct options, jobs), .value = "N", .min = 1, .max = 32, .letter = 'j',
      .help = "sessions that copy at the same time (default: one a processor, 2 to 4)" },
    { "compress", EVO_OPT_CHOICE, offsetof(struct options, compress), .value = "LEVEL", .fallback = "fast",
      .choices = "fast better none", .help = "how hard to compress the tables" },
    { "codec", EVO_OPT_CHOICE, offsetof(struct options, codec), .value = "NAME", .fallback = "gzip",
      .choices = "gzip zstd", .help = "how tables are compressed; pg_restore reads zstd from version 16 on" },
    { "schema", EVO_OPT_LIST, offsetof(struct options, schemas), .value = "PATTERN",
      .help = "only these schemas (patterns as in pg_dump)" },
    { "exclude-schema", EVO_OPT_LIST, offsetof(struct options, exclude_schemas), .value = "PATTERN",
      .help = "all but these schemas" },
    { "table", EVO_OPT_LIST, offsetof(struct options, tables), .value = "PATTERN",
      .help = "only these tables, and nothing that they depend on" },
    { "exclude-table", EVO_OPT_LIST, offsetof(struct options, exclude_tables), .value = "PATTERN",
      .help = "all but these tables" },
    { "exclude-table-data", EVO_OPT_LIST, offsetof(struct options, exclude_table_data), .value = "PATTERN",
      .help = "of these tables the definition without the rows" },
    { "globals", EVO_OPT_FLAG, offsetof(struct options, globals),
      .help = "also the server's roles (without passwords) and tablespaces" },
    { "encrypt-to", EVO_OPT_LIST, offsetof(struct options, encrypt_to), .value = "RECIPIENT",
      .help = "encrypt every object here, by age, to this public key (age1…)" },
    { "label", EVO_OPT_LIST, offsetof(struct options, labels), .value = "K=V",
      .help = "a note that the backup carries" },
    { "max-rate", EVO_OPT_SIZE, offsetof(struct options, max_rate), .value = "SIZE",
      .help = "write to the store no faster than this, a second" },
    { "memory", EVO_OPT_SIZE, offsetof(struct options, memory), .value = "SIZE", .fallback = "64MiB",
      .help = "memory to stay within; beside it each session holds its longest row, which the protocol has "
              "in one "
              "piece" },
    { "lock-timeout", EVO_OPT_DURATION, offsetof(struct options, lock_timeout_ms), .value = "DURATION",
      .fallback = "60s", .help = "give up when a table stays locked by others for this long" },
    { "range-size", EVO_OPT_SIZE, offsetof(struct options, range_bytes), .value = "SIZE", .fallback = "64MiB",
      .hidden = true, .help = "larger tables are copied in ranges of about this size on the server's disk" },
    { "object-size", EVO_OPT_SIZE, offsetof(struct options, object_bytes), .value = "SIZE", .hidden = true,
      .help = "rows go on in a further object when one has reached this size" },
    EVO_PROGRESS_OPTION(struct options),
};

/* "K=V" of each; *ret NULL where there is none. */
static enum evo_errc parse_labels(const struct evo_strvec *labels, struct evo_json **ret,
                                  struct evo_error *err)
{
    for (size_t i = 0; i < labels->count; i++) {
        const char *equals = strchr(labels->items[i], '=');
        if (!equals || equals == labels->items[i]) {
            evo_error_set(err, EVO_ERR_USAGE, "label \"%s\" is not of the form K=V", labels->items[i]);
            return evo_error_hint(err, "--label release=2026.11");
        }
        EVO_AUTO_STR key = evo_strndup(labels->items[i], (size_t)(equals - labels->items[i]));
        if (!*ret)
            *ret = evo_json_object();
        evo_json_set_string(*ret, key, equals + 1);
    }
    return EVO_OK;
}

static enum evo_errc parse_recipients(const struct evo_strvec *names, struct evo_age_recipients **ret,
                                      struct evo_error *err)
{
    return names->count ? evo_age_recipients_parse((const char *const *)names->items, names->count, ret, err)
                        : EVO_OK;
}

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

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) location = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(json) labels = NULL;
    EVO_AUTO_PTR(age_recipients) recipients = NULL;
    evo_cmd_progress(cmd, o->progress);
    fill_created(cmd, &m, NULL);
    enum evo_errc rc = parse_labels(&o->labels, &labels, err);
    if (!rc)
        rc = parse_recipients(&o->encrypt_to, &recipients, err);
    if (!rc)
        rc = evo_cmd_conninfo(cmd, &info, err);
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
                                         .codec = o->codec,
                                         .filter = { .schemas = &o->schemas,
                                                     .exclude_schemas = &o->exclude_schemas,
                                                     .tables = &o->tables,
                                                     .exclude_tables = &o->exclude_tables,
                                                     .exclude_table_data = &o->exclude_table_data },
                                         .labels = labels,
                                         .recipients = recipients,
                                         .recipient_names = &o->encrypt_to,
                                         .globals = o->globals,
                                         .memory = o->memory,
                                         .max_rate = o->max_rate,
                                         .range_bytes = o->range_bytes,
                                         .object_bytes = o->object_bytes,
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
    evo_print(cmd, "%lld table%s, %lld row%s, %s in %s, %s\n", (long long)t.tables, evo_plural(t.tables),
              (long long)t.rows, evo_plural(t.rows), evo_format_size(t.raw_bytes, raw),
              evo_format_size(t.stored_bytes, stored),
              evo_format_duration(evo_wall_ms() - cmd->started_ms, elapsed));
    return EVO_OK;
}

const struct evo_command evo_command_create = {
    .name = "create",
    .summary = "back the database up",
    .description =
        "Takes a consistent backup of the whole database while it is in use, by several sessions on one "
        "snapshot, and streams it to the store. It counts as a backup only when all of it is there. "
        "RESTORE.txt beside it holds the commands that restore it without evo.",
    .examples = "evo-backup create --store s3://my-bucket/backups --environment production\n"
                "evo-backup create --store /var/backups --jobs 4 --compress better",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
