#include "backup/restore.h"

#include "backup/admit.h"
#include "backup/analyze.h"
#include "backup/archive.h"
#include "backup/clean.h"
#include "backup/load.h"
#include "backup/missing_roles.h"
#include "backup/object.h"
#include "backup/plan.h"
#include "backup/reader.h"
#include "backup/verify.h"
#include "base/cancel.h"
#include "base/parallel.h"

void evo_restoration_release(struct evo_restoration *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        free(r->tables[i].name);
    free(r->tables);
    for (size_t i = 0; i < r->drops_count; i++) {
        free(r->drops[i].kind);
        free(r->drops[i].name);
    }
    free(r->drops);
    free(r->target);
    free(r->tool);
    evo_strvec_release(&r->skipped);
    *r = (struct evo_restoration){ 0 };
}

/* ---- the backup ------------------------------------------------------------- */

/* Nothing is begun with a backup of which something is missing. */
static enum evo_errc check_all(const struct evo_restore_run *r, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO(verification) v = { 0 };
    enum evo_errc rc = evo_backup_verify(o->store, o->backup, true, 1, o->task, &v, err);
    return rc ? rc : evo_verification_error(&v, &o->backup->manifest, err);
}

static int by_key(const void *key, const void *entry)
{
    return strcmp(key, ((const struct evo_store_entry *)entry)->key);
}

/* Of a part of the backup, its own objects: what else is damaged does not keep it from being saved. */
static enum evo_errc check_objects(const struct evo_restore_run *r, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO(store_list) list = { 0 };
    EVO_AUTO_STR prefix = evo_asprintf("%s/", o->backup->prefix);
    enum evo_errc rc = evo_store_list_prefix(o->store, prefix, true, &list, err);
    for (size_t i = 0; !rc && i < r->work.count; i++) {
        const struct evo_backup_object *object = r->work.items[i].object;
        if (!object)
            continue;
        EVO_AUTO_STR key = evo_asprintf("%s%s", prefix, object->name);
        const struct evo_store_entry *found =
            list.count ? bsearch(key, list.items, list.count, sizeof(*list.items), by_key) : NULL;
        if (!found || found->size != object->size) {
            const char *how = !found                       ? "is missing"
                              : found->size < object->size ? "is shorter than was written"
                                                           : "is longer than was written";
            rc = evo_error_set(err, EVO_ERR_INTEGRITY, "backup \"%s\" is damaged: object \"%s\" %s",
                               o->backup->manifest.id, object->name, how);
        }
    }
    return rc;
}

static enum evo_errc read_object(void *ctx, size_t i, struct evo_error *err)
{
    const struct evo_restore_run *r = ctx;
    const struct evo_work *work = &r->work.items[i];
    const struct evo_object_source from = evo_object_source(r->options->store, r->options->backup);
    if (!work->object)
        return EVO_OK;
    return work->kind == EVO_WORK_ROWS ? evo_object_read_rows(&from, work->object, NULL, NULL, err)
                                       : evo_object_read(&from, work->object, NULL, NULL, err);
}

/* What is dropped is gone for good: before that, all that is to take its place is read once to its end. */
static enum evo_errc read_all(struct evo_restore_run *r, struct evo_error *err)
{
    evo_notice(r->options->task, "reading the backup once before anything is dropped");
    enum evo_errc rc = evo_parallel(r->work.count, r->jobs, read_object, r, err);
    return rc ? evo_error_prefix(err, "nothing was dropped: backup \"%s\"", r->options->backup->manifest.id)
              : EVO_OK;
}

static enum evo_errc load_toc(struct evo_restore_run *r, struct evo_error *err)
{
    const struct evo_backup *backup = r->options->backup;
    enum evo_errc rc = evo_archive_load_toc(r->options->store, backup, &r->toc, err);
    if (!rc)
        rc = evo_toc_map_build(&r->toc, &r->map, err);
    return rc ? evo_error_prefix(err, "backup \"%s\"", backup->manifest.id) : EVO_OK;
}

/* ---- what of it ------------------------------------------------------------- */

/* Extensions that a role without privileges can make there, or finds there. */
static enum evo_errc ask_for_extensions(struct evo_pg *pg, struct evo_strvec *ret, struct evo_error *err)
{
    /* Trusted extensions exist since 13. */
    static const char there[] = "SELECT extname FROM pg_catalog.pg_extension";
    static const char trusted[] = "SELECT extname FROM pg_catalog.pg_extension UNION SELECT v.name FROM "
                                  "pg_catalog.pg_available_extension_versions v WHERE v.trusted";
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, evo_pg_version(pg) >= 130000 ? trusted : there, 0, NULL, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++)
        evo_strvec_push(ret, evo_pg_value(r, i, 0));
    return rc;
}

static enum evo_errc choose(struct evo_restore_run *r, struct evo_pg *pg, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO(strvec) extensions = EVO_STRVEC_INIT;
    const struct evo_select_options select = { .tables = o->tables,
                                               .schemas = o->schemas,
                                               .data_only = o->data_only,
                                               .schema_only = o->schema_only,
                                               .no_privileged = o->no_privileged,
                                               .no_privileges = o->no_privileges,
                                               .extensions = &extensions };
    enum evo_errc rc = o->no_privileged ? ask_for_extensions(pg, &extensions, err) : EVO_OK;
    return rc ? rc : evo_select(&r->toc, &r->map, &select, &r->selection, err);
}

static void tell_what_is_left_out(const struct evo_restore_run *r)
{
    const struct evo_selection *s = &r->selection;
    for (size_t i = 0; i < s->skipped.count; i++) {
        evo_strvec_push(&r->result->skipped, s->skipped.items[i]);
        evo_warn(r->options->task, "left out: %s", s->skipped.items[i]);
    }
    for (size_t i = 0; i < s->wanting.count; i++)
        evo_notice(r->options->task, "%s", s->wanting.items[i]);
}

static enum evo_errc plan(struct evo_restore_run *r, struct evo_error *err)
{
    const struct evo_worklist_input in = { .toc = &r->toc,
                                           .map = &r->map,
                                           .manifest = &r->options->backup->manifest,
                                           .take = r->selection.take,
                                           .large_objects = r->selection.large_objects,
                                           .fresh = !r->options->data_only,
                                           .shared = r->options->into_existing };
    enum evo_errc rc = evo_worklist_build(&in, &r->work, err);
    r->result->raw_bytes = r->work.raw_bytes;
    for (size_t i = 0; i < r->work.count; i++)
        r->result->read_bytes += r->work.items[i].object ? r->work.items[i].object->size : 0;
    return rc;
}

/* ---- doing it --------------------------------------------------------------- */

bool evo_restore_is_before_data(const struct evo_toc_entry *e)
{
    return e->section == EVO_TOC_PRE_DATA;
}

bool evo_restore_is_after_data(const struct evo_toc_entry *e)
{
    return evo_toc_is_setting(e) || (e->section != EVO_TOC_PRE_DATA && !evo_toc_is_table_data(e));
}

static bool is_foreign_key(const struct evo_toc_entry *e)
{
    return evo_streq(e->desc, "FK CONSTRAINT");
}

/* What pg_restore itself leaves for later than the main part of an archive, and comments, some of which are of foreign
 * keys: nothing needs a comment. */
static bool is_late(const struct evo_toc_entry *e)
{
    static const char *const late[] = { "ACL",           "ACL LANGUAGE",           "DEFAULT ACL",
                                        "EVENT TRIGGER", "MATERIALIZED VIEW DATA", "COMMENT" };
    for (size_t i = 0; i < EVO_COUNT(late); i++)
        if (evo_streq(e->desc, late[i]))
            return true;
    return false;
}

static bool before_foreign_keys(const struct evo_toc_entry *e)
{
    return evo_restore_is_after_data(e) && !is_foreign_key(e) && !is_late(e);
}

static bool foreign_keys(const struct evo_toc_entry *e)
{
    return evo_toc_is_setting(e) || is_foreign_key(e);
}

static bool behind_foreign_keys(const struct evo_toc_entry *e)
{
    return evo_toc_is_setting(e) || (evo_restore_is_after_data(e) && is_late(e));
}

/* By pg_restore, those of the selection that are wanted now; nothing where only settings are left. */
static enum evo_errc restore_entries(struct evo_restore_run *r, bool (*keep)(const struct evo_toc_entry *e),
                                     enum evo_pgrestore_how how, struct evo_error *err)
{
    bool *wanted = evo_calloc(r->toc.count + 1, sizeof(*wanted));
    bool any = false;
    for (size_t i = 0; i < r->toc.count; i++) {
        wanted[i] = r->selection.take[i] && !r->work.made[i] && keep(&r->toc.items[i]);
        any |= wanted[i] && !evo_toc_is_setting(&r->toc.items[i]);
    }
    enum evo_errc rc = any ? evo_pgrestore_entries(&r->tool, &r->toc, wanted, how, err) : EVO_OK;
    free(wanted);
    return rc;
}

/* Whether pg_restore is left with foreign keys: those of partitioned tables. */
static bool has_foreign_keys(const struct evo_restore_run *r)
{
    for (size_t i = 0; i < r->toc.count; i++)
        if (r->selection.take[i] && !r->work.made[i] && is_foreign_key(&r->toc.items[i]))
            return true;
    return false;
}

/* Sequences, what is left of indexes and constraints, views with rows, triggers, privileges. A foreign key of a
 * partitioned table locks every partition of both, which pg_restore does not know: beside the indexes that it attaches to
 * each other at the same time, it would end in a deadlock. So they are made by themselves, one at a time. */
static enum evo_errc restore_rest(struct evo_restore_run *r, struct evo_error *err)
{
    if (!has_foreign_keys(r))
        return restore_entries(r, evo_restore_is_after_data, EVO_PGRESTORE_PARALLEL, err);
    enum evo_errc rc = restore_entries(r, before_foreign_keys, EVO_PGRESTORE_PARALLEL, err);
    if (!rc)
        rc = restore_entries(r, foreign_keys, EVO_PGRESTORE_PLAIN, err);
    return rc ? rc : restore_entries(r, behind_foreign_keys, EVO_PGRESTORE_PARALLEL, err);
}

static enum evo_errc analyze(const struct evo_restore_run *r, const struct evo_load *load,
                             struct evo_error *err)
{
    EVO_AUTO(worklist) work = { 0 };
    EVO_AUTO(restoration) ignored = { 0 };
    enum evo_errc rc =
        evo_analyze_plan(&r->toc, &r->map, r->selection.take, &r->options->backup->manifest, &work, err);
    struct evo_load how = *load;
    how.what = "analyze";
    return rc ? rc : evo_load_run(&how, &work, &ignored, err);
}

/* Large objects alone: the tables came in one transaction, and these are behind it. */
static enum evo_errc restore_large_objects(struct evo_restore_run *r, const struct evo_load *load,
                                           struct evo_error *err)
{
    EVO_AUTO(worklist) work = { 0 };
    if (!r->selection.large_objects)
        return EVO_OK;
    bool *none = evo_calloc(r->toc.count + 1, sizeof(*none));
    const struct evo_worklist_input in = { .toc = &r->toc,
                                           .map = &r->map,
                                           .manifest = &r->options->backup->manifest,
                                           .take = none,
                                           .large_objects = true,
                                           .fresh = true };
    enum evo_errc rc = evo_worklist_build(&in, &work, err);
    if (!rc)
        rc = evo_load_run(load, &work, r->result, err);
    free(none);
    return rc;
}

static enum evo_errc restore_schema(struct evo_restore_run *r, struct evo_error *err)
{
    bool at_once = !r->created && r->target.one_transaction;
    r->stage = EVO_RESTORE_SCHEMA;
    return restore_entries(r, evo_restore_is_before_data,
                           at_once ? EVO_PGRESTORE_ONE_TRANSACTION : EVO_PGRESTORE_PLAIN, err);
}

static enum evo_errc restore_all(struct evo_restore_run *r, const struct evo_load *load,
                                 struct evo_error *err)
{
    bool whole = evo_clean_is_whole(r->options);
    enum evo_errc rc = EVO_OK;
    if (whole) {
        rc = restore_large_objects(r, load, err);
    } else {
        rc = r->options->clean ? EVO_OK : restore_schema(r, err);
        if (rc)
            return rc;
        r->stage = EVO_RESTORE_ROWS;
        rc = evo_load_run(load, &r->work, r->result, err);
        if (rc)
            return rc;
        r->stage = EVO_RESTORE_REST;
        rc = restore_rest(r, err);
    }
    return rc || r->options->no_analyze ? rc : analyze(r, load, err);
}

/* All that can be known before anything is changed. */
static enum evo_errc prepare(struct evo_restore_run *r, struct evo_pg **ret_pg, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    bool part = (o->tables && o->tables->count) || (o->schemas && o->schemas->count);
    enum evo_errc rc = part ? EVO_OK : check_all(r, err);
    if (!rc)
        rc = load_toc(r, err);
    if (!rc)
        rc = evo_admit_open(o, o->create, ret_pg, err);
    if (rc)
        return rc;
    evo_admit_identify(r, *ret_pg);
    rc = choose(r, *ret_pg, err);
    if (!rc)
        rc = evo_reader_find(r, err);
    if (!rc)
        rc = evo_admit_check(r, *ret_pg, err);
    if (!rc)
        rc = plan(r, err);
    if (!rc && part)
        rc = check_objects(r, err);
    if (!rc)
        tell_what_is_left_out(r);
    return rc;
}

static void list_tables(const struct evo_restore_run *r)
{
    struct evo_restoration *ret = r->result;
    for (size_t i = 0; i < r->work.ntables; i++) {
        const struct evo_work_table *t = &r->work.tables[i];
        EVO_GROW(ret->tables, ret->count, ret->alloc);
        ret->tables[ret->count++] =
            (struct evo_restored_table){ .name = evo_asprintf("%s.%s", t->entry->schema, t->entry->tag),
                                         .rows = t->rows };
        ret->rows += t->rows;
    }
}

static enum evo_errc run(struct evo_restore_run *r, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    const struct evo_load load = {
        .what = "restore", .options = o, .toc = &r->toc, .tool = &r->tool, .jobs = r->jobs
    };
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO(strvec) roles = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) statements = EVO_STRVEC_INIT;
    enum evo_errc rc = prepare(r, &pg, err);
    if (!rc && o->globals)
        rc = evo_missing_roles_look(r, pg, &roles, &statements, err);
    if (!rc)
        rc = evo_missing_roles_refuse(r, pg, &roles, err);
    if (!rc && o->dry_run) {
        list_tables(r);
        for (size_t i = 0; i < roles.count; i++)
            evo_notice(o->task, "role \"%s\" would be made", roles.items[i]);
        if (o->clean)
            rc = evo_clean_list(r, pg, err);
    }
    if (rc || o->dry_run)
        return rc;
    if (o->clean)
        rc = read_all(r, err);
    if (!rc && o->globals)
        rc = evo_missing_roles_make(r, pg, &roles, &statements, err);
    if (!rc && o->create)
        rc = evo_admit_create(r, pg, err);
    else if (!rc && o->clean)
        rc = evo_clean_replace(r, pg, &load, err);
    evo_pg_close(pg);
    pg = NULL;
    if (!rc)
        rc = restore_all(r, &load, err);
    if (!rc)
        rc = evo_admit_finish(r, err);
    if (rc && !o->disposable)
        evo_admit_take_back(r);
    return rc;
}

enum evo_errc evo_restore(const struct evo_restore_options *o, struct evo_restoration *ret,
                          struct evo_error *err)
{
    struct evo_restore_run r = { .options = o, .result = ret };
    r.jobs = o->jobs ? o->jobs : evo_plan_jobs(sysconf(_SC_NPROCESSORS_ONLN));
    ret->target = evo_strdup(o->target->redacted);
    enum evo_errc rc = run(&r, err);
    free(r.tool_path);
    evo_worklist_release(&r.work);
    evo_selection_release(&r.selection);
    evo_target_release(&r.target);
    evo_toc_map_release(&r.map);
    evo_toc_release(&r.toc);
    return rc;
}
