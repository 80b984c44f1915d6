#include "migration/up.h"

#include "layout/unfinished.h"
#include "migration/losses.h"
#include "migration/run.h"
#include "pg/lock.h"

/* Without the lock, a row that is not finished may be one that is being worked on. */
static enum evo_errc refuse_running(struct evo_session *s, struct evo_error *err)
{
    if (s->locked || !s->state.failed)
        return EVO_OK;
    enum evo_errc rc = evo_pg_lock(s->pg, s->lock_key, 0, "migration lock", s->o->task, err);
    if (rc)
        return rc;
    (void)evo_pg_unlock(s->pg, s->lock_key);
    return evo_session_reload(s, err);
}

/* The rest of what is worth knowing is in the plan and in the result. */
static void warn_all(struct evo_task *task, const struct evo_run *run)
{
    evo_run_warn(task, run);
    for (size_t i = 0; i < run->count; i++)
        if (run->steps[i].script.count == 0 && run->steps[i].mode != EVO_STEP_DELEGATED)
            evo_warn(task, "migration \"%s\" holds no statement: it is an empty skeleton",
                     run->steps[i].migration->name);
}

enum evo_errc evo_plan_show(const struct evo_migrate_options *o, bool down, struct evo_json *data,
                            struct evo_error *err)
{
    EVO_AUTO(session) s = { 0 };
    EVO_AUTO(run) run = { 0 };
    enum evo_errc rc = evo_session_open(o, false, &s, err);
    if (!rc)
        rc = refuse_running(&s, err);
    if (!rc)
        rc = evo_run_prepare(&s, down, &run, err);
    if (!rc)
        evo_note_look(&run.note, &s, &run.warnings);
    for (size_t i = 0; !rc && down && i < run.count; i++)
        rc = evo_losses_look(&s, &run.steps[i], err);
    evo_json_set(data, "steps", evo_run_steps_json(&run));
    evo_json_set(data, "warnings", rc ? evo_json_array() : evo_run_plan_warnings_json(&run));
    if (rc)
        evo_run_judge_clean(&s, false, NULL, err);
    return rc;
}

static const char *state_name(const struct evo_session *s, const struct evo_state_item *item)
{
    struct evo_unfinished u;
    if (item->state != EVO_STATE_FAILED)
        return evo_state_name(item->state);
    evo_unfinished_look(&s->journal, s->o->project->kind, false, item->name, item->file, &u);
    return evo_unfinished_way(&u) == EVO_WAY_GO_ON ? "unfinished" : "failed";
}

/* What is not applied when the run ends. */
static struct evo_json *pending_json(const struct evo_session *s, const struct evo_json *applied)
{
    const struct evo_state *state = &s->state;
    struct evo_json *array = evo_json_array();
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_run_names(applied, &names);
    for (size_t i = 0; i < state->count; i++) {
        const struct evo_state_item *item = &state->items[i];
        bool open = item->state == EVO_STATE_PENDING || item->state == EVO_STATE_FAILED;
        if (!open || evo_strvec_contains_sorted(&names, item->name))
            continue;
        struct evo_json *o = evo_json_object();
        evo_json_set_string(o, "name", item->name);
        evo_json_set_string(o, "state", state_name(s, item));
        evo_json_append(array, o);
    }
    return array;
}

enum evo_errc evo_up_run(const struct evo_migrate_options *o, struct evo_json *data, struct evo_error *err)
{
    EVO_AUTO(session) s = { 0 };
    EVO_AUTO(run) run = { 0 };
    EVO_AUTO_PTR(json) applied = evo_json_array();
    evo_json_set(data, "applied", evo_json_ref(applied));
    enum evo_errc rc = evo_session_open(o, !o->dry_run, &s, err);
    if (!rc && o->dry_run)
        rc = refuse_running(&s, err);
    if (!rc)
        rc = evo_run_prepare(&s, false, &run, err);
    bool prepared = !rc;
    if (!rc && o->dry_run)
        evo_note_look(&run.note, &s, &run.warnings);
    if (o->dry_run)
        evo_json_set(data, "steps", evo_run_steps_json(&run));
    else if (!rc) {
        warn_all(o->task, &run);
        rc = evo_run_execute(&run, applied, err);
    }
    if (rc)
        evo_run_judge_clean(&s, prepared, applied, err);
    bool known = !rc || !prepared || evo_run_look_again(&s);
    evo_json_set(data, "pending", pending_json(&s, applied));
    evo_json_set(data, "warnings",
                 !prepared    ? evo_json_array()
                 : o->dry_run ? evo_run_plan_warnings_json(&run)
                              : evo_run_warnings_json(&run));
    if (known)
        evo_run_outcome_json(&run, &s, applied, data);
    return rc;
}
