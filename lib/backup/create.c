#include "backup/create.h"

#include "backup/find.h"
#include "backup/harvest.h"
#include "backup/instructions.h"
#include "backup/plan.h"
#include "backup/run.h"
#include "backup/session.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "layout/ledger.h"
#include "pg/tools.h"

#define MEMORY_DEFAULT ((uint64_t)64 << 20)
enum {
    LOCK_TIMEOUT_MS = 60000,
    TICK_MS = 200, /* how often the holder looks up while the others work */
    KEEP_ALIVE_MS = 30000, /* its session says something to the server this often */
    CLEAN_UP_MS = 3000
};

/* ---- before ----------------------------------------------------------------- */

/* Tables whose rows the role would see only in part; pg_dump refuses at the first of them. */
static enum evo_errc refuse_hidden_rows(struct evo_pg *pg, struct evo_error *err)
{
    static const char sql[] =
        "SELECT n.nspname || '.' || c.relname, current_user FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid) ORDER BY 1";
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    if (rc || !evo_pg_rows(r))
        return rc;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    for (int i = 0; i < evo_pg_rows(r) && i < 20; i++)
        evo_strbuf_addf(&names, "%s\"%s\"", i ? ", " : "", evo_pg_value(r, i, 0));
    evo_error_set(err, EVO_ERR_PERMISSION, "row-level security hides rows of %d table%s from role \"%s\"",
                  evo_pg_rows(r), evo_pg_rows(r) == 1 ? "" : "s", evo_pg_value(r, 0, 1));
    evo_error_detail(err, "A backup without them would not be whole: %s%s.", names.buf,
                     evo_pg_rows(r) > 20 ? ", …" : "");
    EVO_AUTO_STR role = evo_pg_identifier(pg, evo_pg_value(r, 0, 1));
    return evo_error_hint(err, "ALTER ROLE %s BYPASSRLS;", role);
}

/* A value that the role may not be allowed to ask for. The caller frees; NULL. */
static char *ask(struct evo_pg *pg, const char *sql)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_pg_query(pg, sql, 0, NULL, &r, &ignored) || evo_pg_rows(r) != 1)
        return NULL;
    return evo_strdup(evo_pg_value(r, 0, 0));
}

static enum evo_errc describe_server(struct evo_pg *pg, struct evo_manifest *m, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg,
                                    "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype, "
                                    "pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_database "
                                    "WHERE datname = pg_catalog.current_database()",
                                    0, NULL, &r, err);
    if (rc)
        return rc;
    m->encoding = evo_strdup(evo_pg_value(r, 0, 0));
    m->collate = evo_strdup(evo_pg_value(r, 0, 1));
    m->ctype = evo_strdup(evo_pg_value(r, 0, 2));
    m->in_recovery = evo_pg_value_bool(r, 0, 3);
    m->server_version_num = evo_pg_version(pg);
    m->system_identifier = ask(pg, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()");
    return EVO_OK;
}

static char *wal_position(struct evo_pg *pg, const struct evo_manifest *m)
{
    return ask(pg, m->in_recovery ? "SELECT pg_catalog.pg_last_wal_replay_lsn()::text"
                                  : "SELECT pg_catalog.pg_current_wal_lsn()::text");
}

static void add_migration(struct evo_json *list, const struct evo_ledger_row *row)
{
    struct evo_json *v = evo_json_object();
    evo_json_set_string(v, "name", row->name);
    evo_json_set_string(v, "checksum", row->checksum);
    evo_json_append(list, v);
}

/* What the database itself records about its migrations, with no folder at hand. */
static enum evo_errc describe_ledger(struct evo_backup_run *run, struct evo_error *err)
{
    static const struct {
        enum evo_layout_kind kind;
        const char *sql;
    } ledgers[] = {
        { EVO_LAYOUT_PRISMA, "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                             "ON n.oid = c.relnamespace WHERE c.relname = '_prisma_migrations' "
                             "AND c.relkind = 'r' ORDER BY n.nspname = 'public' DESC, n.nspname LIMIT 1" },
        { EVO_LAYOUT_SQL, "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                          "ON n.oid = c.relnamespace WHERE n.nspname = 'evo' AND c.relname = 'migrations' "
                          "AND c.relkind = 'r'" },
    };
    struct evo_pg *pg = run->options->pg;
    for (size_t i = 0; i < EVO_COUNT(ledgers); i++) {
        EVO_AUTO_STR schema = ask(pg, ledgers[i].sql);
        EVO_AUTO(ledger) ledger = { 0 };
        if (!schema)
            continue;
        enum evo_errc rc = evo_ledger_load(pg, ledgers[i].kind, schema, &ledger, err);
        if (rc)
            return evo_error_prefix(err, "could not read the state of the migrations");
        struct evo_json *v = run->manifest->ledger = evo_json_object();
        struct evo_json *applied = evo_json_array();
        struct evo_json *failed = evo_json_array();
        for (size_t n = 0; n < ledger.count; n++)
            if (ledger.items[n].rolled_back_ms < 0)
                add_migration(ledger.items[n].finished_ms < 0 ? failed : applied, &ledger.items[n]);
        evo_json_set_string(v, "layout", evo_layout_name(ledgers[i].kind));
        evo_json_set_string(v, "schema", schema);
        evo_json_set(v, "applied", applied);
        evo_json_set(v, "failed", failed);
        return EVO_OK;
    }
    return EVO_OK;
}

/* ---- the work --------------------------------------------------------------- */

static const struct evo_toc_entry *entry_of(const struct evo_toc *toc, const char *oid, size_t *from)
{
    for (size_t n = 0; n < toc->count; n++) {
        const struct evo_toc_entry *e = &toc->items[(*from + n) % toc->count];
        if (evo_toc_is_table_data(e) && evo_streq(e->oid, oid)) {
            *from += n + 1;
            return e;
        }
    }
    return NULL;
}

static void add_piece(struct evo_backup_run *run, const struct evo_toc_entry *entry, uint64_t expected)
{
    EVO_GROW(run->pieces, run->count, run->alloc);
    run->pieces[run->count++] = (struct evo_backup_piece){ .entry = entry, .expected = expected };
}

/* Size of each table, and the WHERE clause of those that extensions declared as their configuration: it stands
 * nowhere in the archive. */
static enum evo_errc add_tables(struct evo_backup_run *run, struct evo_error *err)
{
    static const char sql[] =
        "SELECT t.oid, pg_catalog.pg_table_size(t.oid), x.condition "
        "FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY t(oid, n) "
        "LEFT JOIN (SELECT u.oid, u.condition FROM pg_catalog.pg_extension, "
        "unnest(extconfig, extcondition) u(oid, condition)) x ON x.oid = t.oid ORDER BY t.n";
    EVO_AUTO(strbuf) oids = EVO_STRBUF_INIT;
    for (size_t i = 0; i < run->toc.count; i++)
        if (evo_toc_is_table_data(&run->toc.items[i]))
            evo_strbuf_addf(&oids, "%c%s", oids.len ? ',' : '{', run->toc.items[i].oid);
    if (!oids.len)
        return EVO_OK;
    evo_strbuf_addch(&oids, '}');
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *const params[] = { oids.buf };
    enum evo_errc rc = evo_pg_query(run->options->pg, sql, 1, params, &r, err);
    size_t from = 0;
    for (int i = 0; !rc && i < evo_pg_rows(r); i++) {
        const struct evo_toc_entry *e = entry_of(&run->toc, evo_pg_value(r, i, 0), &from);
        if (!e)
            return evo_error_set(err, EVO_ERR_INTERNAL, "table %s is not in pg_dump's table of contents",
                                 evo_pg_value(r, i, 0));
        add_piece(run, e, (uint64_t)evo_pg_value_int(r, i, 1, 0));
        const char *condition = evo_pg_value(r, i, 2);
        if (condition && *condition)
            run->pieces[run->count - 1].condition = evo_strdup(condition);
    }
    return rc;
}

static bool not_large_object(const struct evo_toc_entry *e)
{
    return !evo_toc_is_large_object(e);
}

static enum evo_errc plan(struct evo_backup_run *run, struct evo_error *err)
{
    bool large_objects = false;
    for (size_t i = 0; i < run->toc.count; i++)
        large_objects |= evo_toc_is_large_object(&run->toc.items[i]);
    evo_toc_filter(&run->toc, not_large_object);
    enum evo_errc rc = add_tables(run, err);
    if (rc)
        return rc;
    if (large_objects) {
        EVO_AUTO_PTR(pg_result) r = NULL;
        rc = evo_pg_query(run->options->pg, "SELECT pg_catalog.pg_table_size('pg_catalog.pg_largeobject')", 0,
                          NULL, &r, err);
        if (rc)
            return rc;
        add_piece(run, NULL, (uint64_t)evo_pg_value_int(r, 0, 0, 0));
    }
    struct evo_plan_item *order = evo_calloc(run->count + 1, sizeof(*order));
    struct evo_backup_piece *sorted = evo_calloc(run->count + 1, sizeof(*sorted));
    for (size_t i = 0; i < run->count; i++)
        order[i] = (struct evo_plan_item){ .index = i, .size = run->pieces[i].expected };
    evo_plan_longest_first(order, run->count);
    for (size_t i = 0; i < run->count; i++) {
        sorted[i] = run->pieces[order[i].index];
        sorted[i].part_size = evo_plan_part_size(sorted[i].expected, run->budget, run->manifest->jobs);
    }
    free(order);
    free(run->pieces);
    run->pieces = sorted;
    run->alloc = run->count + 1;
    return EVO_OK;
}

static void report(struct evo_backup_run *run)
{
    struct evo_progress p = { .what = "backup",
                              .bytes = atomic_load(&run->raw_bytes),
                              .items = atomic_load(&run->pieces_done),
                              .items_total = run->count,
                              .item = "tables" };
    evo_task_progress(run->options->task, &p);
}

/* The holder's part: what only its session can copy, and keeping that session alive. */
static void hold(struct evo_backup_run *run)
{
    struct evo_error err = EVO_ERROR_INIT;
    int64_t spoke = evo_clock_ms();
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

/* ---- after ------------------------------------------------------------------ */

static enum evo_errc put(struct evo_backup_run *run, enum evo_object_kind kind, const char *name,
                         const struct evo_strbuf *text, struct evo_error *err)
{
    EVO_AUTO_STR key = evo_asprintf("%s/%s", run->prefix, name);
    evo_run_begun(run, name);
    enum evo_errc rc = evo_store_put(run->options->store, key, text->buf, text->len, 0, err);
    if (rc)
        return rc;
    struct evo_backup_object o = { .kind = kind, .name = evo_strdup(name), .size = text->len };
    (void)evo_sha256_hex(text->buf, text->len, o.sha256);
    evo_run_written(run, &o);
    return EVO_OK;
}

static enum evo_errc put_toc(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX((size_t)512 << 20);
    evo_toc_name_files(&run->toc);
    run->toc.gzip = !evo_streq(run->manifest->compress, "none");
    enum evo_errc rc = evo_toc_format(&run->toc, EVO_TOC_DIRECTORY, &text, err);
    return rc ? rc : put(run, EVO_OBJECT_TOC, EVO_BACKUP_TOC, &text, err);
}

static enum evo_errc put_instructions(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    const char *url = evo_store_url(run->options->store);
    bool s3 = evo_store_is_s3(run->options->store);
    /* Who reads it later stands elsewhere. */
    EVO_AUTO_STR absolute = s3 ? NULL : realpath(url, NULL);
    evo_instructions(run->manifest, absolute ? absolute : url, run->prefix, s3, &text);
    return put(run, EVO_OBJECT_INSTRUCTIONS, EVO_BACKUP_INSTRUCTIONS, &text, err);
}

static int by_key(const void *key, const void *entry)
{
    const struct evo_store_entry *e = entry;
    return strcmp(key, e->key);
}

/* The store's own word for what it holds: a body cut by a lost connection can have been taken for the whole. */
static enum evo_errc compare_with_store(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(store_list) list = { 0 };
    EVO_AUTO_STR prefix = evo_asprintf("%s/", run->prefix);
    enum evo_errc rc = evo_store_list_prefix(run->options->store, prefix, true, &list, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < run->manifest->count; i++) {
        const struct evo_backup_object *o = &run->manifest->objects[i];
        EVO_AUTO_STR key = evo_asprintf("%s%s", prefix, o->name);
        const struct evo_store_entry *found =
            list.count ? bsearch(key, list.items, list.count, sizeof(*list.items), by_key) : NULL;
        if (!found || found->size != o->size)
            return evo_error_set(
                err, EVO_ERR_STORE, "object \"%s\" was written with %llu bytes, but the store %s", o->name,
                (unsigned long long)o->size, found ? "holds another number" : "does not list it");
    }
    return EVO_OK;
}

static enum evo_errc put_manifest(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO_STR key = evo_asprintf("%s/" EVO_BACKUP_MANIFEST, run->prefix);
    run->manifest->finished_ms = evo_wall_ms();
    EVO_AUTO_PTR(json) v = evo_manifest_json(run->manifest);
    evo_json_format(v, EVO_JSON_INDENT, &text);
    evo_strbuf_addch(&text, '\n');
    if (!evo_strbuf_ok(&text))
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "the manifest would be larger than %zu bytes",
                             EVO_STRBUF_MAX);
    /* The first to go if this fails halfway: a manifest whose objects are gone would be worse than none. */
    evo_strvec_push(&run->written, key);
    return evo_store_put(run->options->store, key, text.buf, text.len, EVO_STORE_ONCE, err);
}

/* Takes back what is in the store: without a manifest it is no backup, only cost. Works behind a cancel as well. */
static void clean_up(struct evo_backup_run *run)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    struct evo_deadline deadline = evo_deadline_in(CLEAN_UP_MS);
    int signo = evo_cancel_signal();
    size_t left = run->written.count;
    evo_cancel_acknowledge();
    for (; left && !evo_deadline_passed(deadline); left--)
        if (evo_store_remove(run->options->store, run->written.items[left - 1], &ignored))
            break;
    if (left)
        evo_warn(run->options->task, "%zu object%s of the unfinished backup \"%s\" %s left in the store",
                 left, left == 1 ? "" : "s", run->manifest->id, left == 1 ? "is" : "are");
    if (signo)
        evo_cancel_request(signo);
}

/* ---- all of it -------------------------------------------------------------- */

static void begin_manifest(struct evo_backup_run *run)
{
    const struct evo_backup_options *o = run->options;
    struct evo_manifest *m = run->manifest;
    m->evo_version = evo_strdup(EVO_VERSION);
    m->environment = evo_strdup(o->environment);
    m->database = evo_strdup(evo_pg_database(o->pg));
    m->compress = evo_strdup(o->compress ? o->compress : "fast");
    m->codec = evo_strdup(evo_streq(m->compress, "none") ? "none" : "gzip");
    m->jobs = o->jobs ? o->jobs : evo_plan_jobs(sysconf(_SC_NPROCESSORS_ONLN));
    run->budget = evo_plan_part_budget(o->memory ? o->memory : MEMORY_DEFAULT, m->jobs);
    m->provider = evo_json_object();
    evo_json_set_string(m->provider, "kind", evo_store_is_s3(o->store) ? "s3" : "folder");
    evo_json_set_int(m->provider, "part_bytes", (int64_t)evo_plan_part_size(0, run->budget, m->jobs));
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
    enum evo_errc rc = evo_pg_tool_find("pg_dump", evo_pg_version(o->pg) / 10000, &run->pg_dump, &major, err);
    if (!rc)
        rc = evo_pg_refuse_pooler(o->pg, o->conninfo, err);
    if (!rc)
        rc = evo_session_prepare(o->pg, err);
    if (!rc)
        rc = describe_server(o->pg, run->manifest, err);
    if (!rc)
        rc = refuse_hidden_rows(o->pg, err);
    if (!rc)
        name_unfinished(run);
    return rc;
}

static enum evo_errc take_snapshot(struct evo_backup_run *run, struct evo_error *err)
{
    const struct evo_backup_options *o = run->options;
    struct evo_manifest *m = run->manifest;
    struct evo_harvest_options harvest = { .pg = o->pg,
                                           .conninfo = o->conninfo,
                                           .pg_dump = run->pg_dump,
                                           .lock_timeout_ms =
                                               o->lock_timeout_ms ? o->lock_timeout_ms : LOCK_TIMEOUT_MS,
                                           .task = o->task };
    m->wal_before = wal_position(o->pg, m);
    enum evo_errc rc = evo_harvest(&harvest, &run->toc, &run->snapshot, &m->created_ms, err);
    if (rc)
        return rc;
    if (m->wal_before)
        m->wal_after = wal_position(o->pg, m);
    /* By the snapshot's time, so that ids and created_at are in the same order: it may have waited for a lock. */
    EVO_AUTO(strbuf) prefix = EVO_STRBUF_INIT;
    (void)evo_backup_id_make(m->created_ms, m->id);
    evo_backup_key(&prefix, m->environment, m->database, m->id, NULL);
    run->prefix = evo_strbuf_detach(&prefix);
    m->snapshot = evo_strdup(run->snapshot);
    m->server_version = evo_strdup(run->toc.server_version);
    m->pg_dump_version = evo_strdup(run->toc.dump_version);
    m->archive_version = evo_asprintf("%d.%d", run->toc.major, run->toc.minor);
    run->encoding = evo_toc_encoding(&run->toc);
    return describe_ledger(run, err);
}

static enum evo_errc make(struct evo_backup_run *run, struct evo_error *err)
{
    enum evo_errc rc = prepare(run, err);
    if (!rc)
        rc = take_snapshot(run, err);
    if (!rc)
        rc = plan(run, err);
    if (!rc)
        rc = copy_all(run, err);
    if (!rc)
        rc = evo_pg_exec(run->options->pg, "COMMIT", err);
    if (!rc)
        rc = put_toc(run, err);
    if (!rc)
        rc = put_instructions(run, err);
    if (!rc)
        rc = compare_with_store(run, err);
    if (!rc)
        rc = evo_cancel_check(err);
    return rc ? rc : put_manifest(run, err);
}

enum evo_errc evo_backup_create(const struct evo_backup_options *o, struct evo_manifest *manifest,
                                struct evo_error *err)
{
    struct evo_backup_run run;
    evo_run_init(&run);
    run.options = o;
    run.manifest = manifest;
    begin_manifest(&run);
    enum evo_errc rc = make(&run, err);
    if (rc)
        clean_up(&run);
    evo_run_release(&run);
    return rc;
}
