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
/* Opens a store to read what is there: a folder must exist. */
enum evo_errc evo_cmd_existing_store(struct evo_cmd *cmd, struct evo_store **ret,
                                     struct evo_error *err) EVO_CHECK;
/* Opens the store and the backup: `id` is a full id or "latest". */
enum evo_errc evo_cmd_open_backup(struct evo_cmd *cmd, const char *id, const char *backup_of,
                                  struct evo_store **ret_store, struct evo_backup *ret,
                                  struct evo_error *err) EVO_CHECK;
/* The identity file that opens an encrypted backup, for the same: NULL or an unreadable one is no error for a backup that
 * is not encrypted. EVO_ERR_CONFIG names the file and what is wrong with it, never what it holds. */
enum evo_errc evo_cmd_identity(const char *path, struct evo_backup *backup, struct evo_error *err) EVO_CHECK;
/* The row of the option for it: `char *identity` in the options struct. */
#define EVO_IDENTITY_OPTION(type)                                                              \
    {                                                                                          \
        "identity", EVO_OPT_STRING, offsetof(type, identity),                                  \
            .value = "FILE", .env = "EVO_IDENTITY", .path = true,                              \
            .help = "the secret key to an encrypted backup, in a file as age-keygen writes it" \
    }

#endif
