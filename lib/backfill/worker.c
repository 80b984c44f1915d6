#include "backfill/run_impl.h"
#include "base/cancel.h"
#include "crypto/random.h"
#include "migration/retry.h"

enum { HOLD_LOOK_MS = 100, CONNECT_RETRIES = 12 };

/* However short the time is, a run gets further: else slices might never come to an end. */
static bool is_over(struct evo_run *run)
{
    if (atomic_load(&run->moved) && evo_deadline_passed(run->deadline))
        atomic_store(&run->out_of_time, true);
    return atomic_load(&run->out_of_time) || atomic_load(&run->stop);
}

/* Sleeps, less when the run is over. */
static enum evo_errc rest(struct evo_run *run, int64_t ms, struct evo_error *err)
{
    struct evo_deadline until = evo_deadline_in(ms);
    enum evo_errc rc = EVO_OK;
    while (!rc && !evo_deadline_passed(until) && !is_over(run)) {
        int64_t left = evo_deadline_left(until);
        rc = evo_cancel_sleep(left < HOLD_LOOK_MS ? left : HOLD_LOOK_MS, err);
    }
    return rc;
}

static void count(struct evo_run *run, int64_t *counter, int64_t n)
{
    (void)pthread_mutex_lock(&run->mutex);
    *counter += n;
    (void)pthread_mutex_unlock(&run->mutex);
}

static void set_pid(struct evo_worker *w)
{
    (void)pthread_mutex_lock(&w->run->mutex);
    w->run->pids[w->slot] = w->pg ? evo_pg_backend_pid(w->pg) : 0;
    (void)pthread_mutex_unlock(&w->run->mutex);
}

static void disconnect(struct evo_worker *w)
{
    evo_pg_close(w->pg);
    w->pg = NULL;
    set_pid(w);
}

/* ---- one batch until it is done ----------------------------------------------- */

/* After a lost session, or a write that found another version: the table says what was committed. */
static enum evo_errc read_again(struct evo_worker *w, struct evo_part *p, struct evo_error *err)
{
    struct evo_run *run = w->run;
    struct evo_part fresh = { .number = p->number };
    enum evo_errc rc = evo_record_reload(w->pg, &run->record, &fresh, err);
    if (rc)
        return rc;
    (void)pthread_mutex_lock(&run->mutex);
    struct evo_part old = *p;
    *p = fresh;
    (void)pthread_mutex_unlock(&run->mutex);
    free(old.lower);
    free(old.upper);
    for (size_t i = 0; i < EVO_BACKFILL_KEY_MAX; i++) {
        free(old.position[i]);
        free(old.left_out[i]);
    }
    w->stale = false;
    return EVO_OK;
}

static enum evo_errc try_batch(struct evo_worker *w, struct evo_part *p, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    if (!w->pg) {
        rc = evo_run_connect(w->run->o, &w->pg, err);
        set_pid(w);
        w->stale = true;
    }
    if (!rc && w->stale)
        rc = read_again(w, p, err);
    if (!rc && !p->finished)
        rc = evo_batch_run(w, p, err);
    return rc;
}

/* What may go better the next time: no lock, a deadlock, a serialization failure, a time-out that a smaller batch may
 * keep, a connection that broke. */
static bool wants_retry(struct evo_worker *w, enum evo_errc rc, const struct evo_error *e)
{
    if (rc == EVO_ERR_CANCELLED)
        return false;
    if (w->pg && !evo_pg_alive(w->pg))
        return true;
    if (evo_streq(e->sqlstate, "57014"))
        return evo_pace_yield(&w->pace);
    if (evo_retry_wants(e->sqlstate) || evo_streq(e->sqlstate, "40001")) {
        (void)evo_pace_yield(&w->pace);
        return true;
    }
    return e->retryable;
}

static enum evo_errc give_up(struct evo_worker *w, int64_t failed, struct evo_error *e, struct evo_error *err)
{
    if (failed > 1 && e->code != EVO_ERR_CANCELLED)
        (void)evo_error_prefix(e, "tried %lld times", (long long)failed);
    if (evo_streq(e->sqlstate, "57014"))
        (void)evo_error_hint(
            e, "A batch of one row takes too long: give it more time with --statement-timeout.");
    if (err)
        *err = *e;
    atomic_store(&w->run->stop, true);
    return e->code;
}

static enum evo_errc batch_until_done(struct evo_worker *w, struct evo_part *p, struct evo_error *err)
{
    struct evo_run *run = w->run;
    for (int64_t failed = 1;; failed++) {
        struct evo_error e = EVO_ERROR_INIT;
        enum evo_errc rc = try_batch(w, p, &e);
        if (!rc && !w->stale)
            return EVO_OK;
        if (!rc)
            continue; /* what was written before is read first */
        bool connecting = !w->pg;
        bool again = wants_retry(w, rc, &e);
        if (w->pg && evo_pg_alive(w->pg))
            evo_run_rollback(w->pg);
        if (w->pg && !evo_pg_alive(w->pg))
            disconnect(w);
        const struct evo_retry_policy policy = EVO_RETRY_POLICY(
            connecting && run->o->retries < CONNECT_RETRIES ? CONNECT_RETRIES : run->o->retries);
        int64_t wait_ms = 0;
        if (!again || !evo_retry_after(&policy, failed, evo_random_below(UINT64_MAX), &wait_ms))
            return give_up(w, failed, &e, err);
        evo_info(run->o->task, "the batch is tried again in %lld ms: %s", (long long)wait_ms, e.message);
        count(run, &run->retries, 1);
        rc = rest(run, wait_ms, err);
        if (rc || is_over(run))
            return rc;
    }
}

/* ---- between batches --------------------------------------------------------- */

/* Others first: standbys, sessions that wait for our rows, the rate of the log, and the pause that was asked for. */
static enum evo_errc make_way(struct evo_worker *w, struct evo_error *err)
{
    struct evo_run *run = w->run;
    int64_t began = evo_clock_ms();
    enum evo_errc rc = EVO_OK;
    while (!rc && atomic_load(&run->hold) != EVO_HOLD_NONE && !is_over(run))
        rc = rest(run, HOLD_LOOK_MS, err);
    if (!rc && w->last_wal && !is_over(run)) {
        int64_t now = evo_clock_ms();
        (void)pthread_mutex_lock(&run->mutex);
        int64_t wait_ms = evo_rate_enter(&run->wal, w->last_wal, now);
        (void)pthread_mutex_unlock(&run->mutex);
        rc = rest(run, wait_ms, err);
    }
    w->last_wal = 0;
    if (evo_clock_ms() - began > 1)
        count(run, &run->held_ms, evo_clock_ms() - began);
    long long look = atomic_load(&run->looks);
    int64_t away =
        look == w->look ? 0 : evo_throttle_for_blocked((int64_t)atomic_load(&run->blocked), w->last_ms);
    w->look = look;
    if (!rc && away && !is_over(run)) {
        (void)evo_pace_yield(&w->pace);
        count(run, &run->backed_off_ms, away);
        rc = rest(run, away, err);
    }
    if (!rc && run->o->pause_ms && w->last_ms >= 0 && !is_over(run))
        rc = rest(run, run->o->pause_ms, err);
    return rc;
}

static enum evo_errc work_on(struct evo_worker *w, struct evo_part *p, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    w->stored_ms = evo_clock_ms();
    while (!rc && !p->finished && !is_over(w->run)) {
        rc = batch_until_done(w, p, err);
        if (!rc && !p->finished)
            rc = make_way(w, err);
    }
    return rc;
}

static struct evo_part *take_part(struct evo_run *run)
{
    struct evo_part *p = NULL;
    (void)pthread_mutex_lock(&run->mutex);
    while (!p && run->next_part < run->record.count) {
        struct evo_part *next = &run->record.parts[run->next_part++];
        if (!next->finished)
            p = next;
    }
    (void)pthread_mutex_unlock(&run->mutex);
    return p;
}

enum evo_errc evo_worker_run(struct evo_run *run, int slot, struct evo_error *err)
{
    struct evo_worker w = { .run = run, .slot = slot };
    enum evo_errc rc = EVO_OK;
    evo_pace_init(&w.pace, run->o->target_ms, run->o->batch);
    while (!rc && !is_over(run)) {
        struct evo_part *p = take_part(run);
        if (!p)
            break;
        rc = work_on(&w, p, err);
    }
    if (rc)
        atomic_store(&run->stop, true);
    evo_run_rollback(w.pg);
    disconnect(&w);
    (void)pthread_mutex_lock(&run->mutex);
    run->working--;
    (void)pthread_mutex_unlock(&run->mutex);
    return rc;
}
