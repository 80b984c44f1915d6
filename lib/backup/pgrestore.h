/*
 * pgrestore.h - pg_restore for the parts of a restore that are its own: schema, indexes, large objects.
 *
 * Connection values reach it by the environment; its messages become the error.
 */
#ifndef EVO_BACKUP_PGRESTORE_H
#define EVO_BACKUP_PGRESTORE_H

#include <stdatomic.h>

#include "backup/object.h"
#include "backup/toc.h"
#include "pg/conninfo.h"

struct evo_pgrestore {
    const char *path;
    const struct evo_conninfo *target;
    int jobs;
    bool no_owner;
    const char *role; /* NULL: the one that connects */
    bool clean; /* of an object: drop each large object first, where it is there */
    int minor; /* objects are given to it as archives of version 1.minor; 0: as they are */
};
enum evo_pgrestore_how { EVO_PGRESTORE_PLAIN, EVO_PGRESTORE_PARALLEL, EVO_PGRESTORE_ONE_TRANSACTION };
/* Restores the entries of a table of contents for which wanted[i] is true (by their place in toc->items), none of them
 * with data. It reaches pg_restore as an archive without data in memory: nothing is written to the disk. The other
 * entries stand in it, too, since pg_restore learns from them which entries lock the same table and must not run side
 * by side. */
enum evo_errc evo_pgrestore_entries(const struct evo_pgrestore *r, const struct evo_toc *toc,
                                    const bool *wanted, enum evo_pgrestore_how how,
                                    struct evo_error *err) EVO_CHECK;
/* The same entries as SQL in the order in which they are to be made, for one session of the caller's (script.h): nothing is
 * sent to the server. Appended. EVO_ERR_UNSUPPORTED where it is larger than a message may be. */
enum evo_errc evo_pgrestore_script(const struct evo_pgrestore *r, const struct evo_toc *toc,
                                   const bool *wanted, struct evo_strbuf *ret,
                                   struct evo_error *err) EVO_CHECK;
/* Adds to the error of such a script what may be done about it; returns err->code. */
enum evo_errc evo_pgrestore_explain(const struct evo_pgrestore *r, struct evo_error *err);

/* Feeds it an object of a backup, an archive in custom format. The end of the object is handed over only when all of it
 * has been checked. Ends early, EVO_ERR_CANCELLED, when *stop (may be NULL) becomes true. */
enum evo_errc evo_pgrestore_object(const struct evo_pgrestore *r, const struct evo_object_source *from,
                                   const struct evo_backup_object *o, const atomic_bool *stop,
                                   struct evo_error *err) EVO_CHECK;

#endif
