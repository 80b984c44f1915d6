/*
 * sections.h - what the files of this folder share: the queries that make up the text. Not for others.
 *
 * A section is one query over all objects of some kinds. Its first column holds lines: "<kind> <qualified name>", and
 * behind ": " a property. NULL is no line. A query names no OID, orders what it aggregates, qualifies what it reads
 * (a temporary table may be called pg_class), and leaves out what catalog.h says.
 */
#ifndef EVO_CATALOG_SECTIONS_H
#define EVO_CATALOG_SECTIONS_H

#include "base/strbuf.h"

struct evo_catalog_section {
    const char *what; /* for messages; NULL ends a table */
    int since, before; /* server versions as evo_pg_version(); 0: all */
    const char *sql;
};
extern const struct evo_catalog_section evo_catalog_relations[]; /* tables and what hangs on them */
extern const struct evo_catalog_section evo_catalog_types[];
extern const struct evo_catalog_section evo_catalog_routines[]; /* functions, and what is made of them */
extern const struct evo_catalog_section evo_catalog_database[]; /* what stands in no schema; comments */
extern const struct evo_catalog_section evo_catalog_grants[];

/* Appends the value as one line: line ends and backslashes escaped; casts of array constructors written as the server
 * writes them after a restore (line.c). */
void evo_catalog_line(struct evo_strbuf *out, const char *value);

/* ---- pieces of queries ------------------------------------------------------ */

/* clang-format off */

/* Schemas whose objects count. "pg_" is reserved to the server. */
#define EVO_SQL_OURS(n) "(" n ".nspname !~ '^pg_' AND " n ".nspname NOT IN ('information_schema', 'evo'))"

/* Does not belong to an extension. */
#define EVO_SQL_NO_MEMBER(catalog, oid) \
    "NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog." catalog \
    "'::pg_catalog.regclass AND e.objid = " oid " AND e.objsubid = 0 AND e.deptype = 'e')"
/* Nor was it made along with another object. */
#define EVO_SQL_NO_PART(catalog, oid) \
    "NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog." catalog \
    "'::pg_catalog.regclass AND e.objid = " oid " AND e.objsubid = 0 AND e.deptype IN ('e', 'i'))"

#define EVO_SQL_NAME(n, name) \
    "pg_catalog.quote_ident(" n ".nspname) || '.' || pg_catalog.quote_ident(" name ")"

/* Relations that count, as a WITH query `r`: oid, kind, name and the row of pg_class. */
#define EVO_SQL_RELATIONS \
    "r AS MATERIALIZED (SELECT c.*, " EVO_SQL_NAME("n", "c.relname") " AS name, CASE c.relkind WHEN 'v' " \
    "THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN " \
    "'sequence' ELSE 'table' END AS kind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON " \
    "n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND " EVO_SQL_OURS("n") " " \
    "AND " EVO_SQL_NO_MEMBER("pg_class", "c.oid") ") "

/* An option "name=value" of a foreign object, without its value where the name speaks of a secret. */
#define EVO_SQL_OPTION(o) \
    "CASE WHEN pg_catalog.split_part(" o ", '=', 1) ~* " \
    "'(pass|pwd|secret|token|credential|(access|private|api|account|storage|encryption)_?key)' THEN " \
    "pg_catalog.split_part(" o ", '=', 1) || ' (value not shown)' ELSE " o " END"

/* When a trigger or rule fires. */
#define EVO_SQL_ENABLED(c) \
    "CASE " c " WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' " \
    "ELSE 'enabled' END"

/* clang-format on */

#endif
