/*
 * pgrestore.h - pg_restore for the parts of a restore that are its own: schema, indexes, large objects.
 *
 * Connection values reach it by the environment; its messages become the error.
 */
#ifndef EVO_BACKUP_PGRESTORE_H
#define EVO_BACKUP_PGRESTORE_H

#include "backup/object.h"
#include "pg/conninfo.h"

struct evo_pgrestore {
    const char *path;
    const struct evo_conninfo *target;
    int jobs;
    bool no_owner;
};
enum evo_pgrestore_how { EVO_PGRESTORE_PLAIN, EVO_PGRESTORE_PARALLEL, EVO_PGRESTORE_ONE_TRANSACTION };
/* Restores the archive in directory format in `folder`. `list`, where given, is a file of
 * the dump ids to restore, one a line (pg_restore --use-list); the other entries stay in the table of contents, since
 * pg_restore learns from them which entries lock the same table and must not run side by side. */
enum evo_errc evo_pgrestore_folder(const struct evo_pgrestore *r, const char *folder, const char *list,
                                   enum evo_pgrestore_how how, struct evo_error *err) EVO_CHECK;
/* Feeds it an object of a backup, an archive in custom format. The end of the object is handed over only when all of it
 * has been checked. */
enum evo_errc evo_pgrestore_object(const struct evo_pgrestore *r, const struct evo_object_source *from,
                                   const struct evo_backup_object *o, struct evo_error *err) EVO_CHECK;

#endif
