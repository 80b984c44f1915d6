#include "backup/restore.h"

#include "backup/archive.h"
#include "backup/load.h"
#include "backup/pgrestore.h"
#include "backup/plan.h"
#include "backup/target.h"
#include "backup/verify.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"
#include "pg/tools.h"

void evo_restoration_release(struct evo_restoration *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        free(r->tables[i].name);
    free(r->tables);
    free(r->target);
    *r = (struct evo_restoration){ 0 };
}

struct restore {
    const struct evo_restore_options *options;
    struct evo_restoration *result;
    struct evo_pgrestore tool;
    char *tool_path;
    int jobs;
    struct evo_toc toc;
    struct evo_toc_map map;
    bool *take; /* by the place in toc.items */
    struct evo_target target; /* before; not of one made here */
    bool created;
    bool is_source; /* the target is the database that was backed up */
    enum { STAGE_BEFORE, STAGE_SCHEMA, STAGE_ROWS, STAGE_REST } stage;
};

/* ---- the backup ------------------------------------------------------------- */

/* Nothing is begun with a backup of which something is missing. */
static enum evo_errc check_backup(struct restore *r, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO(verification) v = { 0 };
    enum evo_errc rc = evo_backup_verify(o->store, o->backup, true, o->task, &v, err);
    if (!rc)
        rc = evo_verification_error(&v, &o->backup->manifest, err);
    if (rc)
        return rc;
    rc = evo_archive_load_toc(o->store, o->backup, &r->toc, err);
    if (!rc)
        rc = evo_toc_map_build(&r->toc, &r->map, err);
    if (rc)
        return evo_error_prefix(err, "backup \"%s\"", o->backup->manifest.id);
    r->take = evo_calloc(r->toc.count + 1, sizeof(*r->take));
    for (size_t i = 0; i < r->toc.count; i++)
        r->take[i] = true;
    return EVO_OK;
}

static enum evo_errc find_tool(struct restore *r, struct evo_error *err)
{
    const struct evo_manifest *m = &r->options->backup->manifest;
    int64_t major = m->server_version_num / 10000;
    uint64_t by = 0;
    const char *version = m->pg_dump_version ? m->pg_dump_version : "";
    /* The archive is of the version of the pg_dump that wrote it, which may be newer than the server. */
    if (evo_parse_digits(version, strspn(version, "0123456789"), &by) && by < 1000 && (int64_t)by > major)
        major = (int64_t)by;
    int found = 0;
    enum evo_errc rc = evo_pg_tool_find("pg_restore", (int)major, &r->tool_path, &found, err);
    r->tool = (struct evo_pgrestore){
        .path = r->tool_path, .target = r->options->target, .jobs = r->jobs, .no_owner = r->options->no_owner
    };
    return rc;
}

/* ---- the target ------------------------------------------------------------- */

static enum evo_errc open_target(const struct evo_conninfo *info, struct evo_task *task, struct evo_pg **ret,
                                 struct evo_error *err)
{
    struct evo_pg_options options = { .application_name = "evo-restore", .task = task };
    return evo_pg_open(info, &options, ret, err);
}

/* Where a database can be made from: any other one. */
static enum evo_errc open_maintenance(const struct evo_restore_options *o, struct evo_pg **ret,
                                      struct evo_error *err)
{
    EVO_AUTO(conninfo) info = { 0 };
    evo_conninfo_copy(&info, o->target);
    evo_conninfo_set_database(&info, "postgres");
    enum evo_errc rc = open_target(&info, o->task, ret, err);
    if (rc != EVO_ERR_CONNECT || !err || !evo_streq(err->sqlstate, "3D000"))
        return rc;
    evo_conninfo_set_database(&info, "template1");
    return open_target(&info, o->task, ret, err);
}

static void show_identity(struct restore *r, struct evo_pg *pg)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO_PTR(pg_result) id = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    const char *cluster = NULL;
    if (!evo_pg_query(pg, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()", 0, NULL, &id,
                      &ignored))
        cluster = evo_pg_value(id, 0, 0);
    const struct evo_manifest *m = &o->backup->manifest;
    char age[EVO_HUMAN_MAX];
    char size[EVO_HUMAN_MAX];
    evo_notice(o->task,
               "backup \"%s\" of database \"%s\" in environment \"%s\", taken %s, %s, goes into database "
               "\"%s\" at %s "
               "(server %s%s%s)",
               m->id, m->database, m->environment, evo_backup_age(m->created_ms, evo_wall_ms(), age),
               evo_format_size(evo_manifest_totals(m).stored_bytes, size), o->target->database,
               o->target->redacted, evo_pg_version_text(pg), cluster ? ", system identifier " : "",
               cluster ? cluster : "");
    r->is_source = cluster && m->system_identifier && evo_streq(cluster, m->system_identifier) &&
                   evo_streq(m->database, o->target->database);
    if (r->is_source)
        evo_warn(o->task, "database \"%s\" is the very database that this backup was taken from",
                 o->target->database);
    if (evo_pg_version(pg) / 10000 < o->backup->manifest.server_version_num / 10000)
        evo_warn(o->task, "the target's server is older than the one that was backed up");
}

static void add_names(struct evo_strbuf *out, const struct evo_strvec *names, int64_t all)
{
    for (size_t i = 0; i < names->count && i < 5; i++)
        evo_strbuf_addf(out, "%s\"%s\"", i ? ", " : "", names->items[i]);
    evo_strbuf_adds(out, all > 5 ? ", …" : "");
}

/* Says what stands in the way, and a way that can be gone. */
static enum evo_errc refuse_full(const struct restore *r, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    const struct evo_target *t = &r->target;
    const char *source = r->is_source ? " It is the very database that the backup was taken from." : "";
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    evo_error_set(err, EVO_ERR_TARGET_NOT_EMPTY, "database \"%s\" %s", o->target->database,
                  o->into_existing ? "holds names of the backup's already" : "is not empty");
    if (t->taken_count) {
        add_names(&names, &t->taken, t->taken_count);
        evo_error_detail(err, "It holds what the backup holds too: %s.%s Nothing was changed.", names.buf,
                         source);
        return evo_error_hint(
            err, "Restore into a new database: evo-restore %s --create --to URL_OF_A_NEW_DATABASE",
            o->backup->manifest.id);
    }
    add_names(&names, &t->things, (int64_t)t->things.count);
    evo_error_detail(err, "It holds %s.%s Nothing was changed.", names.buf, source);
    return evo_error_hint(
        err,
        "Restore into a new database: evo-restore %s --create --to URL_OF_A_NEW_DATABASE; or beside "
        "what is there with --into-existing --confirm %s.",
        o->backup->manifest.id, o->target->database);
}

static void hint_at_createdb(struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_pg_query(pg, "SELECT current_user", 0, NULL, &r, &ignored) || evo_pg_rows(r) != 1)
        return;
    EVO_AUTO_STR role = evo_pg_identifier(pg, evo_pg_value(r, 0, 0));
    evo_error_hint(
        err,
        "ALTER ROLE %s CREATEDB; or have the database made first, owned by the role, and restore without "
        "--create.",
        role);
}

static enum evo_errc create_database(struct restore *r, struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_pg_identifier(pg, r->options->target->database);
    EVO_AUTO_STR options = evo_toc_database_options(&r->toc);
    enum evo_errc rc =
        evo_pg_execf(pg, err, "CREATE DATABASE %s %s", name, options ? options : "WITH TEMPLATE = template0");
    if (rc) {
        evo_error_prefix(err, "could not create database \"%s\"", r->options->target->database);
        if (rc == EVO_ERR_PERMISSION)
            hint_at_createdb(pg, err);
        return rc;
    }
    r->created = true;
    return EVO_OK;
}

/* A new one: must not be there. */
static enum evo_errc prepare_new(struct restore *r, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO_PTR(pg_result) found = NULL;
    const char *const params[] = { o->target->database };
    enum evo_errc rc = open_maintenance(o, &pg, err);
    if (rc)
        return rc;
    show_identity(r, pg);
    rc = evo_pg_query(pg, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", 1, params, &found, err);
    if (rc)
        return rc;
    if (evo_pg_rows(found)) {
        evo_error_set(err, EVO_ERR_TARGET_NOT_EMPTY, "database \"%s\" exists already", o->target->database);
        return evo_error_hint(err, "Name another database in --to, or leave --create out where it is empty.");
    }
    return o->dry_run ? EVO_OK : create_database(r, pg, err);
}

static enum evo_errc prepare_target(struct restore *r, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    if (o->create)
        return prepare_new(r, err);
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = open_target(o->target, o->task, &pg, err);
    if (rc == EVO_ERR_CONNECT && err && evo_streq(err->sqlstate, "3D000"))
        return evo_error_hint(err, "Give --create to have it made.");
    if (rc)
        return rc;
    show_identity(r, pg);
    rc = evo_target_look(pg, &r->toc, &r->target, err);
    if (rc)
        return rc;
    bool refused = o->into_existing ? r->target.taken_count > 0 : r->target.things.count > 0;
    return refused ? refuse_full(r, err) : EVO_OK;
}

static void drop_created(struct restore *r)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    int signo = evo_cancel_signal();
    evo_cancel_acknowledge();
    bool dropped = false;
    if (!open_maintenance(r->options, &pg, &ignored)) {
        EVO_AUTO_STR name = evo_pg_identifier(pg, r->options->target->database);
        dropped = !evo_pg_execf(pg, &ignored, "DROP DATABASE %s", name);
    }
    if (dropped)
        evo_notice(r->options->task, "database \"%s\" was incomplete and has been dropped again",
                   r->options->target->database);
    else
        evo_warn(r->options->task, "database \"%s\" is incomplete and could not be dropped",
                 r->options->target->database);
    if (signo)
        evo_cancel_request(signo);
}

/* Nothing is made where a name is taken, and nothing of others is dropped. */
static void say_what_is_there(const struct restore *r)
{
    const struct evo_restore_options *o = r->options;
    const struct evo_restoration *result = r->result;
    long long all = (long long)evo_manifest_totals(&o->backup->manifest).tables;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    if (r->stage == STAGE_SCHEMA) {
        evo_strbuf_adds(&text,
                        "some of the backup's tables and other objects have been made, none holds rows");
    } else if (r->stage == STAGE_ROWS) {
        evo_strbuf_addf(&text, "the backup's tables have been made, %zu of %lld hold their rows",
                        result->count, all);
        for (size_t i = 0; i < result->count && i < 5; i++)
            evo_strbuf_addf(&text, "%s\"%s\"", i ? ", " : " (", result->tables[i].name);
        evo_strbuf_addf(&text, "%s%s; indexes, constraints and privileges are missing",
                        result->count > 5 ? ", …" : "", result->count ? ")" : "");
    } else {
        evo_strbuf_adds(&text, "the backup's tables have been made and hold their rows, but some indexes, "
                               "constraints, triggers or privileges are missing");
    }
    evo_warn(o->task,
             "the restore into database \"%s\" is incomplete: %s; no table that was there before was changed",
             o->target->database, text.buf);
}

static void take_back(struct restore *r)
{
    const struct evo_restore_options *o = r->options;
    const struct evo_target *t = &r->target;
    if (r->stage == STAGE_BEFORE || (r->stage == STAGE_SCHEMA && t->one_transaction)) {
        evo_notice(o->task, "nothing was changed in database \"%s\"", o->target->database);
        return;
    }
    if (t->things.count) {
        say_what_is_there(r);
        return;
    }
    EVO_AUTO_PTR(pg) pg = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    int signo = evo_cancel_signal();
    evo_cancel_acknowledge();
    bool undone = t->one_transaction && !open_target(o->target, o->task, &pg, &ignored) &&
                  evo_target_undo(pg, &r->toc, t);
    if (undone)
        evo_notice(
            o->task,
            "what had been restored into database \"%s\" was incomplete and has been removed: it is empty "
            "as before",
            o->target->database);
    else
        evo_warn(o->task, "database \"%s\", which was empty, is incomplete: drop it before the next attempt",
                 o->target->database);
    if (signo)
        evo_cancel_request(signo);
}

/* ---- schema ----------------------------------------------------------------- */

/* What tables need to exist. Privileges and comments come with the rest, as pg_restore has it: a role may have taken
 * from itself the right to fill its own table. */
static bool before_data(const struct evo_toc_entry *e)
{
    return e->section == EVO_TOC_PRE_DATA;
}

static bool after_data(const struct evo_toc_entry *e)
{
    return evo_toc_is_setting(e) || (e->section != EVO_TOC_PRE_DATA && !evo_toc_is_table_data(e));
}

/* What is wanted of each entry now. */
static bool *choose(const struct restore *r, bool (*keep)(const struct evo_toc_entry *e))
{
    bool *wanted = evo_calloc(r->toc.count + 1, sizeof(*wanted));
    for (size_t i = 0; i < r->toc.count; i++)
        wanted[i] = r->take[i] && keep(&r->toc.items[i]);
    return wanted;
}

static enum evo_errc restore_schema(struct restore *r, struct evo_error *err)
{
    bool *wanted = choose(r, before_data);
    r->stage = STAGE_SCHEMA;
    enum evo_errc rc = evo_pgrestore_entries(
        &r->tool, &r->toc, wanted,
        r->target.one_transaction ? EVO_PGRESTORE_ONE_TRANSACTION : EVO_PGRESTORE_PLAIN, err);
    free(wanted);
    return rc;
}

/* Behind the rows and what was made beside them: sequences, what is left of indexes and constraints, views with rows,
 * triggers, privileges. */
static enum evo_errc restore_rest(struct restore *r, const struct evo_worklist *work, struct evo_error *err)
{
    bool *wanted = choose(r, after_data);
    for (size_t i = 0; i < r->toc.count; i++)
        wanted[i] = wanted[i] && !work->made[i];
    r->stage = STAGE_REST;
    enum evo_errc rc = evo_pgrestore_entries(&r->tool, &r->toc, wanted, EVO_PGRESTORE_PARALLEL, err);
    free(wanted);
    return rc;
}

static enum evo_errc restore_all(struct restore *r, struct evo_error *err)
{
    EVO_AUTO(worklist) work = { 0 };
    const struct evo_worklist_input in = { .toc = &r->toc,
                                           .map = &r->map,
                                           .manifest = &r->options->backup->manifest,
                                           .take = r->take,
                                           .fresh = true };
    const struct evo_load load = { .options = r->options, .toc = &r->toc, .tool = &r->tool, .jobs = r->jobs };
    enum evo_errc rc = evo_worklist_build(&in, &work, err);
    if (!rc)
        rc = restore_schema(r, err);
    if (rc)
        return rc;
    r->stage = STAGE_ROWS;
    rc = evo_load_run(&load, &work, r->result, err);
    return rc ? rc : restore_rest(r, &work, err);
}

static enum evo_errc run(struct restore *r, struct evo_error *err)
{
    enum evo_errc rc = check_backup(r, err);
    if (!rc)
        rc = find_tool(r, err);
    if (!rc)
        rc = prepare_target(r, err);
    if (rc || r->options->dry_run)
        return rc;
    rc = restore_all(r, err);
    if (rc && r->created)
        drop_created(r);
    else if (rc)
        take_back(r);
    return rc;
}

enum evo_errc evo_restore(const struct evo_restore_options *o, struct evo_restoration *ret,
                          struct evo_error *err)
{
    struct restore r = { .options = o, .result = ret };
    r.jobs = o->jobs ? o->jobs : evo_plan_jobs(sysconf(_SC_NPROCESSORS_ONLN));
    ret->target = evo_strdup(o->target->redacted);
    enum evo_errc rc = run(&r, err);
    free(r.tool_path);
    free(r.take);
    evo_target_release(&r.target);
    evo_toc_map_release(&r.map);
    evo_toc_release(&r.toc);
    return rc;
}
