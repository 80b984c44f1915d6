/* What a drill found, as JSON. */
#include "backup/drill.h"

void evo_drill_release(struct evo_drill *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++)
        free(d->tables[i].name);
    free(d->tables);
    free(d->server_version);
    free(d->remark);
    evo_strvec_release(&d->differences);
    evo_json_free(d->probes);
    *d = (struct evo_drill){ 0 };
}

void evo_drill_json(const struct evo_drill *d, struct evo_json *data)
{
    struct evo_json *tables = evo_json_array();
    struct evo_json *differences = evo_json_array();
    for (size_t i = 0; i < d->count; i++) {
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "name", d->tables[i].name);
        evo_json_set_int(v, "rows_expected", d->tables[i].rows_expected);
        evo_json_set_int(v, "rows_found", d->tables[i].rows_found);
        if (d->tables[i].rows_found < 0)
            evo_json_set_null(v, "rows_found");
        evo_json_append(tables, v);
    }
    for (size_t i = 0; i < d->differences.count; i++)
        evo_json_append_string(differences, d->differences.items[i]);
    evo_json_set_string(data, "server_version", d->server_version);
    evo_json_set(data, "tables", tables);
    evo_json_set_int(data, "rows", d->rows);
    evo_json_set_string(data, "fingerprint", *d->fingerprint ? d->fingerprint : NULL);
    evo_json_set_bool(data, "fingerprint_equal", d->fingerprint_equal == EVO_YES);
    if (d->fingerprint_equal == EVO_UNKNOWN)
        evo_json_set_null(data, "fingerprint_equal");
    evo_json_set_string(data, "remark", d->remark);
    evo_json_set(data, "differences", differences);
    evo_json_set(data, "probes", d->probes ? evo_json_ref(d->probes) : evo_json_array());
    evo_json_set_int(data, "restore_ms", d->restore_ms);
    evo_json_set_int(data, "elapsed_ms", d->elapsed_ms);
}
