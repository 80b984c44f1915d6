/*
 * split.h - a migration file cut into statements, and what each of them is.
 *
 * The cutting is evo's own: libpg_query's splitter cuts BEGIN ATOMIC bodies at their inner semicolons and fails on
 * COPY data. It keeps dollar quotes, nested comments, E'' strings, parenthesised rule actions and BEGIN ATOMIC … END
 * bodies whole, cuts the data lines behind COPY … FROM STDIN out, and accepts psql's \restrict and \unrestrict lines
 * (pg_dump writes them) and \. lines; any other backslash command is an error that names it. A byte order mark is
 * skipped; CRLF is white space.
 *
 * Parsing is for knowing more: a statement that the parser (PostgreSQL 15's) does not know is cut, classified and
 * kept all the same, with `understood` false. standard_conforming_strings is taken to be on.
 *
 *	EVO_AUTO(sql_script) script = { 0 };
 *	enum evo_errc rc = evo_sql_split(text, n, "up.sql", &script, err);
 *	for (size_t i = 0; i < script.count; i++)
 *	    run(text + script.items[i].start, script.items[i].len);
 */
#ifndef EVO_SQL_SPLIT_H
#define EVO_SQL_SPLIT_H

#include "base/error.h"
#include "base/strbuf.h"

enum evo_sql_kind {
    EVO_SQL_OTHER,
    EVO_SQL_TRANSACTION, /* BEGIN, START TRANSACTION, COMMIT, END, ROLLBACK, ABORT, PREPARE TRANSACTION … */
    EVO_SQL_SAVEPOINT, /* SAVEPOINT, RELEASE, ROLLBACK TO */
    EVO_SQL_NO_TRANSACTION, /* cannot run in a transaction block: … CONCURRENTLY, VACUUM, CREATE DATABASE …; the
                               table is in classify.c */
    EVO_SQL_COPY_STDIN /* COPY … FROM STDIN with its data */
};

struct evo_sql_statement {
    size_t start, len; /* bytes of the file: from the first token to the last one before the semicolon */
    int line; /* 1-based, of the first token */
    enum evo_sql_kind kind;
    bool understood; /* the parser knows it */
    bool concurrent_index; /* CREATE INDEX CONCURRENTLY or REINDEX … CONCURRENTLY */
    size_t data_start, data_len; /* COPY data, without the line "\." ; 0, 0 where none */
    size_t
        comment_start; /* where the comments above it begin (== start where there are none); one that stands
                             behind the statement before, on its line, is not above this one */
};

/* A comment, -- or C style, without its line end. */
struct evo_sql_comment {
    size_t start, len;
    int line;
    size_t above; /* index of the statement that it stands above; EVO_SQL_NOWHERE: inside or behind one */
};
#define EVO_SQL_NOWHERE ((size_t)-1)

/* Whatever holds no token is no statement: a file of comments, or ";;", has none. */
struct evo_sql_script {
    struct evo_sql_statement *items;
    size_t count, alloc;
    struct evo_sql_comment *comments; /* all of them, in order */
    size_t ncomments, comments_alloc;
    bool has_transaction_control; /* any EVO_SQL_TRANSACTION */
    bool has_no_transaction; /* any EVO_SQL_NO_TRANSACTION */
    bool has_copy;
    bool has_backslash; /* \restrict lines: the text cannot be sent as it is */
};
void evo_sql_script_release(struct evo_sql_script *s);
EVO_DEFINE_AUTO(sql_script);

/* `file` is for messages. EVO_ERR_MIGRATION_FAILED, with err->file and err->line, for text that cannot be cut: an open
 * quote or comment, a backslash command, a NUL byte, COPY data without its end. */
enum evo_errc evo_sql_split(const char *text, size_t n, const char *file, struct evo_sql_script *ret,
                            struct evo_error *err) EVO_CHECK;

/* What a statement does and to what, for people: "CREATE INDEX CONCURRENTLY users_email_idx", "ALTER TABLE users",
 * "SELECT". The caller frees. */
char *evo_sql_summary(const char *sql, size_t n) EVO_CHECK;
/* The statement on one line, comments left out, cut to at most `max` bytes (then it ends in "..."). The caller
 * frees. */
char *evo_sql_one_line(const char *sql, size_t n, size_t max) EVO_CHECK;

/* The index a CREATE INDEX CONCURRENTLY makes, and the table it is of. EVO_ERR_NOT_FOUND for any other statement. */
struct evo_sql_index {
    char *name; /* unqualified, case kept; NULL where the server chooses it */
    char *table_schema; /* NULL where unqualified */
    char *table;
    bool if_not_exists;
    bool unique;
    size_t tail; /* bytes of the statement up to the end of the table's name: the definition follows */
};
void evo_sql_index_release(struct evo_sql_index *i);
EVO_DEFINE_AUTO(sql_index);
enum evo_errc evo_sql_index_of(const char *sql, size_t n, struct evo_sql_index *ret,
                               struct evo_error *err) EVO_CHECK;

/* The role that a CREATE ROLE, USER or GROUP makes, case as in the catalog; NULL for any other statement. The caller
 * frees. */
char *evo_sql_role_made(const char *sql, size_t n) EVO_CHECK;

/* What a REINDEX … CONCURRENTLY is of. EVO_ERR_NOT_FOUND for any other statement. */
enum evo_sql_reindex_of {
    EVO_SQL_REINDEX_INDEX,
    EVO_SQL_REINDEX_TABLE,
    EVO_SQL_REINDEX_SCHEMA,
    EVO_SQL_REINDEX_DATABASE
};
struct evo_sql_reindex {
    enum evo_sql_reindex_of of;
    char *schema; /* NULL where unqualified */
    char *name; /* case as in the catalog; NULL: a database that is not named */
};
void evo_sql_reindex_release(struct evo_sql_reindex *r);
EVO_DEFINE_AUTO(sql_reindex);
enum evo_errc evo_sql_reindex_of(const char *sql, size_t n, struct evo_sql_reindex *ret,
                                 struct evo_error *err) EVO_CHECK;

/* Relations a statement names and the strongest table lock it takes, as PostgreSQL's documentation says
 * (https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES); for `plan`. */
struct evo_sql_lock {
    char *relation; /* qualified where the statement qualifies it, quoted where its letters need it */
    const char *mode; /* "ACCESS EXCLUSIVE", … static */
};
struct evo_sql_locks {
    struct evo_sql_lock *items;
    size_t count, alloc;
};
void evo_sql_locks_release(struct evo_sql_locks *l);
EVO_DEFINE_AUTO(sql_locks);
/* Nothing for a statement that takes no table lock or is not understood. Adds to the list; a relation that is in it
 * keeps the stronger mode. Only what the text names: the table of a DROP INDEX and the parent of a dropped child are
 * locked too, and only the server knows them. */
void evo_sql_locks_of(const char *sql, size_t n, struct evo_sql_locks *ret);

#endif
