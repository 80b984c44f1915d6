/*
 * conn.h - a session with the server: connect, ask, run scripts, cancel. The only folder that includes libpq.
 *
 * A struct evo_pg is used by one thread at a time. Every wait polls the cancel descriptor (base/cancel.h): on a
 * cancel the running statement is cancelled at the server, its end awaited (2 s at most), and EVO_ERR_CANCELLED
 * returned. While a cancel stands, nothing new is sent either: clean-up that talks to the server (ROLLBACK) comes
 * after evo_cancel_acknowledge(), or is left to evo_pg_close(). evo_pg_unlock() and evo_pg_copy_abort() work at any
 * time, within 2 s.
 *
 * Server errors become struct evo_error with SQLSTATE and the server's primary message, DETAIL (and the first line
 * of CONTEXT) and HINT:
 *   08*, 28*, 3D000, 57P0*, FATAL, no connection   EVO_ERR_CONNECT   (57P03 retryable)
 *   42501                                          EVO_ERR_PERMISSION
 *   57014 (statement time-out)                     EVO_ERR_TIMEOUT
 *   55P03, 40P01                                   EVO_ERR_LOCK_UNAVAILABLE, retryable
 *   anything else                                  EVO_ERR_DATABASE  (40001, 53300 retryable)
 * A session that was lost says so ("connection to … was lost"), and evo_pg_alive() is false from then on.
 *
 * SQL text: queries by literal text only, values as parameters ($1) or through evo_pg_identifier/_literal. Names of
 * the server's own are qualified (pg_catalog.…): search_path is not ours.
 *
 *	EVO_AUTO_PTR(pg) pg = NULL;
 *	EVO_AUTO_PTR(pg_result) r = NULL;
 *	rc = evo_pg_open(&info, &(struct evo_pg_options){ .task = task }, &pg, err);
 *	if (!rc)
 *	    rc = evo_pg_query(pg, "SELECT version FROM evo.migrations WHERE name = $1", 1,
 *	                      (const char *const[]){ name }, &r, err);
 *	if (!rc && evo_pg_rows(r) == 1)
 *	    version = evo_pg_value(r, 0, 0);
 */
#ifndef EVO_PG_CONN_H
#define EVO_PG_CONN_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/task.h"
#include "pg/conninfo.h"

struct evo_pg;

struct evo_pg_options {
    const char *application_name; /* NULL: "evo"; the user's own (URL, PGAPPNAME) wins */
    int64_t connect_timeout_ms; /* 0: the URL's connect_timeout, else 10 s; for all hosts together */
    struct evo_task *task; /* server notices go here as EVO_LOG_DEBUG; may be NULL */
};
/* Connects; evo sends no start-up options of its own (poolers refuse them). Session settings that evo relies on
 * (client_encoding UTF8, standard_conforming_strings on) are set after it. A wrong password, an unknown database, a
 * server that is not there, starts up or is full are told apart, each with its hint; what may work later is
 * retryable. options may be NULL. The task must outlive the session. */
enum evo_errc evo_pg_open(const struct evo_conninfo *info, const struct evo_pg_options *options,
                          struct evo_pg **ret, struct evo_error *err) EVO_CHECK;
/* Closes; with a query in flight it is cancelled first. */
void evo_pg_close(struct evo_pg *pg);
EVO_DEFINE_AUTO_PTR(pg, evo_pg_close);

int evo_pg_version(const struct evo_pg *pg); /* 150018 */
const char *
evo_pg_version_text(const struct evo_pg *pg); /* "15.18": as the server reports it, to the first blank */
int evo_pg_backend_pid(const struct evo_pg *pg); /* as the protocol said (PQbackendPID) */
bool evo_pg_alive(const struct evo_pg *pg); /* false once the connection was lost */
bool evo_pg_in_transaction(const struct evo_pg *pg); /* also one that failed and waits for its ROLLBACK */
const char *evo_pg_database(const struct evo_pg *pg);
const char *evo_pg_redacted(const struct evo_pg *pg);

/* Rows of an answer, all text. */
struct evo_pg_result;
void evo_pg_result_free(struct evo_pg_result *r);
EVO_DEFINE_AUTO_PTR(pg_result, evo_pg_result_free);
int evo_pg_rows(const struct evo_pg_result *r);
int evo_pg_columns(const struct evo_pg_result *r);
const char *evo_pg_column_name(const struct evo_pg_result *r, int column);
int evo_pg_column_index(const struct evo_pg_result *r, const char *name); /* -1: none */
/* Type OID of a column (16 is boolean). */
uint32_t evo_pg_column_type(const struct evo_pg_result *r, int column);
/* Borrowed; NULL for an SQL NULL. */
const char *evo_pg_value(const struct evo_pg_result *r, int row, int column);
int64_t evo_pg_value_int(const struct evo_pg_result *r, int row, int column, int64_t fallback);
bool evo_pg_value_bool(const struct evo_pg_result *r, int row, int column); /* 't'; NULL is false */
/* Rows touched by INSERT/UPDATE/DELETE/COPY …, -1 where the tag has none. */
int64_t evo_pg_affected(const struct evo_pg_result *r);
const char *evo_pg_command_tag(const struct evo_pg_result *r);

/* One statement with parameters (text; NULL is SQL NULL), extended protocol. ret may be NULL. */
enum evo_errc evo_pg_query(struct evo_pg *pg, const char *sql, int nparams, const char *const *params,
                           struct evo_pg_result **ret, struct evo_error *err) EVO_CHECK;
/* One or more statements as one simple-protocol message; rows are dropped. */
enum evo_errc evo_pg_exec(struct evo_pg *pg, const char *sql, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_pg_execf(struct evo_pg *pg, struct evo_error *err, const char *fmt, ...)
    EVO_PRINTF(3, 4) EVO_CHECK;

/* A user's script, sent as it is: one simple-protocol message. The `on_rows` callback (may be NULL) sees each
 * statement's result, as the server sends them, which may be at the very end; its failure is returned, and undoes
 * nothing that no transaction of the caller's holds. On a server error *ret_position (may be NULL) is where
 * in the script: the 1-based offset of a BYTE (script[*ret_position - 1]), 0 where the server did not say; then
 * err->line and err->column (in characters) are set as well, counted from 1 at the script's beginning. COPY FROM
 * STDIN inside a script is refused (EVO_ERR_UNSUPPORTED; see pg/copy.h: the caller cuts the data out); rows of COPY
 * TO STDOUT are dropped. */
enum evo_errc evo_pg_script(struct evo_pg *pg, const char *script,
                            enum evo_errc (*on_rows)(void *ctx, const struct evo_pg_result *rows,
                                                     struct evo_error *err),
                            void *ctx, int *ret_position, struct evo_error *err) EVO_CHECK;

/* RESET ALL, then evo's own session settings again: between the files of others. */
enum evo_errc evo_pg_reset_session(struct evo_pg *pg, struct evo_error *err) EVO_CHECK;

/* Quoting by libpq (PQescapeIdentifier, PQescapeLiteral); the caller frees. */
char *evo_pg_identifier(struct evo_pg *pg, const char *name) EVO_CHECK;
char *evo_pg_literal(struct evo_pg *pg, const char *text) EVO_CHECK;

/* current_setting(name, true). NULL-able result, the caller frees. */
enum evo_errc evo_pg_setting(struct evo_pg *pg, const char *name, char **ret,
                             struct evo_error *err) EVO_CHECK;

/* Refuses (EVO_ERR_UNSUPPORTED) where a transaction pooler stands between: PQbackendPID and pg_backend_pid()
 * differ, and a second session confirms it by getting the same server process, or by making pg's own change. A
 * session pooler passes. `info` is what pg was opened with; call it outside a transaction. Costs one query where
 * there is no pooler. Where no second session can be had it passes, with a warning. The hint names DIRECT_URL. */
enum evo_errc evo_pg_refuse_pooler(struct evo_pg *pg, const struct evo_conninfo *info,
                                   struct evo_error *err) EVO_CHECK;

/* What became of a transaction (pg_xact_status, PostgreSQL 10+) after its connection was lost in COMMIT; `xid` is
 * what pg_current_xact_id() (txid_current() before 13) said in it. IN_PROGRESS may end either way: ask again.
 * UNKNOWN: too old for the server to remember. */
enum evo_pg_verdict { EVO_PG_COMMITTED, EVO_PG_ABORTED, EVO_PG_IN_PROGRESS, EVO_PG_VERDICT_UNKNOWN };
enum evo_errc evo_pg_xact_verdict(struct evo_pg *pg, const char *xid, enum evo_pg_verdict *ret,
                                  struct evo_error *err) EVO_CHECK;

/* Guards: refuse (EVO_ERR_CONFIG) another database or cluster than expected; NULL: not checked. */
enum evo_errc evo_pg_guard(struct evo_pg *pg, const char *expect_database,
                           const char *expect_system_identifier, struct evo_error *err) EVO_CHECK;

#endif
