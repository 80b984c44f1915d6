#include "status/drift.h"

#include "base/banned.h"

/* A migration that is running may hold its tables for long; nobody waits for it here. For this transaction alone: what is
 * behind a transaction pooler is not ours to change. */
#define BEGIN "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '1s'"

void evo_status_drift_release(struct evo_status_drift *d)
{
    evo_schema_log_release(&d->log);
    evo_strvec_release(&d->differences);
    *d = (struct evo_status_drift){ 0 };
}

/* What the readable forms do not share. */
static enum evo_errc explain(struct evo_status_view *v, struct evo_pg *pg, const struct evo_schema *now,
                             struct evo_error *err)
{
    struct evo_status_drift *d = &v->drift;
    EVO_AUTO(strbuf) before = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) diff = EVO_STRBUF_INIT;
    bool found = false;
    enum evo_errc rc = evo_schema_log_text(pg, &v->ledger, d->log.items[0].fingerprint, &before, &found, err);
    if (rc || !found)
        return rc;
    d->differences_total = evo_catalog_diff(before.buf, now->text.buf, EVO_STATUS_DIFFERENCES, &diff);
    for (const char *line = diff.buf; *line;) {
        size_t n = strcspn(line, "\n");
        evo_strvec_push_owned(&d->differences, evo_strndup(line, n));
        line += n + (line[n] == '\n');
    }
    return EVO_OK;
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

static enum evo_errc look_at_schema(struct evo_pg *pg, struct evo_schema *ret, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, BEGIN, err);
    if (!rc)
        rc = evo_schema_look(pg, NULL, ret, err);
    struct evo_error second = EVO_ERROR_INIT;
    enum evo_errc ended = evo_pg_exec(pg, "ROLLBACK", &second);
    if (!rc && ended && err)
        *err = second;
    return rc ? rc : ended;
}

static enum evo_errc look(struct evo_status_view *v, struct evo_pg *pg, struct evo_error *err)
{
    struct evo_status_drift *d = &v->drift;
    EVO_AUTO(schema) now = EVO_SCHEMA_INIT;
    enum evo_errc rc = evo_schema_log_load(pg, &v->ledger, 1, &d->log, err);
    if (rc || !d->log.count)
        return rc;
    bool untouched = false;
    rc = evo_schema_is_untouched(pg, &d->log.items[0], &untouched, err);
    if (!rc && !untouched)
        rc = look_at_schema(pg, &now, err);
    if (rc)
        return rc;
    (void)snprintf(d->live, sizeof(d->live), "%s", untouched ? d->log.items[0].fingerprint : now.fingerprint);
    d->verdict = judge(v, evo_pg_version(pg));
    return d->verdict == EVO_DRIFT_FOUND ? explain(v, pg, &now, err) : EVO_OK;
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
