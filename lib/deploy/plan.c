#include "deploy/plan.h"

const struct evo_step_info evo_steps[EVO_STEPS] = {
    [EVO_STEP_STATUS] = { "status",
                          "evo-status",
                          { NULL },
                          "status",
                          "look at the database and the migrations",
                          false },
    [EVO_STEP_CHECK] = { "promote-check",
                         "evo-promote",
                         { "check" },
                         "promote check",
                         "ask for the passport of the environment before",
                         false },
    [EVO_STEP_BACKUP] = { "backup",
                          "evo-backup",
                          { "create" },
                          "backup create",
                          "back the database up",
                          false },
    [EVO_STEP_MIGRATE] = { "migrate",
                           "evo-migrate",
                           { "up" },
                           "migrate up",
                           "apply the pending migrations",
                           true },
    [EVO_STEP_VERIFY] = { "verify", "evo-verify", { "up" }, "verify up", "run the verifyUp probes", false },
    [EVO_STEP_HEALTH] = { "health",
                          "evo-health",
                          { NULL },
                          "health",
                          "ask the application whether it is healthy",
                          false },
    [EVO_STEP_RECORD] = { "promote-record",
                          "evo-promote",
                          { "record" },
                          "promote record",
                          "write the passport of this run",
                          false },
    [EVO_STEP_NOTIFY] = { "notify", "evo-notify", { NULL }, "notify", "tell people", false },
};

static struct evo_step_plan skip(const char *reason)
{
    return (struct evo_step_plan){ false, reason };
}

struct evo_step_plan evo_deploy_plan(enum evo_step step, const struct evo_deploy_facts *f)
{
    const char *name = evo_steps[step].name;
    if (f->only && f->only->count && !evo_strvec_contains(f->only, name))
        return skip("not in --only");
    if (f->skip && evo_strvec_contains(f->skip, name))
        return skip("in --skip");
    bool nothing = f->pending == 0;
    switch (step) {
    case EVO_STEP_CHECK:
        if (!f->promote_from)
            return skip("no environment to promote from is configured");
        break;
    case EVO_STEP_BACKUP:
        if (nothing && !f->backup_always)
            return skip("nothing is pending");
        break;
    case EVO_STEP_MIGRATE:
        if (nothing)
            return skip("nothing is pending");
        break;
    case EVO_STEP_HEALTH:
        if (!f->has_health)
            return skip("no health check is configured");
        break;
    case EVO_STEP_RECORD:
        if (!f->has_store)
            return skip("no store is configured");
        break;
    case EVO_STEP_NOTIFY:
        if (!f->has_slack)
            return skip("no Slack webhook or bot token is configured");
        break;
    case EVO_STEP_STATUS:
    case EVO_STEP_VERIFY:
    case EVO_STEPS:
        break;
    }
    return (struct evo_step_plan){ true, NULL };
}

enum evo_errc evo_deploy_check_facts(const struct evo_deploy_facts *f, struct evo_error *err)
{
    if (f->has_store)
        return EVO_OK;
    if (evo_deploy_plan(EVO_STEP_BACKUP, f).run) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "no store is configured to back up to");
        return evo_error_hint(
            err,
            "Give --store s3://bucket/prefix or --store FOLDER, or go without a backup by --skip backup.");
    }
    if (evo_deploy_plan(EVO_STEP_CHECK, f).run) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "no store is configured to find the passport of \"%s\" in",
                            f->promote_from);
        return evo_error_hint(err, "Give --store s3://bucket/prefix or --store FOLDER.");
    }
    return EVO_OK;
}
