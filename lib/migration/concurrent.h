/*
 * concurrent.h - CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY: what they leave behind when they fail.
 *
 * A concurrent build that fails leaves an INVALID index (https://www.postgresql.org/docs/current/sql-createindex.html,
 * "Building Indexes Concurrently"): it costs writes, serves no query, takes the name, and makes CREATE INDEX …
 * IF NOT EXISTS "succeed" over nothing. A REINDEX leaves one called "…_ccnew", or, where only the old one could not be
 * dropped, "…_ccold" (sql-reindex.html, "Rebuilding Indexes Concurrently"). So they are looked for before the build and
 * after a failure, and dropped, CONCURRENTLY as well.
 *
 * What counts as left by a CREATE INDEX: an INVALID index of the table that has the name, or (of whatever name: the file
 * may have called it otherwise when it failed, or not at all) the definition that the statement would make. By a REINDEX:
 * one of the suffix, of the same definition as another index of the table. One that another session is building right
 * now is left alone, and so is one of a TOAST table where the role may not look into pg_toast.
 */
#ifndef EVO_MIGRATION_CONCURRENT_H
#define EVO_MIGRATION_CONCURRENT_H

#include "base/error.h"
#include "base/strvec.h"
#include "base/task.h"
#include "pg/conn.h"

enum evo_index_state { EVO_INDEX_NONE, EVO_INDEX_VALID, EVO_INDEX_INVALID };

struct evo_index_remains {
    bool named; /* the statement names the index that it makes, or the one that it rebuilds */
    enum evo_index_state state; /* of that one */
    char *name; /* of that one, qualified and quoted, for SQL and messages; NULL: it is not there */
    struct evo_strvec invalid; /* all that are to be dropped, likewise */
};
void evo_index_remains_release(struct evo_index_remains *r);
EVO_DEFINE_AUTO(index_remains);

/* What the server holds of the indexes that the statement (n bytes) makes or rebuilds; of any other statement nothing.
 * Names are looked up as the statement would (search_path of the session). Outside a transaction.
 * EVO_ERR_LOCK_UNAVAILABLE where another session is building one of them. */
enum evo_errc evo_index_find(struct evo_pg *pg, const char *sql, size_t n, struct evo_index_remains *ret,
                             struct evo_error *err) EVO_CHECK;
/* DROP INDEX CONCURRENTLY IF EXISTS, without a lock time-out; statement_timeout_ms 0: as long as it takes. */
enum evo_errc evo_index_drop(struct evo_pg *pg, const char *name, int64_t statement_timeout_ms,
                             struct evo_error *err) EVO_CHECK;

/* Around a concurrent build. Before: INVALID remains of an earlier one are dropped. */
enum evo_errc evo_index_prepare(struct evo_pg *pg, const char *sql, size_t n, struct evo_task *task,
                                struct evo_error *err) EVO_CHECK;
/* Behind one that went through: IF NOT EXISTS over an index that is not usable, or over something else of its name, is no
 * success. */
enum evo_errc evo_index_check(struct evo_pg *pg, const char *sql, size_t n, struct evo_error *err) EVO_CHECK;
/* Behind one that failed, also by a cancel: drops what it left, and says in err's detail what is still there. */
void evo_index_clean_up(struct evo_pg *pg, const char *sql, size_t n, struct evo_error *err);

#endif
