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
 * Which rows are locked is told by their places (ctid) where that is possible: a row that is locked FOR UPDATE stays where
 * it is until we change it, and finding it by its place costs a fraction of finding it by a key. Rows of partitions, whose
 * places repeat, and of other access methods go by their keys.
 *
 * Places and keys travel as one array for each column, in the server's own text form; evo does not look into them. Where an
 * array is compared with it is the answer of a sub-select, so that the planner does not know how long it is: from the
 * thousand elements that it would see it would think reading the whole table the cheaper way.
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

/* Of the first rows in the span that the condition holds of, at most `limit`: how many, and the key of the last one. With
 * `list` (arrays of keys) only rows in it. Locks nothing. One row: the count, a column for each of the key. */
void evo_text_narrow(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const struct evo_span *span, const char *const *list, const char *limit,
                     struct evo_strbuf *out, struct evo_params *params);

/* Locks the rows in the span that the condition holds of; with `list` only those in it. One row comes back: how many there
 * are, how many of them are locked now, how many bytes of log the server has written, the first key column's value of the
 * first one locked; then the arrays that name the locked ones, and, where `keys` asks for them, those of their keys. */
void evo_text_lock(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                   const struct evo_span *span, const char *const *list, bool wait, bool keys,
                   struct evo_strbuf *out, struct evo_params *params);
#define EVO_LOCK_FOUND      0
#define EVO_LOCK_LOCKED     1
#define EVO_LOCK_WAL        2
#define EVO_LOCK_FIRST      3
#define EVO_LOCK_ROWS       4
#define EVO_LOCK_KEYS(t, i) (EVO_LOCK_ROWS + ((t)->by_place ? 1 : 0) + (int)(i))
/* How many arrays name rows. */
size_t evo_text_row_arrays(const struct evo_backfill_table *t);

/* Those that the lock found and did not get: how many, then the arrays of their keys. `rows`: what names the locked ones. */
void evo_text_left(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                   const struct evo_span *span, const char *const *list, const char *const *rows,
                   struct evo_strbuf *out, struct evo_params *params);

/* The user's statement for these rows. */
void evo_text_change(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const char *const *rows, struct evo_strbuf *out, struct evo_params *params);
/* How many of the rows with these keys the condition holds of now. The form has a condition. */
void evo_text_still(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                    const char *const *keys, struct evo_strbuf *out, struct evo_params *params);

/* The first rows that would be changed: nothing is locked. One row: the count, the arrays that name them, and, where those
 * are places, the arrays of their keys. */
void evo_text_peek(const struct evo_backfill_table *t, const struct evo_backfill_form *f, const char *limit,
                   struct evo_strbuf *out, struct evo_params *params);
#define EVO_PEEK_ROWS       1
#define EVO_PEEK_KEYS(t, i) (EVO_PEEK_ROWS + ((t)->by_place ? 1 : 0) + (int)(i))

/* "{1,2}" and "{3}" are "{1,2,3}". Either may be NULL, or "{}". The caller frees. */
char *evo_array_concat(const char *a, const char *b) EVO_CHECK;

#endif
