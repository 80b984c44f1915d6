/*
 * begun.h - statements that cannot run in a transaction: what may be done about one whose answer never came.
 *
 * A name proves nothing: an index of the name may be another's. So an index that is there is compared with what the
 * statement makes: the server is asked to make the same one of an empty temporary table of the same columns, and the
 * two definitions are held side by side. A DROP INDEX is on record only where the index was there before it. What can
 * be repeated without harm (VACUUM, REINDEX, IF NOT EXISTS …) is repeated. All else is for a person to look at.
 */
#ifndef EVO_MIGRATION_BEGUN_H
#define EVO_MIGRATION_BEGUN_H

#include "base/error.h"
#include "pg/conn.h"
#include "sql/split.h"

enum evo_bare {
    EVO_BARE_AGAIN, /* may be repeated */
    EVO_BARE_INDEX, /* CREATE INDEX CONCURRENTLY */
    EVO_BARE_DROP_INDEX, /* DROP INDEX CONCURRENTLY, without IF EXISTS */
    EVO_BARE_ONCE, /* nothing proves whether it happened */
    EVO_BARE_COMMITS /* nor does its failure: it may commit inside (DO, CALL, what the parser does not know) */
};
/* Of a statement that runs without a transaction of ours; n bytes. Pure. */
enum evo_bare evo_bare_class(enum evo_sql_kind kind, const char *sql, size_t n);

/* EVO_BARE_DROP_INDEX: whether the index is there. */
enum evo_errc evo_bare_dropped_is_there(struct evo_pg *pg, const char *sql, size_t n, bool *ret,
                                        struct evo_error *err) EVO_CHECK;

enum evo_proof { EVO_PROOF_UNDONE, EVO_PROOF_DONE, EVO_PROOF_NONE };
/* EVO_BARE_INDEX: what the server holds of it. EVO_PROOF_NONE: another index has its name, or nothing can be proven;
 * *ret_found (heap, may be NULL) is what is there, as SQL. Outside a transaction, with the session's settings as the
 * statement would find them. */
enum evo_errc evo_bare_prove_index(struct evo_pg *pg, const char *sql, size_t n, enum evo_proof *ret,
                                   char **ret_found, struct evo_error *err) EVO_CHECK;

#endif
