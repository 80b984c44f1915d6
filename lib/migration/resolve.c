#include "migration/resolve.h"

static enum evo_errc resolve_applied(struct evo_session *s, const char *name, struct evo_error *err)
{
    const struct evo_migration *m = evo_project_find(s->o->project, name);
    if (!m) {
        (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "there is no migration \"%s\" in \"%s\"", name,
                            s->o->project->migrations);
        return evo_plan_hint_name(&s->state, name, s->o->plan.next_options, err);
    }
    enum evo_errc rc = EVO_OK;
    if (!s->ledger.exists) {
        rc = evo_ledger_create(s->pg, &s->ledger, err);
        s->ledger.exists = !rc;
    }
    if (!rc)
        rc = evo_ledger_resolve_applied(s->pg, &s->ledger, m, err);
    return rc;
}

/* What the ledger refuses knows neither the options in use nor the other names. */
static enum evo_errc explain_refusal(const struct evo_session *s, const char *name, struct evo_error *err)
{
    const char *more = s->o->plan.next_options;
    if (evo_streq(err->next, "evo-migrate down")) {
        (void)evo_error_hint(err, "To take it back: evo-migrate down%s", more);
        return evo_error_next(err, "evo-migrate down%s", more);
    }
    if (evo_streq(err->next, "evo-status"))
        return evo_error_next(err, "evo-status%s", more);
    return err->code == EVO_ERR_NOT_FOUND && !err->hint[0] ? evo_plan_hint_name(&s->state, name, more, err)
                                                           : err->code;
}

static enum evo_errc forget_checkpoints(struct evo_session *s, const char *name, struct evo_error *err)
{
    if (!evo_journal_holds(&s->journal, s->o->project->kind, false, name))
        return EVO_OK;
    return evo_journal_forget(s->pg, s->o->project->kind, false, name, err);
}

enum evo_errc evo_resolve_run(const struct evo_migrate_options *o, const char *name, bool applied,
                              struct evo_json *data, struct evo_error *err)
{
    EVO_AUTO(session) s = { 0 };
    evo_json_set_null(data, "resolved");
    enum evo_errc rc = evo_session_open(o, true, &s, err);
    if (!rc) {
        rc = applied ? resolve_applied(&s, name, err)
                     : evo_ledger_resolve_rolled_back(s.pg, &s.ledger, name, err);
        if (rc)
            rc = explain_refusal(&s, name, err);
    }
    if (!rc)
        rc = forget_checkpoints(&s, name, err);
    if (rc)
        return evo_error_migration(err, name);
    struct evo_json *resolved = evo_json_object();
    evo_json_set_string(resolved, "name", name);
    evo_json_set_string(resolved, "as", applied ? "applied" : "rolled-back");
    evo_json_set(data, "resolved", resolved);
    return EVO_OK;
}
