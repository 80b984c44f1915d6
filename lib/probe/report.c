/* What the probes said, as an error and as JSON. */
#include "probe/probe.h"

void evo_probe_report_release(struct evo_probe_report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].statement);
        free(r->items[i].message);
    }
    free(r->items);
    *r = (struct evo_probe_report){ 0 };
}

enum evo_errc evo_probe_error(const struct evo_probe_file *file, const struct evo_probe_report *report,
                              struct evo_error *err)
{
    size_t i = 0;
    while (i < report->count && report->items[i].verdict == EVO_VERDICT_TRUE)
        i++;
    if (i == report->count)
        return EVO_OK;
    const struct evo_probe_outcome *o = &report->items[i];
    evo_error_set(err, EVO_ERR_PROBE_FALSE, "probe %d of \"%s\" %s: %s", o->number, file->path,
                  o->verdict == EVO_VERDICT_ERROR ? "failed" : "is not true", o->message);
    evo_error_at(err, file->path, o->line);
    if (report->failed > 1)
        evo_error_detail(err, "%zu of %zu probes do not hold. The first: %s", report->failed, report->count,
                         o->statement);
    else
        evo_error_detail(err, "%s", o->statement);
    if (err)
        memcpy(err->sqlstate, o->sqlstate, sizeof(err->sqlstate));
    return EVO_ERR_PROBE_FALSE;
}

void evo_probe_report_json(const struct evo_probe_report *report, const char *migration,
                           struct evo_json *array)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct evo_probe_outcome *o = &report->items[i];
        struct evo_json *probe = evo_json_object();
        evo_json_set_string(probe, "migration", migration);
        evo_json_set_int(probe, "number", o->number);
        evo_json_set_string(probe, "statement", o->statement);
        evo_json_set_int(probe, "line", o->line);
        evo_json_set_string(probe, "verdict", evo_verdict_name(o->verdict));
        evo_json_set_string(probe, "message", o->message);
        evo_json_append(array, probe);
    }
}
