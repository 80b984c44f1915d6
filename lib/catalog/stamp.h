/*
 * stamp.h - whether the catalogs are the very rows that they were: for a caller who knows the fingerprint of that state, and
 * so need not have it computed again.
 *
 * A stamp is a digest over the xmin of every row that the text of catalog.h (without grants) is made from: a row that is
 * changed or added is a new version, with the id of a transaction that no snapshot had seen, and one that is gone is missing
 * in the count. Equal stamps mean equal text; unequal ones mean nothing.
 *
 * Behind the digest stands, where it can be said, the horizon: the id that the next transaction to commit would be known by,
 * written where no earlier one was under way (pg_snapshot_xmin and _xmax are one). Whoever records the stamp in a transaction
 * of just this id, and finds later that the next one is the one behind it, knows without looking at any row that nobody has
 * written anything since.
 *
 * Where a fingerprint is recorded with a stamp, the stamp is taken first. What changes in between is then either in neither, or
 * in the text alone, and the next stamp is another one; the other way round it would be in the stamp and not in the text.
 *
 * What was thought of:
 * - Updates in place (heap_inplace_update: VACUUM, ANALYZE, CREATE INDEX) write statistics, relhasindex, relhasrules,
 *   relhastriggers and the horizons of freezing. The text holds none of them.
 * - VACUUM, also FULL, freezes by bits of the header and keeps xmin (from 9.4 on); where a row lies does not count.
 * - Wraparound: a new version would need the xmin, modulo 2^32, of just the row that it replaces: one in 2^32 for a change
 *   made more than 2^32 transactions later, about what a digest of 64 bits gives for very many rows.
 * - Of pg_class the columns that the text shows count, not xmin, since TRUNCATE, CLUSTER and REFRESH MATERIALIZED VIEW write
 *   its rows. A partition's bound changes with its row in pg_inherits.
 * - Roles are no rows of the database. Their names show in policies and user mappings: these names count, and so do the
 *   names of subscriptions, whose rows not everybody may read.
 * - Another database or cluster (a restore, CREATE DATABASE … TEMPLATE, pg_upgrade), and another version of the server,
 *   which may write the same definition differently: system identifier, database and exact version are part of it.
 * - A transaction that has changed something itself could change the same row again: it gets no stamp.
 * - Left out, as in the text: temporary objects, the schema evo, TOAST tables but for their options, large objects.
 * - Objects of the server's own (OIDs below 16384, FirstNormalObjectId) are not looked at, but for schemas. Only a superuser
 *   can rename a built-in function or type; that shows when something else has changed. The same is true of a shared
 *   library whose type writes its constants in another way than before.
 */
#ifndef EVO_CATALOG_STAMP_H
#define EVO_CATALOG_STAMP_H

#include "crypto/sha256.h"
#include "pg/conn.h"

/* "<64 digits, lower-case hex>", or "<digits> <horizon>". */
#define EVO_STAMP_MAX (EVO_SHA256_HEX + 21)

/* "" where none can be had: a server older than 13, a transaction of the caller's that has changed
 * something, a role that may not call pg_control_system(). One round trip outside a transaction; inside one it works under a
 * savepoint that is rolled back. Costs a fifth of a fingerprint. */
enum evo_errc evo_catalog_stamp(struct evo_pg *pg, char ret[EVO_STAMP_MAX], struct evo_error *err) EVO_CHECK;
/* Of the same rows? What is none equals nothing. Pure. */
bool evo_catalog_stamp_is(const char *stamp, const char *other);

#endif
