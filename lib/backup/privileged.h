/*
 * privileged.h - what in an archive only a superuser may make. Pure.
 *
 * Tried with PostgreSQL 15 as a role that owns the database and nothing else. Who owns an object is another matter
 * (--no-owner).
 */
#ifndef EVO_BACKUP_PRIVILEGED_H
#define EVO_BACKUP_PRIVILEGED_H

#include "backup/toc.h"
#include "base/strvec.h"

/* Why the entry needs a superuser ("is written in C"); NULL where it does not. `extensions`: those that may be made
 * nevertheless, because they are trusted or there already. */
const char *evo_privileged_reason(const struct evo_toc_entry *e, const struct evo_strvec *extensions);

#endif
