#include "migration/checkpoint.h"

void evo_checkpoint_release(struct evo_checkpoint *c)
{
    if (!c)
        return;
    free(c->user);
    *c = (struct evo_checkpoint){ 0 };
}

enum evo_errc evo_checkpoint_init(struct evo_checkpoint *c, struct evo_session *s,
                                  const struct evo_step *step, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(s->pg, "SELECT session_user::pg_catalog.text", 0, NULL, &r, err);
    if (!rc)
        *c = (struct evo_checkpoint){ .s = s, .step = step, .user = evo_strdup(evo_pg_value(r, 0, 0)) };
    return rc;
}

/* For the rest of the transaction. */
static enum evo_errc be_ourselves(const struct evo_checkpoint *c, bool *ret_read_only, struct evo_error *err)
{
    const char *params[] = { c->user };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        evo_pg_query(c->s->pg,
                     "SELECT pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'on',"
                     " CASE WHEN pg_catalog.current_setting('role') OPERATOR(pg_catalog.<>) 'none'"
                     " THEN pg_catalog.set_config('role', 'none', true) END,"
                     " CASE WHEN session_user::pg_catalog.text OPERATOR(pg_catalog.<>) $1::pg_catalog.text"
                     " THEN pg_catalog.set_config('session_authorization', $1, true) END",
                     1, params, &r, err);
    if (!rc)
        *ret_read_only = evo_pg_value_bool(r, 0, 0);
    return rc;
}

enum evo_errc evo_checkpoint_inside(const struct evo_checkpoint *c, size_t unit, bool *ret_read_only,
                                    struct evo_error *err)
{
    enum evo_errc rc = be_ourselves(c, ret_read_only, err);
    if (rc || *ret_read_only)
        return rc;
    return evo_journal_done(c->s->pg, c->s->o->project->kind, c->step, unit, err);
}

typedef enum evo_errc write_fn(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                               size_t unit, struct evo_error *err);

static enum evo_errc alone(const struct evo_checkpoint *c, write_fn *write, size_t unit,
                           struct evo_error *err)
{
    struct evo_session *s = c->s;
    bool read_only = false;
    enum evo_errc rc = evo_pg_exec(s->pg, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", err);
    if (!rc)
        rc = be_ourselves(c, &read_only, err);
    if (!rc)
        rc = write(s->pg, s->o->project->kind, c->step, unit, err);
    if (!rc)
        rc = evo_session_commit(s, err);
    if (rc)
        evo_session_rollback(s);
    return rc;
}

enum evo_errc evo_checkpoint_begin(const struct evo_checkpoint *c, size_t unit, struct evo_error *err)
{
    return alone(c, evo_journal_begin, unit, err);
}

enum evo_errc evo_checkpoint_done(const struct evo_checkpoint *c, size_t unit, struct evo_error *err)
{
    return alone(c, evo_journal_done, unit, err);
}

void evo_checkpoint_unbegin(const struct evo_checkpoint *c, size_t unit)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    int signo = evo_session_grace_begin();
    if (evo_pg_alive(c->s->pg))
        (void)!alone(c, evo_journal_unbegin, unit, &ignored);
    evo_session_grace_end(signo);
}
