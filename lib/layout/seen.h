/*
 * seen.h - what runs of evo saw applied, where the ledger does not say it of each migration.
 *
 * golang-migrate's table holds one version, Alembic's the heads, and a baseline of Flyway stands for all before it: what
 * else is applied follows from the files. So a file that arrives behind what is applied counts as applied although nothing
 * ever ran it, for the tool and for evo. evo.seen (lib/schema/seen.sql) holds the versions that runs of evo found
 * applied, or applied themselves. Late is what counts as applied by its place alone, is not on that record, and stands
 * before something that is.
 *
 * No record, no accusation: the first run that changes something takes for applied whatever counts so. What another tool
 * applied since stands behind all that is on record; and a run that was killed before it wrote is like another tool's.
 */
#ifndef EVO_LAYOUT_SEEN_H
#define EVO_LAYOUT_SEEN_H

#include "layout/ledger.h"
#include "pg/conn.h"

/* Whether the ledger, as it was read, leaves anything to the files. Pure. */
bool evo_seen_matters(const struct evo_ledger *l);
/* Reads the record into l->seen and marks rows that are late. Nothing where there is none, or none for this role. For
 * evo_ledger_load(). */
enum evo_errc evo_seen_load(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                            struct evo_error *err) EVO_CHECK;
/* The second half of it, by l->seen. Pure. */
void evo_seen_mark(struct evo_ledger *l, const struct evo_project *p);
/* A version as the record holds it: "7" of "0007", "1.2" of "1.02.0"; a revision's id as it is. The caller frees. Pure. */
char *evo_seen_version(enum evo_layout_kind kind, const char *version) EVO_CHECK;

/* Makes the record say what the ledger says, but for what is late; outside a transaction, and where it matters. Makes the
 * table where it is missing; EVO_ERR_PERMISSION carries the GRANT to ask for. */
enum evo_errc evo_seen_sync(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err) EVO_CHECK;
/* Likewise of one migration alone, which was applied or taken back. */
enum evo_errc evo_seen_note(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            bool applied, struct evo_error *err) EVO_CHECK;

#endif
