/*
 * integrity_sql.h - pieces of queries of integrity checks. Not for others.
 *
 * n and c are the aliases of pg_namespace and pg_class. What is meant for people is plain, what is meant for SQL quoted.
 */
#ifndef EVO_VERIFY_INTEGRITY_SQL_H
#define EVO_VERIFY_INTEGRITY_SQL_H

/* clang-format off */

#define EVO_SQL_PLAIN(n, c)  n ".nspname::text || '.' || " c ".relname"
#define EVO_SQL_QUOTED(n, c) "format('%I.%I', " n ".nspname, " c ".relname)"

/* Not the server's own, not evo's, not temporary; and of those that were asked for. */
#define EVO_SQL_WANTED(n, c) \
    "(" n ".nspname !~ '^pg_' AND " n ".nspname NOT IN ('information_schema', 'evo') AND " c \
    ".relpersistence <> 't' AND ($1::text[] = '{}' OR " c ".relname = ANY ($1::text[]) OR " \
    EVO_SQL_PLAIN(n, c) " = ANY ($1::text[])) AND ($2::text[] = '{}' OR " n ".nspname = ANY ($2::text[])))"

/* As it stands behind FROM: what a constraint of a table covers are its own rows, those of a partitioned one its
 * partitions'. */
#define EVO_SQL_ONLY(c) "CASE WHEN " c ".relkind <> 'p' AND " c ".relhassubclass THEN 'ONLY ' ELSE '' END"

/* How many rows a table has, with its partitions, and how many bytes: about, as ANALYZE or else the statistics say it;
 * asking the file's size would wait for whoever has locked the table. As LATERAL `z` of rows, bytes. */
#define EVO_SQL_SIZE(c) \
    "LATERAL (SELECT coalesce(sum(y.rows), 0)::bigint AS rows, coalesce(sum(greatest(y.pages * " \
    "current_setting('block_size')::bigint, y.rows * 40)), 0)::bigint AS bytes FROM (SELECT " c ".oid AS oid " \
    "UNION SELECT t.relid FROM pg_partition_tree(" c ".oid) t) m JOIN LATERAL (SELECT l.relpages AS pages, " \
    "CASE WHEN l.reltuples > 0 THEN l.reltuples::bigint ELSE pg_stat_get_live_tuples(l.oid) END AS rows " \
    "FROM pg_class l WHERE l.oid = m.oid) y ON true) z"

/* What a CHECK that asks of nothing but NULL looks like in the server's own words: no function can hide in it. */
#define EVO_SQL_NULL_TESTS \
    "'^([() ]|AND|OR|NOT |(\"([^\"]|\"\")+\"|[a-z_][a-z0-9_]*) IS (NOT )?NULL)+$'"

/* clang-format on */

#endif
