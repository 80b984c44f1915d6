/*
 * Sqitch's registry, version 1.1: what Sqitch 1.3.1 reads and writes.
 *
 * `changes` holds what is deployed, `events` all that happened: deploy, revert, fail. A change that is deployed is known
 * by its id; one that the plan knows by the same name and another id was planned otherwise when it was deployed. Of a
 * change that was begun and not finished the registry knows nothing.
 */
#include "layout/ledger_impl.h"
#include "layout/sqitch.h"
#include "schema/sql.h"

#include "base/banned.h"

#define LOCK_KEY 75474063
#define REGISTRY "1.1"

static const char *const no_params[1] = { NULL };

/* The text with the registry's schema for "@". The caller frees. */
static char *in_registry(struct evo_pg *pg, const struct evo_ledger *l, const char *sql)
{
    EVO_AUTO_STR schema = evo_pg_identifier(pg, l->schema);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (const char *p = sql; *p; p++) {
        if (*p == '@')
            evo_strbuf_adds(&text, schema);
        else
            evo_strbuf_addch(&text, *p);
    }
    return evo_strbuf_detach(&text);
}

static enum evo_errc ask(struct evo_pg *pg, const struct evo_ledger *l, const char *sql, int nparams,
                         const char *const *params, struct evo_pg_result **ret, struct evo_error *err)
{
    EVO_AUTO_STR text = in_registry(pg, l, sql);
    enum evo_errc rc = evo_pg_query(pg, text, nparams, params, ret, err);
    if (rc != EVO_ERR_PERMISSION)
        return rc;
    EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
    EVO_AUTO_STR role = evo_ledger_quote(l->role);
    return evo_ledger_ask_for(
        l, err,
        "USAGE ON SCHEMA %s TO %s; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN "
        "SCHEMA %s",
        schema, role, schema);
}

/* Whoever writes has a plan. */
static const struct evo_sqitch *plan_of(const struct evo_ledger *l)
{
    EVO_ASSERT(l->project && l->project->sqitch);
    return l->project->sqitch;
}

/* ---- reading ------------------------------------------------------------------ */

static enum evo_errc check_release(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) there = NULL;
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO_STR table = in_registry(pg, l, "@.releases");
    enum evo_errc rc = evo_pg_query(pg, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", 1,
                                    (const char *const[]){ table }, &there, err);
    bool any = !rc && evo_pg_value_bool(there, 0, 0);
    if (any)
        rc = ask(pg, l, "SELECT pg_catalog.max(version)::text FROM @.releases", 0, no_params, &r, err);
    if (rc)
        return rc;
    const char *version = any ? evo_pg_value(r, 0, 0) : NULL;
    if (version && strcmp(version, REGISTRY) == 0)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_UNSUPPORTED,
                  "Sqitch's registry in schema \"%s\" has version %s, and evo knows %s", l->schema,
                  version ? version : "0", REGISTRY);
    return evo_error_hint(err, "Bring it up to date: sqitch upgrade");
}

/* The name in evo of a change that is deployed. *ret_same: it is the one that the plan means. */
static const char *name_of(const struct evo_project *p, const char *id, const char *change, bool *ret_same)
{
    const struct evo_sqitch *plan = p->sqitch;
    size_t at = plan ? evo_sqitch_find(plan, id) : EVO_SQITCH_ELSEWHERE;
    *ret_same = at != EVO_SQITCH_ELSEWHERE;
    if (*ret_same)
        return at < p->count ? p->items[at].name : change;
    return change;
}

static enum evo_errc read_rows(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                               struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *const params[] = { p->sqitch ? p->sqitch->project : NULL };
    enum evo_errc rc = check_release(pg, l, err);
    if (!rc)
        rc = ask(pg, l,
                 "SELECT change_id, change, script_hash, "
                 "pg_catalog.floor(pg_catalog.date_part('epoch', committed_at) * 1000::float8)::bigint FROM "
                 "@.changes "
                 "WHERE project = $1 OR $1 IS NULL ORDER BY committed_at",
                 EVO_COUNT(params), params, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++) {
        bool same = false;
        const char *name = name_of(p, evo_pg_value(r, i, 0), evo_pg_value(r, i, 1), &same);
        const char *hash = same || !p->sqitch ? evo_pg_value(r, i, 2) : NULL;
        EVO_GROW(l->items, l->count, l->alloc);
        l->items[l->count++] = (struct evo_ledger_row){
            .id = evo_strdup(evo_pg_value(r, i, 0)),
            .name = evo_strdup(name),
            .checksum = evo_strdup(hash ? hash : ""), /* planned otherwise: edited */
            .started_ms = evo_pg_value_int(r, i, 3, -1),
            .finished_ms = evo_pg_value_int(r, i, 3, -1),
            .rolled_back_ms = -1,
        };
    }
    return rc;
}

/* ---- writing ------------------------------------------------------------------ */

static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    const struct evo_sqitch *plan = plan_of(l);
    EVO_AUTO_STR table = in_registry(pg, l, "@.changes");
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", 1,
                                    (const char *const[]){ table }, &r, err);
    if (rc || evo_pg_value_bool(r, 0, 0))
        return rc;
    EVO_AUTO_STR name = evo_pg_literal(pg, plan->user_name);
    EVO_AUTO_STR email = evo_pg_literal(pg, plan->user_email);
    EVO_AUTO_STR tables = in_registry(pg, l, evo_schema_sql_sqitch);
    EVO_AUTO_STR release = in_registry(pg, l,
                                       "INSERT INTO @.releases (version, installer_name, "
                                       "installer_email) VALUES (" REGISTRY ", ");
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_strbuf_addf(&sql, "%s%s%s, %s);", tables, release, name, email); /* one message: all or nothing */
    rc = evo_pg_exec(pg, sql.buf, err);
    if (rc != EVO_ERR_PERMISSION)
        return rc;
    EVO_AUTO_STR database = evo_ledger_quote(l->database);
    return evo_ledger_ask_for(l, err, "CREATE ON DATABASE %s", database);
}

/* A project has one URI, or none, for good. */
static enum evo_errc register_project(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    const struct evo_sqitch *plan = plan_of(l);
    const char *const params[] = { plan->project, plan->uri, plan->user_name, plan->user_email };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        ask(pg, l, "SELECT uri, project FROM @.projects WHERE project = $1 OR uri = $2", 2, params, &r, err);
    if (rc)
        return rc;
    if (evo_pg_rows(r) == 0)
        return ask(
            pg, l,
            "INSERT INTO @.projects (project, uri, creator_name, creator_email) VALUES ($1, $2, $3, $4)",
            EVO_COUNT(params), params, NULL, err);
    const char *uri = evo_pg_value(r, 0, 0), *project = evo_pg_value(r, 0, 1);
    if (evo_streq(project, plan->project) && evo_streq(uri, plan->uri))
        return EVO_OK;
    return evo_error_set(
        err, EVO_ERR_CONFIG,
        "Sqitch's registry knows project \"%s\" with %s%s, and the plan is of \"%s\" with %s%s", project,
        uri ? "URI " : "no URI", uri ? uri : "", plan->project, plan->uri ? "URI " : "no URI",
        plan->uri ? plan->uri : "");
}

/* The id of what d means in this database; NULL where it is not deployed. The caller frees. */
static enum evo_errc find_deployed(struct evo_pg *pg, const struct evo_ledger *l,
                                   const struct evo_sqitch_depend *d, char **ret, struct evo_error *err)
{
    const struct evo_sqitch *plan = plan_of(l);
    const char *id = d->index == EVO_SQITCH_ELSEWHERE ? d->id : plan->changes[d->index].plan.id;
    EVO_AUTO_STR tag = d->tag ? evo_asprintf("@%s", d->tag) : NULL;
    const char *const by_id[] = { id };
    const char *const by_name[] = { d->project ? d->project : plan->project, d->change, tag };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        id        ? ask(pg, l, "SELECT change_id FROM @.changes WHERE change_id = $1", 1, by_id, &r, err)
        : !d->tag ? ask(pg, l,
                        "SELECT change_id FROM @.changes WHERE project = $1 AND change = $2 ORDER BY "
                        "committed_at LIMIT 1",
                        2, by_name, &r, err)
        : d->change
            ? ask(pg, l,
                  "SELECT c.change_id FROM @.changes c JOIN @.tags t ON t.project = c.project "
                  "AND c.committed_at <= t.committed_at WHERE c.project = $1 AND c.change = $2 AND t.tag = "
                  "$3 "
                  "ORDER BY c.committed_at DESC LIMIT 1",
                  3, by_name, &r, err)
            : ask(pg, l, "SELECT change_id FROM @.tags WHERE project = $1 AND tag = $3 AND $2::text IS NULL",
                  3, by_name, &r, err);
    *ret = !rc && evo_pg_rows(r) ? evo_strdup(evo_pg_value(r, 0, 0)) : NULL;
    return rc;
}

/* What c requires is deployed, and what it conflicts with is not. ids (may be NULL) gets what each one means. */
static enum evo_errc check_depends(struct evo_pg *pg, const struct evo_ledger *l,
                                   const struct evo_sqitch_change *c, struct evo_strvec *ids,
                                   struct evo_error *err)
{
    for (size_t i = 0; i < c->ndepends; i++) {
        const struct evo_sqitch_depend *d = &c->depends[i];
        EVO_AUTO_STR id = NULL;
        enum evo_errc rc = find_deployed(pg, l, d, &id, err);
        if (rc)
            return rc;
        if (d->conflict == (id != NULL)) {
            evo_error_set(err, EVO_ERR_CONFIG,
                          d->conflict ? "change \"%s\" conflicts with \"%s\", which is deployed"
                                      : "change \"%s\" requires \"%s\", which is not deployed",
                          c->plan.name, d->text);
            return evo_error_migration(err, c->plan.name);
        }
        if (ids)
            evo_strvec_push(ids, id ? id : "");
    }
    return EVO_OK;
}

static void add_element(struct evo_strbuf *array, const char *value)
{
    evo_strbuf_adds(array, array->len ? ",\"" : "{\"");
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            evo_strbuf_addch(array, '\\');
        evo_strbuf_addch(array, *p);
    }
    evo_strbuf_addch(array, '"');
}

static void end_array(struct evo_strbuf *array)
{
    evo_strbuf_adds(array, array->len ? "}" : "{}");
}

/* One row of `events`; arrays as SQL writes them. */
static enum evo_errc log_event(struct evo_pg *pg, const struct evo_ledger *l, const char *event,
                               const struct evo_sqitch_change *c, const char *requires, const char *conflicts,
                               const char *tags, struct evo_error *err)
{
    const struct evo_sqitch *plan = plan_of(l);
    const char *const params[] = { event,
                                   c->plan.id,
                                   c->plan.name,
                                   plan->project,
                                   c->plan.note,
                                   requires,
                                   conflicts,
                                   tags,
                                   plan->user_name,
                                   plan->user_email,
                                   c->plan.planned_at,
                                   c->plan.planner_name,
                                   c->plan.planner_email };
    return ask(
        pg, l,
        "INSERT INTO @.events (event, change_id, change, project, note, requires, conflicts, tags, "
        "committer_name, committer_email, planned_at, planner_name, planner_email) VALUES ($1, $2, $3, $4, "
        "$5, $6::text[], $7::text[], $8::text[], $9, $10, $11::timestamptz, $12, $13)",
        EVO_COUNT(params), params, NULL, err);
}

/* The same, with what the plan says of the change. */
static enum evo_errc log_planned(struct evo_pg *pg, const struct evo_ledger *l, const char *event,
                                 const struct evo_sqitch_change *c, struct evo_error *err)
{
    EVO_AUTO(strbuf) requires = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) conflicts = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) tags = EVO_STRBUF_INIT;
    for (size_t i = 0; i < c->ndepends; i++)
        add_element(c->depends[i].conflict ? &conflicts : &requires, c->depends[i].text);
    for (size_t i = 0; i < c->ntags; i++)
        add_element(&tags, c->tags[i].name);
    end_array(&requires);
    end_array(&conflicts);
    end_array(&tags);
    return log_event(pg, l, event, c, requires.buf, conflicts.buf, tags.buf, err);
}

/* The change's tags that the registry does not have. */
static enum evo_errc add_tags(struct evo_pg *pg, const struct evo_ledger *l,
                              const struct evo_sqitch_change *c, struct evo_error *err)
{
    const struct evo_sqitch *plan = plan_of(l);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < c->ntags; i++) {
        const struct evo_sqitch_line *t = &c->tags[i];
        const char *const params[] = { t->id,           t->name,         plan->project,    c->plan.id,
                                       t->note,         plan->user_name, plan->user_email, t->planned_at,
                                       t->planner_name, t->planner_email };
        rc =
            ask(pg, l,
                "INSERT INTO @.tags (tag_id, tag, project, change_id, note, committer_name, committer_email, "
                "planned_at, planner_name, planner_email) SELECT $1, $2, $3, $4, $5, $6, $7, "
                "$8::timestamptz, $9, "
                "$10 WHERE NOT EXISTS (SELECT FROM @.tags WHERE tag_id = $1) "
                "AND EXISTS (SELECT FROM @.changes WHERE change_id = $4)",
                EVO_COUNT(params), params, NULL, err);
    }
    return rc;
}

static enum evo_errc add_change(struct evo_pg *pg, const struct evo_ledger *l,
                                const struct evo_sqitch_change *c, const char *script_hash,
                                const struct evo_strvec *ids, struct evo_error *err)
{
    const struct evo_sqitch *plan = plan_of(l);
    const char *const params[] = { c->plan.id,           script_hash,        c->plan.name,
                                   plan->project,        c->plan.note,       plan->user_name,
                                   plan->user_email,     c->plan.planned_at, c->plan.planner_name,
                                   c->plan.planner_email };
    enum evo_errc rc =
        ask(pg, l,
            "INSERT INTO @.changes (change_id, script_hash, change, project, note, committer_name, "
            "committer_email, planned_at, planner_name, planner_email) VALUES ($1, $2, $3, $4, $5, $6, $7, "
            "$8::timestamptz, $9, $10)",
            EVO_COUNT(params), params, NULL, err);
    for (size_t i = 0; !rc && i < c->ndepends; i++) {
        const struct evo_sqitch_depend *d = &c->depends[i];
        const char *id = !d->conflict && i < ids->count && ids->items ? ids->items[i] : NULL;
        const char *const depend[] = { c->plan.id, d->conflict ? "conflict" : "require", d->text, id };
        rc = ask(
            pg, l,
            "INSERT INTO @.dependencies (change_id, type, dependency, dependency_id) VALUES ($1, $2, $3, $4)",
            EVO_COUNT(depend), depend, NULL, err);
    }
    return rc;
}

/* The change is deployed. Tags that were put behind the one before since it was deployed come along. */
static enum evo_errc record(struct evo_pg *pg, const struct evo_ledger *l, size_t at, struct evo_error *err)
{
    const struct evo_sqitch_change *c = &plan_of(l)->changes[at];
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    EVO_AUTO_STR lock = in_registry(pg, l, "LOCK TABLE @.changes IN EXCLUSIVE MODE");
    enum evo_errc rc = evo_pg_in_transaction(pg) ? evo_pg_exec(pg, lock, err) : EVO_OK;
    if (!rc)
        rc = register_project(pg, l, err);
    if (!rc && at > 0)
        rc = add_tags(pg, l, c - 1, err);
    if (!rc)
        rc = check_depends(pg, l, c, &ids, err);
    if (!rc)
        rc = add_change(pg, l, c, l->project->items[at].own_checksum, &ids, err);
    if (!rc)
        rc = add_tags(pg, l, c, err);
    return rc ? rc : log_planned(pg, l, "deploy", c, err);
}

static enum evo_errc find_planned(const struct evo_ledger *l, const char *id, size_t *ret,
                                  struct evo_error *err)
{
    const struct evo_sqitch *plan = plan_of(l);
    size_t at = id ? evo_sqitch_find(plan, id) : EVO_SQITCH_ELSEWHERE;
    if (at == EVO_SQITCH_ELSEWHERE)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "change \"%s\" is not in the plan", id ? id : "");
    *ret = at;
    return EVO_OK;
}

static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    (void)started_ms;
    (void)steps;
    (void)logs;
    size_t at = 0;
    enum evo_errc rc = find_planned(l, m->version, &at, err);
    if (!rc)
        rc = finished_ms < 0 ? check_depends(pg, l, &plan_of(l)->changes[at], NULL, err)
                             : record(pg, l, at, err);
    if (!rc && ret_id)
        *ret_id = evo_strdup(m->version);
    return rc;
}

static enum evo_errc finish_row(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                struct evo_error *err)
{
    size_t at = 0;
    enum evo_errc rc = find_planned(l, id, &at, err);
    return rc ? rc : record(pg, l, at, err);
}

static enum evo_errc fail_row(struct evo_pg *pg, const struct evo_ledger *l, const char *id, const char *logs,
                              struct evo_error *err)
{
    (void)logs;
    size_t at = 0;
    enum evo_errc rc = find_planned(l, id, &at, err);
    if (!rc)
        rc = register_project(pg, l, err);
    return rc ? rc : log_planned(pg, l, "fail", &plan_of(l)->changes[at], err);
}

/* Another project's change may need this one. */
static enum evo_errc refuse_required(struct evo_pg *pg, const struct evo_ledger *l,
                                     const struct evo_sqitch_change *c, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *const params[] = { c->plan.id };
    enum evo_errc rc = ask(pg, l,
                           "SELECT c.project || ':' || c.change FROM @.dependencies d JOIN @.changes c "
                           "ON c.change_id = d.change_id WHERE d.dependency_id = $1 LIMIT 1",
                           1, params, &r, err);
    if (rc || evo_pg_rows(r) == 0)
        return rc;
    return evo_error_set(err, EVO_ERR_CONFIG, "change \"%s\" is required by \"%s\", which is deployed",
                         c->plan.name, evo_pg_value(r, 0, 0));
}

static enum evo_errc take_back(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO_PTR(pg_result) deleted = NULL;
    size_t at = 0;
    enum evo_errc rc = find_planned(l, m->version, &at, err);
    const char *const params[] = { m->version };
    if (!rc)
        rc = refuse_required(pg, l, &plan_of(l)->changes[at], err);
    if (!rc)
        rc = ask(
            pg, l,
            "WITH gone AS (DELETE FROM @.tags WHERE change_id = $1 RETURNING tag) SELECT "
            "ARRAY(SELECT dependency FROM @.dependencies WHERE change_id = $1 AND type = 'require')::text, "
            "ARRAY(SELECT dependency FROM @.dependencies WHERE change_id = $1 AND type = 'conflict')::text, "
            "ARRAY(SELECT tag FROM gone)::text",
            1, params, &r, err);
    if (!rc)
        rc = ask(pg, l, "DELETE FROM @.changes WHERE change_id = $1", 1, params, &deleted, err);
    if (!rc && evo_pg_affected(deleted) < 1)
        rc = evo_error_set(err, EVO_ERR_NOT_FOUND, "change \"%s\" is not deployed", m->name);
    return rc ? rc
              : log_event(pg, l, "revert", &plan_of(l)->changes[at], evo_pg_value(r, 0, 0),
                          evo_pg_value(r, 0, 1), evo_pg_value(r, 0, 2), err);
}

/* A change is known by its id; that one failed only the journal knows. */
static enum evo_errc look(struct evo_pg *pg, const struct evo_ledger *l, const char *name, bool *ret_applied,
                          bool *ret_failed, struct evo_error *err)
{
    const struct evo_migration *m = evo_project_find(l->project, name);
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *const params[] = { m ? m->version : name };
    enum evo_errc rc = ask(pg, l, "SELECT FROM @.changes WHERE change_id = $1", 1, params, &r, err);
    *ret_applied = !rc && evo_pg_rows(r) > 0;
    *ret_failed = false;
    return rc;
}

const struct evo_ledger_kind evo_ledger_sqitch = {
    .schema = "sqitch",
    .table = "changes",
    .lock_key = LOCK_KEY,
    .privileges = "SELECT, INSERT, UPDATE, DELETE",
    .read = read_rows,
    .look = look,
    .columns = " change_id script_hash ",
    .create = create,
    .finish_row = finish_row,
    .fail_row = fail_row,
    .take_back = take_back,
    .insert = insert,
};
