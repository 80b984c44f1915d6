/*
 * sql.h - the .sql files of this folder, embedded: lib/schema/<name>.sql is evo_schema_sql_<name>, NUL-terminated.
 * ci/embed.sh writes the definitions at build time.
 */
#ifndef EVO_SCHEMA_SQL_H
#define EVO_SCHEMA_SQL_H

/* The tables evo adds to a database (schema evo): made only when needed, each statement repeatable. */
extern const char evo_schema_sql_ledger[];
extern const char evo_schema_sql_fingerprints[];
extern const char evo_schema_sql_seen[];
extern const char evo_schema_sql_drift[];
extern const char evo_schema_sql_backfill[];
/* Sqitch's registry; "@" stands for its schema. */
extern const char evo_schema_sql_sqitch[];

#endif
