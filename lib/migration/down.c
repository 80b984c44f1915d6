#include "migration/down.h"

#include "migration/run.h"

enum evo_errc evo_down_run(const struct evo_migrate_options *o, struct evo_json *data, struct evo_error *err)
{
    EVO_AUTO(session) s = { 0 };
    EVO_AUTO(run) run = { 0 };
    EVO_AUTO_PTR(json) rolled_back = evo_json_array();
    evo_json_set(data, "rolled_back", evo_json_ref(rolled_back));
    enum evo_errc rc = evo_session_open(o, !o->dry_run, &s, err);
    if (!rc)
        rc = evo_run_prepare(&s, true, &run, err);
    bool prepared = !rc;
    if (o->dry_run)
        evo_json_set(data, "steps", evo_run_steps_json(&run));
    else if (!rc) {
        evo_run_warn(o->task, &run);
        rc = evo_run_execute(&run, rolled_back, err);
    }
    evo_json_set(data, "warnings", prepared ? evo_run_warnings_json(&run) : evo_json_array());
    evo_run_outcome_json(&run, &s, rolled_back, data);
    if (rc)
        evo_run_judge_clean(&s, prepared, rolled_back, err);
    return rc;
}
