/*
 * split.h - a migration file cut into statements, and what each of them is.
 *
 * The cutting is evo's own over libpg_query's scanner (the only folder that includes it): it keeps dollar quotes,
 * nested comments, E'' strings and BEGIN ATOMIC … END bodies whole, cuts the data lines behind COPY … FROM STDIN
 * out, and accepts psql's \restrict, \unrestrict and \. lines; any other backslash command is an error that names it.
 * A byte order mark is skipped; CRLF is white space. Parsing is for knowing more: a statement that the parser does
 * not know is cut and kept all the same, with `understood` false.
 */
#ifndef EVO_SQL_SPLIT_H
#define EVO_SQL_SPLIT_H

#include "base/error.h"
#include "base/strbuf.h"

enum evo_sql_kind {
    EVO_SQL_OTHER,
    EVO_SQL_TRANSACTION, /* BEGIN, START TRANSACTION, COMMIT, END, ROLLBACK, ABORT, PREPARE TRANSACTION … */
    EVO_SQL_SAVEPOINT, /* SAVEPOINT, RELEASE, ROLLBACK TO */
    EVO_SQL_NO_TRANSACTION, /* cannot run in a transaction block: … CONCURRENTLY, VACUUM, CREATE/DROP DATABASE, ALTER SYSTEM,
                               CREATE/DROP TABLESPACE, REINDEX DATABASE/SYSTEM/SCHEMA, CLUSTER without a table, CREATE/ALTER/DROP
                               SUBSCRIPTION with a slot … */
    EVO_SQL_COPY_STDIN, /* COPY … FROM STDIN with its data */
    EVO_SQL_EMPTY /* comments only */
};

struct evo_sql_statement {
    size_t start,
        len; /* bytes of the file: without the final semicolon and surrounding white space; leading comments
                            are left out of it */
    int line; /* 1-based, of the first token */
    enum evo_sql_kind kind;
    bool understood; /* the parser knows it */
    bool concurrent_index; /* CREATE INDEX CONCURRENTLY or REINDEX … CONCURRENTLY */
    size_t data_start, data_len; /* COPY data, without the line "\." ; 0, 0 where none */
    size_t comment_start; /* where the comments directly above it begin (== start where none) */
};

struct evo_sql_script {
    struct evo_sql_statement *items;
    size_t count, alloc;
    bool has_transaction_control; /* any EVO_SQL_TRANSACTION */
    bool has_no_transaction; /* any EVO_SQL_NO_TRANSACTION */
    bool has_copy;
    bool has_backslash; /* \restrict lines: the text cannot be sent as it is */
};
void evo_sql_script_release(struct evo_sql_script *s);
EVO_DEFINE_AUTO(sql_script);

/* `file` is for messages (with the line). EVO_ERR_MIGRATION_FAILED for text that cannot be cut (an open quote, a
 * backslash command), with err->file and err->line. */
enum evo_errc evo_sql_split(const char *text, size_t n, const char *file, struct evo_sql_script *ret,
                            struct evo_error *err) EVO_CHECK;

/* First keywords of a statement for people: "CREATE INDEX CONCURRENTLY", "ALTER TABLE users". The caller frees. */
char *evo_sql_summary(const char *sql, size_t n) EVO_CHECK;

/* The index a CREATE INDEX CONCURRENTLY makes; schema NULL where unqualified, name NULL where it has none (the server
 * chooses it). EVO_ERR_NOT_FOUND for any other statement. The caller frees. */
struct evo_sql_index {
    char *name, *table_schema, *table;
    bool if_not_exists;
};
void evo_sql_index_release(struct evo_sql_index *i);
EVO_DEFINE_AUTO(sql_index);
enum evo_errc evo_sql_index_of(const char *sql, size_t n, struct evo_sql_index *ret,
                               struct evo_error *err) EVO_CHECK;

/* Relations a statement names and the strongest table lock it takes, as PostgreSQL's documentation says
 * (https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES); for `plan`. */
struct evo_sql_lock {
    char *relation; /* as written, qualified where it is */
    const char *mode; /* "ACCESS EXCLUSIVE", … static */
};
struct evo_sql_locks {
    struct evo_sql_lock *items;
    size_t count, alloc;
};
void evo_sql_locks_release(struct evo_sql_locks *l);
EVO_DEFINE_AUTO(sql_locks);
/* Nothing for a statement that takes no table lock or is not understood. Appends. */
void evo_sql_locks_of(const char *sql, size_t n, struct evo_sql_locks *ret);

#endif
