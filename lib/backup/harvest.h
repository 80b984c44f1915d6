/*
 * harvest.h - pg_dump's table of contents under our snapshot, and our own locks on all it lists.
 */
#ifndef EVO_BACKUP_HARVEST_H
#define EVO_BACKUP_HARVEST_H

#include "backup/toc.h"
#include "base/strvec.h"
#include "pg/conn.h"

/* What is left out, by pg_dump's patterns (https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-PATTERNS); each
 * may be NULL. Where nothing is named, it is the whole database. */
struct evo_harvest_filter {
    const struct evo_strvec *schemas, *exclude_schemas, *tables, *exclude_tables, *exclude_table_data;
};

struct evo_harvest_options {
    struct evo_pg *pg; /* prepared; in no transaction */
    const struct evo_conninfo *conninfo;
    const char *pg_dump;
    const struct evo_harvest_filter *filter;
    int64_t lock_timeout_ms;
    struct evo_task *task;
};
/* On success pg is in the transaction that exported *ret_snapshot and holds ACCESS SHARE on every table of ret_toc. Where
 * a DDL statement queued behind pg_dump's locks before ours were taken, everything is let go and tried again, until the
 * lock time-out: EVO_ERR_LOCK_UNAVAILABLE. EVO_ERR_NOT_FOUND: a pattern that names nothing. *ret_taken_ms: when the snapshot was taken, by this machine. pg_dump's table of contents is returned as it was written. */
enum evo_errc evo_harvest(const struct evo_harvest_options *o, struct evo_toc *ret_toc, char **ret_snapshot,
                          int64_t *ret_taken_ms, struct evo_error *err) EVO_CHECK;

#endif
