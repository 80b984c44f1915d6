/*
 * batch.h - inside this folder only: one batch, from which rows it takes to what is noted of it.
 */
#ifndef EVO_BACKFILL_BATCH_H
#define EVO_BACKFILL_BATCH_H

#include "backfill/run_impl.h"
#include "backfill/texts.h"

enum { EVO_BATCH_NUMBER_MAX = 24 };

/* What one batch has found and is about to note. */
struct evo_batch {
    struct evo_worker *w;
    const struct evo_backfill_table *t;
    const struct evo_backfill_form *f;
    struct evo_part next; /* the part as it will be; strings are owned */
    struct evo_pg_result *window, *narrowed, *locked, *left; /* their rows lend values */
    const char *upto[EVO_BACKFILL_KEY_MAX]; /* where it ends */
    bool listed; /* it goes through the rows left out, not through the table */
    bool waits;
    bool has_keys; /* of the locked rows */
    int64_t found, changed, settled;
    int64_t left_out; /* rows that others hold */
    bool full; /* as many were found as were asked for */
};

/* ---- batch_rows.c: which rows. Each sets what it finds in the batch. ---- */

/* Where the window ends. Outside the transaction: it only says how far to look. */
enum evo_errc evo_batch_find_window(struct evo_batch *b, const struct evo_part *p,
                                    struct evo_error *err) EVO_CHECK;
/* The window reaches to the end of the part, or there is none. */
bool evo_batch_is_last(const struct evo_batch *b);
/* Sweeps that follow up find nothing almost everywhere: one look, without a transaction, tells. */
enum evo_errc evo_batch_look_for_any(struct evo_batch *b, const struct evo_part *p, bool *ret,
                                     struct evo_error *err) EVO_CHECK;
/* A window may hold more rows than a batch takes, where few were to be changed before: the batch then ends at the last one
 * that it takes. */
enum evo_errc evo_batch_narrow(struct evo_batch *b, const struct evo_part *p,
                               struct evo_error *err) EVO_CHECK;
enum evo_errc evo_batch_lock(struct evo_batch *b, const struct evo_part *p, struct evo_error *err) EVO_CHECK;
/* Those that others hold. */
enum evo_errc evo_batch_look_who_is_left(struct evo_batch *b, const struct evo_part *p,
                                         struct evo_error *err) EVO_CHECK;
/* What names the locked ones: `rows`, filled; NULL where there are none. */
const char *const *evo_batch_locked_rows(const struct evo_batch *b, const char **rows);

/* Of the batch's session. */
enum evo_errc evo_batch_send(struct evo_batch *b, const struct evo_strbuf *sql,
                             const struct evo_params *params, struct evo_pg_result **ret,
                             struct evo_error *err) EVO_CHECK;

#endif
