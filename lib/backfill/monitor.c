#include <inttypes.h>

#include "backfill/run_impl.h"
#include "base/cancel.h"
#include "base/parse.h"
#include "pg/lock.h"

/* pg_locks.waitstart */
#define WAITSTART_SINCE 140000

enum { LOOK_MS = 500, SHOW_MS = 25, RECONNECT_MS = 1000, RATE_AFTER_MS = 1000, LEFT_AFTER_MS = 3000 };

/* ---- progress ---------------------------------------------------------------- */

struct view {
    struct evo_part sum;
    int64_t began_ms, began_looked, began_done;
};

static struct evo_part sum_of(struct evo_run *run)
{
    (void)pthread_mutex_lock(&run->mutex);
    struct evo_part sum = evo_record_sum(&run->record);
    (void)pthread_mutex_unlock(&run->mutex);
    return sum;
}

static void add_state(struct evo_run *run, struct evo_strbuf *out)
{
    switch (atomic_load(&run->hold)) {
    case EVO_HOLD_LAG:
        evo_strbuf_adds(out, ", waits for a standby");
        break;
    case EVO_HOLD_BLIND:
        evo_strbuf_adds(out, ", waits for a look at the standbys");
        break;
    default:
        if (atomic_load(&run->blocked) > 0)
            evo_strbuf_adds(out, ", makes way for sessions that wait");
        break;
    }
}

/* "4100 changed, 5200 rows/s, 3 min 20 s left, waits for a standby" */
static void describe(struct evo_run *run, const struct view *v, struct evo_strbuf *out)
{
    char human[EVO_HUMAN_MAX];
    int64_t elapsed = evo_clock_ms() - v->began_ms;
    int64_t looked = v->sum.sweep_looked - v->began_looked;
    int64_t changed = v->sum.rows_done - v->began_done;
    evo_strbuf_addf(out, "%" PRId64 " changed", v->sum.rows_done);
    if (elapsed >= RATE_AFTER_MS && changed > 0)
        evo_strbuf_addf(out, ", %" PRId64 " rows/s", changed * 1000 / elapsed);
    int64_t left = run->table.rows - v->sum.sweep_looked;
    if (elapsed >= LEFT_AFTER_MS && looked > 0 && left > 0)
        evo_strbuf_addf(out, ", %s left",
                        evo_format_duration(
                            (int64_t)((double)left / (double)looked * (double)elapsed) / 1000 * 1000, human));
    add_state(run, out);
}

static void show(struct evo_run *run, const struct view *v, bool done)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO_STR what =
        v->sum.sweep > 1 ? evo_asprintf("sweep %" PRId64, v->sum.sweep) : evo_strdup("backfill");
    describe(run, v, &text);
    int64_t total = run->table.rows;
    if (done || v->sum.sweep_looked > total)
        total = v->sum.finished ? v->sum.sweep_looked : 0;
    evo_task_progress(run->o->task, &(struct evo_progress){ .what = what,
                                                            .items = (uint64_t)v->sum.sweep_looked,
                                                            .items_total = total > 0 ? (uint64_t)total : 0,
                                                            .item = "rows",
                                                            .current = text.buf,
                                                            .done = done });
}

/* ---- looking around ----------------------------------------------------------- */

static void say_hidden(struct evo_run *run, const char *role)
{
    if (run->told_hidden)
        return;
    run->told_hidden = true;
    evo_warn(run->o->task,
             "how far the standbys are behind is hidden from this role, so they are not waited for: GRANT "
             "pg_monitor TO %s",
             role);
}

static enum evo_errc look_at_standbys(struct evo_run *run, struct evo_error *err)
{
    static const char sql[] =
        "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::bigint, r.pid,"
        " pg_catalog.pg_wal_lsn_diff(r.replay_lsn, '0/0')::bigint,"
        " (EXTRACT(epoch FROM r.replay_lag) * 1000)::bigint, r.state,"
        " pg_catalog.quote_ident(current_user)"
        " FROM (SELECT) one LEFT JOIN pg_catalog.pg_stat_replication r"
        "  ON r.state IS NULL OR r.state IN ('streaming', 'catchup')";
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (run->o->max_lag_ms < 0)
        return EVO_OK;
    enum evo_errc rc = evo_pg_query(run->control, sql, 0, NULL, &r, err);
    if (rc)
        return rc;
    int64_t now = evo_clock_ms(), worst = -1;
    evo_lag_note(&run->lag, now, (uint64_t)evo_pg_value_int(r, 0, 0, 0));
    for (int i = 0; i < evo_pg_rows(r); i++) {
        if (evo_pg_value(r, i, 1) && !evo_pg_value(r, i, 4))
            say_hidden(run, evo_pg_value(r, i, 5));
        if (!evo_pg_value(r, i, 2))
            continue; /* none, hidden, or a receiver that replays nothing */
        int64_t told = evo_pg_value_int(r, i, 3, 0);
        int64_t seen = evo_lag_of(&run->lag, now, (uint64_t)evo_pg_value_int(r, i, 2, 0));
        /* What the server tells is old where the standby has caught up since. */
        int64_t lag = seen > 0 && told > seen ? told : seen;
        worst = lag > worst ? lag : worst;
    }
    (void)pthread_mutex_lock(&run->mutex);
    run->lag_ms = worst;
    (void)pthread_mutex_unlock(&run->mutex);
    bool held = atomic_load(&run->hold) == EVO_HOLD_LAG;
    bool holds = evo_lag_holds(held, worst, run->o->max_lag_ms);
    if (holds && !held)
        evo_notice(run->o->task, "a standby is %" PRId64 " ms behind: waiting until it has caught up", worst);
    atomic_store(&run->hold, holds ? EVO_HOLD_LAG : EVO_HOLD_NONE);
    return EVO_OK;
}

/* Sessions that wait for a lock of ours, and longer than a short batch takes (of servers before 14: at all). pg_locks
 * shows everybody's; pg_stat_activity would hide others' waits. */
static enum evo_errc look_at_waiting(struct evo_run *run, struct evo_error *err)
{
    EVO_AUTO(strbuf) pids = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    evo_strbuf_adds(&pids, "{0");
    (void)pthread_mutex_lock(&run->mutex);
    for (size_t i = 0; i < EVO_COUNT(run->pids); i++)
        if (run->pids[i])
            evo_strbuf_addf(&pids, ",%d", run->pids[i]);
    (void)pthread_mutex_unlock(&run->mutex);
    evo_strbuf_adds(&pids, "}");
    bool timed = evo_pg_version(run->control) >= WAITSTART_SINCE;
    EVO_AUTO_STR sql =
        evo_asprintf("SELECT pg_catalog.count(DISTINCT pid) FROM pg_catalog.pg_locks WHERE NOT granted%s"
                     " AND pid <> ALL ($1::int[]) AND pg_catalog.pg_blocking_pids(pid) && $1::int[]",
                     timed ? " AND waitstart < pg_catalog.clock_timestamp() - interval '100 ms'" : "");
    enum evo_errc rc = evo_pg_query(run->control, sql, 1, (const char *const[]){ pids.buf }, &r, err);
    if (rc)
        return rc;
    int64_t blocked = evo_pg_value_int(r, 0, 0, 0);
    atomic_store(&run->blocked, blocked);
    if (blocked)
        (void)atomic_fetch_add(&run->looks, 1);
    return EVO_OK;
}

/* The control session broke: a new one, and the lock again. Until then nothing is known of the standbys. */
static enum evo_errc reconnect(struct evo_run *run, struct evo_error *err)
{
    struct evo_error e = EVO_ERROR_INIT;
    evo_pg_close(run->control);
    run->control = NULL;
    enum evo_errc rc = evo_run_connect(run->o, &run->control, &e);
    if (!rc)
        rc = evo_pg_lock(run->control, run->lock_key, 0, "lock of the backfill", run->o->task, &e);
    if (rc == EVO_ERR_LOCK_UNAVAILABLE || rc == EVO_ERR_CANCELLED || rc == EVO_ERR_CONFIG) {
        if (err)
            *err = e;
        return rc;
    }
    return EVO_OK;
}

static enum evo_errc look(struct evo_run *run, struct evo_error *err)
{
    struct evo_error e = EVO_ERROR_INIT;
    enum evo_errc rc = EVO_OK;
    if (!run->control || !evo_pg_alive(run->control))
        rc = reconnect(run, err);
    if (rc || !run->control || !evo_pg_alive(run->control)) {
        if (run->o->max_lag_ms >= 0)
            atomic_store(&run->hold, EVO_HOLD_BLIND);
        return rc;
    }
    if (atomic_load(&run->hold) == EVO_HOLD_BLIND)
        atomic_store(&run->hold, EVO_HOLD_NONE);
    rc = look_at_standbys(run, &e);
    if (!rc)
        rc = look_at_waiting(run, &e);
    /* A session that broke is opened again the next time; a question that took too long is asked again. */
    if (!rc || !evo_pg_alive(run->control) || e.retryable || rc == EVO_ERR_TIMEOUT)
        return EVO_OK;
    if (err)
        *err = e;
    return rc;
}

static bool are_working(struct evo_run *run)
{
    (void)pthread_mutex_lock(&run->mutex);
    bool working = run->working > 0;
    (void)pthread_mutex_unlock(&run->mutex);
    return working;
}

enum evo_errc evo_monitor_run(struct evo_run *run, struct evo_error *err)
{
    struct view v = { .sum = sum_of(run), .began_ms = evo_clock_ms() };
    struct evo_deadline next = evo_deadline_in(0);
    enum evo_errc rc = EVO_OK;
    v.began_looked = v.sum.sweep_looked;
    v.began_done = v.sum.rows_done;
    while (!rc && are_working(run) && !atomic_load(&run->stop)) {
        if (evo_deadline_passed(next)) {
            rc = look(run, err);
            next = evo_deadline_in(run->control ? LOOK_MS : RECONNECT_MS);
        }
        if (!rc)
            rc = evo_cancel_sleep(SHOW_MS, err);
        v.sum = sum_of(run);
        show(run, &v, false);
    }
    if (rc)
        atomic_store(&run->stop, true);
    v.sum = sum_of(run);
    show(run, &v, true);
    return rc; /* workers that are still at it end by themselves: the run is to stop, or nothing is left */
}
