#include "status/checks.h"

#include <inttypes.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/quote.h"

const char evo_status_fail_on[] = "pending failed unfinished edited missing drift blockers invalid-indexes "
                                  "not-valid backfills backup staging rollback notify none";

void evo_status_say(struct evo_status_check *c, enum evo_status_verdict verdict, char *message)
{
    c->verdict = verdict;
    c->message = message;
}

void evo_status_repeat(struct evo_status_check *c, const struct evo_error *e)
{
    FINDING("%s", e->message);
    c->code = e->code;
    c->hint = e->hint[0] ? evo_strdup(e->hint) : NULL;
    c->next = e->next[0] ? evo_strdup(e->next) : NULL;
}

const char *evo_status_since(int64_t age_ms, char buf[EVO_HUMAN_MAX])
{
    return age_ms < 0 ? "an unknown time" : evo_format_duration(age_ms, buf);
}

char *evo_status_more(size_t count)
{
    return count > 1 ? evo_asprintf(" (and %zu more)", count - 1) : evo_strdup("");
}

char *evo_status_psql(const struct evo_status_view *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    EVO_AUTO_STR sql = evo_vasprintf(fmt, ap);
    va_end(ap);
    EVO_AUTO_STR word = evo_quote_shell(sql);
    return evo_asprintf("psql \"%s\" -c %s", v->url, word);
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
        evo_status_repeat(c, &v->pooler);
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
        c->hint = evo_strdup("Record the migrations that made them, up to the last; nothing is run by that.");
        if (v->project->count) {
            EVO_AUTO_STR word = evo_quote_shell(v->project->items[v->project->count - 1].name);
            c->next = evo_asprintf("evo-migrate baseline --to %s --dry-run%s", word, v->next_options);
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
        if (v->state.items[i].row &&
            evo_journal_holds(&v->journal, v->project->kind, true, v->state.items[i].name))
            return &v->state.items[i];
    return NULL;
}

bool evo_status_is_half_applied(const struct evo_status_view *v)
{
    return v->state.failed > 0 || half_rolled_back(v);
}

/* Hint and next, by the one owner of that question. */
static void settle(const struct evo_status_view *v, const struct evo_state_item *item, bool down,
                   struct evo_status_check *c)
{
    struct evo_unfinished u;
    const struct evo_migration *m = item->file;
    const char *path = !m ? NULL : !down || m->down_in_file ? m->path : m->companion[EVO_FILE_DOWN];
    evo_status_unfinished_of(v, item, down, &u);
    c->migration = evo_strdup(item->name);
    c->hint = evo_unfinished_hint(&u, item->name, path, v->next_options);
    c->next = evo_unfinished_next(&u, item->name, path, v->next_options);
}

/* ": done are 1 of 2 statements: 1 (line 1, CREATE INDEX …)". The caller frees. */
static char *what_is_done(const struct evo_status_view *v, const struct evo_state_item *item, bool down)
{
    EVO_AUTO(strbuf) done = EVO_STRBUF_INIT;
    struct evo_unfinished u;
    evo_status_unfinished_of(v, item, down, &u);
    if (!u.done)
        return evo_strdup("");
    evo_strbuf_adds(&done, ": done, and not undone: ");
    evo_unfinished_name_done(&v->journal, v->project->kind, down, item->name, item->file, &done);
    return evo_strbuf_detach(&done);
}

static void check_failed(const struct evo_status_view *v, struct evo_status_check *c)
{
    size_t count;
    const struct evo_state_item *item = first_failed(v, false, &count), *half = half_rolled_back(v);
    if (item) {
        char when[EVO_TIME_MAX];
        EVO_AUTO_STR more = evo_status_more(count);
        EVO_AUTO_STR done = what_is_done(v, item, false);
        FINDING("migration \"%s\", started at %s, never finished%s%s", item->name,
                item->row->started_ms < 0 ? "an unknown time" : evo_format_time(item->row->started_ms, when),
                done, more);
        settle(v, item, false, c);
    } else if (half) {
        EVO_AUTO_STR done = what_is_done(v, half, true);
        FINDING("the rollback of migration \"%s\" was begun and not finished%s", half->name, done);
        settle(v, half, true, c);
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
    EVO_AUTO_STR more = evo_status_more(count);
    EVO_AUTO_STR done = what_is_done(v, item, false);
    FINDING("migration \"%s\" stopped half-way%s%s", item->name, done, more);
    settle(v, item, false, c);
}

static void check_edited(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_state_item *item = first_item(&v->state, EVO_STATE_EDITED);
    if (!item) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = evo_status_more(v->state.edited);
    FINDING("\"%s\" was edited after it was applied%s", item->file->path, more);
    EVO_AUTO_STR word = evo_quote_shell(item->name);
    c->hint = evo_asprintf(
        "Restore the file, and put the change into a new migration; or, where the database is as "
        "it says now, accept it: evo-migrate resolve --edited %s%s",
        word, v->next_options);
    name_migration(v, item, c);
}

static void check_missing(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_state_item *item = first_item(&v->state, EVO_STATE_MISSING);
    if (!item) {
        FINE("none");
        return;
    }
    if (evo_state_is_of_other_files(&v->state)) {
        FINDING("none of the %zu migrations that are applied has a file in \"%s\"", v->state.missing,
                v->project->migrations);
        c->hint = evo_strdup("Is this the right folder (--migrations), and the right checkout?");
        name_migration(v, item, c);
        return;
    }
    EVO_AUTO_STR more = evo_status_more(v->state.missing);
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
    /* What up refuses, plan explains. */
    c->next = evo_asprintf("evo-migrate %s%s",
                           behind && evo_layout_of(v->project->kind)->strict_order ? "plan" : "up",
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
    EVO_AUTO_STR more = evo_status_more(count);
    FINDING("\"%s\" is pending behind one that is applied%s", item->name, more);
    name_migration(v, item, c);
}

/* What the ledger cannot tell from what is applied. */
static void check_late(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_state_item *item = NULL;
    size_t count = 0;
    for (size_t i = 0; i < v->state.count; i++)
        if (v->state.items[i].late && ++count == 1)
            item = &v->state.items[i];
    if (!item) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = evo_status_more(count);
    EVO_AUTO_STR word = evo_quote_shell(item->name);
    FINDING("\"%s\" counts as applied, and nothing is known to have run it: it arrived behind what was "
            "applied%s",
            item->name, more);
    c->hint = evo_strdup(
        evo_layout_of(v->project->kind)->graph
            ? "Have it build upon the last one, and it is applied; or, where the schema has what "
              "it makes, say so."
            : "Give it a later version, and it is applied; or, where the schema has what it makes, "
              "say so.");
    c->migration = evo_strdup(item->name);
    c->next = evo_asprintf("evo-migrate resolve --applied %s%s", word, v->next_options);
}

/* Which of two heads is to be applied is nobody's to guess. */
static void check_heads(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_strvec *heads = &v->project->heads;
    const char *merge = evo_layout_of(v->project->kind)->merge;
    if (heads->count < 2) {
        FINE(merge ? "one" : "not a graph: migrations are a list");
        return;
    }
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    for (size_t i = 0; i < heads->count && i < 5; i++)
        evo_strbuf_addf(&names, "%s\"%s\"", i ? ", " : "", heads->items[i]);
    FINDING("%zu migrations have nothing behind them: %s", heads->count, names.buf);
    c->hint = evo_strdup("Two branches were merged, and their migrations not; join them.");
    c->next = evo_strdup(merge);
}

/* ---- the table --------------------------------------------------------------------- */

const struct evo_status_row evo_status_rows[] = {
    { "connection", NULL, EVO_STATUS_WARN, EVO_ERR_CONNECT, check_connection },
    { "server", NULL, EVO_STATUS_WARN, EVO_ERR_UNSUPPORTED, check_server },
    { "pooler", NULL, EVO_STATUS_FAIL, EVO_ERR_UNSUPPORTED, check_pooler },
    { "migrations", NULL, EVO_STATUS_WARN, EVO_ERR_CONFIG, evo_status_check_folder },
    { "ledger", NULL, EVO_STATUS_WARN, EVO_ERR_UNSUPPORTED, check_ledger },
    { "failed", "failed", EVO_STATUS_WARN, EVO_ERR_FAILED, check_failed },
    { "unfinished", "unfinished,pending", EVO_STATUS_WARN, EVO_ERR_FAILED, check_unfinished },
    { "edited", "edited", EVO_STATUS_WARN, EVO_ERR_EDITED, check_edited },
    { "missing", "missing", EVO_STATUS_WARN, EVO_ERR_DRIFT, check_missing },
    { "pending", "pending", EVO_STATUS_OK, EVO_ERR_PENDING, check_pending },
    { "order", NULL, EVO_STATUS_WARN, EVO_ERR_PENDING, check_order },
    { "late", "drift", EVO_STATUS_WARN, EVO_ERR_DRIFT, check_late },
    { "heads", NULL, EVO_STATUS_WARN, EVO_ERR_CONFIG, check_heads },
    { "drift", "drift", EVO_STATUS_WARN, EVO_ERR_DRIFT, evo_status_check_drift },
    { "staging", "staging", EVO_STATUS_WARN, EVO_ERR_PROMOTION_REFUSED, evo_status_check_staging },
    { "rollback", "rollback", EVO_STATUS_OK, EVO_ERR_IRREVERSIBLE, evo_status_check_rollback },
    { "lock", NULL, EVO_STATUS_WARN, EVO_ERR_LOCK_UNAVAILABLE, evo_status_check_lock },
    { "blockers", "blockers", EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, evo_status_check_blockers },
    { "connections", NULL, EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, evo_status_check_connections },
    { "standbys", NULL, EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, evo_status_check_standbys },
    { "extensions", NULL, EVO_STATUS_OK, EVO_ERR_UNHEALTHY, evo_status_check_extensions },
    { "size", NULL, EVO_STATUS_OK, EVO_ERR_UNHEALTHY, evo_status_check_size },
    { "invalid-indexes", "invalid-indexes", EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, evo_status_check_indexes },
    { "not-valid", "not-valid", EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, evo_status_check_constraints },
    { "backfills", "backfills", EVO_STATUS_WARN, EVO_ERR_INCOMPLETE, evo_status_check_backfills },
    { "pg_dump", NULL, EVO_STATUS_WARN, EVO_ERR_UNSUPPORTED, evo_status_check_dump },
    { "store", NULL, EVO_STATUS_FAIL, EVO_ERR_STORE, evo_status_check_store },
    { "backup", "backup", EVO_STATUS_WARN, EVO_ERR_UNHEALTHY, evo_status_check_backup },
    { "notify", "notify", EVO_STATUS_OK, EVO_ERR_UNHEALTHY, evo_status_check_notify },
};
const size_t evo_status_rows_count = EVO_COUNT(evo_status_rows);
