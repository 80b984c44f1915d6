/*
 * concurrent.h - CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY: what they leave behind when they fail.
 *
 * A concurrent build that fails leaves an INVALID index (https://www.postgresql.org/docs/current/sql-createindex.html,
 * "Building Indexes Concurrently"): it costs writes, serves no query, takes the name, and makes CREATE INDEX …
 * IF NOT EXISTS "succeed" over nothing. So it is looked for by name before the build and after a failure, and dropped,
 * CONCURRENTLY as well. One that another session is building right now is left alone.
 */
#ifndef EVO_MIGRATION_CONCURRENT_H
#define EVO_MIGRATION_CONCURRENT_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/task.h"
#include "pg/conn.h"

enum evo_index_state { EVO_INDEX_NONE, EVO_INDEX_VALID, EVO_INDEX_INVALID };

struct evo_index_remains {
    bool of_table; /* the statement makes an index of a table that it names: not a REINDEX */
    enum evo_index_state state; /* of that index */
    char *name; /* qualified and quoted, for SQL and messages; NULL: none */
};
void evo_index_remains_release(struct evo_index_remains *r);
EVO_DEFINE_AUTO(index_remains);

/* What the server holds of the index that the statement (n bytes) makes; one that names none: an INVALID index of the
 * table called as the server would call it. Any other statement: nothing. Names are looked up as the statement would
 * (search_path of the session). EVO_ERR_LOCK_UNAVAILABLE where another session is
 * building it. */
enum evo_errc evo_index_find(struct evo_pg *pg, const char *sql, size_t n, struct evo_index_remains *ret,
                             struct evo_error *err) EVO_CHECK;
/* DROP INDEX CONCURRENTLY IF EXISTS, without a lock time-out; statement_timeout_ms 0: as long as it takes. */
enum evo_errc evo_index_drop(struct evo_pg *pg, const char *name, int64_t statement_timeout_ms,
                             struct evo_error *err) EVO_CHECK;
/* Appends the names of all INVALID indexes that a concurrent REINDEX left ("…_ccnew", "…_ccold"). */
enum evo_errc evo_index_reindex_remains(struct evo_pg *pg, struct evo_strbuf *names,
                                        struct evo_error *err) EVO_CHECK;

/* Around a concurrent build. Before: INVALID remains of an earlier one are dropped. */
enum evo_errc evo_index_prepare(struct evo_pg *pg, const char *sql, size_t n, struct evo_task *task,
                                struct evo_error *err) EVO_CHECK;
/* Behind one that went through: IF NOT EXISTS over an index that is not usable is no success. */
enum evo_errc evo_index_check(struct evo_pg *pg, const char *sql, size_t n, struct evo_error *err) EVO_CHECK;
/* Behind one that failed, also by a cancel: drops what it left, and says in err's detail what is still there. */
void evo_index_clean_up(struct evo_pg *pg, const char *sql, size_t n, struct evo_error *err);

#endif
