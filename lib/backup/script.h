/*
 * script.h - what pg_restore writes for psql, made into what a server takes as one message. Pure.
 *
 * pg_restore frames its script since August 2025 by \restrict and \unrestrict (CVE-2025-8714), which are psql's; and
 * between them it sets lock_timeout to 0, where whoever runs the script has a time-out of his own.
 */
#ifndef EVO_BACKUP_SCRIPT_H
#define EVO_BACKUP_SCRIPT_H

/* Blanks those lines out, in place: only before the first statement and behind the last one, and of the settings only what
 * stands before the first entry. What an entry's own text says stays as it is. */
void evo_script_tidy(char *script);

#endif
