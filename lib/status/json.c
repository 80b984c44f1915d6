#include "base/banned.h"
#include "status/status.h"

static struct evo_json *migration_json(const struct evo_status_view *v, const struct evo_state_item *item)
{
    struct evo_json *o = evo_json_object();
    const struct evo_ledger_row *row = item->row;
    EVO_AUTO_STR next = evo_status_next(v, item);
    bool live = row && row->rolled_back_ms < 0;
    evo_json_set_string(o, "name", item->name);
    evo_json_set_string(o, "path", item->file ? item->file->path : NULL);
    evo_json_set_string(o, "checksum",
                        item->file                                 ? item->file->checksum
                        : row && row->checksum && row->checksum[0] ? row->checksum
                                                                   : NULL);
    evo_json_set_time(o, "started_at", live && row->started_ms > 0 ? row->started_ms : -1);
    evo_json_set_time(o, "finished_at", live && row->finished_ms > 0 ? row->finished_ms : -1);
    evo_json_set_bool(o, "rolled_back", item->was_rolled_back);
    evo_json_set_bool(o, "behind", item->behind);
    evo_json_set_bool(o, "late", item->late);
    evo_json_set_string(o, "logs", live && item->state == EVO_STATE_FAILED ? row->logs : NULL);
    if (item->state == EVO_STATE_FAILED)
        evo_json_set_bool(o, "unfinished", evo_status_is_unfinished(v, item));
    evo_json_set_string(o, "next", next);
    return o;
}

static struct evo_json *checks_json(const struct evo_status_report *report)
{
    struct evo_json *checks = evo_json_array();
    for (size_t i = 0; report && i < report->count; i++) {
        const struct evo_status_check *c = &report->items[i];
        struct evo_json *o = evo_json_object();
        evo_json_set_string(o, "name", c->name);
        evo_json_set_string(o, "verdict", evo_status_verdict_name(c->verdict));
        evo_json_set_string(o, "message", c->message);
        evo_json_set_string(o, "hint", c->hint);
        evo_json_set_string(o, "next", c->next);
        evo_json_append(checks, o);
    }
    return checks;
}

static struct evo_json *drift_json(const struct evo_status_drift *d)
{
    const struct evo_schema_row *last = d->log.count ? &d->log.items[0] : NULL;
    struct evo_json *o = evo_json_object(), *lines = evo_json_array();
    for (size_t i = 0; i < d->differences.count; i++)
        evo_json_append_string(lines, d->differences.items[i]);
    evo_json_set_string(o, "drift", evo_drift_name(d->verdict));
    evo_json_set_string(o, "live", d->live[0] ? d->live : NULL);
    evo_json_set_string(o, "recorded", last ? last->fingerprint : NULL);
    evo_json_set_time(o, "recorded_at", last ? last->recorded_ms : -1);
    evo_json_set_string(o, "migration", last ? last->name : NULL);
    evo_json_set_string(o, "before", d->before);
    evo_json_set_time(o, "before_at", d->before_ms ? d->before_ms : -1);
    evo_json_set(o, "differences", lines);
    evo_json_set_int(o, "differences_total", (int64_t)d->differences_total);
    return o;
}

void evo_status_json(const struct evo_project *project, const struct evo_status_view *view,
                     const struct evo_status_report *report, struct evo_json *data)
{
    static const char *const lists[] = { "applied", "pending", "failed", "edited", "missing" };
    evo_json_set_string(data, "layout", project ? evo_layout_name(project->kind) : NULL);
    evo_json_set_string(data, "migrations", project ? project->migrations : NULL);
    evo_json_set_string(data, "database", view ? view->ledger.database : NULL);
    evo_json_set_string(data, "server_version", view ? view->server_version_text : NULL);
    evo_json_set_string(data, "last_applied", view ? view->state.last_applied : NULL);
    for (size_t i = 0; i < EVO_COUNT(lists); i++)
        evo_json_set(data, lists[i], evo_json_array());
    for (size_t i = 0; view && i < view->state.count; i++) {
        const struct evo_state_item *item = &view->state.items[i];
        /* What was edited is applied, too. */
        if (item->state == EVO_STATE_EDITED)
            evo_json_append(evo_json_get(data, "applied"), migration_json(view, item));
        evo_json_append(evo_json_get(data, evo_state_name(item->state)), migration_json(view, item));
    }
    struct evo_json *heads = evo_json_array();
    for (size_t i = 0; project && i < project->heads.count; i++)
        evo_json_append_string(heads, project->heads.items[i]);
    evo_json_set(data, "heads", heads);
    evo_json_set(data, "fingerprint", view ? drift_json(&view->drift) : evo_json_null_new());
    evo_json_set_int(data, "unfinished", view ? (int64_t)evo_status_unfinished(view) : 0);
    evo_json_set(data, "checks", checks_json(report));
}
