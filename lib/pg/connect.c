#include "pg/internal.h"

#include <ctype.h>
#include <poll.h>

#include "base/cancel.h"
#include "base/parse.h"

#define CONNECT_TIMEOUT_MS 10000

static void take_notice(void *ctx, const PGresult *r)
{
    struct evo_pg *pg = ctx;
    const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    if (!message)
        return;
    char word[16] = "notice";
    for (size_t i = 0; severity && i < sizeof(word) - 1; i++) {
        word[i] = (char)tolower((unsigned char)severity[i]);
        if (!severity[i])
            break;
    }
    evo_debug(pg->task, "server %s: %s", word, message);
}

/* ---- parameters --------------------------------------------------------------- */

/* What evo adds where the user says nothing. A quiet connection through a NAT is forgotten within minutes, and a
 * dead one is noticed after hours: a migration waits that long for its answer. */
static const char *const additions[][2] = {
    { "keepalives_idle", "60" },
    { "keepalives_interval", "10" },
    { "keepalives_count", "6" },
};

struct parameters {
    const char **keywords, **values;
    size_t count;
};

static void add(struct parameters *p, const char *keyword, const char *value)
{
    p->keywords[p->count] = keyword;
    p->values[p->count++] = value;
}

static PGconn *start(const struct evo_conninfo *info, const char *application)
{
    size_t max = info->keywords.count / 2 + EVO_COUNT(additions) + 3;
    struct parameters p = { evo_calloc(max, sizeof(char *)), evo_calloc(max, sizeof(char *)), 0 };
    for (size_t i = 0; i + 1 < info->keywords.count; i += 2)
        add(&p, info->keywords.items[i], info->keywords.items[i + 1]);
    if (evo_secret_is_set(&info->password))
        add(&p, "password", evo_secret_reveal(&info->password));
    add(&p, "fallback_application_name", application);
    for (size_t i = 0; i < EVO_COUNT(additions); i++)
        if (!evo_conninfo_get(info, additions[i][0]))
            add(&p, additions[i][0], additions[i][1]);
    PGconn *conn = PQconnectStartParams(p.keywords, p.values, 0);
    free(p.keywords);
    free(p.values);
    return conn;
}

static int64_t timeout_of(const struct evo_conninfo *info, const struct evo_pg_options *options)
{
    int64_t seconds = 0;
    const char *text = evo_conninfo_get(info, "connect_timeout");
    if (options->connect_timeout_ms > 0)
        return options->connect_timeout_ms;
    if (text && evo_parse_int64(text, 1, 24 * 3600, &seconds))
        return seconds * 1000;
    return CONNECT_TIMEOUT_MS;
}

/* ---- connecting --------------------------------------------------------------- */

static enum evo_errc connect_failed(struct evo_pg *pg, const struct evo_conninfo *info, struct evo_error *err)
{
    bool needs_password = PQconnectionNeedsPassword(pg->conn);
    return evo_pg_connect_error(PQerrorMessage(pg->conn), needs_password, info, err);
}

static enum evo_errc no_answer(const struct evo_conninfo *info, int64_t ms, struct evo_error *err)
{
    char text[EVO_HUMAN_MAX];
    (void)evo_error_set(err, EVO_ERR_CONNECT, "could not connect to \"%s\": no answer within %s",
                        info->redacted, evo_format_duration(ms, text));
    if (err)
        err->retryable = true;
    return evo_error_hint(err, "See whether the server is up: pg_isready -d \"%s\"", info->redacted);
}

static enum evo_errc finish_connecting(struct evo_pg *pg, const struct evo_conninfo *info, int64_t timeout_ms,
                                       struct evo_error *err)
{
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        return connect_failed(pg, info, err);
    pg->deadline = evo_deadline_in(timeout_ms);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        enum evo_errc rc = evo_pg_wait(pg, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, err);
        if (rc == EVO_ERR_TIMEOUT)
            return no_answer(info, timeout_ms, err);
        if (rc)
            return rc;
        state = PQconnectPoll(pg->conn);
        if (state == PGRES_POLLING_FAILED)
            return connect_failed(pg, info, err);
    }
    pg->deadline = EVO_DEADLINE_NEVER;
    return EVO_OK;
}

/* Only what is not so already: each SET is a round trip. */
static enum evo_errc settle_session(struct evo_pg *pg, struct evo_error *err)
{
    if (PQsetnonblocking(pg->conn, 1) != 0)
        return evo_pg_lost(pg, PQerrorMessage(pg->conn), err);
    if (evo_streq(PQparameterStatus(pg->conn, "client_encoding"), "UTF8") &&
        evo_streq(PQparameterStatus(pg->conn, "standard_conforming_strings"), "on"))
        return EVO_OK;
    return evo_pg_exec(pg, "SET client_encoding TO 'UTF8'; SET standard_conforming_strings TO on", err);
}

enum evo_errc evo_pg_open(const struct evo_conninfo *info, const struct evo_pg_options *options,
                          struct evo_pg **ret, struct evo_error *err)
{
    static const struct evo_pg_options none = { 0 };
    if (!options)
        options = &none;
    enum evo_errc rc = evo_cancel_check(err);
    if (rc)
        return rc;
    EVO_AUTO_PTR(pg) pg = evo_calloc(1, sizeof(*pg));
    *pg = (struct evo_pg){ .task = options->task, .deadline = EVO_DEADLINE_NEVER };
    pg->redacted = evo_strdup(info->redacted);
    pg->conn = start(info, options->application_name ? options->application_name : "evo");
    if (!pg->conn)
        return evo_error_set(err, EVO_ERR_INTERNAL, "out of memory");
    (void)PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE); /* for evo_pg_connect_error() */
    (void)PQsetNoticeReceiver(pg->conn, take_notice, pg);
    rc = finish_connecting(pg, info, timeout_of(info, options), err);
    if (rc)
        return rc;
    if (!evo_streq(PQpass(pg->conn), PQuser(pg->conn)))
        evo_redact_add(PQpass(pg->conn)); /* ~/.pgpass was libpq's to read */
    pg->database = evo_strdup(PQdb(pg->conn));
    const char *version = PQparameterStatus(pg->conn, "server_version");
    pg->version_text = version ? evo_strndup(version, strcspn(version, " ")) : evo_strdup("");
    rc = settle_session(pg, err);
    if (rc)
        return rc;
    *ret = pg;
    pg = NULL;
    return EVO_OK;
}

void evo_pg_close(struct evo_pg *pg)
{
    if (!pg)
        return;
    if (pg->conn && evo_pg_alive(pg) && PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE)
        evo_pg_abandon(pg);
    PQfinish(pg->conn);
    free(pg->redacted);
    free(pg->database);
    free(pg->version_text);
    free(pg);
}

/* ---- what is known of it ------------------------------------------------------ */

int evo_pg_version(const struct evo_pg *pg)
{
    return PQserverVersion(pg->conn);
}

const char *evo_pg_version_text(const struct evo_pg *pg)
{
    return pg->version_text;
}

int evo_pg_backend_pid(const struct evo_pg *pg)
{
    return PQbackendPID(pg->conn);
}

bool evo_pg_alive(const struct evo_pg *pg)
{
    return !pg->lost && PQstatus(pg->conn) == CONNECTION_OK;
}

bool evo_pg_in_transaction(const struct evo_pg *pg)
{
    PGTransactionStatusType status = PQtransactionStatus(pg->conn);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

const char *evo_pg_database(const struct evo_pg *pg)
{
    return pg->database;
}

const char *evo_pg_redacted(const struct evo_pg *pg)
{
    return pg->redacted;
}
