/*
 * form.h - what a backfill is: one statement and the table whose rows it is cut by. Pure.
 *
 * backfill.sql is plain SQL with one line above it:
 *
 *	-- evo:backfill table=orders key=id
 *	UPDATE orders SET status = 'active' WHERE status IS NULL;
 *
 * and holds exactly one UPDATE, DELETE or INSERT … SELECT, in one of the forms of sql/batch.h: plain, with the word
 * :batch, or with a sub-select that ends in LIMIT $1. evo puts a condition on the rows of one batch into it.
 *
 *   -- evo:backfill [table=NAME] [key=COLUMN,…]   required, once. table: whose rows make the batches; may be left out
 *                                                 where an UPDATE or DELETE changes it. key: the columns of a unique
 *                                                 index; the primary key where it is left out
 *   -- evo:where CONDITION                        only with :batch: which rows of the table are to be changed; several
 *                                                 lines: all must hold. The other forms have their own WHERE
 *
 * Whatever else begins with "-- evo:" is an error, and so is a second statement.
 */
#ifndef EVO_BACKFILL_FORM_H
#define EVO_BACKFILL_FORM_H

#include "base/strvec.h"
#include "crypto/sha256.h"
#include "sql/batch.h"

/* The largest backfill.sql that is read. */
#define EVO_BACKFILL_MAX ((size_t)1 << 20)

struct evo_backfill_form {
    struct evo_sql_batch batch; /* `where` is set for every form that has a condition */
    struct evo_strvec key; /* as the catalog has the names; empty: the primary key */
    char *text; /* the statement as it was written: for people */
};
void evo_backfill_form_release(struct evo_backfill_form *f);
EVO_DEFINE_AUTO(backfill_form);

/* Of a file's text; `file` is for messages. EVO_ERR_CONFIG with file and line. */
enum evo_errc evo_backfill_form_parse(const char *text, size_t n, const char *file,
                                      struct evo_backfill_form *ret, struct evo_error *err) EVO_CHECK;
/* Of --table, --key ("a,b" or NULL), --set and --where (may be NULL). EVO_ERR_USAGE. */
enum evo_errc evo_backfill_form_of_options(const char *table, const char *key, const char *set,
                                           const char *where, struct evo_backfill_form *ret,
                                           struct evo_error *err) EVO_CHECK;

/* Same digest, same backfill: of the statement, the table (as the catalog names it) and the key. */
void evo_backfill_form_digest(const struct evo_backfill_form *f, const char *table,
                              const struct evo_strvec *key, char hex[EVO_SHA256_HEX]);

#endif
