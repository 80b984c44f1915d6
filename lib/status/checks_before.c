/* What a team goes through before a migration: is the schema what it should be, was it reviewed elsewhere, is there a way
 * back and a backup, is somebody told. */
#include "status/checks.h"

#include <inttypes.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/parse.h"

/* ---- the schema ------------------------------------------------------------------ */

/* Not while a migration is half applied: that would bless what it left. The check that is about it has its next. */
static void propose_record(const struct evo_status_view *v, struct evo_status_check *c)
{
    if (evo_status_is_half_applied(v)) {
        free(c->hint);
        c->hint = evo_strdup("Settle the migration that is half applied first.");
        return;
    }
    c->next = evo_asprintf("evo-migrate resolve --drift%s", v->next_options);
}

static void found_drift(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_status_drift *d = &v->drift;
    char when[EVO_TIME_MAX];
    if (d->before_ms) {
        EVO_AUTO_STR more = evo_status_more(d->differences_total);
        FINDING("the schema had been changed by other hands before migration \"%s\" was run at %s, and "
                "nobody has "
                "accepted that%s%s%s",
                d->before ? d->before : "?", evo_format_time(d->before_ms, when),
                d->differences.count ? ": " : "", d->differences.count ? d->differences.items[0] : "", more);
    } else if (d->differences.count) {
        EVO_AUTO_STR more = evo_status_more(d->differences_total);
        FINDING("the schema is not as the last run left it at %s: %s%s",
                evo_format_time(d->log.items[0].recorded_ms, when), d->differences.items[0], more);
    } else {
        FINDING("the schema is not as the last run left it at %s; what it was then is not kept any more",
                evo_format_time(d->log.items[0].recorded_ms, when));
    }
    c->hint =
        evo_strdup("Undo it, or put it into a migration; or, where it is as it should be, record it so.");
    propose_record(v, c);
}

/* For good, until somebody grants it: said here each time, and by no run but the first. */
static void not_recorded(const struct evo_status_view *v, struct evo_status_check *c)
{
    struct evo_error e = EVO_ERROR_INIT;
    FINE("not known: role \"%s\" may not make evo's tables, so no run records the schema", v->ledger.role);
    (void)evo_ledger_ask_for_evo(&v->ledger, &e);
    c->hint = evo_strdup(e.hint);
}

void evo_status_check_drift(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_status_drift *d = &v->drift;
    switch (d->verdict) {
    case EVO_DRIFT_NOT_ASKED:
        FINE("not looked at");
        return;
    case EVO_DRIFT_NO_RECORD:
        if (v->ledger.may_make_evo || v->ledger.evo_schema_exists)
            FINE("not known: no run of evo has recorded the schema yet");
        else
            not_recorded(v, c);
        return;
    case EVO_DRIFT_UNKNOWN:
        evo_status_repeat(c, &d->error);
        c->code = EVO_ERR_DRIFT;
        return;
    case EVO_DRIFT_OTHER_SERVER:
        FINE("not known: the schema was recorded by another version of PostgreSQL or of evo");
        break;
    case EVO_DRIFT_MOVED_ON:
        FINE("not known: the ledger has changed since evo recorded the schema");
        c->hint =
            evo_strdup("Another tool has run, or a run of evo was killed. The next run records it again.");
        break;
    case EVO_DRIFT_NONE:
        FINE("the schema is as the last run left it (fingerprint %.12s)", d->live);
        return;
    case EVO_DRIFT_FOUND:
        found_drift(v, c);
        return;
    }
    propose_record(v, c);
}

/* ---- before a migration ----------------------------------------------------------- */

void evo_status_check_staging(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_status_staging *s = &v->staging;
    if (!s->from)
        FINE("not asked: no environment is named that goes first (\"promote\": {\"from\": …} in evo.json)");
    else if (!v->state.pending)
        FINE("nothing is pending");
    else if (s->error.code)
        evo_status_repeat(c, &s->error);
    else
        FINE("what is pending is proved in \"%s\" (%s)", s->from, s->passport);
}

/* Whether what is pending could be taken back. */
void evo_status_check_rollback(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_migration *first = NULL;
    size_t count = 0, without = 0;
    for (size_t i = 0; i < v->state.count; i++) {
        const struct evo_state_item *item = &v->state.items[i];
        if (item->state != EVO_STATE_PENDING)
            continue;
        count++;
        if (evo_migration_has_down(item->file) && !item->file->directives.irreversible)
            continue;
        if (++without == 1)
            first = item->file;
    }
    if (!first) {
        FINE(count ? "every pending migration has a way back" : "nothing is pending");
        if (count)
            c->next = evo_asprintf("evo-verify roundtrip%s", v->next_options);
        return;
    }
    EVO_AUTO_STR more = evo_status_more(without);
    if (first->directives.irreversible)
        FINDING("\"%s\" cannot be taken back: %s%s", first->name, first->directives.irreversible, more);
    else
        FINDING("\"%s\" has no way back%s", first->name, more);
    c->hint =
        evo_strdup("Write down.sql beside it; or rely on a backup, and say why: -- evo:irreversible REASON");
    c->migration = evo_strdup(first->name);
}

void evo_status_check_notify(const struct evo_status_view *v, struct evo_status_check *c)
{
    if (v->notify) {
        FINE("%s", v->notify);
        return;
    }
    FINDING("nobody is told of a run");
    c->hint = evo_strdup("Set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and --channel (evo-notify --help).");
}

void evo_status_check_folder(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_strvec *warnings = &v->project->warnings;
    EVO_AUTO_STR more = evo_status_more(warnings->count);
    if (warnings->count)
        FINDING("%s%s", warnings->items[0], more);
    else
        FINE("\"%s\", %zu migration%s", v->project->migrations, v->project->count,
             v->project->count == 1 ? "" : "s");
}

/* ---- backups ---------------------------------------------------------------------- */

void evo_status_check_dump(const struct evo_status_view *v, struct evo_status_check *c)
{
    if (v->dump.code)
        evo_status_repeat(c, &v->dump);
    else
        FINE("pg_dump %d", v->dump_major);
}

void evo_status_check_store(const struct evo_status_view *v, struct evo_status_check *c)
{
    if (!v->store)
        FINE("none is configured");
    else if (v->store_error.code)
        evo_status_repeat(c, &v->store_error);
    else
        FINE("%s", evo_store_url(v->store));
}

void evo_status_check_backup(const struct evo_status_view *v, struct evo_status_check *c)
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
