#include <inttypes.h>

#include "backfill/run_impl.h"
#include "base/cancel.h"
#include "base/parallel.h"
#include "pg/lock.h"

enum {
    PARTS_PER_JOB = 4,
    LOCK_WAIT_MS = 5000,
    TAKE_TRIES = 5,
    DIGEST_SHOWN = 12,
    TURN_TRIES = 6,
    TURN_PAUSE_MS = 300
};

static void run_release(struct evo_run *run)
{
    evo_pg_close(run->control);
    evo_record_release(&run->record);
    evo_backfill_table_release(&run->table);
    evo_rate_release(&run->wal);
    (void)pthread_mutex_destroy(&run->mutex);
}

/* ---- the report -------------------------------------------------------------- */

void evo_backfill_data_init(struct evo_json *data)
{
    static const char *const nulls[] = { "name",      "table", "rows_total", "rows_per_second",
                                         "statement", "plan",  "batch_rows" };
    static const char *const zeros[] = { "rows_done", "batches",       "skipped",    "sweeps", "retries",
                                         "held_ms",   "backed_off_ms", "elapsed_ms", "parts" };
    static const char *const no[] = { "more", "resumed", "dry_run", "once", "rows_total_exact" };
    for (size_t i = 0; i < EVO_COUNT(nulls); i++)
        evo_json_set_null(data, nulls[i]);
    for (size_t i = 0; i < EVO_COUNT(zeros); i++)
        evo_json_set_int(data, zeros[i], 0);
    for (size_t i = 0; i < EVO_COUNT(no); i++)
        evo_json_set_bool(data, no[i], false);
    evo_json_set(data, "key", evo_json_array());
}

static void report_table(const struct evo_run *run, struct evo_json *data)
{
    struct evo_json *key = evo_json_array();
    evo_json_set_string(data, "table", run->table.shown);
    for (size_t i = 0; i < run->table.key.count; i++)
        evo_json_append_string(key, run->table.key.items[i]);
    evo_json_set(data, "key", key);
    evo_json_set_bool(data, "dry_run", run->o->dry_run);
    if (run->table.matching >= 0)
        evo_json_set_int(data, "rows_total", run->table.matching);
    evo_json_set_bool(data, "rows_total_exact", run->table.matching_exact);
}

/* Of an earlier run's rows nothing was counted now; together with them the total is what it was. */
static void report_rows(const struct evo_run *run, bool done, struct evo_json *data)
{
    const struct evo_part sum = evo_record_sum(&run->record);
    int64_t elapsed = evo_clock_ms() - run->began_ms;
    int64_t now = sum.rows_done - run->rows_before;
    int64_t total = run->table.matching >= 0 ? run->table.matching : run->table.rows;
    total += run->resumed && run->o->form->batch.where ? run->rows_before : 0;
    bool exact = run->table.matching_exact && !done;
    evo_json_set_string(data, "name", run->record.name);
    evo_json_set_int(data, "rows_done", sum.rows_done);
    evo_json_set_int(data, "rows_total", done || total < sum.rows_done ? sum.rows_done : total);
    evo_json_set_bool(data, "rows_total_exact", done || exact);
    evo_json_set_int(data, "batches", sum.batches);
    evo_json_set_int(data, "skipped", sum.skipped);
    evo_json_set_int(data, "sweeps", sum.sweep);
    evo_json_set_int(data, "parts", (int64_t)run->record.count);
    evo_json_set_bool(data, "once", sum.once);
    evo_json_set_bool(data, "more", !done);
    evo_json_set_bool(data, "resumed", run->resumed);
    evo_json_set_int(data, "retries", run->retries);
    evo_json_set_int(data, "held_ms", run->held_ms);
    evo_json_set_int(data, "backed_off_ms", run->backed_off_ms);
    evo_json_set_int(data, "elapsed_ms", elapsed);
    if (elapsed > 0)
        evo_json_set_int(data, "rows_per_second", now * 1000 / elapsed);
}

/* ---- before the first batch ---------------------------------------------------- */

static int64_t lock_key_of(const char *name)
{
    unsigned char digest[EVO_SHA256_SIZE];
    EVO_AUTO_STR text = evo_asprintf("evo-backfill %s", name);
    uint64_t key = 0;
    evo_sha256_of(text, strlen(text), digest);
    for (size_t i = 0; i < sizeof(key); i++)
        key = key << 8 | digest[i];
    return (int64_t)key;
}

static enum evo_errc look_at_table(struct evo_run *run, struct evo_error *err)
{
    const struct evo_backfill_options *o = run->o;
    enum evo_errc rc = evo_run_connect(o, &run->control, err);
    if (!rc)
        rc = evo_pg_refuse_pooler(run->control, o->info, err);
    if (!rc)
        rc = evo_backfill_table_find(run->control, o->form, o->task, &run->table, err);
    if (rc)
        return rc;
    rc = evo_backfill_table_estimate(run->control, o->form, o->dry_run, &run->table, err);
    return rc ? evo_error_prefix(err, "could not estimate the rows of %s", run->table.shown) : EVO_OK;
}

static enum evo_errc refuse_other(const struct evo_run *run, const struct evo_record *c,
                                  struct evo_error *err)
{
    const struct evo_part sum = evo_record_sum(c);
    evo_error_set(err, EVO_ERR_EDITED, "backfill \"%s\" is not finished, and was another one when it began",
                  c->name);
    evo_error_detail(err,
                     "%" PRId64
                     " rows were done by a statement, table or key that is not the present one: its "
                     "SHA-256 was %.12s and is %.12s.",
                     sum.rows_done, c->found_definition, c->definition);
    evo_error_hint(err, "Finish the old one with its own text, or begin anew: %s --restart", run->o->again);
    return evo_error_next(err, "%s --restart", run->o->again);
}

static enum evo_errc begin_anew(struct evo_run *run, struct evo_error *err)
{
    EVO_AUTO(strvec) points = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_record_create(run->control, err);
    if (!rc && run->o->jobs > 1)
        rc = evo_backfill_table_split(run->control, &run->table, (size_t)run->o->jobs * PARTS_PER_JOB,
                                      &points, err);
    if (!rc && run->o->jobs > 1 && !points.count)
        evo_notice(run->o->task, "the key of %s cannot be cut into parts: one session works on all of it",
                   run->table.shown);
    if (rc)
        return rc;
    return evo_record_begin(run->control, &run->record, run->o->form->text, &points,
                            !run->o->form->batch.where, err);
}

/* The last transaction of a killed run may still be about to end. */
static enum evo_errc go_on(struct evo_run *run, struct evo_error *err)
{
    for (int i = 1;; i++) {
        struct evo_error e = EVO_ERROR_INIT;
        enum evo_errc rc = evo_record_take(run->control, &run->record, &e);
        if (!rc)
            break;
        if (i == TAKE_TRIES || rc != EVO_ERR_LOCK_UNAVAILABLE || !e.retryable) {
            if (err)
                *err = e;
            return rc;
        }
    }
    const struct evo_part sum = evo_record_sum(&run->record);
    run->rows_before = sum.rows_done;
    run->resumed = true;
    if (sum.once)
        atomic_store(&run->settles, EVO_SETTLES_NO);
    evo_notice(run->o->task, "goes on behind the %" PRId64 " rows that are done", sum.rows_done);
    return EVO_OK;
}

/* Settles where to begin. *ret_done: nowhere, it was done before. */
static enum evo_errc settle(struct evo_run *run, bool *ret_done, struct evo_error *err)
{
    const struct evo_backfill_options *o = run->o;
    struct evo_record *c = &run->record;
    char digest[EVO_SHA256_HEX];
    evo_backfill_form_digest(o->form, run->table.name, &run->table.key, digest);
    EVO_AUTO_STR name =
        o->name ? evo_strdup(o->name) : evo_asprintf("%s %.*s", run->table.shown, DIGEST_SHOWN, digest);
    EVO_AUTO_STR what = evo_asprintf("lock of backfill \"%s\"", name);
    run->lock_key = lock_key_of(name);
    int left = evo_deadline_left(run->deadline);
    enum evo_errc rc =
        evo_pg_lock(run->control, run->lock_key, left >= 0 && left < LOCK_WAIT_MS ? left : LOCK_WAIT_MS, what,
                    o->task, err);
    if (!rc)
        rc = evo_record_load(run->control, name, run->table.ncolumns, c, err);
    if (rc)
        return rc;
    memcpy(c->definition, digest, sizeof(digest));
    bool same = evo_streq(c->found_definition, digest);
    if (!c->count || o->restart)
        return begin_anew(run, err);
    if (!c->done_at)
        return same ? go_on(run, err) : refuse_other(run, c, err);
    /* Once more does no harm where the condition tells what is done; else it would change every row again. */
    if (!same || !evo_record_sum(c).once)
        return begin_anew(run, err);
    *ret_done = true;
    run->rows_before = evo_record_sum(c).rows_done;
    evo_notice(o->task, "backfill \"%s\" was done at %s: nothing is changed; --restart runs it again", name,
               c->done_at);
    return EVO_OK;
}

/* ---- sweeps ------------------------------------------------------------------ */

static enum evo_errc work(void *ctx, size_t i, struct evo_error *err)
{
    struct evo_run *run = ctx;
    /* The monitor comes last: without threads it begins when the workers have ended. */
    return i < (size_t)run->o->jobs ? evo_worker_run(run, (int)i, err) : evo_monitor_run(run, err);
}

static enum evo_errc run_sweep(struct evo_run *run, struct evo_error *err)
{
    run->next_part = 0;
    run->working = run->o->jobs;
    return evo_parallel((size_t)run->o->jobs + 1, run->o->jobs + 1, work, run, err);
}

static enum evo_errc out_of_time(struct evo_run *run, struct evo_error *err)
{
    const struct evo_part sum = evo_record_sum(&run->record);
    evo_error_set(err, EVO_ERR_INCOMPLETE,
                  "the time is over: %" PRId64 " rows are done in %" PRId64 " batches, and there are more",
                  sum.rows_done, sum.batches);
    evo_error_hint(err, "Go on where it stopped: %s", run->o->again);
    return evo_error_next(err, "%s", run->o->again);
}

static enum evo_errc keep_coming(struct evo_run *run, const struct evo_part *sum, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_INCOMPLETE,
                  "after %d sweeps there are still rows to change: %" PRId64 " in the last one",
                  EVO_BACKFILL_SWEEPS_MAX, sum->sweep_settled + sum->sweep_skipped);
    evo_error_detail(err, "Something writes rows that the condition holds of as fast as they are changed.");
    evo_error_hint(err, "Let the application write the new values itself, then: %s --restart", run->o->again);
    return evo_error_next(err, "%s --restart", run->o->again);
}

/* After a sweep: whether that was all; else how the next one goes about it. */
static bool is_done(const struct evo_part *sum, bool *ret_waits)
{
    *ret_waits = sum->once || sum->sweep_settled == 0;
    if (sum->once)
        return sum->sweep > 1 || !sum->left_out_rows;
    return sum->sweep_settled == 0 && sum->sweep_skipped == 0;
}

static void say_how(struct evo_run *run, const struct evo_part *sum, int64_t changed)
{
    if (sum->sweep == 1 && sum->once && run->o->form->batch.where)
        evo_warn(
            run->o->task,
            "the condition stays true of the rows that were changed: each row is changed once, in one pass");
    else if (!sum->once && sum->sweep > 1 && changed > 0 && sum->sweep_settled == 0)
        evo_warn(run->o->task,
                 "the condition is still true of %" PRId64
                 " rows although they were changed: they are left so",
                 changed);
}

/* The control session may have been lost while the workers were at it. */
static enum evo_errc connect_again(struct evo_run *run, struct evo_error *err)
{
    if (run->control && evo_pg_alive(run->control))
        return EVO_OK;
    evo_pg_close(run->control);
    run->control = NULL;
    enum evo_errc rc = evo_run_connect(run->o, &run->control, err);
    return rc ? rc
              : evo_pg_lock(run->control, run->lock_key, LOCK_WAIT_MS, "lock of the backfill", run->o->task,
                            err);
}

/* Between two sweeps, or behind the last one; tried again over a new session where the old one is lost. */
static enum evo_errc turn_over(struct evo_run *run, bool done, bool waits, struct evo_error *err)
{
    for (int i = 1;; i++) {
        struct evo_error e = EVO_ERROR_INIT;
        enum evo_errc rc = connect_again(run, &e);
        if (!rc)
            rc = done ? evo_record_done(run->control, &run->record, &e)
                      : evo_record_sweep(run->control, &run->record, waits, &e);
        if (!rc)
            return EVO_OK;
        bool lost = !run->control || !evo_pg_alive(run->control);
        if (i == TURN_TRIES || rc == EVO_ERR_CANCELLED || !(lost || e.retryable) ||
            evo_cancel_sleep(TURN_PAUSE_MS * i, &e)) {
            if (err)
                *err = e;
            return e.code;
        }
    }
}

static enum evo_errc run_sweeps(struct evo_run *run, struct evo_error *err)
{
    for (;;) {
        int64_t before = evo_record_sum(&run->record).rows_done;
        enum evo_errc rc = run_sweep(run, err);
        const struct evo_part sum = evo_record_sum(&run->record);
        if (rc)
            return rc;
        if (!sum.finished)
            return out_of_time(run, err);
        bool waits;
        say_how(run, &sum, sum.rows_done - before);
        if (is_done(&sum, &waits))
            return turn_over(run, true, false, err);
        if (sum.sweep >= EVO_BACKFILL_SWEEPS_MAX)
            return keep_coming(run, &sum, err);
        rc = turn_over(run, false, waits, err);
        if (rc)
            return rc;
    }
}

/* Whatever ended it: what is done is done, and how to go on. */
static enum evo_errc explain(const struct evo_run *run, enum evo_errc rc, struct evo_error *err)
{
    const struct evo_part sum = evo_record_sum(&run->record);
    if (!err || err->next[0])
        return rc;
    EVO_AUTO_STR server = evo_strdup(err->detail);
    evo_error_detail(err,
                     "%s%s%" PRId64 " rows in %" PRId64
                     " batches are committed and on record; the batch in work was rolled back.",
                     server, *server ? " " : "", sum.rows_done, sum.batches);
    if (!err->hint[0])
        evo_error_hint(err, "%s where it stopped: %s",
                       rc == EVO_ERR_CANCELLED ? "Go on" : "Mend what the message says, then go on",
                       run->o->again);
    return evo_error_next(err, "%s", run->o->again);
}

enum evo_errc evo_backfill_run(const struct evo_backfill_options *o, struct evo_json *data,
                               struct evo_error *err)
{
    struct evo_run run = { .o = o, .began_ms = evo_clock_ms(), .lag_ms = -1 };
    bool done = false;
    run.deadline = o->max_duration_ms < 0 ? EVO_DEADLINE_NEVER : evo_deadline_in(o->max_duration_ms);
    (void)pthread_mutex_init(&run.mutex, NULL);
    evo_rate_init(&run.wal, o->max_wal_rate);
    enum evo_errc rc = look_at_table(&run, err);
    if (!rc) {
        report_table(&run, data);
        rc = o->dry_run ? evo_dry_run(&run, data, err) : settle(&run, &done, err);
    }
    if (!rc && !o->dry_run) {
        if (!done)
            rc = run_sweeps(&run, err);
        done = !rc;
    }
    if (run.record.count && (done || rc != EVO_ERR_EDITED)) {
        report_rows(&run, done, data);
        if (rc)
            rc = explain(&run, rc, err);
    }
    run_release(&run);
    return rc;
}
