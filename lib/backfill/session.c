#include <inttypes.h>

#include "backfill/run_impl.h"
#include "base/cancel.h"

/* client_connection_check_interval, so that the server ends the statement of a killed evo. */
#define CHECK_CLIENT_SINCE 140000

static enum evo_errc set(struct evo_pg *pg, const struct evo_backfill_options *o, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    /* Short statements with large estimates: compiling them would take longer than they run. */
    evo_strbuf_addf(&sql,
                    "SET lock_timeout = %" PRId64 "; SET statement_timeout = %" PRId64 ";"
                    " SET idle_in_transaction_session_timeout = '1min'; SET jit = off",
                    o->lock_timeout_ms, o->statement_timeout_ms);
    if (o->schema) {
        EVO_AUTO_STR schema = evo_pg_identifier(pg, o->schema);
        evo_strbuf_addf(&sql, "; SET search_path = %s", schema);
    }
    enum evo_errc rc = evo_pg_exec(pg, sql.buf, err);
    if (rc || evo_pg_version(pg) < CHECK_CLIENT_SINCE)
        return rc;
    /* Not every platform has it; where it is refused we do without. */
    struct evo_error ignored = EVO_ERROR_INIT;
    (void)!evo_pg_exec(pg, "SET client_connection_check_interval = '1s'", &ignored);
    return evo_pg_alive(pg) ? EVO_OK : evo_cancel_check(err);
}

enum evo_errc evo_run_connect(const struct evo_backfill_options *o, struct evo_pg **ret,
                              struct evo_error *err)
{
    const struct evo_pg_options options = { .application_name = "evo-backfill", .task = o->task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(o->info, &options, &pg, err);
    if (!rc)
        rc = evo_pg_guard(pg, o->expect_database, o->expect_system_identifier, err);
    if (!rc)
        rc = set(pg, o, err);
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

void evo_run_rollback(struct evo_pg *pg)
{
    if (!pg || !evo_pg_alive(pg) || !evo_pg_in_transaction(pg))
        return;
    struct evo_error ignored = EVO_ERROR_INIT;
    /* Behind a cancel nothing is sent any more: closing the session rolls back as well. */
    (void)!evo_pg_exec(pg, "ROLLBACK", &ignored);
}
