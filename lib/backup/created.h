/*
 * created.h - the mark on a database that a restore made and has not finished: its comment.
 *
 * A restore that is killed leaves the database that --create made. The mark tells the next run, and a person with psql
 * (\l+), what it is. It is set behind CREATE DATABASE and taken away when all is there; a dump does not carry it, since
 * the comment of a database belongs to its creation.
 */
#ifndef EVO_BACKUP_CREATED_H
#define EVO_BACKUP_CREATED_H

#include "pg/conn.h"

/* On a session with any database of the server, as the owner of the one that is named. */
enum evo_errc evo_created_mark(struct evo_pg *pg, const char *database, const char *id,
                               struct evo_error *err) EVO_CHECK;
enum evo_errc evo_created_unmark(struct evo_pg *pg, const char *database, struct evo_error *err) EVO_CHECK;
/* Refuses a database that is there, EVO_ERR_TARGET_NOT_EMPTY: by the mark, where it has one. */
enum evo_errc evo_created_refuse(struct evo_pg *pg, const char *database, struct evo_error *err) EVO_CHECK;

#endif
