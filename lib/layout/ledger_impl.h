/*
 * ledger_impl.h - inside this folder only: the statements of one kind of ledger.
 *
 * In their texts "@" stands for the qualified table. Times are parameters, by the client's clock.
 */
#ifndef EVO_LAYOUT_LEDGER_IMPL_H
#define EVO_LAYOUT_LEDGER_IMPL_H

#include "base/clock.h"
#include "layout/foreign.h"
#include "layout/ledger.h"

/* A kind may leave out what its ledger does not have; a function stands above the statement of the same name. */
struct evo_ledger_kind {
    const char *schema; /* NULL: the connection's */
    const char *table;
    bool in_path; /* the first of search_path, where the connection names no schema */
    const char *columns,
        *without; /* which tell it from a namesake, as in foreign.h; NULL: nothing has its name */
    bool by_search_path; /* schema NULL: where the session's search_path finds the table, or would make it */
    bool rows_tell; /* no statement finds a migration by its name: what was read (struct evo_ledger) does */
    int64_t lock_key;
    /* Instead of lock_key, of the ledger's place; and evo_ledger_lock_key_too(). */
    int64_t (*lock_key_of)(const char *database, const char *schema, const char *table);
    int64_t (*lock_key_too)(const char *database, const char *schema, const char *table);
    const char *privileges; /* that evo needs on the table */
    /* id, name, checksum, started, finished, rolled back (ms), steps, logs; in order of application */
    const char *select;
    /* $1 name: finished, rolled back (booleans) of each row */
    const char *select_one;
    /* $1 id, $2 finished_at */
    const char *finish;
    /* $1 id, $2 logs */
    const char *fail;
    /* $1 name, $2 rolled_back_at: of the live finished row; of live unfinished ones */
    const char *roll_back, *give_up;
    /* $1 id, $2 the file's checksum; NULL: no file of this ledger is ever edited, or not by that alone */
    const char *accept;
    enum evo_errc (*create)(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err);
    /* Rows into l, which knows everything else; instead of `select`. p has names, versions and paths. */
    enum evo_errc (*read)(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                          struct evo_error *err);
    /* Behind `select`: rows whose `name` is a version get the name of p's file. Pure. */
    void (*name_rows)(struct evo_ledger *l, const struct evo_project *p);
    /* Instead of select_one: of live rows, whether one is finished and whether one is not. */
    enum evo_errc (*look)(struct evo_pg *pg, const struct evo_ledger *l, const char *name, bool *ret_applied,
                          bool *ret_failed, struct evo_error *err);
    /* Instead of the statements of these names; m is the migration of that row. */
    enum evo_errc (*give_up_row)(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                 struct evo_error *err);
    enum evo_errc (*finish_row)(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                struct evo_error *err);
    enum evo_errc (*fail_row)(struct evo_pg *pg, const struct evo_ledger *l, const char *id, const char *logs,
                              struct evo_error *err);
    enum evo_errc (*take_back)(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               struct evo_error *err);
    /* evo_ledger_start_down(), evo_ledger_keep() */
    enum evo_errc (*start_down)(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                                struct evo_error *err);
    enum evo_errc (*keep)(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                          struct evo_error *err);
    /* One row more. finished_ms -1: under way. logs NULL or ''. *ret_id (may be NULL): the caller frees. */
    enum evo_errc (*insert)(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err);
};
extern const struct evo_ledger_kind evo_ledger_prisma, evo_ledger_sql, evo_ledger_typeorm, evo_ledger_laravel,
    evo_ledger_dbmate, evo_ledger_goose, evo_ledger_golang_migrate, evo_ledger_alembic;
extern const struct evo_ledger_kind evo_ledger_flyway, evo_ledger_sqitch;
/* By kinds.c; a layout that is not supported has none. */
const struct evo_ledger_kind *evo_ledger_kind_of(enum evo_layout_kind kind);

/* One more row of l, all of it empty but for started_ms and so on: -1. */
struct evo_ledger_row *evo_ledger_add(struct evo_ledger *l);
/* The table of another tool that is there, too. */
struct evo_ledger_found {
    const struct evo_foreign *tool; /* NULL: there is none */
    char *shown; /* as a person would write it */
};
void evo_ledger_found_release(struct evo_ledger_found *f);
EVO_DEFINE_AUTO(ledger_found);
/* evo_ledger_load() without its refusal. Both rets are untouched on failure. */
enum evo_errc evo_ledger_look(struct evo_pg *pg, const struct evo_project *p, const char *schema,
                              struct evo_ledger *ret, struct evo_ledger_found *ret_found,
                              struct evo_error *err) EVO_CHECK;

/* What evo.journal knows of migrations of this layout that were begun and not finished: name and when (ms), in order of
 * that. `down`: of their ways back. *ret stays NULL where there is no journal, or none for this role. */
enum evo_errc evo_ledger_journal(struct evo_pg *pg, const struct evo_ledger *l, bool down,
                                 struct evo_pg_result **ret, struct evo_error *err) EVO_CHECK;
/* no_attempts (layout.h): unfinished rows for what only the journal knows to be begun. One that is on record as applied
 * was settled since. */
enum evo_errc evo_ledger_add_begun(struct evo_pg *pg, struct evo_ledger *l, struct evo_error *err) EVO_CHECK;
/* Such a row is there: the table itself has nothing to change. */
bool evo_ledger_is_begun(const struct evo_ledger *l, const char *name);
/* fail_row and give_up_row of such a ledger: there is no row to say it in, and the journal has it. */
enum evo_errc evo_ledger_fail_unsaid(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                     const char *logs, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_ledger_give_up_unsaid(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                        struct evo_error *err) EVO_CHECK;
/* The version that a name begins with. The caller frees. */
char *evo_ledger_version(const char *name) EVO_CHECK;

/* Runs `sql` with "@" replaced. EVO_ERR_PERMISSION gets the GRANT as its hint. ret may be NULL. */
enum evo_errc evo_ledger_query(struct evo_pg *pg, const struct evo_ledger *l, const char *sql, int nparams,
                               const char *const *params, struct evo_pg_result **ret,
                               struct evo_error *err) EVO_CHECK;
/* create: runs the CREATE TABLE in `sql` ("@" likewise); EVO_ERR_PERMISSION names what is needed in the schema. */
enum evo_errc evo_ledger_create_in_schema(struct evo_pg *pg, const struct evo_ledger *l, const char *sql,
                                          struct evo_error *err) EVO_CHECK;
/* take_back: a DELETE by $1; EVO_ERR_NOT_FOUND where it removes nothing. */
enum evo_errc evo_ledger_delete(struct evo_pg *pg, const struct evo_ledger *l, const char *sql,
                                const char *name, struct evo_error *err) EVO_CHECK;
/* "GRANT <privileges> TO <role>" as the hint of a permission error; returns err->code. */
enum evo_errc evo_ledger_ask_for(const struct evo_ledger *l, struct evo_error *err, const char *fmt, ...)
    EVO_PRINTF(3, 4);
/* One more element of an array's text, which the caller closes; "" begins one. */
void evo_ledger_add_element(struct evo_strbuf *array, const char *value);
/* An identifier for a hint: quoted as SQL wants it. The caller frees. */
char *evo_ledger_quote(const char *name) EVO_CHECK;

#endif
