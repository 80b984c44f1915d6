#include "status/checks.h"

#include <inttypes.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/quote.h"

const char evo_status_fail_on[] =
    "pending failed edited missing blockers invalid-indexes not-valid backup none";

#define FINE(...)    say(c, EVO_STATUS_OK, evo_asprintf(__VA_ARGS__))
#define FINDING(...) say(c, EVO_STATUS_WARN, evo_asprintf(__VA_ARGS__))

/* Takes message over. */
static void say(struct evo_status_check *c, enum evo_status_verdict verdict, char *message)
{
    c->verdict = verdict;
    c->message = message;
}

/* What an error says, as a finding. */
static void repeat(struct evo_status_check *c, const struct evo_error *e)
{
    FINDING("%s", e->message);
    c->code = e->code;
    c->hint = e->hint[0] ? evo_strdup(e->hint) : NULL;
    c->next = e->next[0] ? evo_strdup(e->next) : NULL;
}

/* "3 minutes"; "" where it is unknown. */
static const char *since(int64_t age_ms, char buf[EVO_HUMAN_MAX])
{
    return age_ms < 0 ? "an unknown time" : evo_format_duration(age_ms, buf);
}

static char *and_more(size_t count)
{
    return count > 1 ? evo_asprintf(" (and %zu more)", count - 1) : evo_strdup("");
}

/* psql on the database that evo looks at, as evo finds it. The caller frees. */
static char *psql(const char *fmt, ...) EVO_PRINTF(1, 2);
static char *psql(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    EVO_AUTO_STR sql = evo_vasprintf(fmt, ap);
    va_end(ap);
    EVO_AUTO_STR word = evo_quote_shell(sql);
    return evo_asprintf("psql -c %s", word);
}

/* ---- the server --------------------------------------------------------------- */

static void check_connection(const struct evo_status_view *v, struct evo_status_check *c)
{
    EVO_AUTO_STR database = evo_strdup(v->ledger.database);
    FINE("database \"%s\" as role \"%s\"", database, v->ledger.role);
}

static void check_server(const struct evo_status_view *v, struct evo_status_check *c)
{
    if (v->server_version >= EVO_STATUS_OLDEST) {
        FINE("PostgreSQL %s", v->server_version_text);
        return;
    }
    FINDING("PostgreSQL %s is older than 12, which evo was not made for", v->server_version_text);
    c->hint = evo_strdup("Upgrade the server first.");
}

static void check_pooler(const struct evo_status_view *v, struct evo_status_check *c)
{
    if (v->pooler.code)
        repeat(c, &v->pooler);
    else
        FINE("sessions are the server's own");
}

/* ---- the ledger --------------------------------------------------------------- */

static const struct evo_state_item *first_item(const struct evo_state *s, enum evo_migration_state state)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].state == state)
            return &s->items[i];
    return NULL;
}

static void name_migration(const struct evo_status_view *v, const struct evo_state_item *item,
                           struct evo_status_check *c)
{
    c->migration = evo_strdup(item->name);
    c->next = evo_status_next(v, item);
}

static void check_ledger(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_ledger *l = &v->ledger;
    if (l->exists) {
        FINE("%zu row%s", l->count, l->count == 1 ? "" : "s");
    } else if (evo_layout_of(v->project->kind)->wants_baseline && !l->schema_empty) {
        FINDING("schema \"%s\" holds tables, and no %s records how they came about", l->app_schema, l->table);
        c->hint =
            evo_strdup("Record the migrations that made them, each in its turn; nothing is run by that.");
        if (v->project->count) {
            EVO_AUTO_STR word = evo_quote_shell(v->project->items[0].name);
            c->next = evo_asprintf("evo-migrate resolve --applied %s%s", word, v->next_options);
        }
    } else {
        FINE("none yet; the first migration makes it");
    }
}

static const struct evo_state_item *first_failed(const struct evo_status_view *v, bool unfinished,
                                                 size_t *count)
{
    const struct evo_state_item *first = NULL;
    *count = 0;
    for (size_t i = 0; i < v->state.count; i++) {
        const struct evo_state_item *item = &v->state.items[i];
        if (item->state == EVO_STATE_FAILED && evo_status_is_unfinished(v, item) == unfinished &&
            ++*count == 1)
            first = item;
    }
    return first;
}

static const struct evo_state_item *half_rolled_back(const struct evo_status_view *v)
{
    for (size_t i = 0; i < v->state.count; i++)
        if (v->state.items[i].row && evo_status_has_checkpoints(v, v->state.items[i].name, " down"))
            return &v->state.items[i];
    return NULL;
}

static void check_failed(const struct evo_status_view *v, struct evo_status_check *c)
{
    size_t count;
    const struct evo_state_item *item = first_failed(v, false, &count), *half = half_rolled_back(v);
    if (item) {
        char when[EVO_TIME_MAX];
        EVO_AUTO_STR more = and_more(count);
        FINDING("migration \"%s\", started at %s, never finished%s", item->name,
                item->row->started_ms < 0 ? "an unknown time" : evo_format_time(item->row->started_ms, when),
                more);
        name_migration(v, item, c);
        c->hint = evo_strdup(
            "Look at the schema. If nothing of it is there (any more), run the command below; if all "
            "of it is there, the same with --applied in place of --rolled-back.");
    } else if (half) {
        FINDING("the rollback of migration \"%s\" was begun and not finished", half->name);
        c->migration = evo_strdup(half->name);
        c->next = evo_asprintf("evo-migrate down --steps 1%s", v->next_options);
    } else {
        FINE("none");
    }
}

/* No obstacle, `up` goes on; but it is not applied, either. */
static void check_unfinished(const struct evo_status_view *v, struct evo_status_check *c)
{
    size_t count;
    const struct evo_state_item *item = first_failed(v, true, &count);
    if (!item) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = and_more(count);
    FINDING("migration \"%s\" stopped half-way; what is done of it is on record%s", item->name, more);
    c->hint = evo_strdup("Remove the cause, if it had one; it goes on where it stopped.");
    name_migration(v, item, c);
}

static void check_edited(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_state_item *item = first_item(&v->state, EVO_STATE_EDITED);
    if (!item) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = and_more(v->state.edited);
    FINDING("\"%s\" was edited after it was applied%s", item->file->path, more);
    c->hint = evo_strdup("Restore the file, and put the change into a new migration; or accept it as it is.");
    name_migration(v, item, c);
}

static void check_missing(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_state_item *item = first_item(&v->state, EVO_STATE_MISSING);
    if (!item) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = and_more(v->state.missing);
    FINDING("\"%s\" is applied, and its file is gone%s", item->name, more);
    c->hint = evo_strdup("Fine where the history was squashed; it only cannot be rolled back by evo.");
    name_migration(v, item, c);
}

static void check_pending(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_state_item *item = first_item(&v->state, EVO_STATE_PENDING);
    if (!item) {
        FINE("none");
        return;
    }
    size_t behind = 0;
    for (size_t i = 0; i < v->state.count; i++)
        behind += v->state.items[i].behind;
    FINDING("%zu migration%s to apply", v->state.pending, v->state.pending == 1 ? "" : "s");
    c->next = evo_asprintf("evo-migrate up%s%s",
                           behind && evo_layout_of(v->project->kind)->strict_order ? " --out-of-order" : "",
                           v->next_options);
}

/* Behind an applied one: `up` of sql refuses it unless told, prisma applies it as Prisma does. */
static void check_order(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_state_item *item = NULL;
    size_t count = 0;
    for (size_t i = 0; i < v->state.count; i++)
        if (v->state.items[i].behind && ++count == 1)
            item = &v->state.items[i];
    if (!item) {
        FINE("every pending migration comes after the applied ones");
        return;
    }
    EVO_AUTO_STR more = and_more(count);
    FINDING("\"%s\" is pending behind one that is applied%s", item->name, more);
    name_migration(v, item, c);
}

static void check_folder(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_strvec *warnings = &v->project->warnings;
    EVO_AUTO_STR more = and_more(warnings->count);
    if (warnings->count)
        FINDING("%s%s", warnings->items[0], more);
    else
        FINE("\"%s\", %zu migration%s", v->project->migrations, v->project->count,
             v->project->count == 1 ? "" : "s");
}

/* ---- who is in the way ---------------------------------------------------------- */

static void check_lock(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_LOCK);
    if (!f) {
        FINE("free");
        return;
    }
    char age[EVO_HUMAN_MAX];
    FINDING("the migration lock is held by pid %" PRId64 " (%s) for %s", f->pid, f->who,
            since(f->age_ms, age));
    c->hint = evo_strdup("Somebody migrates right now: wait for it, or end it.");
    c->next = evo_asprintf("evo-migrate up --wait 5min%s", v->next_options);
}

static char *terminate(const struct evo_fact *f)
{
    return f->pid ? psql("SELECT pg_terminate_backend(%" PRId64 ")", f->pid)
                  : psql("SELECT gid, owner, prepared FROM pg_prepared_xacts");
}

static void check_blockers(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_BLOCKER);
    const struct evo_fact *open = evo_facts_first(&v->facts, EVO_FACT_LONG);
    const char *hidden =
        evo_facts_first(&v->facts, EVO_FACT_HIDDEN) ? "; what other roles do is hidden from this one" : "";
    char age[EVO_HUMAN_MAX];
    if (f) {
        EVO_AUTO_STR more = and_more(evo_facts_count(&v->facts, EVO_FACT_BLOCKER));
        FINDING("pid %" PRId64 " (%s) blocks %" PRId64 " other session%s, its transaction open for %s%s",
                f->pid, f->who, f->waiting, f->waiting == 1 ? "" : "s", since(f->age_ms, age), more);
        c->next = terminate(f);
    } else if (open) {
        EVO_AUTO_STR more = and_more(evo_facts_count(&v->facts, EVO_FACT_LONG));
        FINDING("a transaction is open for %s: pid %" PRId64 " (%s)%s", since(open->age_ms, age), open->pid,
                open->who, more);
        c->hint = evo_strdup("A migration that needs a lock on what it has touched will wait for it.");
        c->next = terminate(open);
    } else {
        FINE("no session blocks another, no transaction is open for more than a minute%s", hidden);
        if (*hidden) {
            EVO_AUTO_STR role = evo_strdup(v->ledger.role);
            c->hint = evo_asprintf("Ask for it: GRANT pg_read_all_stats TO \"%s\";", role);
        }
    }
}

/* ---- what earlier runs left ------------------------------------------------------ */

static void check_indexes(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_INDEX);
    if (!f) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = and_more(evo_facts_count(&v->facts, EVO_FACT_INDEX));
    FINDING("index %s on %s is invalid: it is kept up and never used%s", f->object, f->relation, more);
    c->hint =
        evo_strdup("A CREATE INDEX CONCURRENTLY failed. Rebuild it, or drop it: DROP INDEX CONCURRENTLY.");
    c->next = psql("REINDEX INDEX CONCURRENTLY %s", f->object);
}

static void check_constraints(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_CONSTRAINT);
    if (!f) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = and_more(evo_facts_count(&v->facts, EVO_FACT_CONSTRAINT));
    FINDING("constraint %s on %s was never validated: rows from before it may break it%s", f->object,
            f->relation, more);
    c->next = psql("ALTER TABLE %s VALIDATE CONSTRAINT %s", f->relation, f->object);
}

/* ---- backups ---------------------------------------------------------------------- */

static void check_dump(const struct evo_status_view *v, struct evo_status_check *c)
{
    if (v->dump.code)
        repeat(c, &v->dump);
    else
        FINE("pg_dump %d", v->dump_major);
}

static void check_store(const struct evo_status_view *v, struct evo_status_check *c)
{
    if (!v->store)
        FINE("none is configured");
    else if (v->store_error.code)
        repeat(c, &v->store_error);
    else
        FINE("%s", evo_store_url(v->store));
}

static void check_backup(const struct evo_status_view *v, struct evo_status_check *c)
{
    char age[EVO_HUMAN_MAX];
    if (!v->store && !evo_strvec_contains(v->fail_on, "backup")) {
        FINE("not looked for: no store is configured");
        return;
    }
    if (!v->store || v->store_error.code) {
        FINDING("%s", v->store ? "not known: the store cannot be read" : "none: no store is configured");
        if (!v->store)
            c->hint = evo_strdup("Name one with --store.");
        return;
    }
    if (!v->backup_id) {
        FINDING("none of database \"%s\"", v->ledger.database);
        c->next = evo_asprintf("evo-backup create%s", v->next_options);
        return;
    }
    int64_t age_ms = v->now_ms > v->backup_ms ? v->now_ms - v->backup_ms : 0;
    if (age_ms <= v->backup_max_age_ms) {
        FINE("%s, %s old", v->backup_id, evo_format_duration(age_ms, age));
        return;
    }
    FINDING("the newest, %s, is %s old", v->backup_id, evo_format_duration(age_ms, age));
    c->next = evo_asprintf("evo-backup create%s", v->next_options);
}

/* ---- the table --------------------------------------------------------------------- */

const struct evo_status_row evo_status_rows[] = {
    { "connection", NULL, EVO_STATUS_WARN, EVO_ERR_CONNECT, check_connection },
    { "server", NULL, EVO_STATUS_WARN, EVO_ERR_UNSUPPORTED, check_server },
    { "pooler", NULL, EVO_STATUS_FAIL, EVO_ERR_UNSUPPORTED, check_pooler },
    { "migrations", NULL, EVO_STATUS_WARN, EVO_ERR_CONFIG, check_folder },
    { "ledger", NULL, EVO_STATUS_WARN, EVO_ERR_UNSUPPORTED, check_ledger },
    { "failed", "failed", EVO_STATUS_WARN, EVO_ERR_FAILED, check_failed },
    { "unfinished", "pending", EVO_STATUS_WARN, EVO_ERR_FAILED, check_unfinished },
    { "edited", "edited", EVO_STATUS_WARN, EVO_ERR_EDITED, check_edited },
    { "missing", "missing", EVO_STATUS_WARN, EVO_ERR_DRIFT, check_missing },
    { "pending", "pending", EVO_STATUS_OK, EVO_ERR_PENDING, check_pending },
    { "order", NULL, EVO_STATUS_WARN, EVO_ERR_PENDING, check_order },
    { "lock", NULL, EVO_STATUS_WARN, EVO_ERR_LOCK_UNAVAILABLE, check_lock },
    { "blockers", "blockers", EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, check_blockers },
    { "invalid-indexes", "invalid-indexes", EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, check_indexes },
    { "not-valid", "not-valid", EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, check_constraints },
    { "pg_dump", NULL, EVO_STATUS_WARN, EVO_ERR_UNSUPPORTED, check_dump },
    { "store", NULL, EVO_STATUS_FAIL, EVO_ERR_STORE, check_store },
    { "backup", "backup", EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, check_backup },
};
const size_t evo_status_rows_count = EVO_COUNT(evo_status_rows);
