/*
 * target.h - the database that a restore goes into: what it holds before, and taking back what was put there.
 *
 * Looking changes nothing. What a failed restore made is taken back only where that is certain: the schema came in one
 * transaction (so each plain CREATE of it was this restore's own), and the database was empty before.
 */
#ifndef EVO_BACKUP_TARGET_H
#define EVO_BACKUP_TARGET_H

#include "backup/select.h"
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

/* Fills ret, which is zeroed; only the entries that are selected count. */
enum evo_errc evo_target_look(struct evo_pg *pg, const struct evo_toc *toc,
                              const struct evo_selection *selection, struct evo_target *ret,
                              struct evo_error *err) EVO_CHECK;
/* Takes from the selection what is needed and is there already, and what is said about that. `schemas`: all schemas
 * count as needed. The session's search_path must be empty. */
enum evo_errc evo_target_leave_what_is_there(struct evo_pg *pg, const struct evo_toc *toc,
                                             const struct evo_toc_map *map, bool schemas,
                                             struct evo_selection *selection,
                                             struct evo_error *err) EVO_CHECK;
/* The tables that rows of the selection go into: EVO_ERR_NOT_FOUND where one is not there, EVO_ERR_TARGET_NOT_EMPTY
 * where one holds rows (unless `into_existing`), EVO_ERR_UNSUPPORTED where one has triggers of its own, which would see
 * every row. */
enum evo_errc evo_target_check_tables(struct evo_pg *pg, const struct evo_toc *toc,
                                      const struct evo_selection *selection, bool into_existing,
                                      struct evo_error *err) EVO_CHECK;
/* Removes from a database that was empty (`before`) what the selected entries made there in one transaction, and the large
 * objects where they were selected. What was not selected was not made here, and is somebody's. True when the database is
 * empty again. Nothing is dropped with CASCADE. */
bool evo_target_undo(struct evo_pg *pg, const struct evo_toc *toc, const struct evo_selection *selection,
                     const struct evo_target *before);

#endif
