#include "backup/restore.h"

#include <errno.h>

#include "backup/load.h"
#include "backup/object.h"
#include "backup/pgrestore.h"
#include "backup/plan.h"
#include "backup/verify.h"
#include "base/cancel.h"
#include "base/file.h"
#include "base/parse.h"
#include "pg/tools.h"

#define TOC_SIZE_MAX ((size_t)512 << 20)

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
    struct evo_strbuf toc_bytes;
    struct evo_toc toc;
    char *folder; /* toc.dat for pg_restore; NULL: none yet */
    bool created;
};

/* ---- the backup ------------------------------------------------------------- */

static enum evo_errc gather(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct evo_strbuf *out = ctx;
    evo_strbuf_add(out, data, n);
    return evo_strbuf_ok(out) ? EVO_OK
                              : evo_error_set(err, EVO_ERR_INTEGRITY, "toc.dat is larger than allowed");
}

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
    rc = evo_object_read(o->store, o->backup->prefix, evo_manifest_find(&o->backup->manifest, EVO_BACKUP_TOC),
                         gather, &r->toc_bytes, err);
    if (!rc)
        rc = evo_toc_parse(r->toc_bytes.buf, r->toc_bytes.len, &r->toc, err);
    if (rc)
        return evo_error_prefix(err, "backup \"%s\"", o->backup->manifest.id);
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
    evo_notice(o->task, "backup \"%s\" of database \"%s\" goes into database \"%s\" at %s (server %s%s%s)",
               o->backup->manifest.id, o->backup->manifest.database, o->target->database, o->target->redacted,
               evo_pg_version_text(pg), cluster ? ", system identifier " : "", cluster ? cluster : "");
    if (evo_pg_version(pg) / 10000 < o->backup->manifest.server_version_num / 10000)
        evo_warn(o->task, "the target's server is older than the one that was backed up");
}

/* Things of a user's in the database, at most a few names. */
static enum evo_errc refuse_full(const struct evo_restore_options *o, struct evo_pg *pg,
                                 struct evo_error *err)
{
    static const char sql[] =
        "WITH own AS (SELECT oid, nspname FROM pg_catalog.pg_namespace n WHERE nspname !~ '^pg_' "
        "  AND nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend "
        "  WHERE classid = 'pg_namespace'::regclass AND objid = n.oid AND deptype = 'e')), "
        "ext AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e') "
        "SELECT what FROM (SELECT 1 AS n, nspname || '.' || relname AS what FROM pg_catalog.pg_class c "
        "    JOIN own ON own.oid = relnamespace WHERE ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM "
        "ext) "
        "    AND relkind <> 'i' "
        "  UNION ALL SELECT 2, nspname || '.' || proname || '()' FROM pg_catalog.pg_proc p "
        "    JOIN own ON own.oid = pronamespace WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM "
        "ext) "
        "  UNION ALL SELECT 3, nspname || '.' || typname FROM pg_catalog.pg_type t JOIN own ON own.oid = "
        "typnamespace "
        "    WHERE typtype IN ('e', 'd', 'r') AND ('pg_type'::regclass, t.oid) NOT IN (SELECT * FROM ext) "
        "  UNION ALL SELECT 4, 'schema ' || nspname FROM own WHERE nspname <> 'public' "
        "  UNION ALL SELECT 5, 'large object ' || oid FROM pg_catalog.pg_largeobject_metadata) x "
        "ORDER BY n, what LIMIT 6";
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    if (rc || !evo_pg_rows(r))
        return rc;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    for (int i = 0; i < evo_pg_rows(r) && i < 5; i++)
        evo_strbuf_addf(&names, "%s\"%s\"", i ? ", " : "", evo_pg_value(r, i, 0));
    evo_error_set(err, EVO_ERR_TARGET_NOT_EMPTY, "database \"%s\" is not empty", o->target->database);
    evo_error_detail(err, "It holds %s%s.", names.buf, evo_pg_rows(r) > 5 ? ", …" : "");
    return evo_error_hint(
        err,
        "Restore into a new database: evo-restore %s --create --to URL_OF_A_NEW_DATABASE; or beside "
        "what is there with --into-existing --confirm %s.",
        o->backup->manifest.id, o->target->database);
}

static enum evo_errc create_database(struct restore *r, struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_pg_identifier(pg, r->options->target->database);
    EVO_AUTO_STR options = evo_toc_database_options(&r->toc);
    enum evo_errc rc =
        evo_pg_execf(pg, err, "CREATE DATABASE %s %s", name, options ? options : "WITH TEMPLATE = template0");
    if (rc)
        return evo_error_prefix(err, "could not create database \"%s\"", r->options->target->database);
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
    return o->into_existing ? EVO_OK : refuse_full(o, pg, err);
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

#define LIST "wanted.list"

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

/* The whole table of contents and the list of the entries wanted now, where pg_restore finds them. The whole, because
 * what an entry depends on tells pg_restore which of them lock the same table: without the tables in it two foreign
 * keys of one table are made side by side, and deadlock. */
static enum evo_errc write_toc(struct restore *r, bool (*keep)(const struct evo_toc_entry *e),
                               char **ret_list, struct evo_error *err)
{
    EVO_AUTO_STR path = evo_path_join(r->folder, EVO_BACKUP_TOC);
    EVO_AUTO_STR list = evo_path_join(r->folder, LIST);
    EVO_AUTO(strbuf) ids = EVO_STRBUF_INIT_MAX(TOC_SIZE_MAX);
    for (size_t i = 0; i < r->toc.count; i++)
        if (keep(&r->toc.items[i]))
            evo_strbuf_addf(&ids, "%d;\n", r->toc.items[i].id);
    enum evo_errc rc = evo_file_write(path, r->toc_bytes.buf, r->toc_bytes.len, err);
    if (!rc)
        rc = evo_file_write(list, ids.buf, ids.len, err);
    if (rc)
        return rc;
    free(*ret_list);
    *ret_list = list;
    list = NULL;
    return EVO_OK;
}

static enum evo_errc make_folder(struct restore *r, struct evo_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = evo_asprintf("%s/evo-restore.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) {
        int errnum = errno;
        free(folder);
        return evo_error_errno(err, EVO_ERR_DISK, errnum, "could not make a temporary folder");
    }
    r->folder = folder;
    return EVO_OK;
}

static void remove_folder(struct restore *r)
{
    if (!r->folder)
        return;
    EVO_AUTO_STR path = evo_path_join(r->folder, EVO_BACKUP_TOC);
    EVO_AUTO_STR list = evo_path_join(r->folder, LIST);
    (void)unlink(path);
    (void)unlink(list);
    (void)rmdir(r->folder);
}

static enum evo_errc restore_all(struct restore *r, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    const struct evo_backup_object *lo = evo_manifest_find(&o->backup->manifest, EVO_BACKUP_LO);
    EVO_AUTO_STR list = NULL;
    enum evo_errc rc = make_folder(r, err);
    if (!rc)
        rc = write_toc(r, before_data, &list, err);
    if (!rc)
        rc = evo_pgrestore_folder(&r->tool, r->folder, list, false, err);
    if (!rc)
        rc = evo_load_tables(o, &r->toc, r->jobs, r->result, err);
    if (!rc && lo)
        rc = evo_pgrestore_object(&r->tool, o->store, o->backup->prefix, lo, err);
    if (!rc)
        rc = write_toc(r, after_data, &list, err);
    if (!rc)
        rc = evo_pgrestore_folder(&r->tool, r->folder, list, true, err);
    return rc;
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
        evo_warn(r->options->task, "database \"%s\" is incomplete: drop it before the next attempt",
                 r->options->target->database);
    return rc;
}

enum evo_errc evo_restore(const struct evo_restore_options *o, struct evo_restoration *ret,
                          struct evo_error *err)
{
    struct restore r = { .options = o, .result = ret, .toc_bytes = EVO_STRBUF_INIT_MAX(TOC_SIZE_MAX) };
    r.jobs = o->jobs ? o->jobs : evo_plan_jobs(sysconf(_SC_NPROCESSORS_ONLN));
    ret->target = evo_strdup(o->target->redacted);
    enum evo_errc rc = run(&r, err);
    remove_folder(&r);
    free(r.folder);
    free(r.tool_path);
    evo_toc_release(&r.toc);
    evo_strbuf_release(&r.toc_bytes);
    return rc;
}
