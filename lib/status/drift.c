#include "status/drift.h"

#include "base/banned.h"
#include "layout/drift.h"

void evo_status_drift_release(struct evo_status_drift *d)
{
    evo_schema_log_release(&d->log);
    free(d->before);
    evo_strvec_release(&d->differences);
    *d = (struct evo_status_drift){ 0 };
}

/* What runs went on upon and nobody has accepted, as far as it is still there: the lines that are not told anyway. */
static void add_open(struct evo_status_drift *d, const struct evo_drift_log *log,
                     const struct evo_schema *now)
{
    for (size_t i = 0; i < log->count; i++) {
        EVO_AUTO(strvec) left = EVO_STRVEC_INIT;
        bool open = false;
        evo_drift_left(&log->items[i], now, &left, &open);
        if (!open)
            continue;
        if (!d->before_ms) {
            d->before_ms = log->items[i].found_ms;
            d->before = log->items[i].migration ? evo_strdup(log->items[i].migration) : NULL;
        }
        for (size_t k = 0; k < left.count; k++) {
            if (evo_strvec_contains(&d->differences, left.items[k]))
                continue;
            d->differences_total++;
            if (d->differences.count < EVO_STATUS_DIFFERENCES)
                evo_strvec_push(&d->differences, left.items[k]);
        }
        d->verdict = EVO_DRIFT_FOUND;
    }
}

static enum evo_drift judge(const struct evo_status_view *v, int server_version)
{
    const struct evo_schema_row *last = &v->drift.log.items[0];
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO_STR key = evo_schema_log_key(&v->ledger);
    char state[EVO_SHA256_HEX];
    if (!evo_schema_is_comparable(last->format, last->server_version, server_version))
        return EVO_DRIFT_OTHER_SERVER;
    if (evo_streq(last->fingerprint, v->drift.live))
        return EVO_DRIFT_NONE;
    evo_schema_state_names(&v->ledger, &names);
    evo_schema_state(&names, state);
    /* that of another ledger in this database cannot be asked what it holds by now */
    return evo_streq(last->ledger, key) && evo_streq(last->state, state) ? EVO_DRIFT_FOUND
                                                                         : EVO_DRIFT_MOVED_ON;
}

static enum evo_errc look(struct evo_status_view *v, struct evo_pg *pg, struct evo_error *err)
{
    struct evo_status_drift *d = &v->drift;
    EVO_AUTO(schema) now = EVO_SCHEMA_INIT;
    enum evo_errc rc = evo_schema_log_load(pg, &v->ledger, 1, &d->log, err);
    if (rc || !d->log.count)
        return rc;
    EVO_AUTO(drift_log) open = { 0 };
    bool untouched = false;
    rc = evo_drift_load(pg, &v->ledger, &open, err);
    /* Which lines are still there shows only in the text. */
    if (!rc && !open.count)
        rc = evo_schema_is_untouched(pg, &d->log.items[0], &untouched, err);
    if (!rc && !untouched)
        rc = evo_drift_look(pg, NULL, &now, err);
    if (rc)
        return rc;
    (void)snprintf(d->live, sizeof(d->live), "%s", untouched ? d->log.items[0].fingerprint : now.fingerprint);
    d->verdict = judge(v, evo_pg_version(pg));
    if (d->verdict == EVO_DRIFT_FOUND)
        rc = evo_drift_explain(pg, &v->ledger, d->log.items[0].fingerprint, &now, EVO_STATUS_DIFFERENCES,
                               &d->differences, &d->differences_total, err);
    if (!rc)
        add_open(d, &open, &now);
    return rc;
}

enum evo_errc evo_status_look_drift(struct evo_status_view *v, struct evo_pg *pg, struct evo_error *err)
{
    if (v->no_fingerprint) {
        v->drift.verdict = EVO_DRIFT_NOT_ASKED;
        return EVO_OK;
    }
    v->drift.verdict = EVO_DRIFT_NO_RECORD;
    if (!v->ledger.evo_schema_exists)
        return EVO_OK;
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = look(v, pg, &failed);
    if (!rc)
        return EVO_OK;
    if (rc == EVO_ERR_CANCELLED || rc == EVO_ERR_CONNECT) {
        if (err)
            *err = failed;
        return rc;
    }
    v->drift.verdict = EVO_DRIFT_UNKNOWN;
    v->drift.error = failed;
    return EVO_OK;
}
