/*
 * tools.h - PostgreSQL's own client programs, of the right major version: pg_dump refuses a server newer than
 * itself (https://www.postgresql.org/docs/current/app-pgdump.html), and what a newer one writes an older
 * pg_restore may not read.
 */
#ifndef EVO_PG_TOOLS_H
#define EVO_PG_TOOLS_H

#include "base/error.h"

/* Finds `name` ("pg_dump", "pg_restore", "postgres") whose major version is at least `major`. Where EVO_PG_BINDIR is set, that
 * folder alone counts. Else the smallest such version in the folders of Debian's and RPM's packages
 * (/usr/lib/postgresql/N/bin, /usr/pgsql-N/bin), then the first on PATH. A program is run with --version only where
 * its path does not tell its version. *ret_path: the caller frees. EVO_ERR_UNSUPPORTED names what was found and the
 * package to install. */
enum evo_errc evo_pg_tool_find(const char *name, int major, char **ret_path, int *ret_major,
                               struct evo_error *err) EVO_CHECK;

/* The major version that a path or a --version line tells: ".../postgresql/15/bin/pg_dump" and
 * ".../pgsql-15/bin/pg_dump"; "pg_dump (PostgreSQL) 15.18 (Debian …)", "… 18beta1". 0 where it does not. Pure. */
int evo_pg_tool_major_of_path(const char *path);
int evo_pg_tool_major_of_text(const char *version_line);

#endif
