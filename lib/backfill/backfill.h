/*
 * backfill.h - change data in small batches on a server that is at work.
 *
 * The table is walked through by a unique key, window after window. Of each window the rows that the condition holds of
 * are locked (texts.h), changed, and the place is noted (record.h), in one transaction that takes about target_ms.
 * Whatever ends the run, the next one goes on behind the last batch that was committed.
 *
 * Which rows are changed:
 *   - With a condition that the change makes false ("a IS NULL", and a is set): sweep after sweep, until one finds no
 *     row. Rows that others insert behind the place, and rows that others held, are found by the next sweep. A sweep
 *     that changes rows of which the condition stays true all the same is the last one, and that is said.
 *   - Without a condition, or with one that stays true of every changed row: exactly one pass; each row that was there
 *     is changed once. Rows that others held are kept by their keys, and waited for at the end.
 * The last rows that others hold are waited for with lock_timeout; nothing is ever skipped for good without an error.
 */
#ifndef EVO_BACKFILL_BACKFILL_H
#define EVO_BACKFILL_BACKFILL_H

#include "backfill/form.h"
#include "pg/conn.h"
#include "json/json.h"

/* Sweeps over the whole table at most; rows that still come then are the application's to stop. */
#define EVO_BACKFILL_SWEEPS_MAX 10

/* All borrowed. */
struct evo_backfill_options {
    const struct evo_conninfo *info;
    const char *schema; /* search_path; NULL: as the role has it */
    const char *expect_database, *expect_system_identifier; /* guards; NULL: none */
    const struct evo_backfill_form *form;
    const char *name; /* the migration's; NULL: made of the table and the definition */
    const char *file; /* for messages; NULL: the statement came by options */
    int64_t batch; /* rows: begin with so many and take no more; 0: adapted alone */
    int64_t target_ms; /* how long a batch is to take */
    int64_t pause_ms; /* between batches */
    int64_t max_lag_ms; /* of any standby; < 0: not looked at */
    uint64_t max_wal_rate; /* bytes a second while we work; 0: no limit */
    int64_t max_duration_ms; /* < 0: no limit; one batch is done whatever it says */
    int64_t lock_timeout_ms, statement_timeout_ms;
    int64_t retries; /* of one batch */
    int jobs;
    bool dry_run, restart;
    const char *again; /* the command that goes on: for hints */
    struct evo_task *task;
};

/* Fills `data` as far as known, also on failure. EVO_ERR_INCOMPLETE: the time is over, or rows keep coming.
 * EVO_ERR_EDITED: an unfinished run of this name had another definition. EVO_ERR_LOCK_UNAVAILABLE: another run has the
 * backfill, or rows stayed locked. Every failure leaves whole batches done and on record. */
enum evo_errc evo_backfill_run(const struct evo_backfill_options *o, struct evo_json *data,
                               struct evo_error *err) EVO_CHECK;

/* The fields of `data` before anything is known: null, zero and false. */
void evo_backfill_data_init(struct evo_json *data);

#endif
