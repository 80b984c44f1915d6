#include "status/status.h"

#include <inttypes.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/quote.h"
#include "status/checks.h"
#include "status/drift.h"
#include "status/outside.h"

void evo_status_view_release(struct evo_status_view *v)
{
    if (!v)
        return;
    free(v->server_version_text);
    free(v->url);
    evo_state_release(&v->state);
    evo_ledger_release(&v->ledger);
    evo_journal_release(&v->journal);
    evo_facts_release(&v->facts);
    evo_status_drift_release(&v->drift);
    free(v->staging.passport);
    free(v->backup_id);
    *v = (struct evo_status_view){ 0 };
}

static void check_release(struct evo_status_check *c)
{
    free(c->message);
    free(c->hint);
    free(c->next);
    free(c->migration);
}

void evo_status_report_release(struct evo_status_report *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        check_release(&r->items[i]);
    free(r->items);
    *r = (struct evo_status_report){ 0 };
}

const char *evo_status_verdict_name(enum evo_status_verdict verdict)
{
    static const char *const names[] = { "ok", "warn", "fail" };
    return names[verdict];
}

const char *evo_drift_name(enum evo_drift drift)
{
    static const char *const names[] = {
        [EVO_DRIFT_NOT_ASKED] = "off",     [EVO_DRIFT_NO_RECORD] = "no record",
        [EVO_DRIFT_UNKNOWN] = "unknown",   [EVO_DRIFT_OTHER_SERVER] = "other version",
        [EVO_DRIFT_MOVED_ON] = "moved on", [EVO_DRIFT_NONE] = "none",
        [EVO_DRIFT_FOUND] = "found",
    };
    return names[drift];
}

/* Whoever may read the ledger may not yet have been given the journal: then nothing is known of it. */
static enum evo_errc look_at_journal(struct evo_status_view *v, struct evo_pg *pg, struct evo_error *err)
{
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_journal_load(pg, &v->journal, &failed);
    if (!rc || rc == EVO_ERR_PERMISSION)
        return EVO_OK;
    if (err)
        *err = failed;
    return rc;
}

enum evo_errc evo_status_look(struct evo_status_view *v, struct evo_pg *pg, const struct evo_conninfo *info,
                              struct evo_error *err)
{
    v->server_version = evo_pg_version(pg);
    v->server_version_text = evo_strdup(evo_pg_version_text(pg));
    v->url = evo_strdup(evo_pg_redacted(pg));
    enum evo_errc rc = evo_project_settle(pg, info->schema, v->project, err);
    if (!rc)
        rc = evo_ledger_load(pg, v->project, info->schema, &v->ledger, err);
    if (!rc)
        rc = evo_state_of(v->project, &v->ledger, &v->state, err);
    if (!rc && v->ledger.evo_schema_exists)
        rc = look_at_journal(v, pg, err);
    if (!rc && v->server_version >= EVO_STATUS_OLDEST)
        rc = evo_facts_load(pg, &v->ledger, &v->facts, err);
    if (!rc)
        rc = evo_status_look_drift(v, pg, err);
    if (rc)
        return rc;
    rc = evo_pg_refuse_pooler(pg, info, &v->pooler);
    if (rc && rc != EVO_ERR_UNSUPPORTED) {
        if (err)
            *err = v->pooler;
        return rc;
    }
    return evo_status_look_outside(v, err);
}

static bool is_asked_for(const struct evo_strvec *fail_on, const char *words)
{
    EVO_AUTO(strvec) each = EVO_STRVEC_INIT;
    evo_strvec_split(&each, words ? words : "");
    for (size_t i = 0; i < each.count; i++)
        if (evo_strvec_contains(fail_on, each.items[i]))
            return true;
    return false;
}

void evo_status_judge(const struct evo_status_view *v, struct evo_status_report *ret)
{
    for (size_t i = 0; i < evo_status_rows_count; i++) {
        const struct evo_status_row *row = &evo_status_rows[i];
        struct evo_status_check c = { .name = row->name, .code = row->code };
        row->check(v, &c);
        if (c.verdict != EVO_STATUS_OK)
            c.verdict = is_asked_for(v->fail_on, row->fail_on) ? EVO_STATUS_FAIL : row->otherwise;
        EVO_GROW(ret->items, ret->count, ret->alloc);
        ret->items[ret->count++] = c;
    }
}

void evo_status_not_connected(const struct evo_error *why, struct evo_status_report *ret)
{
    EVO_GROW(ret->items, ret->count, ret->alloc);
    ret->items[ret->count++] = (struct evo_status_check){
        .name = "connection",
        .verdict = EVO_STATUS_FAIL,
        .code = why->code,
        .message = evo_strdup(why->message),
        .hint = why->hint[0] ? evo_strdup(why->hint) : NULL,
        .next = why->next[0] ? evo_strdup(why->next) : NULL,
    };
}

enum evo_errc evo_status_error(const struct evo_status_report *r, struct evo_error *err)
{
    const struct evo_status_check *first = NULL;
    size_t failed = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].verdict == EVO_STATUS_FAIL && ++failed == 1)
            first = &r->items[i];
    if (!first)
        return EVO_OK;
    evo_error_set(err, first->code, "%s: %s", first->name, first->message);
    if (failed > 1)
        evo_error_detail(err, "%zu checks failed; this is the first.", failed);
    if (first->hint)
        evo_error_hint(err, "%s", first->hint);
    if (first->next)
        evo_error_next(err, "%s", first->next);
    if (first->migration)
        evo_error_migration(err, first->migration);
    return first->code;
}

/* ---- the next command ------------------------------------------------------------- */

void evo_status_unfinished_of(const struct evo_status_view *v, const struct evo_state_item *item, bool down,
                              struct evo_unfinished *ret)
{
    evo_unfinished_look(&v->journal, v->project->kind, down, item->name, item->file, ret);
}

bool evo_status_is_unfinished(const struct evo_status_view *v, const struct evo_state_item *item)
{
    struct evo_unfinished u;
    if (item->state != EVO_STATE_FAILED)
        return false;
    evo_status_unfinished_of(v, item, false, &u);
    return evo_unfinished_way(&u) == EVO_WAY_GO_ON;
}

size_t evo_status_unfinished(const struct evo_status_view *v)
{
    size_t count = 0;
    for (size_t i = 0; i < v->state.count; i++)
        count += evo_status_is_unfinished(v, &v->state.items[i]);
    return count;
}

char *evo_status_next(const struct evo_status_view *v, const struct evo_state_item *item)
{
    struct evo_unfinished u;
    switch (item->state) {
    case EVO_STATE_FAILED:
        evo_status_unfinished_of(v, item, false, &u);
        return evo_unfinished_next(&u, item->name, item->file ? item->file->path : NULL, v->next_options);
    case EVO_STATE_EDITED:
        return evo_unfinished_history(item->file->path);
    case EVO_STATE_MISSING: {
        EVO_AUTO_STR path = evo_asprintf("%s/%s*", v->project->migrations, item->name);
        EVO_AUTO_STR quoted = evo_quote_shell(path);
        return evo_asprintf("git log --diff-filter=D --summary -- %s", quoted);
    }
    case EVO_STATE_PENDING:
        if (item->behind && evo_layout_of(v->project->kind)->strict_order)
            return evo_unfinished_history(item->file->path);
        return evo_asprintf("evo-migrate up%s", v->next_options);
    case EVO_STATE_APPLIED:
        break;
    }
    return NULL;
}
