/*
 * session.h - sessions as pg_dump has them, all on one snapshot.
 */
#ifndef EVO_BACKUP_SESSION_H
#define EVO_BACKUP_SESSION_H

#include "pg/conn.h"

/* Settings under which values come out as pg_dump writes them, and nothing times out. */
enum evo_errc evo_session_prepare(struct evo_pg *pg, struct evo_error *err) EVO_CHECK;
/* BEGIN, and a snapshot that others can take while this transaction is open. */
enum evo_errc evo_session_export(struct evo_pg *pg, char **ret_snapshot, struct evo_error *err) EVO_CHECK;
/* Opens a session on the snapshot. `encoding` is the archive's (NULL: UTF8). */
enum evo_errc evo_session_join(const struct evo_conninfo *info, const char *snapshot, const char *encoding,
                               struct evo_task *task, struct evo_pg **ret, struct evo_error *err) EVO_CHECK;
/* From now on text goes both ways in this encoding. */
enum evo_errc evo_session_encoding(struct evo_pg *pg, const char *encoding, struct evo_error *err) EVO_CHECK;
/* SET ROLE. EVO_ERR_PERMISSION where that may not be. */
enum evo_errc evo_session_role(struct evo_pg *pg, const char *role, struct evo_error *err) EVO_CHECK;
/* "schema"."table", quoted. The caller frees. */
char *evo_session_qualified(struct evo_pg *pg, const char *schema, const char *table) EVO_CHECK;

#endif
