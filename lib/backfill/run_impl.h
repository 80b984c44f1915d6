/*
 * run_impl.h - inside this folder only: one run, as its threads share it.
 *
 * A part is worked on by one worker at a time, which alone changes it; its numbers are changed under the mutex, since
 * the monitor adds them up. The control session holds the advisory lock and looks around; each worker has a session of
 * its own.
 */
#ifndef EVO_BACKFILL_RUN_IMPL_H
#define EVO_BACKFILL_RUN_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "backfill/backfill.h"
#include "backfill/pace.h"
#include "backfill/record.h"
#include "backfill/throttle.h"
#include "base/clock.h"
#include "base/rate.h"

enum evo_settles {
    EVO_SETTLES_UNKNOWN,
    EVO_SETTLES_YES, /* the change makes the condition false, of some rows at least */
    EVO_SETTLES_NO /* of none */
};
/* Why nothing is changed at the moment. */
enum evo_hold { EVO_HOLD_NONE, EVO_HOLD_LAG, EVO_HOLD_BLIND };

struct evo_run {
    const struct evo_backfill_options *o;
    struct evo_backfill_table table;
    struct evo_record record;
    struct evo_pg *control;
    int64_t lock_key;
    struct evo_deadline deadline;
    int64_t began_ms; /* monotonic */
    int64_t rows_before; /* done by earlier runs */
    bool resumed;
    struct evo_rate wal;
    struct evo_lag lag; /* the monitor's */
    bool told_hidden; /* the monitor's, too */
    atomic_bool stop; /* a thread failed */
    atomic_bool moved; /* a batch of this run is committed: from then on the time counts */
    atomic_bool out_of_time;
    atomic_bool left_alone; /* rows that were locked were not changed: said once */
    atomic_int hold; /* enum evo_hold */
    atomic_int settles; /* enum evo_settles */
    atomic_llong blocked; /* sessions that wait for ours, as last seen */
    atomic_llong looks; /* that saw some: a worker makes way once for each */
    pthread_mutex_t mutex;
    /* Under the mutex. */
    size_t next_part;
    int working; /* workers that have not ended */
    int pids[EVO_BACKFILL_KEY_MAX]; /* of their sessions; 0: none */
    uint64_t wal_seen;
    int64_t retries, held_ms, backed_off_ms;
    int64_t lag_ms; /* as last seen; -1: not known */
};

/* ---- session.c ---- */

/* Connected, guarded, with the time-outs of the options. */
enum evo_errc evo_run_connect(const struct evo_backfill_options *o, struct evo_pg **ret,
                              struct evo_error *err) EVO_CHECK;
/* ROLLBACK, also behind a cancel; a session that does not answer is left to its end. */
void evo_run_rollback(struct evo_pg *pg);

/* ---- batch.c ---- */

struct evo_worker {
    struct evo_run *run;
    int slot;
    struct evo_pg *pg; /* NULL: to be connected */
    struct evo_pace pace;
    int64_t stored_ms; /* when the place was last written */
    int64_t last_ms; /* how long the last batch took */
    uint64_t last_wal; /* what it wrote */
    long long look; /* the last one it has made way for */
    bool stale; /* the part is to be read again */
};
/* One batch of the part: committed and noted, or nothing. */
enum evo_errc evo_batch_run(struct evo_worker *w, struct evo_part *p, struct evo_error *err) EVO_CHECK;

/* ---- worker.c, monitor.c ---- */

/* Takes part after part until all have finished this sweep, or the run is to stop. */
enum evo_errc evo_worker_run(struct evo_run *run, int slot, struct evo_error *err) EVO_CHECK;
/* Looks around until no worker is left: standbys, waiting sessions, time, progress. */
enum evo_errc evo_monitor_run(struct evo_run *run, struct evo_error *err) EVO_CHECK;

/* ---- dry_run.c ---- */

enum evo_errc evo_dry_run(struct evo_run *run, struct evo_json *data, struct evo_error *err) EVO_CHECK;

#endif
