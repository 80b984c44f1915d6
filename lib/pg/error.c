#include "pg/internal.h"

/* ---- statements --------------------------------------------------------------- */

/* One row a SQLSTATE or class of them (https://www.postgresql.org/docs/current/errcodes-appendix.html); the first
 * that matches counts, and EVO_ERR_DATABASE where none does. */
static const struct {
    const char *prefix;
    enum evo_errc code;
    bool retryable;
} sqlstates[] = {
    { "08", EVO_ERR_CONNECT, false }, /* connection exception */
    { "28", EVO_ERR_CONNECT, false }, /* invalid authorization */
    { "3D000", EVO_ERR_CONNECT, false }, /* no such database */
    { "57P03", EVO_ERR_CONNECT, true }, /* cannot connect now */
    { "57P0", EVO_ERR_CONNECT, false }, /* shutdown, crash, database dropped, idle session time-out */
    { "25P03", EVO_ERR_CONNECT, false }, /* idle in transaction time-out: the session is ended */
    { "42501", EVO_ERR_PERMISSION, false },
    { "57014", EVO_ERR_TIMEOUT, false }, /* statement_timeout, or somebody cancelled it */
    { "55P03", EVO_ERR_LOCK_UNAVAILABLE, true },
    { "40P01", EVO_ERR_LOCK_UNAVAILABLE, true },
    { "40001", EVO_ERR_DATABASE, true },
    { "53300", EVO_ERR_DATABASE, true }, /* too many connections */
};

bool evo_pg_failed(const PGresult *r)
{
    switch (PQresultStatus(r)) {
    case PGRES_EMPTY_QUERY:
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return false;
    default:
        return true;
    }
}

static const char *field(const PGresult *r, int code)
{
    const char *text = PQresultErrorField(r, code);
    return text ? text : "";
}

static enum evo_errc code_of(const char *sqlstate, bool *ret_retryable)
{
    for (size_t i = 0; i < EVO_COUNT(sqlstates); i++) {
        if (evo_starts_with(sqlstate, sqlstates[i].prefix)) {
            *ret_retryable = sqlstates[i].retryable;
            return sqlstates[i].code;
        }
    }
    *ret_retryable = false;
    return EVO_ERR_DATABASE;
}

static void set_sqlstate(struct evo_error *err, const char *sqlstate)
{
    if (err)
        (void)snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
}

/* DETAIL, and where in a function it happened. */
static void set_detail(struct evo_error *err, const PGresult *r)
{
    const char *detail = field(r, PG_DIAG_MESSAGE_DETAIL);
    const char *context = field(r, PG_DIAG_CONTEXT);
    /* It quotes the statement that failed: ALTER ROLE … PASSWORD must not come out this way. */
    if (strcasestr(context, "password"))
        context = "a statement that names a password: not shown";
    size_t line = strcspn(context, "\n");
    if (*context)
        (void)evo_error_detail(err, "%s%sContext: %.*s", detail, *detail ? " " : "", (int)line, context);
    else if (*detail)
        (void)evo_error_detail(err, "%s", detail);
}

enum evo_errc evo_pg_server_error(struct evo_pg *pg, const PGresult *r, struct evo_error *err)
{
    const char *sqlstate = field(r, PG_DIAG_SQLSTATE);
    const char *severity = field(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = field(r, PG_DIAG_MESSAGE_PRIMARY);
    enum evo_errc rc;
    if (!*sqlstate || evo_streq(severity, "FATAL") || evo_streq(severity, "PANIC")) {
        /* libpq's own words, or the server's last ones. */
        rc = evo_pg_lost(pg, *message ? message : PQresultErrorMessage(r), err);
    } else {
        bool retryable;
        rc = evo_error_set(err, code_of(sqlstate, &retryable), "%s", message);
        if (err)
            err->retryable = retryable;
        const char *hint = field(r, PG_DIAG_MESSAGE_HINT);
        if (*hint)
            (void)evo_error_hint(err, "%s", hint);
    }
    set_sqlstate(err, sqlstate);
    set_detail(err, r);
    return rc;
}

/* ---- connecting --------------------------------------------------------------- */

/* What went wrong, by SQLSTATE or by the words libpq itself uses (it has no codes for them). `hint` is a format with
 * one %s, the redacted address, or two, the address of the database "postgres" before it. */
enum hint { HINT_PSQL, HINT_PASSWORD, HINT_LIST, HINT_READY, HINT_SESSIONS, HINT_GRANT, HINT_NAME, HINT_TLS };
struct cause {
    const char *match;
    enum evo_errc code;
    bool retryable;
    enum hint hint;
};

static const struct cause by_sqlstate[] = {
    { "28P01", EVO_ERR_CONNECT, false, HINT_PASSWORD },
    { "28", EVO_ERR_CONNECT, false, HINT_PSQL }, /* no such role, pg_hba.conf, peer */
    { "3D000", EVO_ERR_CONNECT, false, HINT_LIST },
    { "42501", EVO_ERR_PERMISSION, false, HINT_GRANT },
    { "53300", EVO_ERR_CONNECT, true, HINT_SESSIONS },
    { "57P03", EVO_ERR_CONNECT, true, HINT_READY },
    { "", EVO_ERR_CONNECT, false, HINT_PSQL },
};

static const struct cause by_text[] = {
    { "could not translate host name", EVO_ERR_CONNECT, true, HINT_NAME },
    { "received invalid response", EVO_ERR_CONNECT, false, HINT_READY }, /* no PostgreSQL at that port */
    { "expected authentication request", EVO_ERR_CONNECT, false, HINT_READY },
    { "no password supplied", EVO_ERR_CONNECT, false, HINT_PASSWORD },
    { "does not support SSL", EVO_ERR_CONNECT, false, HINT_TLS },
    { "SSL", EVO_ERR_CONNECT, false, HINT_TLS },
    { "certificate", EVO_ERR_CONNECT, false, HINT_TLS },
    { "invalid ", EVO_ERR_CONFIG, false, HINT_PSQL }, /* sslmode value and the like */
    { "", EVO_ERR_CONNECT, true, HINT_READY },
};

static void set_hint(enum hint hint, const struct evo_conninfo *info, struct evo_error *err)
{
    EVO_AUTO(conninfo) admin = { 0 };
    const char *host = evo_conninfo_get(info, "host");
    const char *user = evo_conninfo_get(info, "user");
    switch (hint) {
    case HINT_PSQL:
        (void)evo_error_hint(err, "Try by hand: psql \"%s\"", info->redacted);
        return;
    case HINT_PASSWORD:
        (void)evo_error_hint(
            err, "Put the right password into DATABASE_URL or PGPASSWORD; try by hand: psql \"%s\"",
            info->redacted);
        return;
    case HINT_LIST:
        evo_conninfo_copy(&admin, info);
        evo_conninfo_set_database(&admin, "postgres");
        (void)evo_error_hint(err, "See which databases there are: psql --list \"%s\"", admin.redacted);
        return;
    case HINT_READY:
        (void)evo_error_hint(err, "See whether the server is up: pg_isready -d \"%s\"", info->redacted);
        return;
    case HINT_SESSIONS:
        (void)evo_error_hint(err,
                             "See who is connected, as a superuser: psql \"%s\" -c \"SELECT usename, "
                             "application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3\"",
                             info->redacted);
        return;
    case HINT_GRANT:
        (void)evo_error_hint(err, "As the database's owner: GRANT CONNECT ON DATABASE \"%s\" TO \"%s\"",
                             info->database, user ? user : "");
        return;
    case HINT_NAME:
        (void)evo_error_hint(err, "See whether the name is known: getent hosts %s", host ? host : "");
        return;
    case HINT_TLS:
        (void)evo_error_hint(err,
                             "Set sslmode and sslrootcert as the server needs them; try by hand: psql \"%s\"",
                             info->redacted);
        return;
    }
}

/* Five capitals and digits, ": " behind; a digit among them, as "FATAL" has none. */
static bool is_sqlstate(const char *s)
{
    return strcspn(s, "0123456789") < 5 && strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
           s[5] == ':' && s[6] == ' ';
}

/* Of `FATAL:  28P01: password authentication failed …`, the state and the text behind it. The severity is
 * translated, so the state is looked for by its form. */
static const char *split_server_line(const char *line, char ret_sqlstate[6])
{
    for (const char *p = line; (p = strchr(p, ':')) != NULL; p++) {
        const char *state = p + 1 + strspn(p + 1, " ");
        if (state > p + 1 && is_sqlstate(state)) {
            memcpy(ret_sqlstate, state, 5);
            ret_sqlstate[5] = '\0';
            return state + 7;
        }
    }
    return NULL;
}

/* The last attempt's line: of several addresses the last failure is libpq's answer. Lines that begin with a tab or
 * a capitalised word and a colon explain the one before. */
static const char *last_attempt(const char *text)
{
    const char *best = text;
    for (const char *line = text; *line;) {
        if (evo_starts_with(line, "connection to server") || evo_starts_with(line, "could not translate"))
            best = line;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return best;
}

static const struct cause *find_cause(const struct cause *table, const char *sqlstate, const char *text)
{
    while (*table->match) {
        if (sqlstate ? evo_starts_with(sqlstate, table->match) : strstr(text, table->match) != NULL)
            return table;
        table++;
    }
    return table;
}

enum evo_errc evo_pg_connect_error(const char *text, bool needs_password, const struct evo_conninfo *info,
                                   struct evo_error *err)
{
    const char *attempt = last_attempt(text);
    EVO_AUTO_STR line = evo_strndup(attempt, strcspn(attempt, "\n"));
    char sqlstate[6] = "";
    const char *message = split_server_line(line, sqlstate);
    if (!message) { /* libpq's own: without "connection to server … failed: ", which says what we say */
        const char *failed = evo_starts_with(line, "connection to server") ? strstr(line, " failed: ") : NULL;
        message = failed ? failed + strlen(" failed: ") : line;
        if (evo_starts_with(message, "fe_sendauth: "))
            message += strlen("fe_sendauth: ");
    }
    const struct cause *cause =
        *sqlstate ? find_cause(by_sqlstate, sqlstate, message)
                  : find_cause(by_text, NULL, needs_password ? "no password supplied" : line);
    (void)evo_error_set(err, cause->code, "could not connect to \"%s\": %s", info->redacted, message);
    if (err)
        err->retryable = cause->retryable;
    set_sqlstate(err, sqlstate);
    set_hint(cause->hint, info, err);
    return cause->code;
}
