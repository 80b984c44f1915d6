/*
 * describe.h - what a manifest says of the server and of the database's migrations; and what a role may not see of it.
 */
#ifndef EVO_BACKUP_DESCRIBE_H
#define EVO_BACKUP_DESCRIBE_H

#include "backup/manifest.h"
#include "pg/conn.h"

/* Tables whose rows the session's role would see only in part, of which a backup would be a lie (pg_dump refuses at the
 * first of them): EVO_ERR_PERMISSION names them all. oids: "{16400,16403}", those that matter; NULL: every table. */
enum evo_errc evo_refuse_hidden_rows(struct evo_pg *pg, const char *oids, struct evo_error *err) EVO_CHECK;
/* Version, encoding, collation, whether it is a standby, and the system identifier where the role may ask for it. */
enum evo_errc evo_describe_server(struct evo_pg *pg, struct evo_manifest *m, struct evo_error *err) EVO_CHECK;
/* The position in the write-ahead log, replayed on a standby. The caller frees; NULL where the role may not ask for it. */
char *evo_describe_wal(struct evo_pg *pg, const struct evo_manifest *m) EVO_CHECK;
/* What the database itself records about its migrations, with no folder at hand. */
enum evo_errc evo_describe_ledger(struct evo_pg *pg, struct evo_manifest *m, struct evo_error *err) EVO_CHECK;

#endif
