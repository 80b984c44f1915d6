/*
 * copy.h - COPY to and from the client (https://www.postgresql.org/docs/current/sql-copy.html).
 */
#ifndef EVO_PG_COPY_H
#define EVO_PG_COPY_H

#include "pg/conn.h"

/* Runs a COPY … TO STDOUT and hands every row to the sink as libpq delivers it (one row, newline included, valid
 * during the call). The sink's error cancels the COPY and is returned. *ret_rows: the command tag's count. */
enum evo_errc evo_pg_copy_out(struct evo_pg *pg, const char *sql,
                              enum evo_errc (*sink)(void *ctx, const char *row, size_t n,
                                                    struct evo_error *err),
                              void *ctx, int64_t *ret_rows, struct evo_error *err) EVO_CHECK;

/* Runs a COPY … FROM STDIN: begin, any number of writes (blocks of any size), end. A write or end that fails has
 * ended the COPY already; abort ends it with an error at the server (nothing loaded). */
enum evo_errc evo_pg_copy_begin(struct evo_pg *pg, const char *sql, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_pg_copy_write(struct evo_pg *pg, const void *data, size_t n,
                                struct evo_error *err) EVO_CHECK;
enum evo_errc evo_pg_copy_end(struct evo_pg *pg, int64_t *ret_rows, struct evo_error *err) EVO_CHECK;
void evo_pg_copy_abort(struct evo_pg *pg, const char *why);

#endif
