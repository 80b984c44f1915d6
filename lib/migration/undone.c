#include "migration/undone.h"

#include "base/quote.h"
#include "layout/schema_log.h"
#include "layout/unfinished.h"

const char *evo_undone_name(enum evo_undone undone)
{
    static const char *const names[] = { "nothing", "fingerprint", "word" };
    return names[undone];
}

/* What the ledger would hold if the migration, or its way back, had never been begun. */
static void state_before(const struct evo_session *s, const char *name, bool down,
                         char ret_hex[EVO_SHA256_HEX])
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) before = EVO_STRVEC_INIT;
    EVO_AUTO_STR unfinished = evo_asprintf("%s?", name);
    evo_schema_state_names(&s->ledger, &names);
    for (size_t i = 0; i < names.count; i++)
        if (!evo_streq(names.items[i], unfinished) && !evo_streq(names.items[i], name))
            evo_strvec_push(&before, names.items[i]);
    if (down)
        evo_strvec_push(&before, name);
    evo_schema_state(&before, ret_hex);
}

/* Why the fingerprints prove nothing; NULL: they do. */
static enum evo_errc doubt(struct evo_session *s, const char *name, bool down, const char **ret_why,
                           struct evo_error *err)
{
    EVO_AUTO(schema_log) log = { 0 };
    EVO_AUTO(schema) now = EVO_SCHEMA_INIT;
    EVO_AUTO_STR key = evo_schema_log_key(&s->ledger);
    char state[EVO_SHA256_HEX];
    const struct evo_migration *m = evo_project_find(s->o->project, name);
    if (!evo_unfinished_is_schema_alone(&s->journal, s->o->project->kind, down, name, m)) {
        *ret_why = "They may have changed more than the schema shows.";
        return EVO_OK;
    }
    enum evo_errc rc = evo_schema_log_load(s->pg, &s->ledger, EVO_SCHEMA_LOG_ROWS, &log, err);
    if (rc)
        return rc;
    state_before(s, name, down, state);
    const struct evo_schema_row *row = evo_schema_log_find(&log, key, state);
    if (!row || !evo_schema_is_comparable(row->format, row->server_version, evo_pg_version(s->pg))) {
        *ret_why = "What the schema was before them is on no record.";
        return EVO_OK;
    }
    rc = evo_schema_look(s->pg, s->o->task, &now, err);
    if (!rc)
        *ret_why = evo_streq(row->fingerprint, now.fingerprint)
                       ? NULL
                       : "The schema is not what it was before them, so something of it is still there.";
    return rc;
}

static enum evo_errc refuse(const struct evo_session *s, const char *name, bool down,
                            const struct evo_unfinished *u, const char *why, struct evo_error *err)
{
    const char *more = s->o->plan.next_options;
    const struct evo_migration *m = evo_project_find(s->o->project, name);
    EVO_AUTO(strbuf) done = EVO_STRBUF_INIT;
    EVO_AUTO_STR word = evo_quote_shell(name);
    EVO_AUTO_STR next = evo_unfinished_next(u, name, m ? m->path : NULL, more);
    bool goes_on = evo_unfinished_way(u) == EVO_WAY_GO_ON;
    evo_unfinished_name_done(&s->journal, s->o->project->kind, down, name, m, &done);
    (void)evo_error_set(err, EVO_ERR_FAILED, "%s \"%s\" is on record as done in part: nothing was recorded",
                        down ? "the rollback of migration" : "migration", name);
    (void)evo_error_detail(err, "Done, and not undone as far as is known: %s. %s", done.buf, why);
    (void)evo_error_hint(
        err,
        "%s%s%sTo start over instead, undo what is done, then try this again; where nothing is "
        "left of it and evo cannot see that, say so: evo-migrate resolve --%s %s --undone%s",
        goes_on ? "Go on where it stopped: " : "", goes_on ? next : "", goes_on ? ". " : "",
        down ? "applied" : "rolled-back", word, more);
    (void)evo_error_next(err, "%s", next ? next : "");
    return evo_error_migration(err, name);
}

enum evo_errc evo_undone_prove(struct evo_session *s, const char *name, bool down, bool word,
                               enum evo_undone *ret, struct evo_error *err)
{
    struct evo_unfinished u;
    const char *why = NULL;
    evo_unfinished_look(&s->journal, s->o->project->kind, down, name, evo_project_find(s->o->project, name),
                        &u);
    *ret = u.done ? EVO_UNDONE_WORD : EVO_UNDONE_NOTHING;
    if (!u.done || word)
        return EVO_OK;
    enum evo_errc rc = doubt(s, name, down, &why, err);
    if (rc)
        return rc;
    *ret = EVO_UNDONE_FINGERPRINT;
    return why ? refuse(s, name, down, &u, why, err) : EVO_OK;
}
