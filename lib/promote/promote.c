#include "promote/promote.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "crypto/random.h"
#include "pack/tar.h"
#include "result/rundir.h"

#define FILE_MAX ((size_t)64 << 20)

void evo_promote_view_release(struct evo_promote_view *v)
{
    if (!v)
        return;
    evo_state_release(&v->state);
    evo_ledger_release(&v->ledger);
    evo_project_release(&v->project);
}

enum evo_errc evo_promote_look(struct evo_pg *pg, const char *schema, const char *root, const char *layout,
                               const char *migrations, struct evo_promote_view *ret, struct evo_error *err)
{
    enum evo_errc rc = evo_project_open(root, layout, migrations, &ret->project, err);
    if (!rc)
        rc = evo_project_settle(pg, schema, &ret->project, err);
    if (!rc)
        rc = evo_ledger_load(pg, &ret->project, schema, &ret->ledger, err);
    if (!rc)
        rc = evo_state_of(&ret->project, &ret->ledger, &ret->state, err);
    return rc;
}

/* ---- record ---------------------------------------------------------------- */

static enum evo_errc not_green(struct evo_error *err, const char *message, const char *hint)
{
    (void)evo_error_set(err, EVO_ERR_PROMOTION_REFUSED, "no passport was written: %s", message);
    return evo_error_hint(err, "%s", hint);
}

/* What the steps of this run left: each that is there must have passed. */
static enum evo_errc gather_evidence(const char *run_dir, struct evo_passport *p, struct evo_error *err)
{
    static const struct {
        const char *command, *key;
    } steps[] = { { "migrate up", "migrate" }, { "verify up", "probes" }, { "health", "health" } };
    EVO_AUTO(rundir) run = { 0 };
    p->evidence = evo_json_object();
    if (run_dir && evo_is_dir(run_dir)) {
        enum evo_errc rc = evo_rundir_load(run_dir, &run, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < EVO_COUNT(steps); i++) {
        const struct evo_envelope *e = evo_rundir_find(&run, steps[i].command);
        if (e && e->failed) {
            EVO_AUTO_STR message = evo_asprintf("step \"%s\" of this run failed", steps[i].command);
            return not_green(err, message, "Mend it and run evo deploy again.");
        }
        evo_json_set(p->evidence, steps[i].key, e ? evo_json_ref(e->data) : evo_json_null_new());
    }
    const struct evo_envelope *backup = evo_rundir_find(&run, "backup create");
    if (backup)
        p->backup_id = evo_strdup(evo_json_get_string(backup->data, "id", NULL));
    return EVO_OK;
}

static enum evo_errc check_state_is_green(const struct evo_state *state, struct evo_error *err)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct evo_state_item *item = &state->items[i];
        if (item->state != EVO_STATE_FAILED && item->state != EVO_STATE_EDITED)
            continue;
        EVO_AUTO_STR message =
            evo_asprintf("migration \"%s\" %s", item->name,
                         item->state == EVO_STATE_FAILED ? "failed" : "was edited after it was applied");
        (void)not_green(err, message, "evo status says what to do about it.");
        return evo_error_migration(err, item->name);
    }
    return EVO_OK;
}

/* The proven files themselves, so that production can apply exactly them. */
static enum evo_errc store_files(struct evo_store *store, const struct evo_project *project,
                                 const struct evo_passport *p, const char *key, struct evo_error *err)
{
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(tar) tar = evo_tar_new(&bytes);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; i < p->count && !rc; i++) {
        for (size_t k = 0; k < p->items[i].paths.count && !rc; k++) {
            EVO_AUTO_STR path = evo_path_join(project->root, p->items[i].paths.items[k]);
            EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
            rc = evo_file_read(path, FILE_MAX, &text, err);
            if (!rc)
                rc = evo_tar_add(tar, p->items[i].paths.items[k], text.buf, text.len, err);
        }
    }
    if (!rc)
        rc = evo_tar_finish(tar, err);
    return rc ? rc : evo_store_put(store, key, bytes.buf, bytes.len, EVO_STORE_ONCE, err);
}

static char *run_name(void)
{
    const char *id = getenv("GITHUB_RUN_ID"), *attempt = getenv("GITHUB_RUN_ATTEMPT");
    char hex[7];
    if (id && *id)
        return evo_asprintf("%s-%s-%s", id, attempt && *attempt ? attempt : "1", evo_random_hex(hex, 6));
    return evo_strdup(evo_random_hex(hex, 6));
}

enum evo_errc evo_promote_record(struct evo_store *store, struct evo_pg *pg,
                                 const struct evo_promote_view *view, const char *environment,
                                 const char *run_dir, struct evo_task *task, struct evo_passport *ret,
                                 char **ret_key, struct evo_error *err)
{
    enum evo_errc rc = check_state_is_green(&view->state, err);
    if (!rc)
        rc = gather_evidence(run_dir, ret, err);
    if (!rc)
        rc = evo_passport_fill(ret, &view->project, &view->state, err);
    if (!rc)
        rc = evo_promote_add_schemas(store, pg, &view->ledger, environment, task, ret, err);
    if (rc)
        return rc;
    ret->environment = evo_strdup(environment);
    ret->database = evo_strdup(evo_pg_database(pg));
    ret->server_version = evo_strdup(evo_pg_version_text(pg));
    ret->layout = evo_strdup(evo_layout_name(view->project.kind));
    ret->commit = evo_strdup(getenv("GITHUB_SHA"));
    ret->run = run_name();
    ret->created_ms = evo_wall_ms();

    char when[EVO_TIME_MAX];
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_store_key_append(&key, "passports");
    evo_store_key_append(&key, environment);
    evo_strbuf_addf(&key, "/%s-%s", evo_format_time_compact(ret->created_ms, when), ret->run);
    EVO_AUTO_STR tar_key = evo_asprintf("%s.tar", key.buf);
    evo_strbuf_adds(&key, ".json");

    /* The files first: a passport without them must not be found. */
    rc = store_files(store, &view->project, ret, tar_key, err);
    if (rc)
        return evo_error_prefix(err, "could not store the migration files");
    EVO_AUTO_PTR(json) json = evo_passport_json(ret);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_json_format(json, EVO_JSON_INDENT, &text);
    evo_strbuf_addch(&text, '\n');
    rc = evo_store_put(store, key.buf, text.buf, text.len, EVO_STORE_ONCE, err);
    if (rc)
        return evo_error_prefix(err, "could not store the passport");
    evo_debug(task, "passport %s: %zu migrations, set %s", key.buf, ret->count, ret->set_hash);
    *ret_key = evo_strbuf_detach(&key);
    return EVO_OK;
}

/* ---- the schema ---------------------------------------------------------------- */

static enum evo_errc refuse_schema(const struct evo_difference *d, const char *from, struct evo_error *err)
{
    EVO_AUTO(strbuf) detail = EVO_STRBUF_INIT;
    for (size_t i = 0; i < d->lines.count; i++)
        evo_strbuf_addf(&detail, "%s%s", i ? "\n" : "", d->lines.items[i]);
    (void)evo_error_set(err, EVO_ERR_PROMOTION_REFUSED, "%s", d->message);
    (void)evo_error_detail(err, "%s", detail.buf);
    if (d->migration)
        (void)evo_error_migration(err, d->migration);
    (void)evo_error_hint(
        err,
        "A line with \"-\" is there alone, one with \"+\" here. Undo what was changed by hand, here or "
        "in \"%s\"; or let it through with --allow-drift.",
        from);
    return evo_error_next(err, "evo status");
}

enum evo_errc evo_promote_check_schema(const struct evo_passports *passports,
                                       const struct evo_promote_view *view, struct evo_store *store,
                                       struct evo_pg *pg, const char *from, struct evo_task *task,
                                       enum evo_schema_verdict *ret_verdict,
                                       struct evo_differences *differences, struct evo_error *err)
{
    EVO_AUTO(passport) here = { 0 };
    EVO_AUTO(schema) now = EVO_SCHEMA_INIT;
    const char *there = NULL;
    enum evo_errc rc = evo_passport_fill(&here, &view->project, &view->state, err);
    if (!rc)
        rc = evo_schema_look(pg, task, &now, err);
    if (rc == EVO_ERR_UNSUPPORTED) {
        *ret_verdict = EVO_SCHEMA_UNKNOWN;
        return EVO_OK;
    }
    if (rc)
        return rc;
    *ret_verdict = evo_promote_judge_schema(passports->items, passports->count, &here, here.count,
                                            now.fingerprint, evo_pg_version(pg), &there);
    /* A ledger that holds nothing any more is a table that was not there in the beginning. */
    if (*ret_verdict == EVO_SCHEMA_DIFFERENT && !here.count && view->ledger.exists)
        *ret_verdict = EVO_SCHEMA_UNKNOWN;
    if (*ret_verdict != EVO_SCHEMA_DIFFERENT)
        return EVO_OK;
    rc = evo_promote_explain_schema(store, from, there, &now,
                                    here.count ? here.items[here.count - 1].name : NULL, differences, err);
    return rc ? rc : refuse_schema(&differences->items[differences->count - 1], from, err);
}
