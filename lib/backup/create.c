#include "backup/create.h"

#include "backup/describe.h"
#include "backup/find.h"
#include "backup/harvest.h"
#include "backup/plan.h"
#include "backup/run.h"
#include "backup/session.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "catalog/catalog.h"
#include "pg/tools.h"

#define MEMORY_DEFAULT ((uint64_t)64 << 20)
enum {
    LOCK_TIMEOUT_MS = 60000,
    TICK_MS = 200, /* how often the holder looks up while the others work */
    KEEP_ALIVE_MS = 30000 /* its session says something to the server this often */
};

/* ---- copying ---------------------------------------------------------------- */

/* What the rows come to is known when they are all there; until then, by what the size on the server's disk came to so
 * far. */
static uint64_t estimate(const struct evo_backup_run *run, uint64_t raw)
{
    double expected = (double)atomic_load(&run->expected_done);
    double done = (double)atomic_load(&run->raw_done);
    double total = (double)run->expected_total;
    if (atomic_load(&run->expected_done) == run->expected_total)
        return raw;
    uint64_t all = expected > 0 && done > 0 ? (uint64_t)(done / expected * total) : run->expected_total;
    return all < raw ? raw : all;
}

static void report(struct evo_backup_run *run)
{
    uint64_t raw = atomic_load(&run->raw_bytes);
    struct evo_progress p = { .what = "backup",
                              .bytes = raw,
                              .bytes_total = estimate(run, raw),
                              .items = atomic_load(&run->tables_done),
                              .items_total = run->tables,
                              .item = "tables" };
    evo_task_progress(run->options->task, &p);
}

/* Of the schema as the snapshot shows it, which a restore of all of it is going to have as well. A backup is worth more
 * than its fingerprint: where only that cannot be had (views that DDL holds), it goes on without. */
static enum evo_errc take_fingerprint(struct evo_backup_run *run, struct evo_error *err)
{
    struct evo_fingerprint_options o = { .task = run->options->task };
    struct evo_error why = EVO_ERROR_INIT;
    char hex[EVO_SHA256_HEX];
    if (run->manifest->filtered)
        return EVO_OK;
    enum evo_errc rc = evo_catalog_fingerprint(run->options->pg, &o, hex, &run->catalog, &why);
    if (rc && (rc == EVO_ERR_CANCELLED || !evo_pg_alive(run->options->pg))) {
        *err = why;
        return rc;
    }
    if (rc) {
        evo_warn(run->options->task, "the backup has no fingerprint of the schema: %s", why.message);
        evo_strbuf_clear(&run->catalog);
    } else {
        run->manifest->fingerprint = evo_strdup(hex);
    }
    return EVO_OK;
}

/* The holder's part: the fingerprint while the others copy, what only its session can copy, and keeping that session
 * alive. */
static void hold(struct evo_backup_run *run)
{
    struct evo_error err = EVO_ERROR_INIT;
    int64_t spoke = evo_clock_ms();
    enum evo_errc fingerprint_rc = take_fingerprint(run, &err);
    if (fingerprint_rc)
        evo_run_fail(run, fingerprint_rc, &err);
    for (bool done = false; !done;) {
        const struct evo_backup_piece *piece = evo_run_take_left(run, TICK_MS, &done);
        enum evo_errc rc = evo_cancel_check(&err);
        if (!rc && piece)
            rc = evo_worker_copy(run, run->options->pg, piece, false, &err);
        if (!rc && evo_clock_ms() - spoke > KEEP_ALIVE_MS) {
            rc = evo_pg_exec(run->options->pg, "SELECT 1", &err);
            spoke = evo_clock_ms();
        }
        if (rc)
            evo_run_fail(run, rc, &err);
        report(run);
    }
}

static enum evo_errc copy_all(struct evo_backup_run *run, struct evo_error *err)
{
    enum { MAX = 64 };
    pthread_t threads[MAX];
    int wanted = run->manifest->jobs < MAX ? run->manifest->jobs : MAX;
    if ((size_t)wanted > run->count)
        wanted = (int)run->count;
    int started = 0;
    run->running = wanted;
    for (; started < wanted; started++)
        if (pthread_create(&threads[started], NULL, evo_worker_main, run) != 0)
            break;
    if (started < wanted) {
        struct evo_error failed = EVO_ERROR_INIT;
        enum evo_errc rc = evo_error_set(&failed, EVO_ERR_INTERNAL, "could not start a thread");
        evo_run_fail(run, rc, &failed);
        for (int i = started; i < wanted; i++)
            evo_run_worker_ended(run);
    }
    hold(run);
    for (int i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    if (run->rc && err)
        *err = run->error;
    return run->rc;
}

/* ---- all of it -------------------------------------------------------------- */

static void set_filter(struct evo_json *options, const char *key, const struct evo_strvec *names, bool *any)
{
    if (!names || !names->count)
        return;
    struct evo_json *list = evo_json_array();
    for (size_t i = 0; i < names->count; i++)
        evo_json_append_string(list, names->items[i]);
    evo_json_set(options, key, list);
    *any = true;
}

/* What was asked for. The names of an encrypted backup's filters are as secret as its tables'. */
static void describe_options(struct evo_backup_run *run)
{
    const struct evo_backup_options *o = run->options;
    struct evo_manifest *m = run->manifest;
    EVO_AUTO_PTR(json) names = evo_json_object();
    set_filter(names, "schema", o->filter.schemas, &m->filtered);
    set_filter(names, "exclude_schema", o->filter.exclude_schemas, &m->filtered);
    set_filter(names, "table", o->filter.tables, &m->filtered);
    set_filter(names, "exclude_table", o->filter.exclude_tables, &m->filtered);
    set_filter(names, "exclude_table_data", o->filter.exclude_table_data, &m->filtered);
    m->options = evo_json_object();
    if (m->filtered && !o->recipients)
        evo_json_set(m->options, "filter", evo_json_ref(names));
    m->labels = o->labels ? evo_json_copy(o->labels) : NULL;
    for (size_t i = 0; o->recipients && i < o->recipient_names->count; i++)
        evo_strvec_push(&m->recipients, o->recipient_names->items[i]);
}

static enum evo_errc begin_manifest(struct evo_backup_run *run, struct evo_error *err)
{
    const struct evo_backup_options *o = run->options;
    struct evo_manifest *m = run->manifest;
    m->evo_version = evo_strdup(EVO_VERSION);
    m->environment = evo_strdup(o->environment);
    m->database = evo_strdup(evo_pg_database(o->pg));
    m->compress = evo_strdup(o->compress ? o->compress : "fast");
    m->codec = evo_strdup(evo_streq(m->compress, "none") ? "none" : o->codec ? o->codec : "gzip");
    m->jobs = o->jobs ? o->jobs : evo_plan_jobs(sysconf(_SC_NPROCESSORS_ONLN));
    if (!evo_codec_parse(m->codec, &run->codec))
        return evo_error_set(err, EVO_ERR_USAGE, "unknown codec \"%s\"", m->codec);
    describe_options(run);
    run->budget = evo_plan_part_budget(o->memory ? o->memory : MEMORY_DEFAULT, m->jobs);
    evo_rate_release(&run->rate);
    evo_rate_init(&run->rate, o->max_rate);
    run->output = (struct evo_output_options){ .store = o->store,
                                               .part_size = (size_t)evo_plan_part_size(run->budget, m->jobs),
                                               .level = evo_streq(m->compress, "better") ? EVO_CODEC_BETTER
                                                                                         : EVO_CODEC_FAST,
                                               .recipients = o->recipients,
                                               .rate = o->max_rate ? &run->rate : NULL };
    m->provider = evo_json_object();
    evo_json_set_string(m->provider, "kind", evo_store_is_s3(o->store) ? "s3" : "folder");
    evo_json_set_int(m->provider, "part_bytes", (int64_t)run->output.part_size);
    return EVO_OK;
}

/* What lies there without being a backup costs, and nobody else says so. */
static void name_unfinished(struct evo_backup_run *run)
{
    const struct evo_backup_options *o = run->options;
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_backup_unfinished(o->store, o->environment, run->manifest->database, &ids, &ignored) ||
        !ids.count)
        return;
    for (size_t i = 0; i < ids.count && i < 10; i++)
        evo_strbuf_addf(&names, "%s\"%s\"", i ? ", " : "", ids.items[i]);
    evo_warn(o->task,
             "the store holds %zu unfinished backup%s of database \"%s\", of runs that were killed or still "
             "go on: "
             "%s%s",
             ids.count, ids.count == 1 ? "" : "s", run->manifest->database, names.buf,
             ids.count > 10 ? ", …" : "");
}

static enum evo_errc prepare(struct evo_backup_run *run, struct evo_error *err)
{
    const struct evo_backup_options *o = run->options;
    int major = 0;
    enum evo_errc rc = begin_manifest(run, err);
    if (!rc)
        rc = evo_pg_tool_find("pg_dump", evo_pg_version(o->pg) / 10000, &run->pg_dump, &major, err);
    if (!rc && run->codec == EVO_CODEC_ZSTD && major < 16) {
        evo_error_set(err, EVO_ERR_UNSUPPORTED, "zstd needs the archive format of PostgreSQL 16 or newer");
        rc = evo_error_hint(err, "%s is of version %d. Leave --codec out, or install postgresql-client-16.",
                            run->pg_dump, major);
    }
    if (!rc)
        rc = evo_pg_refuse_pooler(o->pg, o->conninfo, err);
    if (!rc)
        rc = evo_session_prepare(o->pg, err);
    if (!rc)
        rc = evo_describe_server(o->pg, run->manifest, err);
    if (!rc && !run->manifest->filtered)
        rc = evo_refuse_hidden_rows(o->pg, NULL, err);
    if (!rc)
        name_unfinished(run);
    return rc;
}

/* By the snapshot's time, so that ids and created_at are in the same order: it may have waited for a lock. */
static void name_backup(struct evo_backup_run *run)
{
    struct evo_manifest *m = run->manifest;
    EVO_AUTO(strbuf) prefix = EVO_STRBUF_INIT;
    (void)evo_backup_id_make(m->created_ms, m->id);
    evo_backup_key(&prefix, m->environment, m->database, m->id, NULL);
    run->output.prefix = run->prefix = evo_strbuf_detach(&prefix);
}

static enum evo_errc take_snapshot(struct evo_backup_run *run, struct evo_error *err)
{
    const struct evo_backup_options *o = run->options;
    struct evo_manifest *m = run->manifest;
    struct evo_harvest_options harvest = { .pg = o->pg,
                                           .conninfo = o->conninfo,
                                           .pg_dump = run->pg_dump,
                                           .filter = &o->filter,
                                           .lock_timeout_ms =
                                               o->lock_timeout_ms ? o->lock_timeout_ms : LOCK_TIMEOUT_MS,
                                           .task = o->task };
    m->wal_before = evo_describe_wal(o->pg, m);
    enum evo_errc rc = evo_harvest(&harvest, &run->toc, &run->snapshot, &m->created_ms, err);
    if (rc)
        return rc;
    if (m->wal_before)
        m->wal_after = evo_describe_wal(o->pg, m);
    name_backup(run);
    evo_run_begun(run, EVO_BACKUP_RUNNING);
    rc = evo_running_begin(o->store, run->prefix, m->id, EVO_RUNNING_RENEW_MS, o->task, &run->running_mark,
                           err);
    if (rc)
        return rc;
    m->snapshot = evo_strdup(run->snapshot);
    m->server_version = evo_strdup(run->toc.server_version);
    m->pg_dump_version = evo_strdup(run->toc.dump_version);
    m->archive_version = evo_asprintf("%d.%d", run->toc.major, run->toc.minor);
    run->encoding = evo_toc_encoding(&run->toc);
    if (m->filtered) {
        EVO_AUTO(strbuf) oids = EVO_STRBUF_INIT;
        evo_toc_table_oids(&run->toc, &oids);
        rc = evo_refuse_hidden_rows(o->pg, oids.buf, err);
    }
    if (rc || o->recipients)
        return rc;
    return evo_describe_ledger(o->pg, m, err);
}

static enum evo_errc make(struct evo_backup_run *run, struct evo_error *err)
{
    enum evo_errc rc = prepare(run, err);
    if (!rc)
        rc = take_snapshot(run, err);
    if (!rc)
        rc = evo_run_plan(run, err);
    if (!rc)
        rc = copy_all(run, err);
    if (!rc)
        rc = evo_pg_exec(run->options->pg, "COMMIT", err);
    return rc ? rc : evo_run_finish(run, err);
}

enum evo_errc evo_backup_create(const struct evo_backup_options *o, struct evo_manifest *manifest,
                                struct evo_error *err)
{
    struct evo_backup_run run;
    evo_run_init(&run);
    run.options = o;
    run.manifest = manifest;
    enum evo_errc rc = make(&run, err);
    evo_running_end(run.running_mark, !rc);
    if (rc)
        evo_run_take_back(&run);
    evo_run_release(&run);
    return rc;
}
