/*
 * record.h - evo.backfill: how far a backfill is, and who works on it (lib/schema/backfill.sql).
 *
 * A batch and the note that it is done are one transaction, so that an end at any moment neither loses nor repeats a
 * batch. Every write names the run and the version that it found: a run that lost its place to another one, or an
 * answer to a COMMIT that never came, shows as a write that touches no row.
 */
#ifndef EVO_BACKFILL_RECORD_H
#define EVO_BACKFILL_RECORD_H

#include "backfill/table.h"

/* The most keys that a part keeps of rows it left out; behind them it waits for locks instead. */
#define EVO_BACKFILL_LEFT_OUT_MAX 10000

struct evo_part {
    int64_t number; /* 1-based */
    int64_t version;
    char *lower, *upper;
    bool once, waits, finished;
    int64_t sweep;
    char *position[EVO_BACKFILL_KEY_MAX]; /* [0] NULL: at the beginning */
    char *left_out[EVO_BACKFILL_KEY_MAX]; /* arrays as text; NULL: none */
    int64_t left_out_rows;
    int64_t sweep_looked, sweep_settled, sweep_skipped;
    int64_t rows_done, skipped, batches;
};

struct evo_record {
    char *name;
    char run[33]; /* of this process */
    char definition[EVO_SHA256_HEX];
    size_t ncolumns;
    struct evo_part *parts;
    size_t count;
    /* As it was found; count == 0: nothing was. */
    char *found_definition;
    char *done_at; /* RFC 3339; NULL: not done */
};
void evo_record_release(struct evo_record *c);
EVO_DEFINE_AUTO(record);

/* Makes schema evo and the table where they are missing. EVO_ERR_PERMISSION with the GRANT to ask for. */
enum evo_errc evo_record_create(struct evo_pg *pg, struct evo_error *err) EVO_CHECK;
/* Reads the parts of `name`. A database without the table has none. `columns`: of the key. */
enum evo_errc evo_record_load(struct evo_pg *pg, const char *name, size_t columns, struct evo_record *ret,
                              struct evo_error *err) EVO_CHECK;
/* Begins from the start: one part more than there are points. Whatever was recorded of the name goes. */
enum evo_errc evo_record_begin(struct evo_pg *pg, struct evo_record *c, const char *statement,
                               const struct evo_strvec *points, bool once, struct evo_error *err) EVO_CHECK;
/* Goes on where another run stopped: its parts are this run's from now on. */
enum evo_errc evo_record_take(struct evo_pg *pg, struct evo_record *c, struct evo_error *err) EVO_CHECK;
/* One more sweep, from the beginning of every part. */
enum evo_errc evo_record_sweep(struct evo_pg *pg, struct evo_record *c, bool waits,
                               struct evo_error *err) EVO_CHECK;
enum evo_errc evo_record_done(struct evo_pg *pg, struct evo_record *c, struct evo_error *err) EVO_CHECK;

/* Writes what has become of a part (all of it but its bounds), as its next version, which is p's from then on.
 * *ret_wal (may be NULL): bytes of log the server has written so far. EVO_ERR_LOCK_UNAVAILABLE, not retryable, where the
 * row is another run's. *ret_stale: nothing was written, since this run has written another version; read it again. */
enum evo_errc evo_record_store(struct evo_pg *pg, const struct evo_record *c, struct evo_part *p,
                               bool left_out_changed, uint64_t *ret_wal, bool *ret_stale,
                               struct evo_error *err) EVO_CHECK;
/* Reads a part again, waiting for a transaction that may still write it. */
enum evo_errc evo_record_reload(struct evo_pg *pg, const struct evo_record *c, struct evo_part *p,
                                struct evo_error *err) EVO_CHECK;

/* Over all parts. */
struct evo_part evo_record_sum(const struct evo_record *c);

#endif
