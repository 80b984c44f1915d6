#include "migration/baseline.h"

#include "base/quote.h"
#include "migration/apply.h"
#include "migration/note.h"
#include "migration/step.h"

/* ---- which (pure) ------------------------------------------------------------------ */

static bool is_on_record(const struct evo_state_item *item)
{
    return item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED;
}

static enum evo_errc refuse_rows(const struct evo_state_item *item, const struct evo_plan_options *o,
                                 const char *why, struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_TARGET_NOT_EMPTY, "migration \"%s\" %s: nothing was recorded",
                        item->name, why);
    (void)evo_error_detail(err,
                           "A baseline is for a ledger that holds nothing, or the first migrations of the "
                           "folder and no others.");
    EVO_AUTO_STR name = evo_quote_shell(item->name);
    (void)evo_error_hint(
        err, "Record what you know of one migration at a time: evo-migrate resolve --applied %s%s",
        item->file ? name : "NAME", o->next_options);
    (void)evo_error_next(err, "evo-status%s", o->next_options);
    if (err)
        err->schema_clean = EVO_YES;
    return evo_error_migration(err, item->name);
}

enum evo_errc evo_baseline_plan(const struct evo_state *state, const struct evo_journal *journal,
                                const struct evo_plan_options *options, struct evo_plan *ret,
                                struct evo_error *err)
{
    EVO_AUTO(plan) plan = { 0 };
    size_t last = 0;
    enum evo_errc rc = evo_plan_find(state, options->to, options->next_options, &last, err);
    if (rc)
        return rc;
    const struct evo_state_item *open = NULL; /* the first that is not on record */
    for (size_t i = 0; i < state->count; i++) {
        const struct evo_state_item *item = &state->items[i];
        if (item->state == EVO_STATE_FAILED)
            return evo_plan_refuse_failed(state->kind, item, journal, options, err);
        if (item->state == EVO_STATE_MISSING)
            return refuse_rows(item, options, "is on record, and its file is gone", err);
        if (is_on_record(item) && open)
            return refuse_rows(item, options, "is on record, and one before it is not", err);
        if (is_on_record(item))
            continue;
        if (!open)
            open = item;
        if (i <= last)
            evo_plan_add(&plan, item->file, false);
    }
    *ret = plan;
    plan = (struct evo_plan){ 0 };
    return EVO_OK;
}

/* ---- what proves them --------------------------------------------------------------- */

struct proof {
    struct evo_json *steps; /* borrowed */
    bool verify;
    struct evo_error first; /* of the first probe that does not pass */
    size_t failed, unproven;
};

static void add_step(struct proof *p, const struct evo_migration *m, const char *verify, const char *message)
{
    struct evo_json *o = evo_json_object();
    evo_json_set_string(o, "name", m->name);
    evo_json_set_string(o, "verify", verify);
    evo_json_set_string(o, "message", message);
    evo_json_append(p->steps, o);
}

/* A file that cannot be read, or a server that does not answer, ends the run; a probe that does not pass is counted. */
static enum evo_errc prove(struct evo_session *s, const struct evo_migration *m, struct proof *p,
                           struct evo_error *err)
{
    EVO_AUTO(step) step = { .migration = m, .text = EVO_STRBUF_INIT };
    if (!p->verify || !m->companion[EVO_FILE_VERIFY_UP]) {
        p->unproven++;
        add_step(p, m, m->companion[EVO_FILE_VERIFY_UP] ? "skipped" : "none", NULL);
        return EVO_OK;
    }
    enum evo_errc rc = evo_step_load_probes(&step, err);
    if (rc)
        return evo_error_migration(err, m->name);
    struct evo_error e = EVO_ERROR_INIT;
    rc = evo_apply_probes(s->pg, &step, &e);
    if (rc == EVO_ERR_PROBE_FALSE) {
        (void)evo_error_migration(&e, m->name);
        if (!p->failed++)
            p->first = e;
        add_step(p, m, "failed", e.message);
        return EVO_OK;
    }
    if (rc && err)
        *err = e;
    if (!rc)
        add_step(p, m, "passed", NULL);
    return rc;
}

static enum evo_errc refuse_unproven(const struct evo_session *s, const struct proof *p,
                                     struct evo_error *err)
{
    const char *more = s->o->plan.next_options;
    EVO_AUTO_STR to = evo_quote_shell(s->o->plan.to);
    if (err)
        *err = p->first;
    (void)evo_error_prefix(err, "%zu of %zu migrations cannot be recorded", p->failed,
                           evo_json_count(p->steps));
    if (err)
        err->schema_clean = EVO_YES;
    (void)evo_error_hint(
        err,
        "Nothing was recorded. Either the schema lacks what they make: choose an earlier --to; or a "
        "later migration changed it again: evo-migrate baseline --to %s --no-verify%s",
        to, more);
    return evo_error_next(err, "evo-migrate baseline --to %s --dry-run%s", to, more);
}

/* ---- the record --------------------------------------------------------------------- */

static enum evo_errc record(struct evo_session *s, const struct evo_plan *plan, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(s->pg, "BEGIN", err);
    for (size_t i = 0; !rc && i < plan->count; i++)
        rc = evo_ledger_resolve_applied(s->pg, &s->ledger, plan->items[i].migration, err);
    if (!rc)
        rc = evo_session_commit(s, err);
    if (rc)
        evo_session_rollback(s);
    return rc;
}

static void list_applied(const struct evo_plan *plan, struct evo_json *applied)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct evo_json *o = evo_json_object();
        evo_json_set_string(o, "name", plan->items[i].migration->name);
        evo_json_append(applied, o);
    }
}

enum evo_errc evo_baseline_run(const struct evo_migrate_options *o, bool verify, struct evo_json *data,
                               struct evo_error *err)
{
    EVO_AUTO(session) s = { 0 };
    EVO_AUTO(plan) plan = { 0 };
    EVO_AUTO(note) note = { 0 };
    EVO_AUTO_PTR(json) steps = evo_json_array();
    EVO_AUTO_PTR(json) applied = evo_json_array();
    struct proof proof = { .steps = steps, .verify = verify, .first = EVO_ERROR_INIT };
    evo_json_set(data, "steps", evo_json_ref(steps));
    evo_json_set(data, "applied", evo_json_ref(applied));
    enum evo_errc rc = evo_session_open(o, !o->dry_run, &s, err);
    if (!rc)
        rc = evo_baseline_plan(&s.state, &s.journal, &o->plan, &plan, err);
    for (size_t i = 0; !rc && i < plan.count; i++)
        rc = prove(&s, plan.items[i].migration, &proof, err);
    if (!rc && proof.failed)
        rc = refuse_unproven(&s, &proof, err);
    if (!rc && proof.unproven)
        evo_strvec_pushf(&plan.warnings,
                         "%zu of %zu migrations: nothing proves that the schema has what they make",
                         proof.unproven, plan.count);
    if (!rc && plan.count && !o->dry_run) {
        rc = record(&s, &plan, err);
        if (!rc)
            list_applied(&plan, applied);
        if (!rc)
            evo_note_ledger(&note, &s, "baseline", o->plan.to, &plan.warnings);
    }
    struct evo_json *warnings = evo_json_array();
    for (size_t i = 0; i < plan.warnings.count; i++)
        evo_json_append_string(warnings, plan.warnings.items[i]);
    evo_json_set(data, "warnings", warnings);
    return rc;
}
