#include "pg/internal.h"

#include "base/cancel.h"
#include "base/parse.h"

/*
 * What must be known of the server before it is trusted with work: that sessions are sessions, that it is the
 * database that was meant, and what became of a transaction whose COMMIT had no answer.
 */

/* ---- poolers ------------------------------------------------------------------ */

/* A second session waits for its turn where every backend of a pool is taken: no longer than this. */
#define SECOND_SESSION_MS 3000
#define ROUNDS            4

static enum evo_errc ask_pid(struct evo_pg *pg, int *ret, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, "SELECT pg_catalog.pg_backend_pid()", 0, NULL, &r, err);
    if (!rc)
        *ret = (int)evo_pg_value_int(r, 0, 0, 0);
    return rc;
}

/* Two live sessions of a session pooler have two backends, and keep them. Of a transaction pooler's they share one,
 * or one of them changes it: either is proof. Other clients may take the freed backend in between, hence the rounds;
 * under such traffic a change shows soon. */
static enum evo_errc backends_are_shared(struct evo_pg *pg, int first, struct evo_pg *second, bool *ret,
                                         struct evo_error *err)
{
    int second_first = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int theirs, ours;
        second->deadline = evo_deadline_in(SECOND_SESSION_MS);
        enum evo_errc rc = ask_pid(second, &theirs, NULL);
        if (rc && evo_cancelled())
            return evo_cancel_check(err);
        if (rc) /* it waits for a backend that is ours alone, or the pooler would not have it */
            return EVO_OK;
        rc = ask_pid(pg, &ours, err);
        if (rc)
            return rc;
        if (round == 0)
            second_first = theirs;
        if (theirs == ours || ours != first || theirs != second_first) {
            *ret = true;
            return EVO_OK;
        }
    }
    return EVO_OK;
}

enum evo_errc evo_pg_refuse_pooler(struct evo_pg *pg, const struct evo_conninfo *info, struct evo_error *err)
{
    int pid;
    enum evo_errc rc = ask_pid(pg, &pid, err);
    if (rc || pid == PQbackendPID(pg->conn))
        return rc;
    EVO_AUTO_PTR(pg) second = NULL;
    const struct evo_pg_options options = { .connect_timeout_ms = SECOND_SESSION_MS };
    bool shared = false;
    rc = evo_pg_open(info, &options, &second, NULL);
    if (rc && evo_cancelled())
        return evo_cancel_check(err);
    if (rc) {
        evo_warn(pg->task,
                 "a connection pooler stands before the server, and a second session to find out whether "
                 "it keeps sessions apart could not be opened");
        return EVO_OK;
    }
    rc = backends_are_shared(pg, pid, second, &shared, err);
    second->lost = true; /* closed without asking it to end what it waits for */
    if (rc || !shared)
        return rc;
    (void)evo_error_set(err, EVO_ERR_UNSUPPORTED, "cannot work through a transaction pooler at \"%s\"",
                        pg->redacted);
    (void)evo_error_detail(err,
                           "Two sessions share one server process: settings and locks of a session do not "
                           "hold there.");
    return evo_error_hint(
        err,
        "Set DIRECT_URL to the server's own address (Prisma's directUrl), which is taken "
        "before DATABASE_URL: export DIRECT_URL=\"postgresql://user:password@host:5432/%s\"",
        info->database);
}

/* ---- a COMMIT without an answer ----------------------------------------------- */

enum evo_errc evo_pg_xact_verdict(struct evo_pg *pg, const char *xid, enum evo_pg_verdict *ret,
                                  struct evo_error *err)
{
    static const struct {
        const char *text;
        enum evo_pg_verdict verdict;
    } table[] = {
        { "committed", EVO_PG_COMMITTED },
        { "aborted", EVO_PG_ABORTED },
        { "in progress", EVO_PG_IN_PROGRESS },
    };
    EVO_AUTO_PTR(pg_result) r = NULL;
    uint64_t number;
    /* The server's own parser takes any text for 0 before version 16. */
    if (!evo_parse_uint64(xid, UINT64_MAX, &number))
        return evo_error_set(err, EVO_ERR_INTERNAL, "not a transaction id: \"%s\"", xid);
    /* The parameter's type (xid8, bigint before 13) is the function's own. */
    enum evo_errc rc =
        evo_pg_query(pg, "SELECT pg_catalog.pg_xact_status($1)", 1, (const char *const[]){ xid }, &r, err);
    if (rc)
        return rc;
    enum evo_pg_verdict verdict = EVO_PG_VERDICT_UNKNOWN; /* NULL: too old to be remembered */
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        if (evo_streq(evo_pg_value(r, 0, 0), table[i].text))
            verdict = table[i].verdict;
    *ret = verdict;
    return EVO_OK;
}

/* ---- the database that was meant ---------------------------------------------- */

static enum evo_errc compare(struct evo_pg *pg, const char *sql, const char *what, const char *expected,
                             const char *option, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    if (rc) {
        (void)evo_error_prefix(err, "could not check the %s", what);
        return rc;
    }
    const char *found = evo_pg_value(r, 0, 0);
    if (evo_streq(found, expected))
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_CONFIG, "refused: the %s is \"%s\", expected \"%s\"", what,
                        found ? found : "", expected);
    (void)evo_error_detail(err, "Nothing was changed. The session is at \"%s\".", pg->redacted);
    return evo_error_hint(
        err,
        "Correct DATABASE_URL, or the option \"%s\" if this is the right one; see where the "
        "values come from: evo status --show-config",
        option);
}

enum evo_errc evo_pg_guard(struct evo_pg *pg, const char *expect_database,
                           const char *expect_system_identifier, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    if (expect_database)
        rc = compare(pg, "SELECT pg_catalog.current_database()", "database's name", expect_database,
                     "expect-database", err);
    if (!rc && expect_system_identifier)
        rc = compare(pg, "SELECT system_identifier FROM pg_catalog.pg_control_system()", "system identifier",
                     expect_system_identifier, "expect-system-identifier", err);
    return rc;
}
