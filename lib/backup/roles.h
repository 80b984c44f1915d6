/*
 * roles.h - the roles that an archive speaks of without making them: in privileges, policies and user mappings. Pure.
 *
 * Roles are no part of a database; a cluster made for a drill has none of them. What pg_dump writes has few forms, so a
 * look at the words is enough; that it may take a word too many for a role (an argument of type "interval day to second")
 * costs a role that nobody uses.
 */
#ifndef EVO_BACKUP_ROLES_H
#define EVO_BACKUP_ROLES_H

#include "backup/toc.h"
#include "base/strvec.h"

/* Appends each name once, as it is (unquoted), of the entries for which take[i] is true (NULL: of all). Owners are not
 * among them: a drill restores without. */
void evo_toc_roles(const struct evo_toc *toc, const bool *take, struct evo_strvec *ret);

#endif
