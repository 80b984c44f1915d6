/*
 * tools.h - PostgreSQL's own client programs, of the right major version.
 */
#ifndef EVO_PG_TOOLS_H
#define EVO_PG_TOOLS_H

#include "base/error.h"

/* Finds `name` ("pg_dump", "pg_restore") whose major version is at least `major` (the smallest such), looking into EVO_PG_BINDIR,
 * the versioned folders of Debian and RPM packages (/usr/lib/postgresql/N/bin, /usr/pgsql-N/bin), then PATH. *ret_path: the caller
 * frees. EVO_ERR_UNSUPPORTED names what was found and the package to install. */
enum evo_errc evo_pg_tool_find(const char *name, int major, char **ret_path, int *ret_major,
                               struct evo_error *err) EVO_CHECK;

#endif
