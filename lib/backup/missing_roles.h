/*
 * missing_roles.h - the roles that a backup knows and the target's server does not, from globals.sql.gz. Part of restore.h.
 *
 * They are made as they were, with their attributes, settings and memberships, in one transaction, but without passwords,
 * which no backup holds. A role that is there is left alone, also where it differs. Tablespaces are not made: their
 * folders are the machine's. Roles stay where the restore fails: they belong to the server, not to the database.
 */
#ifndef EVO_BACKUP_MISSING_ROLES_H
#define EVO_BACKUP_MISSING_ROLES_H

#include "backup/restore_run.h"

/* Of pg_dumpall's text, the names of roles that are not among `existing`, and the statements that make them. Pure. */
void evo_missing_roles(const char *sql, const struct evo_strvec *existing, struct evo_strvec *ret_names,
                       struct evo_strvec *ret_statements);
/* Looks which are missing: EVO_ERR_NOT_FOUND where the backup holds no roles. */
enum evo_errc evo_missing_roles_look(const struct evo_restore_run *r, struct evo_pg *pg,
                                     struct evo_strvec *ret_names, struct evo_strvec *ret_statements,
                                     struct evo_error *err) EVO_CHECK;
/* Owners, and those that privileges, policies and user mappings speak of, that the target's server lacks and `to_make` does
 * not name: pg_restore would find them one by one, the last when all rows are in. EVO_ERR_DATABASE names them. */
enum evo_errc evo_missing_roles_refuse(const struct evo_restore_run *r, struct evo_pg *pg,
                                       const struct evo_strvec *to_make, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_missing_roles_make(const struct evo_restore_run *r, struct evo_pg *pg,
                                     const struct evo_strvec *names, const struct evo_strvec *statements,
                                     struct evo_error *err) EVO_CHECK;

#endif
