/*
 * target.h - the database that a restore goes into: what it holds before, and taking back what was put there.
 *
 * Looking changes nothing. What a failed restore made is taken back only where that is certain: the schema came in one
 * transaction (so each plain CREATE of it was this restore's own), and the database was empty before.
 */
#ifndef EVO_BACKUP_TARGET_H
#define EVO_BACKUP_TARGET_H

#include "backup/toc.h"
#include "base/strvec.h"
#include "pg/conn.h"

struct evo_target {
    struct evo_strvec things; /* of a user's, at most 6 names; none: it is empty */
    struct evo_strvec taken; /* the backup's relations, types and schemas that are there, at most 5 names */
    int64_t taken_count; /* all of them */
    struct evo_strvec shared; /* "EXTENSION hstore": what an empty database may hold as well */
    bool one_transaction; /* the server's lock table has room for the schema at once */
};
void evo_target_release(struct evo_target *t);
EVO_DEFINE_AUTO(target);

/* Fills ret, which is zeroed. */
enum evo_errc evo_target_look(struct evo_pg *pg, const struct evo_toc *toc, struct evo_target *ret,
                              struct evo_error *err) EVO_CHECK;
/* Removes from a database that was empty (`before`) what the archive's schema made there in one transaction, and its large
 * objects. True when the database is empty again. Nothing is dropped with CASCADE. */
bool evo_target_undo(struct evo_pg *pg, const struct evo_toc *toc, const struct evo_target *before);

#endif
