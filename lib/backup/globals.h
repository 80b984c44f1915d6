/*
 * globals.h - the roles and tablespaces of a server, which belong to no database: as pg_dumpall writes them.
 *
 * Passwords are left out: their hashes would be in whatever store the backup goes to, and a restored role without one
 * can log in no less than its owner decides anew. They are not part of the snapshot.
 */
#ifndef EVO_BACKUP_GLOBALS_H
#define EVO_BACKUP_GLOBALS_H

#include "base/strbuf.h"
#include "pg/conninfo.h"

/* Appends the SQL. `major`: of the server. EVO_ERR_UNSUPPORTED without a pg_dumpall for it; EVO_ERR_PERMISSION and
 * EVO_ERR_DATABASE by its messages. */
enum evo_errc evo_globals_dump(const struct evo_conninfo *info, int major, struct evo_strbuf *out,
                               struct evo_error *err) EVO_CHECK;

#endif
