#include "pg/internal.h"

#include <poll.h>

#include "base/parse.h"
#include "base/utf8.h"

/* struct evo_pg_result is libpq's PGresult under another name: no copy, no wrapper. */
static PGresult *raw(const struct evo_pg_result *r)
{
    return (PGresult *)r;
}

void evo_pg_result_free(struct evo_pg_result *r)
{
    PQclear(raw(r));
}

int evo_pg_rows(const struct evo_pg_result *r)
{
    return PQntuples(raw(r));
}

int evo_pg_columns(const struct evo_pg_result *r)
{
    return PQnfields(raw(r));
}

const char *evo_pg_column_name(const struct evo_pg_result *r, int column)
{
    return PQfname(raw(r), column);
}

int evo_pg_column_index(const struct evo_pg_result *r, const char *name)
{
    /* PQfnumber folds case and unquotes; a name is a name here. */
    for (int i = 0; i < PQnfields(raw(r)); i++)
        if (evo_streq(PQfname(raw(r), i), name))
            return i;
    return -1;
}

uint32_t evo_pg_column_type(const struct evo_pg_result *r, int column)
{
    return PQftype(raw(r), column);
}

const char *evo_pg_value(const struct evo_pg_result *r, int row, int column)
{
    return PQgetisnull(raw(r), row, column) ? NULL : PQgetvalue(raw(r), row, column);
}

int64_t evo_pg_value_int(const struct evo_pg_result *r, int row, int column, int64_t fallback)
{
    const char *text = evo_pg_value(r, row, column);
    int64_t value = fallback;
    if (text)
        (void)evo_parse_int64(text, INT64_MIN, INT64_MAX, &value);
    return value;
}

bool evo_pg_value_bool(const struct evo_pg_result *r, int row, int column)
{
    return evo_streq(evo_pg_value(r, row, column), "t");
}

int64_t evo_pg_affected(const struct evo_pg_result *r)
{
    int64_t n = -1;
    (void)evo_parse_int64(PQcmdTuples(raw(r)), 0, INT64_MAX, &n);
    return n;
}

const char *evo_pg_command_tag(const struct evo_pg_result *r)
{
    return PQcmdStatus(raw(r));
}

/* ---- running ------------------------------------------------------------------ */

static enum evo_errc refuse_copy_in(struct evo_pg *pg, struct evo_error *err)
{
    evo_pg_abandon(pg);
    (void)evo_error_set(err, EVO_ERR_UNSUPPORTED, "COPY FROM STDIN has no data here");
    return evo_error_detail(err, "The server waits for rows that the statement's text does not bring.");
}

/* COPY TO STDOUT outside evo_pg_copy_out(): nobody asked for the rows. */
static enum evo_errc drop_copy_out(struct evo_pg *pg, struct evo_error *err)
{
    for (;;) {
        char *row = NULL;
        int n = PQgetCopyData(pg->conn, &row, 1);
        PQfreemem(row);
        if (n < 0)
            return EVO_OK;
        if (n > 0)
            continue;
        enum evo_errc rc = evo_pg_wait(pg, POLLIN, err);
        if (rc)
            return evo_pg_give_up(pg, rc);
        if (!PQconsumeInput(pg->conn))
            return EVO_OK; /* the next result says why */
    }
}

/* What is done with each statement's result. */
struct visitor {
    enum evo_errc (*on_rows)(void *ctx, const struct evo_pg_result *rows, struct evo_error *err);
    void *ctx;
    PGresult **last; /* NULL: not kept */
    int *position; /* of the error, in characters; NULL: not wanted */
};

static int error_position(const PGresult *r)
{
    const char *text = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
    int64_t n = 0;
    if (text)
        (void)evo_parse_int64(text, 0, INT32_MAX, &n);
    return (int)n;
}

static enum evo_errc run(struct evo_pg *pg, const struct visitor *v, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (;;) {
        PGresult *r = NULL;
        enum evo_errc broken = evo_pg_next(pg, &r, rc ? NULL : err);
        if (broken)
            return rc ? rc : broken;
        if (!r)
            return rc;
        EVO_AUTO_PGRESULT mine = r;
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_COPY_IN)
            return refuse_copy_in(pg, err);
        if (status == PGRES_COPY_OUT) {
            rc = drop_copy_out(pg, err);
            if (rc)
                return rc;
            continue;
        }
        if (rc)
            continue; /* of a lost connection, libpq says so once more */
        if (evo_pg_failed(r)) {
            rc = evo_pg_server_error(pg, r, err);
            if (v->position)
                *v->position = error_position(r);
            continue;
        }
        if (v->on_rows && status != PGRES_EMPTY_QUERY) {
            rc = v->on_rows(v->ctx, (const struct evo_pg_result *)r, err);
            if (rc)
                return evo_pg_give_up(pg, rc);
        }
        if (v->last) {
            PQclear(*v->last);
            *v->last = r;
            mine = NULL;
        }
    }
}

enum evo_errc evo_pg_collect(struct evo_pg *pg, PGresult **ret, struct evo_error *err)
{
    EVO_AUTO_PGRESULT last = NULL;
    const struct visitor v = { .last = ret ? &last : NULL };
    enum evo_errc rc = run(pg, &v, err);
    if (!rc && ret) {
        *ret = last;
        last = NULL;
    }
    return rc;
}

enum evo_errc evo_pg_query(struct evo_pg *pg, const char *sql, int nparams, const char *const *params,
                           struct evo_pg_result **ret, struct evo_error *err)
{
    PGresult *r = NULL;
    enum evo_errc rc = evo_pg_send_params(pg, sql, nparams, params, err);
    if (!rc)
        rc = evo_pg_collect(pg, ret ? &r : NULL, err);
    if (!rc && ret)
        *ret = (struct evo_pg_result *)r;
    return rc;
}

enum evo_errc evo_pg_exec(struct evo_pg *pg, const char *sql, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_send(pg, sql, err);
    return rc ? rc : evo_pg_collect(pg, NULL, err);
}

enum evo_errc evo_pg_execf(struct evo_pg *pg, struct evo_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    EVO_AUTO_STR sql = evo_vasprintf(fmt, ap);
    va_end(ap);
    return evo_pg_exec(pg, sql, err);
}

/* The server counts characters (PG_DIAG_STATEMENT_POSITION); callers have bytes. */
static size_t byte_of_character(const char *text, int character)
{
    const char *p = text;
    while (*p && character > 1) {
        p++;
        while (((unsigned char)*p & 0xC0) == 0x80)
            p++;
        character--;
    }
    return (size_t)(p - text);
}

static void set_line(const char *text, size_t byte, struct evo_error *err)
{
    if (!err)
        return;
    const char *begin = text;
    err->line = 1;
    for (const char *p = text; p < text + byte; p++) {
        if (*p == '\n') {
            err->line++;
            begin = p + 1;
        }
    }
    err->column = (int)evo_utf8_length(begin, (size_t)(text + byte - begin)) + 1;
}

enum evo_errc evo_pg_script(struct evo_pg *pg, const char *script,
                            enum evo_errc (*on_rows)(void *ctx, const struct evo_pg_result *rows,
                                                     struct evo_error *err),
                            void *ctx, int *ret_position, struct evo_error *err)
{
    int character = 0;
    const struct visitor v = { .on_rows = on_rows, .ctx = ctx, .position = &character };
    enum evo_errc rc = evo_pg_send(pg, script, err);
    if (!rc)
        rc = run(pg, &v, err);
    if (!rc)
        return EVO_OK;
    size_t byte = byte_of_character(script, character);
    if (character > 0)
        set_line(script, byte, err);
    if (ret_position)
        *ret_position = character > 0 ? (int)byte + 1 : 0;
    return rc;
}

/* ---- text into SQL ------------------------------------------------------------ */

static char *take(char *escaped)
{
    char *copy = evo_strdup(escaped);
    PQfreemem(escaped);
    return copy;
}

char *evo_pg_identifier(struct evo_pg *pg, const char *name)
{
    char *escaped = PQescapeIdentifier(pg->conn, name, strlen(name));
    /* Fails for malformed UTF-8 only. The server would refuse that; it refuses an empty name as well. */
    return escaped ? take(escaped) : evo_strdup("\"\"");
}

char *evo_pg_literal(struct evo_pg *pg, const char *text)
{
    char *escaped = PQescapeLiteral(pg->conn, text, strlen(text));
    /* Malformed UTF-8, again: a literal that the server refuses for that reason. */
    return escaped ? take(escaped) : evo_strdup("E'\\xFF'");
}

enum evo_errc evo_pg_setting(struct evo_pg *pg, const char *name, char **ret, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, "SELECT pg_catalog.current_setting($1, true)", 1,
                                    (const char *const[]){ name }, &r, err);
    if (!rc)
        *ret = evo_strdup(evo_pg_value(r, 0, 0));
    return rc;
}

enum evo_errc evo_pg_reset_session(struct evo_pg *pg, struct evo_error *err)
{
    return evo_pg_exec(pg, "RESET ALL; SET client_encoding TO 'UTF8'; SET standard_conforming_strings TO on",
                       err);
}
