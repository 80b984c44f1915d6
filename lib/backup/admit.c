#include "backup/admit.h"

#include "backup/created.h"
#include "backup/session.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"

/* ---- who it is -------------------------------------------------------------- */

static enum evo_errc open_as_role(const struct evo_conninfo *info, const struct evo_restore_options *o,
                                  struct evo_pg **ret, struct evo_error *err)
{
    struct evo_pg_options options = { .application_name = "evo-restore", .task = o->task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(info, &options, &pg, err);
    if (!rc && o->role)
        rc = evo_session_role(pg, o->role, err);
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

/* Where a database can be made from: any other one. */
static enum evo_errc open_maintenance(const struct evo_restore_options *o, struct evo_pg **ret,
                                      struct evo_error *err)
{
    EVO_AUTO(conninfo) info = { 0 };
    evo_conninfo_copy(&info, o->target);
    evo_conninfo_set_database(&info, "postgres");
    enum evo_errc rc = open_as_role(&info, o, ret, err);
    if (rc != EVO_ERR_CONNECT || !err || !evo_streq(err->sqlstate, "3D000"))
        return rc;
    evo_conninfo_set_database(&info, "template1");
    return open_as_role(&info, o, ret, err);
}

enum evo_errc evo_admit_open(const struct evo_restore_options *o, bool create, struct evo_pg **ret,
                             struct evo_error *err)
{
    if (create)
        return open_maintenance(o, ret, err);
    enum evo_errc rc = open_as_role(o->target, o, ret, err);
    if (rc == EVO_ERR_CONNECT && err && evo_streq(err->sqlstate, "3D000"))
        return evo_error_hint(err, "Give --create to have it made.");
    return rc;
}

void evo_admit_identify(struct evo_restore_run *r, struct evo_pg *pg)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO_PTR(pg_result) id = NULL;
    EVO_AUTO_PTR(pg_result) bytes = NULL;
    EVO_AUTO(strbuf) details = EVO_STRBUF_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    const char *cluster = NULL;
    char held[EVO_HUMAN_MAX];
    if (!evo_pg_query(pg, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()", 0, NULL, &id,
                      &ignored))
        cluster = evo_pg_value(id, 0, 0);
    evo_strbuf_addf(&details, "server %s", evo_pg_version_text(pg));
    if (cluster)
        evo_strbuf_addf(&details, ", system identifier %s", cluster);
    if (!o->create && !evo_pg_query(pg, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())",
                                    0, NULL, &bytes, &ignored))
        evo_strbuf_addf(&details, ", now %s",
                        evo_format_size((uint64_t)evo_pg_value_int(bytes, 0, 0, 0), held));
    r->server_version = evo_pg_version(pg);
    const struct evo_manifest *m = &o->backup->manifest;
    char age[EVO_HUMAN_MAX];
    char size[EVO_HUMAN_MAX];
    evo_notice(o->task,
               "backup \"%s\" of database \"%s\" in environment \"%s\", taken %s, %s, goes into database "
               "\"%s\" at %s (%s)",
               m->id, m->database, m->environment, evo_backup_age(m->created_ms, evo_wall_ms(), age),
               evo_format_size(evo_manifest_totals(m).stored_bytes, size), o->target->database,
               o->target->redacted, details.buf);
    r->is_source = cluster && m->system_identifier && evo_streq(cluster, m->system_identifier) &&
                   evo_streq(m->database, o->target->database);
    if (r->is_source)
        evo_warn(o->task, "database \"%s\" is the very database that this backup was taken from",
                 o->target->database);
    if (m->filtered)
        evo_warn(o->task,
                 "backup \"%s\" is not of the whole database: options left something out when it was made "
                 "(evo-backup show %s)",
                 m->id, m->id);
    if (evo_pg_version(pg) / 10000 < o->backup->manifest.server_version_num / 10000)
        evo_warn(o->task, "the target's server is older than the one that was backed up");
}

/* ---- what is in the way ----------------------------------------------------- */

static void add_names(struct evo_strbuf *out, const struct evo_strvec *names, int64_t all)
{
    for (size_t i = 0; i < names->count && i < 5; i++)
        evo_strbuf_addf(out, "%s\"%s\"", i ? ", " : "", names->items[i]);
    evo_strbuf_adds(out, all > 5 ? ", …" : "");
}

/* Says what stands in the way, and a way that can be gone. */
static enum evo_errc refuse_full(const struct evo_restore_run *r, struct evo_error *err)
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

enum evo_errc evo_admit_check(struct evo_restore_run *r, struct evo_pg *pg, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    if (o->create)
        return evo_created_refuse(pg, o->target->database, err);
    enum evo_errc rc = evo_session_prepare(pg, err);
    if (!rc && !r->selection.whole)
        rc = evo_target_leave_what_is_there(pg, &r->toc, &r->map, o->clean, &r->selection, err);
    if (!rc)
        rc = evo_target_look(pg, &r->toc, &r->selection, &r->target, err);
    if (rc)
        return rc;
    if (o->data_only)
        return evo_target_check_tables(pg, &r->toc, &r->selection, o->into_existing, err);
    bool refused = o->into_existing ? !o->clean && r->target.taken_count > 0 : r->target.things.count > 0;
    return refused ? refuse_full(r, err) : EVO_OK;
}

/* ---- making ---------------------------------------------------- */

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

enum evo_errc evo_admit_create(struct evo_restore_run *r, struct evo_pg *pg, struct evo_error *err)
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
    return evo_created_mark(pg, r->options->target->database, r->options->backup->manifest.id, err);
}

enum evo_errc evo_admit_finish(struct evo_restore_run *r, struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    if (!r->created)
        return EVO_OK;
    enum evo_errc rc = open_maintenance(r->options, &pg, err);
    return rc ? rc : evo_created_unmark(pg, r->options->target->database, err);
}

static void drop_created(struct evo_restore_run *r)
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

/* ---- what is left ----------------------------------------------------------- */

static void add_loaded(const struct evo_restoration *result, struct evo_strbuf *text)
{
    for (size_t i = 0; i < result->count && i < 5; i++)
        evo_strbuf_addf(text, "%s\"%s\"", i ? ", " : " (", result->tables[i].name);
    evo_strbuf_addf(text, "%s%s", result->count > 5 ? ", …" : "", result->count ? ")" : "");
}

/* Nothing is made where a name is taken, and nothing of others is dropped. */
static void say_what_is_there(const struct evo_restore_run *r)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    const char *others = o->clean ? "what the backup holds was dropped before, nothing else was changed"
                                  : "no table that was there before was changed";
    if (o->data_only) {
        evo_strbuf_addf(&text, "%zu of %zu tables hold their rows", r->result->count, r->work.ntables);
        add_loaded(r->result, &text);
        others = o->into_existing ? "rows that were there before are still there"
                                  : "empty them before the next attempt";
    } else if (r->stage == EVO_RESTORE_REPLACED) {
        evo_strbuf_adds(
            &text, "the backup's tables are there as a whole, but large objects may be missing, and not all "
                   "tables have been analyzed");
    } else if (r->stage == EVO_RESTORE_SCHEMA) {
        evo_strbuf_adds(&text,
                        "some of the backup's tables and other objects have been made, none holds rows");
    } else if (r->stage == EVO_RESTORE_ROWS) {
        evo_strbuf_addf(&text, "the backup's tables have been made, %zu of %zu hold their rows",
                        r->result->count, r->work.ntables);
        add_loaded(r->result, &text);
        evo_strbuf_adds(&text, "; indexes, constraints and privileges are missing");
    } else {
        evo_strbuf_adds(&text, "the backup's tables have been made and hold their rows, but some indexes, "
                               "constraints, triggers or privileges are missing");
    }
    evo_warn(o->task, "the restore into database \"%s\" is incomplete: %s; %s", o->target->database, text.buf,
             others);
}

/* Back to nothing, where the database was empty. */
static void undo(struct evo_restore_run *r)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO_PTR(pg) pg = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    int signo = evo_cancel_signal();
    evo_cancel_acknowledge();
    bool undone = r->target.one_transaction && !open_as_role(o->target, o, &pg, &ignored) &&
                  evo_target_undo(pg, &r->toc, &r->selection, &r->target);
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

void evo_admit_take_back(struct evo_restore_run *r)
{
    const struct evo_target *t = &r->target;
    bool cleaned = r->stage > EVO_RESTORE_SCHEMA && r->options->clean;
    if (r->created)
        drop_created(r);
    else if (r->stage == EVO_RESTORE_UNKNOWN)
        evo_warn(r->options->task,
                 "database \"%s\" is as it was before or holds all that was restored: which of the two is "
                 "not known",
                 r->options->target->database);
    else if (r->stage == EVO_RESTORE_BEFORE || (r->stage == EVO_RESTORE_SCHEMA && t->one_transaction))
        evo_notice(r->options->task, "nothing was changed in database \"%s\"", r->options->target->database);
    else if (t->things.count || cleaned)
        say_what_is_there(r);
    else
        undo(r);
}
