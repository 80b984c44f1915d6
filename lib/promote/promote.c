#include "promote/promote.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "crypto/random.h"
#include "pack/tar.h"
#include "result/rundir.h"

/* How far the clocks of two runners may differ. */
#define AHEAD_MS     (5 * 60 * 1000)
#define PASSPORT_MAX ((size_t)16 << 20)
#define FILE_MAX     ((size_t)64 << 20)

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

/* ---- list and check ---------------------------------------------------------- */

void evo_passports_release(struct evo_passports *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++) {
        evo_passport_release(&p->items[i]);
        free(p->keys[i]);
    }
    free(p->items);
    free(p->keys);
    *p = (struct evo_passports){ 0 };
}

/* A passport counts only for the environment it was written for and the time it was written at: one copied into another
 * folder, or dated ahead, is no evidence. */
static enum evo_errc check_place(const struct evo_passport *p, const char *key, const char *environment,
                                 struct evo_error *err)
{
    char when[EVO_TIME_MAX];
    if (!evo_streq(p->environment, environment))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" is the passport of environment \"%s\"", key,
                             p->environment ? p->environment : "");
    if (p->created_ms > evo_wall_ms() + AHEAD_MS)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" says it was written at %s, which is not yet",
                             key, evo_format_time(p->created_ms, when));
    if (!evo_starts_with(evo_path_base(key), evo_format_time_compact(p->created_ms, when)))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" says another time than its name", key);
    return EVO_OK;
}

static enum evo_errc load(struct evo_store *store, const char *key, struct evo_passport *ret,
                          struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    enum evo_errc rc = evo_store_get(store, key, PASSPORT_MAX, &text, err);
    return rc ? rc : evo_passport_parse(text.buf, text.len, key, ret, err);
}

enum evo_errc evo_promote_list(struct evo_store *store, const char *environment, int64_t max_age_ms,
                               size_t limit, struct evo_passports *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) prefix = EVO_STRBUF_INIT;
    evo_store_key_append(&prefix, "passports");
    evo_store_key_append(&prefix, environment);
    evo_strbuf_addch(&prefix, '/');
    EVO_AUTO(store_list) list = { 0 };
    enum evo_errc rc = evo_store_list_prefix(store, prefix.buf, true, &list, err);
    if (rc)
        return rc;
    ret->items = evo_calloc(list.count, sizeof(*ret->items));
    ret->keys = evo_calloc(list.count, sizeof(*ret->keys));
    int64_t now = evo_wall_ms();
    /* Names begin with the time: byte order is the order in time, the newest last. */
    for (size_t i = list.count; i > 0 && !rc && (!limit || ret->count < limit); i--) {
        const char *key = list.items[i - 1].key;
        if (!evo_ends_with(key, ".json"))
            continue;
        EVO_AUTO(passport) p = { 0 };
        rc = load(store, key, &p, err);
        if (!rc)
            rc = check_place(&p, key, environment, err);
        if (rc)
            break;
        if (max_age_ms >= 0 && now - p.created_ms > max_age_ms) {
            ret->expired++;
            continue;
        }
        ret->items[ret->count] = p;
        ret->keys[ret->count++] = evo_strdup(key);
        p = (struct evo_passport){ 0 };
    }
    return rc;
}

/* Here, in a passport's form: what is applied in order, then what would be applied. */
static enum evo_errc view_as_passport(const struct evo_promote_view *v, struct evo_passport *here,
                                      size_t *ret_applied, struct evo_error *err)
{
    enum evo_errc rc = evo_passport_fill(here, &v->project, &v->state, err);
    *ret_applied = here->count;
    for (size_t i = 0; i < v->state.count && !rc; i++) {
        const struct evo_state_item *item = &v->state.items[i];
        if (item->state != EVO_STATE_PENDING)
            continue;
        EVO_GROW(here->items, here->count, here->alloc);
        struct evo_passport_migration *m = &here->items[here->count++];
        *m = (struct evo_passport_migration){ .name = evo_strdup(item->name),
                                              .checksum = evo_strdup(item->file->checksum) };
        rc = evo_passport_hash(&v->project, item->file, &m->paths, &m->hashes, &m->hash, err);
    }
    return rc;
}

static enum evo_errc refuse(const struct evo_differences *d, const char *from, struct evo_error *err)
{
    EVO_AUTO(strbuf) detail = EVO_STRBUF_INIT;
    for (size_t i = 0; i < d->count; i++)
        evo_strbuf_addf(&detail, "%s%s.", i ? "\n" : "", d->items[i].message);
    (void)evo_error_set(err, EVO_ERR_PROMOTION_REFUSED, "\"%s\" has not proved what would be applied here",
                        from);
    (void)evo_error_detail(err, "%s", detail.buf);
    (void)evo_error_migration(err, d->items[0].migration);
    (void)evo_error_hint(err, "Deploy this commit to \"%s\" first, then here; nothing was changed.", from);
    return evo_error_next(err, "evo deploy --environment %s", from);
}

enum evo_errc evo_promote_check(const struct evo_passports *passports, const struct evo_promote_view *view,
                                const char *from, size_t *ret_index, struct evo_differences *differences,
                                struct evo_error *err)
{
    if (!passports->count) {
        (void)evo_error_set(err, EVO_ERR_PROMOTION_REFUSED, "there is no passport of \"%s\"", from);
        if (passports->expired)
            (void)evo_error_detail(err, "%zu older than the maximum age were left out.", passports->expired);
        (void)evo_error_hint(err, "Deploy to \"%s\" first: a green run there writes one.", from);
        return evo_error_next(err, "evo deploy --environment %s", from);
    }
    EVO_AUTO(passport) here = { 0 };
    size_t applied = 0;
    enum evo_errc rc = view_as_passport(view, &here, &applied, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < passports->count; i++) {
        EVO_AUTO(differences) found = { 0 };
        evo_promote_compare(&passports->items[i], &here, applied, &found);
        if (!found.count) {
            *ret_index = i;
            return EVO_OK;
        }
        if (i == 0) { /* the newest one says best what is missing */
            *differences = found;
            found = (struct evo_differences){ 0 };
        }
    }
    return refuse(differences, from, err);
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
