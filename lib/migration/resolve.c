#include "migration/resolve.h"

#include "layout/drift.h"
#include "layout/seen.h"
#include "migration/note.h"
#include "migration/undone.h"

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
    if (err->next[0] && !evo_ends_with(err->next, more)) {
        EVO_AUTO_STR next = evo_strdup(err->next);
        return evo_error_next(err, "%s%s", next, more);
    }
    return err->code == EVO_ERR_NOT_FOUND && !err->hint[0] ? evo_plan_hint_name(&s->state, name, more, err)
                                                           : err->code;
}

static enum evo_errc forget_checkpoints(struct evo_session *s, const char *name, struct evo_error *err)
{
    if (!evo_journal_holds(&s->journal, s->o->project->kind, false, name))
        return EVO_OK;
    return evo_journal_forget(s->pg, s->o->project->kind, false, name, err);
}

/* A rollback that was begun, by what a person found. Applied: none of it is done. Rolled back: all of it is. Where the
 * project's own tool takes back, nothing but its word, and that of the person, says that it was begun. */
static enum evo_errc resolve_rollback(struct evo_session *s, const char *name, bool applied,
                                      struct evo_error *err)
{
    const struct evo_migration nameless = { .name = (char *)name }; /* its file is gone */
    const struct evo_migration *m = evo_project_find(s->o->project, name);
    enum evo_errc rc = evo_pg_exec(s->pg, "BEGIN", err);
    if (!rc && !applied)
        rc = evo_ledger_roll_back(s->pg, &s->ledger, m ? m : &nameless, err);
    if (!rc && applied)
        rc = evo_ledger_keep(s->pg, &s->ledger, m ? m : &nameless, err);
    if (!rc && evo_journal_holds(&s->journal, s->o->project->kind, true, name))
        rc = evo_journal_forget(s->pg, s->o->project->kind, true, name, err);
    if (!rc)
        rc = evo_session_commit(s, err);
    if (rc)
        evo_session_rollback(s);
    return rc;
}

/* It counts as applied, and a person says that it is: on evo's own record, since the ledger has no room for it. */
static const struct evo_migration *late_one(const struct evo_session *s, const char *name)
{
    for (size_t i = 0; i < s->state.count; i++)
        if (s->state.items[i].late && evo_streq(s->state.items[i].name, name))
            return s->state.items[i].file;
    return NULL;
}

static bool is_applied(const struct evo_session *s, const char *name)
{
    for (size_t i = 0; i < s->state.count; i++)
        if (evo_streq(s->state.items[i].name, name))
            return s->state.items[i].state == EVO_STATE_APPLIED ||
                   s->state.items[i].state == EVO_STATE_EDITED ||
                   s->state.items[i].state == EVO_STATE_MISSING;
    return false;
}

static void set_resolved(struct evo_json *data, const char *name, const char *as, const char *fingerprint,
                         const char *undone)
{
    struct evo_json *resolved = evo_json_object();
    evo_json_set_string(resolved, "name", name);
    evo_json_set_string(resolved, "as", as);
    evo_json_set_string(resolved, "fingerprint", fingerprint[0] ? fingerprint : NULL);
    evo_json_set_string(resolved, "undone", undone);
    evo_json_set(data, "resolved", resolved);
}

/* A half-done way back is meant, not the way up. */
static bool is_of_rollback(const struct evo_session *s, const char *name, bool applied)
{
    return is_applied(s, name) && (evo_journal_holds(&s->journal, s->o->project->kind, true, name) ||
                                   (!applied && evo_layout_of(s->o->project->kind)->delegated));
}

enum evo_errc evo_resolve_run(const struct evo_migrate_options *o, const char *name, bool applied,
                              bool undone, struct evo_json *data, struct evo_error *err)
{
    EVO_AUTO(session) s = { 0 };
    enum evo_undone proof = EVO_UNDONE_NOTHING;
    evo_json_set_null(data, "resolved");
    enum evo_errc rc = evo_session_open(o, true, &s, err);
    const struct evo_migration *late = !rc && applied ? late_one(&s, name) : NULL;
    bool rollback = !rc && !late && is_of_rollback(&s, name, applied);
    bool denies = applied == rollback; /* none of it is there, they say */
    if (!rc && !late && denies)
        rc = evo_undone_prove(&s, name, rollback, undone, &proof, err);
    if (rc)
        return evo_error_migration(err, name);
    if (late) {
        rc = evo_seen_note(s.pg, &s.ledger, late, true, err);
    } else if (rollback) {
        rc = resolve_rollback(&s, name, applied, err);
    } else {
        rc = applied ? resolve_applied(&s, name, err)
                     : evo_ledger_resolve_rolled_back(s.pg, &s.ledger, name, err);
        if (rc)
            rc = explain_refusal(&s, name, err);
    }
    if (!rc)
        rc = forget_checkpoints(&s, name, err);
    if (rc)
        return evo_error_migration(err, name);
    EVO_AUTO(note) note = { 0 };
    EVO_AUTO(strvec) warnings = EVO_STRVEC_INIT;
    if (denies)
        evo_note_expect(&note, &s, "resolve", name, &warnings);
    else
        evo_note_ledger(&note, &s, "resolve", name, &warnings);
    set_resolved(data, name, applied ? "applied" : "rolled-back", note.after,
                 denies ? evo_undone_name(proof) : NULL);
    return EVO_OK;
}

static const struct evo_state_item *find_item(const struct evo_session *s, const char *name)
{
    for (size_t i = 0; i < s->state.count; i++)
        if (evo_streq(s->state.items[i].name, name))
            return &s->state.items[i];
    return NULL;
}

enum evo_errc evo_resolve_edited(const struct evo_migrate_options *o, const char *name, struct evo_json *data,
                                 struct evo_error *err)
{
    EVO_AUTO(session) s = { 0 };
    evo_json_set_null(data, "resolved");
    enum evo_errc rc = evo_session_open(o, true, &s, err);
    if (rc)
        return rc;
    const struct evo_state_item *item = find_item(&s, name);
    if (!item) {
        (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "there is no migration \"%s\"", name);
        return evo_plan_hint_name(&s.state, name, o->plan.next_options, err);
    }
    if (item->state != EVO_STATE_EDITED) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "migration \"%s\" is not edited: it is %s", name,
                            evo_state_name(item->state));
        (void)evo_error_next(err, "evo-status%s", o->plan.next_options);
        return evo_error_migration(err, name);
    }
    rc = evo_ledger_accept(s.pg, &s.ledger, item->file, item->row->id, err);
    if (rc)
        return rc;
    set_resolved(data, name, "edited", "", NULL);
    return EVO_OK;
}

enum evo_errc evo_resolve_drift(const struct evo_migrate_options *o, struct evo_json *data,
                                struct evo_error *err)
{
    EVO_AUTO(session) s = { 0 };
    EVO_AUTO(schema) schema = EVO_SCHEMA_INIT;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    char state[EVO_SHA256_HEX];
    evo_json_set_null(data, "resolved");
    enum evo_errc rc = evo_session_open(o, true, &s, err);
    if (!rc)
        rc = evo_plan_refuse_unfinished(&s.state, &s.journal, &o->plan, err);
    if (!rc)
        rc = evo_schema_look(s.pg, o->task, &schema, err);
    if (rc)
        return rc;
    evo_schema_state_names(&s.ledger, &names);
    evo_schema_state(&names, state);
    rc = evo_schema_log_write(s.pg, &s.ledger, "resolve", NULL, state, &schema, err);
    if (!rc)
        rc = evo_drift_accept(s.pg, &s.ledger, err);
    if (!rc)
        rc = evo_schema_log_prune(s.pg, err);
    if (!rc)
        set_resolved(data, NULL, "drift", schema.fingerprint, NULL);
    return rc;
}
