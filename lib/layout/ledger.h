/*
 * ledger.h - the table that records migrations, read and written exactly as its owner would.
 *
 * One kind of ledger a layout (ledger_<layout>.c, by the table in ledger_impl.h).
 *
 * prisma: "_prisma_migrations" in the connection's schema, as Prisma Migrate 7 keeps it (UUIDs, SHA-256 checksums,
 * the client's clock in milliseconds, one step a file). sql: evo.migrations (lib/schema/ledger.sql). A name may have
 * several rows: rolled-back attempts stay. typeorm, laravel: "migrations", with the columns of each; a row is an applied
 * migration, and goes when it is taken back.
 *
 * dbmate, golang-migrate, goose: the tool's own table in the first schema of search_path, with the rows that the tool
 * would write. Such a table holds versions; a row's name is that of the file of the version, or the version where
 * there is none. What was begun outside a transaction and not finished is an unfinished row here also where the table
 * has none for it: evo.journal knows (layout.h, no_attempts). golang-migrate's table is one row that says how far the
 * database is: the rows here are the files up to there, and `dirty` is a row that is not finished.
 *
 * Names of tables are always qualified; nothing depends on search_path.
 *
 * Reading takes two round trips, some more where evo.journal or evo.seen is looked at too; every write is one statement but for resolve,
 * create and golang-migrate's TRUNCATE and INSERT.
 *
 *	EVO_AUTO(ledger) ledger = { 0 };
 *	rc = evo_ledger_load(pg, &project, info.schema, &ledger, err);
 *	if (!rc && !ledger.exists)
 *	    rc = evo_ledger_create(pg, &ledger, err);
 */
#ifndef EVO_LAYOUT_LEDGER_H
#define EVO_LAYOUT_LEDGER_H

#include "layout/layout.h"
#include "pg/conn.h"

struct evo_ledger_row {
    char *id; /* prisma: a UUID; sql: a number; …; not unique where the tool has none */
    char *name;
    char *checksum; /* NULL: the ledger holds none */
    int64_t started_ms, finished_ms,
        rolled_back_ms; /* wall; -1: NULL; 0: so it is, the ledger does not say when */
    int64_t steps; /* prisma: applied_steps_count; sql: 0 */
    char *logs; /* the beginning of them; NULL where none */
    bool stays; /* never taken back: what a baseline covers, what is repeatable */
    bool inferred; /* no row of the table is about it: that it is applied follows from another one */
    bool late; /* … and nothing is known to have run it (seen.h) */
};
struct evo_ledger {
    enum evo_layout_kind kind;
    const struct evo_project *project; /* borrowed, for the ledger's life */
    char *schema, *table; /* where it is or would be; sql: "evo" */
    char *app_schema; /* the connection's schema */
    char *role; /* current_user */
    char *database;
    int64_t lock_key; /* evo_ledger_lock_key() */
    bool app_schema_exists, evo_schema_exists;
    bool may_make_evo; /* the role may make schema evo, or tables in it where it is there */
    bool exists;
    bool
        schema_empty; /* no table at all in app_schema: where that is false and the ledger does not exist, prisma's P3005 */
    struct evo_ledger_row *items; /* in order of started_at; by_row (layout.h): of application */
    size_t count, alloc;
    struct evo_strvec files; /* by_files: names of all files, in order of application */
    struct evo_strvec seen; /* versions on evo's own record, sorted (seen.h); none: there is no record */
};
void evo_ledger_release(struct evo_ledger *l);
EVO_DEFINE_AUTO(ledger);

/* Key of the advisory lock that the layout's own tool takes in that database (some make it of the ledger's place);
 * evo's where it has none. schema: the connection's, NULL: public. Pure. */
int64_t evo_ledger_lock_key(const struct evo_project *p, const char *database, const char *schema);
/* A second key, where the tool takes another one when it is part of a program; 0: there is none. Pure. */
int64_t evo_ledger_lock_key_too(const struct evo_project *p, const char *database, const char *schema);

/* Reads the ledger of p's layout; p outlives it. Of p's migrations only names and checksums are used. `schema`
 * is the connection's, NULL: public. EVO_ERR_UNSUPPORTED, with the tool, its table and what to do, for a database whose
 * migrations another tool records (the table in foreign.c) while this ledger holds no row of its own; Prisma 8's is
 * always refused. EVO_ERR_PERMISSION carries the GRANT to ask for. */
enum evo_errc evo_ledger_load(struct evo_pg *pg, const struct evo_project *p, const char *schema,
                              struct evo_ledger *ret, struct evo_error *err) EVO_CHECK;

/* What only the database can tell of a project; to be called before the lock is taken and the ledger loaded.
 * Plain SQL whose layout was not named (p->told), in a database that holds the ledger of a tool with the same files and
 * no row of evo's own: p becomes a project of that tool, read anew. Where the tool follows search_path and nothing names
 * a schema: p->ledger_schema becomes current_schema(), EVO_ERR_CONFIG where there is none. Everything else stays as it
 * is. */
enum evo_errc evo_project_settle(struct evo_pg *pg, const char *schema, struct evo_project *p,
                                 struct evo_error *err) EVO_CHECK;
/* The layout of the tool whose folder this looks like as well, to the last file, before a database says whose it is;
 * NULL: none. That tool would apply again what is recorded in evo's own ledger. Pure. */
const char *evo_project_namesake(const struct evo_project *p);

/* What search_path is for p's migrations and probes, as SQL has it: the connection's schema; where it names none, public
 * for Prisma, and for Flyway the history's schema in front of what is set. *ret (heap) NULL: as the session has it. To be
 * called when p is settled, before search_path is changed. */
enum evo_errc evo_project_search_path(struct evo_pg *pg, const struct evo_project *p, const char *schema,
                                      char **ret, struct evo_error *err) EVO_CHECK;

/* Makes the table if missing (prisma: its schema too, as Prisma does; sql: schema evo and its tables). l is not
 * changed. EVO_ERR_PERMISSION carries the GRANT to ask for. */
enum evo_errc evo_ledger_create(struct evo_pg *pg, const struct evo_ledger *l,
                                struct evo_error *err) EVO_CHECK;

/* The hint for a role that may not make schema evo, or its tables: what to ask for. Returns err->code. */
enum evo_errc evo_ledger_ask_for_evo(const struct evo_ledger *l, struct evo_error *err);
/* Makes schema evo and its tables where they are missing, whatever the layout: the journal of statements outside a
 * transaction is there. evo_ledger_create() does so for sql. */
enum evo_errc evo_ledger_create_evo_schema(struct evo_pg *pg, const struct evo_ledger *l,
                                           struct evo_error *err) EVO_CHECK;

/* Each of the following that finds no room in the ledger for m (golang-migrate's holds one version: nothing can be
 * recorded behind it, nor past a file in between) is EVO_ERR_UNSUPPORTED with both named. */
/* Inside the migration's transaction: one finished row. started_ms is the caller's wall clock at its start. */
enum evo_errc evo_ledger_record(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                                int64_t started_ms, struct evo_error *err) EVO_CHECK;
/* Outside one: start (returns the row's id, heap), then finish, or fail with the error's text for `logs`. A failed row
 * that is resumed and succeeds is finished like any other (its logs are cleared). */
enum evo_errc evo_ledger_start(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               char **ret_id, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_ledger_finish(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                struct evo_error *err) EVO_CHECK;
enum evo_errc evo_ledger_fail(struct evo_pg *pg, const struct evo_ledger *l, const char *id, const char *logs,
                              struct evo_error *err) EVO_CHECK;
/* Before a way back that runs outside a transaction, and where nothing of it was done after all: what the tool writes
 * then, if anything. */
enum evo_errc evo_ledger_start_down(struct evo_pg *pg, const struct evo_ledger *l,
                                    const struct evo_migration *m, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_ledger_keep(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                              struct evo_error *err) EVO_CHECK;
/* After down: rolled_back_at on the live row, which stays; or the row is gone, as the tool has it. EVO_ERR_NOT_FOUND
 * where there is none. */
enum evo_errc evo_ledger_roll_back(struct evo_pg *pg, const struct evo_ledger *l,
                                   const struct evo_migration *m, struct evo_error *err) EVO_CHECK;

/* The file as it is now is what was applied: its checksum stands in the row (`id`) from now on. EVO_ERR_UNSUPPORTED where
 * the ledger has no checksum, or says otherwise than by it that the file is another one. */
enum evo_errc evo_ledger_accept(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                                const char *id, struct evo_error *err) EVO_CHECK;

/* `resolve`, with Prisma's rules; both look at the table itself, not at l's rows.
 * applied: a failed row is marked rolled back and one more is written as applied (logs '', no steps); the table is made
 * where it is missing. EVO_ERR_USAGE where a finished row is live (P3008).
 * rolled back: EVO_ERR_NOT_FOUND where the name has no row (P3011), EVO_ERR_USAGE where it is applied and not failed
 * (P3012); already rolled back is fine. */
enum evo_errc evo_ledger_resolve_applied(struct evo_pg *pg, const struct evo_ledger *l,
                                         const struct evo_migration *m, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_ledger_resolve_rolled_back(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                             struct evo_error *err) EVO_CHECK;

#endif
