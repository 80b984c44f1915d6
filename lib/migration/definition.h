/*
 * definition.h - what index a CREATE INDEX CONCURRENTLY would make, as the server itself writes it down.
 *
 * A name proves nothing, and a text can be written in many ways. So the server is asked to make the same index of an empty
 * temporary table of the same columns, in a transaction that is rolled back, and its own pg_get_indexdef() of that is
 * compared with those that are there.
 */
#ifndef EVO_MIGRATION_DEFINITION_H
#define EVO_MIGRATION_DEFINITION_H

#include "pg/conn.h"
#include "sql/split.h"

/* An SQL expression over an oid: "unique USING btree (a)", without the names of the index and of its table. */
#define EVO_INDEX_DEFINITION(oid)                                                          \
    "(SELECT CASE WHEN d.indisunique THEN 'unique' ELSE '' END"                            \
    " OPERATOR(pg_catalog.||) pg_catalog.substr(pg_catalog.pg_get_indexdef(d.indexrelid)," \
    " pg_catalog.strpos(pg_catalog.pg_get_indexdef(d.indexrelid), ' USING '))"             \
    " FROM pg_catalog.pg_index d WHERE d.indexrelid OPERATOR(pg_catalog.=) " oid ")"

/* The table of the statement, as SQL takes it ("S".t). The caller frees. */
char *evo_index_table(struct evo_pg *pg, const struct evo_sql_index *index) EVO_CHECK;
/* That of the index which the statement (n bytes) makes; NULL where the server cannot make one (no right to temporary
 * tables, no such column …). Outside a transaction, with the session's settings as the statement would find them. Fails
 * for a cancel and a lost connection only. The caller frees. */
enum evo_errc evo_index_definition(struct evo_pg *pg, const char *sql, size_t n,
                                   const struct evo_sql_index *index, char **ret,
                                   struct evo_error *err) EVO_CHECK;

#endif
