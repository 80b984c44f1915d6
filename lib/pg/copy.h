/*
 * copy.h - COPY to and from the client (https://www.postgresql.org/docs/current/sql-copy.html).
 *
 * Rows stay in the form the server gives them: text, CSV or binary as the statement says, in UTF-8. A server error
 * of COPY FROM shows at the end only, as in psql: until then the server reads and drops what still comes.
 *
 *	rc = evo_pg_copy_begin(pg, "COPY public.users (id, name) FROM STDIN", err);
 *	while (!rc && (n = read_block(buf, sizeof(buf))) > 0)
 *	    rc = evo_pg_copy_write(pg, buf, n, err);
 *	if (!rc)
 *	    rc = evo_pg_copy_end(pg, &rows, err);
 */
#ifndef EVO_PG_COPY_H
#define EVO_PG_COPY_H

#include "pg/conn.h"

/* A longer row comes in several pieces. */
#define EVO_PG_COPY_PIECE ((size_t)1 << 20)
/* Runs a COPY … TO STDOUT and hands every row to the sink, newline included, valid during the call. A row of more than
 * EVO_PG_COPY_PIECE bytes comes in pieces of that size; in text format the last one is the one that ends with the newline,
 * since a row holds no other. The sink's error cancels the COPY and is returned. *ret_rows (may be NULL): the command
 * tag's count. EVO_ERR_INTERNAL where the statement is no COPY TO STDOUT.
 *
 * Memory: the protocol has a row in one message, and libpq gathers the whole of it before anything of it can be had. So
 * the longest row is held once, for as long as the session lives; PQgetCopyData would hold it twice. */
enum evo_errc evo_pg_copy_out(struct evo_pg *pg, const char *sql,
                              enum evo_errc (*sink)(void *ctx, const char *row, size_t n,
                                                    struct evo_error *err),
                              void *ctx, int64_t *ret_rows, struct evo_error *err) EVO_CHECK;

/* Runs a COPY … FROM STDIN: begin, any number of writes (blocks of any size, cut anywhere), end. A write waits while
 * the server is behind; what is held here stays under 256 KiB. A write or end that fails has ended the COPY already,
 * with nothing loaded; abort ends it with an error at the server (nothing loaded) and may be called where none
 * runs. */
enum evo_errc evo_pg_copy_begin(struct evo_pg *pg, const char *sql, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_pg_copy_write(struct evo_pg *pg, const void *data, size_t n,
                                struct evo_error *err) EVO_CHECK;
enum evo_errc evo_pg_copy_end(struct evo_pg *pg, int64_t *ret_rows, struct evo_error *err) EVO_CHECK;
void evo_pg_copy_abort(struct evo_pg *pg, const char *why);

#endif
