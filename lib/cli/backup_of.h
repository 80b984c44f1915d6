/*
 * backup_of.h - the backup that ID, --backup-of and --database name, opened for a command.
 */
#ifndef EVO_CLI_BACKUP_OF_H
#define EVO_CLI_BACKUP_OF_H

#include "backup/find.h"
#include "cli/connect.h"

/* Whose backups: as told, else the database that is configured (no connection is made). *ret NULL where none is; the
 * caller frees. */
enum evo_errc evo_cmd_backup_of(struct evo_cmd *cmd, const char *backup_of, char **ret,
                                struct evo_error *err) EVO_CHECK;
/* Opens the store and the backup: `id` is a full id or "latest". */
enum evo_errc evo_cmd_open_backup(struct evo_cmd *cmd, const char *id, const char *backup_of,
                                  struct evo_store **ret_store, struct evo_backup *ret,
                                  struct evo_error *err) EVO_CHECK;

#endif
