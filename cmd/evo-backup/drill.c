/*
 * evo-backup drill: does a backup come back? It is restored into a database of its own, looked at, and dropped.
 */
#include "evo-backup/commands.h"

#include "backup/drill.h"
#include "base/parse.h"
#include "cli/backup_of.h"
#include "verify/verify.h"

struct options {
    struct evo_secret scratch_url;
    char *backup_of, *identity;
    int64_t jobs;
    char *progress;
};

static const struct evo_option options[] = {
    { "scratch-url", EVO_OPT_CONNECTION, offsetof(struct options, scratch_url), .value = "URL",
      .help = "a server to make the database on (default: a cluster of its own on this machine)" },
    { "jobs", EVO_OPT_INT, offsetof(struct options, jobs), .value = "N", .min = 1, .max = 32, .letter = 'j',
      .help = "sessions that load and count at the same time (default: one a processor, 2 to 4)" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
    EVO_IDENTITY_OPTION(struct options),
    EVO_PROGRESS_OPTION(struct options),
};

/* What the probes are about: the project, where there is one, and what the backup says of its ledger. */
struct work {
    struct evo_cmd *cmd;
    struct evo_project project;
    bool has_project;
    const char *schema; /* of the ledger; NULL: the layout's own */
};

/* Without a project there are no probes; one that was named must be right. */
static enum evo_errc open_project(struct work *w, struct evo_error *err)
{
    const struct evo_shared *shared = w->cmd->shared;
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_project_open(w->cmd->root, shared->layout, shared->migrations, &w->project, &why);
    w->has_project = !rc;
    if (!rc)
        return EVO_OK;
    if (!shared->migrations && (!shared->layout || evo_streq(shared->layout, "auto"))) {
        evo_info(w->cmd->task, "no probes are run: %s", why.message);
        return EVO_OK;
    }
    if (err)
        *err = why;
    return rc;
}

/* As evo-verify does: probes look where the migrations worked. */
static enum evo_errc connect(struct work *w, const struct evo_conninfo *restored, struct evo_pg **ret,
                             struct evo_error *err)
{
    const struct evo_pg_options pg_options = { .application_name = "evo-backup drill", .task = w->cmd->task };
    const char *schema = evo_layout_of(w->project.kind)->in_schema ? w->schema : NULL;
    EVO_AUTO_STR path = NULL;
    enum evo_errc rc = evo_pg_open(restored, &pg_options, ret, err);
    if (!rc)
        rc = evo_project_search_path(*ret, &w->project, schema, &path, err);
    return rc || !path ? rc : evo_pg_execf(*ret, err, "SET search_path = %s", path);
}

static enum evo_errc run_probes(void *ctx, const struct evo_conninfo *restored, struct evo_json *probes,
                                struct evo_error *err)
{
    struct work *w = ctx;
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO(ledger) ledger = { 0 };
    EVO_AUTO(state) state = { 0 };
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO(verify) v = { 0 };
    const char *schema = evo_layout_of(w->project.kind)->in_schema ? w->schema : NULL;
    if (!w->has_project)
        return EVO_OK;
    enum evo_errc rc = connect(w, restored, &pg, err);
    if (!rc)
        rc = evo_project_settle(pg, schema, &w->project, err);
    if (!rc)
        rc = evo_ledger_load(pg, &w->project, schema, &ledger, err);
    if (!rc)
        rc = evo_state_of(&w->project, &ledger, &state, err);
    if (rc)
        return rc;
    evo_verify_from_state(&state, EVO_VERIFY_UP, &names);
    rc = evo_verify_load(&w->project, EVO_VERIFY_UP, &names, &v, err);
    if (rc)
        return rc;
    rc = evo_verify_run(&v, pg, NULL, 0, w->cmd->task, err);
    for (size_t i = 0; i < v.count; i++)
        evo_probe_report_json(&v.items[i].report, v.items[i].name, probes);
    return rc;
}

/* ---- the report ------------------------------------------------------------- */

static void print_found(struct evo_cmd *cmd, const char *id, const struct evo_drill *d, bool ok)
{
    char elapsed[EVO_HUMAN_MAX];
    size_t probes = evo_json_count(d->probes);
    for (size_t i = 0; i < d->count; i++) {
        const struct evo_drilled_table *t = &d->tables[i];
        if (t->wrong && t->rows_found < 0)
            evo_print(cmd, "not there: \"%s\", %lld rows\n", t->name, (long long)t->rows_expected);
        else if (t->wrong)
            evo_print(cmd, "differs: \"%s\" has %lld rows instead of %lld\n", t->name,
                      (long long)t->rows_found, (long long)t->rows_expected);
    }
    for (size_t i = 0; i < d->differences.count; i++)
        evo_print(cmd, "%s\n", d->differences.items[i]);
    if (d->ndifferences > d->differences.count)
        evo_print(cmd, "… and %zu lines more\n", d->ndifferences - d->differences.count);
    for (size_t i = 0; i < probes; i++) {
        const struct evo_json *probe = evo_json_at(d->probes, i);
        const char *message = evo_json_get_string(probe, "message", NULL);
        if (message)
            evo_print(cmd, "probe of %s, line %lld: %s\n", evo_json_get_string(probe, "migration", ""),
                      (long long)evo_json_get_int(probe, "line", 0), message);
    }
    if (!ok)
        return;
    evo_print(cmd, "%s comes back: %zu table%s, %lld row%s on PostgreSQL %s, %s; %s%s, %zu probe%s\n", id,
              d->count, evo_plural((int64_t)d->count), (long long)d->rows, evo_plural(d->rows),
              d->server_version, evo_format_duration(d->elapsed_ms, elapsed),
              d->fingerprint_equal == EVO_YES ? "the schema is the same" : "the schema was not compared: ",
              d->remark ? d->remark : "", probes, evo_plural((int64_t)probes));
}

static enum evo_errc drill(struct work *w, const struct options *o, struct evo_drill *found,
                           struct evo_error *err)
{
    struct evo_cmd *cmd = w->cmd;
    EVO_AUTO(conninfo) scratch = { 0 };
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    enum evo_errc rc = EVO_OK;
    if (evo_secret_is_set(&o->scratch_url))
        rc = evo_conninfo_parse(evo_secret_reveal(&o->scratch_url), &scratch, err);
    if (!rc)
        rc = open_project(w, err);
    if (!rc)
        rc = evo_cmd_open_backup(cmd, cmd->args.items[0], o->backup_of, &store, &backup, err);
    if (!rc)
        rc = evo_cmd_identity(o->identity, &backup, err);
    if (rc)
        return rc;
    evo_json_set_string(cmd->data, "id", backup.manifest.id);
    w->schema = evo_json_get_string(backup.manifest.ledger, "schema", NULL);
    const struct evo_drill_options drill_options = { .store = store,
                                                     .backup = &backup,
                                                     .scratch = scratch.database ? &scratch : NULL,
                                                     .jobs = (int)o->jobs,
                                                     .probes = run_probes,
                                                     .ctx = w,
                                                     .task = cmd->task };
    rc = evo_backup_drill(&drill_options, found, err);
    evo_drill_json(found, cmd->data);
    if (!rc || rc == EVO_ERR_INTEGRITY || rc == EVO_ERR_PROBE_FALSE)
        print_found(cmd, backup.manifest.id, found, !rc);
    return rc;
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO(drill) found = { 0 };
    struct work w = { .cmd = cmd };
    evo_cmd_progress(cmd, o->progress);
    evo_json_set_null(cmd->data, "id");
    evo_drill_json(&found, cmd->data);
    enum evo_errc rc = drill(&w, o, &found, err);
    evo_project_release(&w.project);
    return rc;
}

const struct evo_command evo_command_drill = {
    .name = "drill",
    .args = "ID",
    .min_args = 1,
    .max_args = 1,
    .summary = "restore a backup for a moment, and compare",
    .description = "Restores the backup into a PostgreSQL cluster that is made for it on this machine and "
                   "removed again, counts "
                   "the rows of every table, compares the schema's fingerprint with the manifest's, and runs "
                   "the probes of the "
                   "migrations that the backup says are applied. With --scratch-url the cluster is another "
                   "server, on which a "
                   "database \"evo_drill_…\" is made and dropped; roles that the backup's privileges name "
                   "must be there.\n\n"
                   "What was found is recorded beside the backup (proof/). ID is a backup's id, or "
                   "\"latest\". Exit 6: rows or "
                   "schema differ; 1: a probe does not hold.",
    .examples =
        "evo-backup drill latest --backup-of shop\n"
        "evo-backup drill latest --backup-of shop --scratch-url postgresql://scratch.example.org/postgres",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
