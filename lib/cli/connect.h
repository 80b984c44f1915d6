/*
 * connect.h - the database and the store that the shared options name, opened for a command.
 * In files of their own, so that an executable that needs neither links neither.
 */
#ifndef EVO_CLI_CONNECT_H
#define EVO_CLI_CONNECT_H

#include "cli/command.h"
#include "pg/conn.h"
#include "store/store.h"

/* Whether one is named at all, by --database, its variables or libpq's. */
bool evo_cmd_has_database(const struct evo_cmd *cmd);
/* Parses --database and its variables; ret is released by the caller. */
enum evo_errc evo_cmd_conninfo(struct evo_cmd *cmd, struct evo_conninfo *ret,
                               struct evo_error *err) EVO_CHECK;
/* Connects, and holds the guards expect-database and expect-system-identifier against what answers. */
enum evo_errc evo_cmd_connect(struct evo_cmd *cmd, const struct evo_conninfo *info, struct evo_pg **ret,
                              struct evo_error *err) EVO_CHECK;
/* Opens --store. EVO_ERR_CONFIG where none is given. */
enum evo_errc evo_cmd_store(struct evo_cmd *cmd, struct evo_store **ret, struct evo_error *err) EVO_CHECK;

#endif
