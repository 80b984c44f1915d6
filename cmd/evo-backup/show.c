/*
 * evo-backup show: a backup for people, and its manifest for programs.
 */
#include "evo-backup/commands.h"

#include "backup/proof.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/quote.h"
#include "cli/backup_of.h"
#include "cli/table.h"

struct options {
    char *backup_of;
};

static const struct evo_option options[] = {
    { "backup-of", EVO_OPT_STRING, offsetof(struct options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
};

/* One line; of a value without text none. */
static void line(struct evo_table *t, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    evo_table_cell(t, name);
    evo_table_cell(t, text);
}

static const char *time_text(int64_t ms, char buf[EVO_TIME_MAX])
{
    (void)evo_format_time(ms, buf);
    buf[10] = ' ';
    (void)snprintf(buf + 19, EVO_TIME_MAX - 19, " UTC");
    return buf;
}

static void describe_origin(struct evo_table *t, const struct evo_manifest *m)
{
    char time[EVO_TIME_MAX];
    char age[EVO_HUMAN_MAX];
    char elapsed[EVO_HUMAN_MAX];
    EVO_AUTO_STR made = evo_asprintf(
        "%s, %s, in %s", time_text(m->created_ms, time), evo_backup_age(m->created_ms, evo_wall_ms(), age),
        evo_format_duration(m->finished_ms > m->created_ms ? m->finished_ms - m->created_ms : 0, elapsed));
    EVO_AUTO_STR server = evo_asprintf(
        "PostgreSQL %s%s%s%s", m->server_version, m->in_recovery ? ", a standby" : "",
        m->system_identifier ? ", system " : "", m->system_identifier ? m->system_identifier : "");
    EVO_AUTO_STR tools = evo_asprintf("evo %s, pg_dump %s", m->evo_version, m->pg_dump_version);
    line(t, "made", made);
    line(t, "database", m->database);
    line(t, "environment", m->environment);
    line(t, "server", server);
    line(t, "position", m->wal_after);
    line(t, "by", tools);
}

static void describe_contents(struct evo_table *t, const struct evo_manifest *m)
{
    struct evo_manifest_totals totals = evo_manifest_totals(m);
    char raw[EVO_HUMAN_MAX];
    char stored[EVO_HUMAN_MAX];
    EVO_AUTO(strbuf) size = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) left_out = EVO_STRBUF_INIT;
    evo_strbuf_addf(&size, "%s of rows in %s", evo_format_size(totals.raw_bytes, raw),
                    evo_format_size(totals.stored_bytes, stored));
    if (totals.raw_bytes && totals.stored_bytes)
        evo_strbuf_addf(&size, " (%.1fx)", (double)totals.raw_bytes / (double)totals.stored_bytes);
    evo_strbuf_addf(&size, ", %lld table%s, %lld row%s, %lld object%s", (long long)totals.tables,
                    evo_plural(totals.tables), (long long)totals.rows, evo_plural(totals.rows),
                    (long long)totals.objects, evo_plural(totals.objects));
    line(t, "size", size.buf);
    if (m->filtered) {
        evo_strbuf_adds(&left_out, "a part of the database: ");
        evo_json_format(m->options, EVO_JSON_COMPACT, &left_out);
        line(t, "holds", left_out.buf);
    }
    line(t, "schema", m->fingerprint);
}

/* "prisma: 12 applied, last "2024…"; failed: …" */
static void describe_migrations(struct evo_table *t, const struct evo_json *ledger)
{
    const struct evo_json *applied = evo_json_get(ledger, "applied");
    const struct evo_json *failed = evo_json_get(ledger, "failed");
    size_t n = evo_json_count(applied);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    if (!ledger)
        return;
    evo_strbuf_addf(&text, "%s, %zu applied", evo_json_get_string(ledger, "layout", ""), n);
    if (n)
        evo_strbuf_addf(&text, ", last \"%s\"", evo_json_get_string(evo_json_at(applied, n - 1), "name", ""));
    for (size_t i = 0; i < evo_json_count(failed); i++)
        evo_strbuf_addf(&text, "%s\"%s\"",
                        i ? ", " : ", failed: ", evo_json_get_string(evo_json_at(failed, i), "name", ""));
    line(t, "migrations", text.buf);
}

static bool add_label(void *ctx, const char *key, struct evo_json *value)
{
    struct evo_strbuf *text = ctx;
    evo_strbuf_addf(text, "%s%s=%s", text->len ? " " : "", key, evo_json_string(value, ""));
    return true;
}

static void describe_labels(struct evo_table *t, const struct evo_manifest *m)
{
    EVO_AUTO(strbuf) labels = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) to = EVO_STRBUF_INIT;
    evo_json_each(m->labels, add_label, &labels);
    line(t, "labels", labels.buf);
    for (size_t i = 0; i < m->recipients.count; i++)
        evo_strbuf_addf(&to, "%s%s", i ? ", " : "to ", m->recipients.items[i]);
    line(t, "encrypted", to.buf);
}

static enum evo_errc describe_proofs(struct evo_table *t, struct evo_store *store, const char *prefix,
                                     struct evo_error *err)
{
    static const char *const words[EVO_PROOF_KINDS][3] = {
        [EVO_PROOF_VERIFY] = { "verified", "whole", "DAMAGED" },
        [EVO_PROOF_DRILL] = { "drilled", "restored", "FAILED" },
    };
    struct evo_verdict verdicts[EVO_PROOF_KINDS];
    enum evo_errc rc = evo_proof_verdicts(store, prefix, verdicts, err);
    for (size_t k = 0; !rc && k < EVO_PROOF_KINDS; k++) {
        char time[EVO_TIME_MAX];
        char age[EVO_HUMAN_MAX];
        const struct evo_verdict *v = &verdicts[k];
        EVO_AUTO_STR text =
            v->at_ms < 0 ? evo_strdup("never")
                         : evo_asprintf("%s at %s, %s", words[k][v->ok ? 1 : 2], time_text(v->at_ms, time),
                                        evo_backup_age(v->at_ms, evo_wall_ms(), age));
        line(t, words[k][0], text);
    }
    return rc;
}

/* ---- tables ----------------------------------------------------------------- */

struct sum {
    const char *schema, *table; /* borrowed */
    uint64_t raw, stored;
    int64_t rows;
};

static int by_table(const void *a, const void *b)
{
    const struct sum *x = a;
    const struct sum *y = b;
    int by_schema = strcmp(x->schema, y->schema);
    return by_schema ? by_schema : strcmp(x->table, y->table);
}

static int largest_first(const void *a, const void *b)
{
    const struct sum *x = a;
    const struct sum *y = b;
    if (x->stored != y->stored)
        return x->stored < y->stored ? 1 : -1;
    return by_table(a, b);
}

/* A table's parts as one. Returns how many there are; those of an encrypted backup have no names. */
static size_t sum_tables(const struct evo_manifest *m, struct sum *sums)
{
    size_t n = 0;
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct evo_backup_object *o = &m->objects[i];
        if (o->kind == EVO_OBJECT_TABLE && o->schema && o->table)
            sums[n++] = (struct sum){ o->schema, o->table, o->raw_bytes, o->size, o->rows };
    }
    if (n)
        qsort(sums, n, sizeof(*sums), by_table);
    for (size_t i = 0; i < n; i++) {
        if (count && by_table(&sums[count - 1], &sums[i]) == 0) {
            sums[count - 1].raw += sums[i].raw;
            sums[count - 1].stored += sums[i].stored;
            sums[count - 1].rows += sums[i].rows;
        } else {
            sums[count++] = sums[i];
        }
    }
    if (count)
        qsort(sums, count, sizeof(*sums), largest_first);
    return count;
}

static void show_tables(struct evo_cmd *cmd, const struct evo_manifest *m)
{
    enum { SHOWN = 20 };
    struct sum *sums = evo_calloc(m->count + 1, sizeof(*sums));
    EVO_AUTO(table) t = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    size_t count = sum_tables(m, sums);
    evo_table_column(&t, "TABLE", EVO_TABLE_LEFT);
    evo_table_column(&t, "ROWS", EVO_TABLE_RIGHT);
    evo_table_column(&t, "SIZE", EVO_TABLE_RIGHT);
    evo_table_column(&t, "STORED", EVO_TABLE_RIGHT);
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        char size[EVO_HUMAN_MAX];
        EVO_AUTO_STR name = evo_asprintf("%s.%s", sums[i].schema, sums[i].table);
        EVO_AUTO_STR rows = evo_asprintf("%lld", (long long)sums[i].rows);
        evo_table_cell(&t, name);
        evo_table_cell(&t, rows);
        evo_table_cell(&t, evo_format_size(sums[i].raw, size));
        evo_table_cell(&t, evo_format_size(sums[i].stored, size));
    }
    evo_table_format(&t, true, &text);
    if (text.len)
        evo_print(cmd, "\n%s", text.buf);
    if (!count && m->recipients.count)
        evo_print(cmd, "\nwhich tables it holds is encrypted, too\n");
    if (count > SHOWN)
        evo_print(cmd, "and %zu smaller one%s\n", count - SHOWN, evo_plural((int64_t)(count - SHOWN)));
    free(sums);
}

/* ---- all of it -------------------------------------------------------------- */

static enum evo_errc show_people(struct evo_cmd *cmd, struct evo_store *store,
                                 const struct evo_backup *backup, struct evo_error *err)
{
    const struct evo_manifest *m = &backup->manifest;
    EVO_AUTO(table) t = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO_STR location = evo_asprintf("%s/%s", evo_store_url(store), backup->prefix);
    evo_table_column(&t, "", EVO_TABLE_LEFT);
    evo_table_column(&t, "", EVO_TABLE_LEFT);
    describe_origin(&t, m);
    describe_contents(&t, m);
    describe_migrations(&t, m->ledger);
    describe_labels(&t, m);
    enum evo_errc rc = describe_proofs(&t, store, backup->prefix, err);
    if (rc)
        return rc;
    line(&t, "location", location);
    evo_table_format(&t, false, &text);
    evo_print(cmd, "%s%s%s\n%s", evo_style(cmd, EVO_STYLE_BOLD), m->id, evo_style(cmd, EVO_STYLE_RESET),
              text.buf);
    show_tables(cmd, m);
    /* The id is found wherever it lies; the environment is the one whose settings were meant here. */
    EVO_AUTO_STR next = evo_cmd_next_options(cmd);
    EVO_AUTO_STR name = evo_asprintf("postgresql://HOST/%s_restored", m->database);
    EVO_AUTO_STR target = evo_quote_shell(name);
    evo_print(cmd, "\nrestore: evo-restore %s --create --to %s%s%s\n", m->id, target,
              m->recipients.count ? " --identity FILE" : "", next);
    return EVO_OK;
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    enum evo_errc rc = evo_cmd_open_backup(cmd, cmd->args.items[0], o->backup_of, &store, &backup, err);
    if (rc)
        return rc;
    evo_cmd_set_data(cmd, evo_manifest_json(&backup.manifest));
    return cmd->shared->json ? EVO_OK : show_people(cmd, store, &backup, err);
}

const struct evo_command evo_command_show = {
    .name = "show",
    .args = "ID",
    .min_args = 1,
    .max_args = 1,
    .summary = "say what a backup holds, from where, and how to restore it",
    .description = "ID is a backup's id, or \"latest\". With --json the data is the manifest.",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
