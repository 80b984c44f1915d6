/*
 * texts.h - the SQL of one batch. Pure: text and parameters out; nothing is sent.
 *
 * A batch is two statements in one transaction (READ COMMITTED), and that they are two is what makes it right beside
 * others that write:
 *
 *   1. lock    takes the next rows that the condition holds of, FOR UPDATE SKIP LOCKED. A row that changed meanwhile is
 *              looked at again as it is now, under its lock. What another session holds is left for later, and named.
 *   2. change  the user's statement, for exactly the rows that are locked. Its snapshot is taken after the locks: what
 *              others committed before we had them is seen, in other tables too, and nobody can change the rows until
 *              we commit. In one statement with the locking, sums over other tables would be as old as the moment
 *              before the locks, and an update committed in between would be lost.
 *
 * FOR UPDATE and not FOR NO KEY UPDATE: an INSERT that refers to a row by foreign key, uncommitted, holds FOR KEY SHARE
 * on it. Only FOR UPDATE sees that, and a total over the referring rows then waits for it.
 *
 * Keys travel as one array for each column of the key, in the server's own text form; evo does not look into them.
 */
#ifndef EVO_BACKFILL_TEXTS_H
#define EVO_BACKFILL_TEXTS_H

#include "backfill/table.h"

/* $1 … of a text that is being made; borrows the values. */
struct evo_params {
    const char *items[8 * EVO_BACKFILL_KEY_MAX + 8];
    int count;
};

/* Which rows of the table: behind `after` (else above lo, of the first column), up to `upto` (else to hi). Values are
 * text; NULL is no bound. after and upto have a value for each column of the key. */
struct evo_span {
    const char *lo, *hi;
    const char *const *after;
    const char *const *upto;
};

/* The key of the row that lies `rows` further, if so many lie in the span: a column for each column of the key. */
void evo_text_window(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const struct evo_span *span, const char *rows, struct evo_strbuf *out,
                     struct evo_params *params);

/* A row where the condition holds of any row of the span. Locks nothing. */
void evo_text_any(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                  const struct evo_span *span, struct evo_strbuf *out, struct evo_params *params);

/* Locks at most `limit` of the rows in the span that the condition holds of. With `list` (arrays, as the lock's answer
 * has them) only rows in it. One row comes back: how many were found, how many of them locked, then for each column of
 * the key: the last one found, the array of those locked, the array of those left out; and behind them how many bytes of
 * log the server has written. */
void evo_text_lock(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                   const struct evo_span *span, const char *const *list, const char *limit, bool wait,
                   struct evo_strbuf *out, struct evo_params *params);
#define EVO_LOCK_FOUND      0
#define EVO_LOCK_LOCKED     1
#define EVO_LOCK_LAST(t, i) (2 + (int)(i))
#define EVO_LOCK_KEYS(t, i) (2 + (int)(t)->ncolumns + (int)(i))
#define EVO_LOCK_LEFT(t, i) (2 + 2 * (int)(t)->ncolumns + (int)(i))
#define EVO_LOCK_WAL(t)     (2 + 3 * (int)(t)->ncolumns)

/* The user's statement for the rows with these keys. */
void evo_text_change(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const char *const *keys, struct evo_strbuf *out, struct evo_params *params);
/* How many of these rows the condition holds of now. The form has a condition. */
void evo_text_still(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                    const char *const *keys, struct evo_strbuf *out, struct evo_params *params);

/* The keys of the first rows that would be changed, and how many: nothing is locked. One row: the count, the arrays. */
void evo_text_peek(const struct evo_backfill_table *t, const struct evo_backfill_form *f, const char *limit,
                   struct evo_strbuf *out, struct evo_params *params);

/* "{1,2}" and "{3}" are "{1,2,3}". Either may be NULL, or "{}". The caller frees. */
char *evo_array_concat(const char *a, const char *b) EVO_CHECK;

#endif
