/*
 * ledger.h - the table that records migrations, read and written exactly as its owner would.
 *
 * prisma: "_prisma_migrations" in the connection's schema (Prisma Migrate 7). sql: evo.migrations (lib/schema/ledger.sql).
 * Names of evo's own are always qualified; nothing depends on search_path. A row of a name may occur several times
 * (prisma keeps rolled-back ones).
 */
#ifndef EVO_LAYOUT_LEDGER_H
#define EVO_LAYOUT_LEDGER_H

#include "layout/layout.h"
#include "pg/conn.h"

struct evo_ledger_row {
    char *id; /* prisma: UUID; sql: NULL */
    char *name;
    char *checksum;
    int64_t started_ms, finished_ms, rolled_back_ms; /* wall; -1: NULL */
    int64_t steps;
    char *logs; /* NULL where none */
};
struct evo_ledger {
    enum evo_layout_kind kind;
    char *schema; /* where the table is or would be */
    bool exists;
    bool schema_empty; /* no table at all in the schema: prisma's P3005 rule */
    struct evo_ledger_row *items; /* in order of started_at */
    size_t count, alloc;
};
void evo_ledger_release(struct evo_ledger *l);
EVO_DEFINE_AUTO(ledger);

/* Key of the advisory lock that the layout's own tool takes (or evo's). */
int64_t evo_ledger_lock_key(enum evo_layout_kind kind);

/* Reads. `schema` NULL: public. Refuses (EVO_ERR_UNSUPPORTED, named, with what to do) a database that holds the ledger of another
 * tool for this folder: dbmate/golang-migrate/rails schema_migrations, goose_db_version, flyway_schema_history, sqitch, alembic_version,
 * TypeORM's and Laravel's migrations, Prisma 8's prisma_contract, and Prisma's for a `sql` folder. */
enum evo_errc evo_ledger_load(struct evo_pg *pg, enum evo_layout_kind kind, const char *schema,
                              struct evo_ledger *ret, struct evo_error *err) EVO_CHECK;

/* Makes the table if missing (sql: the schema evo and its tables). EVO_ERR_PERMISSION carries the GRANT to ask for. */
enum evo_errc evo_ledger_create(struct evo_pg *pg, const struct evo_ledger *l,
                                struct evo_error *err) EVO_CHECK;

/* Inside the migration's transaction: one finished row (prisma: count 1, started and finished by the client's clock). */
enum evo_errc evo_ledger_record(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                                int64_t started_ms, struct evo_error *err) EVO_CHECK;
/* Outside one: start (returns the row's id, heap), then finish or fail with the error's text in logs. */
enum evo_errc evo_ledger_start(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               char **ret_id, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_ledger_finish(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                struct evo_error *err) EVO_CHECK;
enum evo_errc evo_ledger_fail(struct evo_pg *pg, const struct evo_ledger *l, const char *id, const char *logs,
                              struct evo_error *err) EVO_CHECK;
/* After down: prisma sets rolled_back_at on the live row; sql likewise. */
enum evo_errc evo_ledger_roll_back(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                   struct evo_error *err) EVO_CHECK;
/* `resolve`, with Prisma's rules (P3008, P3011, P3012, P3017 in evo's words). */
enum evo_errc evo_ledger_resolve_applied(struct evo_pg *pg, const struct evo_ledger *l,
                                         const struct evo_migration *m, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_ledger_resolve_rolled_back(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                             struct evo_error *err) EVO_CHECK;

#endif
