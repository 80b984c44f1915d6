/*
 * source.h - the backfill that lies beside a migration: backfill.sql, of a migration that is applied.
 */
#ifndef EVO_BACKFILL_SOURCE_H
#define EVO_BACKFILL_SOURCE_H

#include "backfill/form.h"
#include "layout/layout.h"
#include "pg/conn.h"

/* Reads and parses backfill.sql of the migration `name`. *ret_path is borrowed from p. EVO_ERR_USAGE: no such migration,
 * or it has no backfill.sql; the hint names what there is. */
enum evo_errc evo_backfill_source_load(const struct evo_project *p, const char *name,
                                       struct evo_backfill_form *ret, const char **ret_path,
                                       struct evo_error *err) EVO_CHECK;
/* Asks the ledger; `schema` is the connection's. EVO_ERR_PENDING where the migration is not applied: its columns are not
 * there yet. `more` goes behind the command that is proposed. */
enum evo_errc evo_backfill_source_applied(struct evo_pg *pg, struct evo_project *p, const char *schema,
                                          const char *name, const char *more,
                                          struct evo_error *err) EVO_CHECK;

#endif
