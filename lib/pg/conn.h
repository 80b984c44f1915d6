/*
 * conn.h - a session with the server: connect, ask, run scripts, cancel. The only folder that includes libpq.
 *
 * A struct evo_pg is used by one thread at a time. Every wait polls the cancel descriptor (base/cancel.h): on a
 * cancel the running query is cancelled at the server, its end awaited (2 s at most), and EVO_ERR_CANCELLED returned.
 *
 * Server errors become struct evo_error with SQLSTATE and the server's primary message, DETAIL and HINT:
 *   08*, no connection, 57P03, 3D000, 28*  EVO_ERR_CONNECT      42501              EVO_ERR_PERMISSION
 *   57014 (statement time-out)             EVO_ERR_TIMEOUT      55P03, 40P01       EVO_ERR_LOCK_UNAVAILABLE, retryable
 *   anything else                          EVO_ERR_DATABASE     (40001 retryable)
 *
 * SQL text: queries by literal text only, values as parameters ($1) or through evo_pg_identifier/_literal.
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
    const char *application_name; /* NULL: "evo" */
    int64_t connect_timeout_ms; /* 0: 10 s */
    struct evo_task *task; /* server notices go here as EVO_LOG_DEBUG; may be NULL */
};
/* Connects; no start-up options are sent (poolers refuse them). Session settings that evo relies on
 * (client_encoding UTF8, standard_conforming_strings on) are set after it. A wrong password, an unknown database and
 * an unreachable server are told apart, each with its hint. */
enum evo_errc evo_pg_open(const struct evo_conninfo *info, const struct evo_pg_options *options,
                          struct evo_pg **ret, struct evo_error *err) EVO_CHECK;
/* Closes; with a query in flight it is cancelled first. */
void evo_pg_close(struct evo_pg *pg);
EVO_DEFINE_AUTO_PTR(pg, evo_pg_close);

int evo_pg_version(const struct evo_pg *pg); /* 150018 */
const char *evo_pg_version_text(const struct evo_pg *pg); /* "15.18" as the server reports it */
int evo_pg_backend_pid(const struct evo_pg *pg); /* as the protocol said (PQbackendPID) */
bool evo_pg_alive(const struct evo_pg *pg); /* false once the connection was lost */
bool evo_pg_in_transaction(const struct evo_pg *pg);
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

/* A user's script: one simple-protocol message of n bytes. On a server error *ret_position (may be NULL) is the
 * 1-based character offset into the script, 0 where unknown. The `on_rows` callback (may be NULL) sees each
 * statement's result. COPY FROM STDIN inside a script is refused here (see pg/copy.h; the caller cuts data out). */
enum evo_errc evo_pg_script(struct evo_pg *pg, const char *script,
                            enum evo_errc (*on_rows)(void *ctx, const struct evo_pg_result *rows,
                                                     struct evo_error *err),
                            void *ctx, int *ret_position, struct evo_error *err) EVO_CHECK;

/* Quoting by libpq (PQescapeIdentifier, PQescapeLiteral); the caller frees. */
char *evo_pg_identifier(struct evo_pg *pg, const char *name) EVO_CHECK;
char *evo_pg_literal(struct evo_pg *pg, const char *text) EVO_CHECK;

/* current_setting(name, true). NULL-able result, the caller frees. */
enum evo_errc evo_pg_setting(struct evo_pg *pg, const char *name, char **ret,
                             struct evo_error *err) EVO_CHECK;

/* Refuses (EVO_ERR_UNSUPPORTED) where a transaction pooler stands between: PQbackendPID and pg_backend_pid()
 * differ, and a second session confirms it. `info` is what pg was opened with. The hint names DIRECT_URL. */
enum evo_errc evo_pg_refuse_pooler(struct evo_pg *pg, const struct evo_conninfo *info,
                                   struct evo_error *err) EVO_CHECK;

/* What became of a transaction (pg_xact_status, PostgreSQL 10+) after its connection was lost in COMMIT. */
enum evo_pg_verdict { EVO_PG_COMMITTED, EVO_PG_ABORTED, EVO_PG_IN_PROGRESS, EVO_PG_VERDICT_UNKNOWN };
enum evo_errc evo_pg_xact_verdict(struct evo_pg *pg, const char *xid, enum evo_pg_verdict *ret,
                                  struct evo_error *err) EVO_CHECK;

/* Guards: refuse (EVO_ERR_CONFIG) another database or cluster than expected; NULL: not checked. */
enum evo_errc evo_pg_guard(struct evo_pg *pg, const char *expect_database,
                           const char *expect_system_identifier, struct evo_error *err) EVO_CHECK;

#endif
