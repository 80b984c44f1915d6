/*
 * batch.h - a statement that changes rows, made ready to change them a batch at a time: where in its text a condition
 * on the rows of one batch goes.
 *
 * Three forms are understood, and nothing else:
 *
 *   plain    UPDATE t SET … WHERE c     DELETE FROM t WHERE c      one table; the condition is put beside c
 *   :batch   the word stands where a condition may: any UPDATE, DELETE or INSERT … SELECT that names the table
 *   LIMIT $1 a sub-select over the table, (SELECT id FROM t WHERE c … LIMIT $1 FOR UPDATE SKIP LOCKED): the condition
 *            takes the place of the LIMIT, whatever the statement does with the sub-select's rows
 *
 *	EVO_AUTO(sql_batch) b = { 0 };
 *	rc = evo_sql_batch_of("UPDATE t SET a = 1 WHERE a IS NULL", n, NULL, &b, err);
 *	evo_strbuf_addf(&sql, "%s%s.id <= 1000%s", b.head, b.alias, b.tail);
 */
#ifndef EVO_SQL_BATCH_H
#define EVO_SQL_BATCH_H

#include "base/error.h"
#include "base/strvec.h"

enum evo_sql_batch_kind { EVO_SQL_UPDATE, EVO_SQL_DELETE, EVO_SQL_INSERT };

struct evo_sql_batch {
    enum evo_sql_batch_kind kind;
    char *table; /* whose rows make the batches: "schema"."name" or "name", quoted */
    char *alias; /* how that table is called where the condition goes, quoted */
    char *
        where; /* the condition that the statement has itself, for rows of `alias`; NULL where it has none, or (:batch)
                    where it is not known */
    char *head, *tail; /* the statement is head, a condition, tail */
    bool placeholder; /* the form :batch */
    struct evo_strvec columns; /* of the table, that an UPDATE of it assigns */
};
void evo_sql_batch_release(struct evo_sql_batch *b);
EVO_DEFINE_AUTO(sql_batch);

/* One statement without its semicolon. `table` names the table of :batch (as SQL writes names); NULL: what an UPDATE or
 * DELETE changes; for the other forms it has to agree with the statement. EVO_ERR_CONFIG for any other form, with
 * err->line counted in the text, and a hint that says which forms there are. Not for use beside other threads
 * (tree.h). */
enum evo_errc evo_sql_batch_of(const char *sql, size_t n, const char *table, struct evo_sql_batch *ret,
                               struct evo_error *err) EVO_CHECK;

/* The name of a table as SQL writes it, quoted; NULL where the text is none. The caller frees. */
char *evo_sql_table_name(const char *text) EVO_CHECK;

#endif
