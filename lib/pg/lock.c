#include "pg/internal.h"

#include <inttypes.h>
#include <strings.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "pg/lock.h"

#define FIRST_PAUSE_MS 50
#define MAX_PAUSE_MS   1000
#define QUERY_SHOWN    160

static enum evo_errc try_lock(struct evo_pg *pg, const char *key, bool *ret_got, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, "SELECT pg_catalog.pg_try_advisory_lock($1::pg_catalog.int8)", 1,
                                    (const char *const[]){ key }, &r, err);
    if (!rc)
        *ret_got = evo_pg_value_bool(r, 0, 0);
    return rc;
}

/* ---- who holds it ------------------------------------------------------------- */

struct holder {
    char *text; /* a sentence's worth; NULL: nobody, any more */
    int64_t pid;
};

static void holder_release(struct holder *h)
{
    free(h->text);
    *h = (struct holder){ 0 };
}
#define AUTO_HOLDER __attribute__((cleanup(holder_release))) struct holder

static const char *seen(const struct evo_pg_result *r, int column)
{
    const char *value = evo_pg_value(r, 0, column);
    return value && *value ? value : "hidden";
}

/* On one line, cut; not at all where it may hold somebody's password. */
static void add_query(struct evo_strbuf *out, const char *query)
{
    if (!query || evo_streq(query, "<insufficient privilege>") || strcasestr(query, "password")) {
        evo_strbuf_adds(out, "its query is hidden");
        return;
    }
    if (!*query) {
        evo_strbuf_adds(out, "it ran no query yet");
        return;
    }
    size_t n = strlen(query);
    size_t cut = n <= QUERY_SHOWN ? n : evo_utf8_cut(query, n, QUERY_SHOWN);
    evo_strbuf_adds(out, "its query is \"");
    for (size_t i = 0; i < cut; i++)
        evo_strbuf_addch(out, (unsigned char)query[i] < ' ' ? ' ' : query[i]);
    evo_strbuf_adds(out, cut < n ? "...\"" : "\"");
}

/* A 64-bit key stands in pg_locks as its two halves, with objsubid 1. */
static const char holder_sql[] =
    "SELECT l.pid, a.usename, a.application_name,"
    " CASE WHEN a.backend_start IS NULL THEN NULL WHEN a.client_addr IS NULL THEN 'local'"
    " ELSE pg_catalog.host(a.client_addr) END,"
    " a.state, pg_catalog.to_char(a.state_change AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
    "a.query"
    " FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.classid = $1::pg_catalog.oid AND l.objid = $2::pg_catalog.oid"
    " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    " LIMIT 1";

/* That nobody is found, or the question fails, is no error of its own. */
static void find_holder(struct evo_pg *pg, int64_t key, struct holder *ret)
{
    char high[16], low[16];
    (void)snprintf(high, sizeof(high), "%" PRIu32, (uint32_t)((uint64_t)key >> 32));
    (void)snprintf(low, sizeof(low), "%" PRIu32, (uint32_t)((uint64_t)key & UINT32_MAX));
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (evo_pg_query(pg, holder_sql, 2, (const char *const[]){ high, low }, &r, NULL) || evo_pg_rows(r) == 0)
        return;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_addf(&text,
                    "session %s of user \"%s\" (application \"%s\", address %s) has been %s since %s; ",
                    seen(r, 0), seen(r, 1), seen(r, 2), seen(r, 3), seen(r, 4), seen(r, 5));
    add_query(&text, evo_pg_value(r, 0, 6));
    ret->text = evo_strbuf_detach(&text);
    ret->pid = evo_pg_value_int(r, 0, 0, 0);
}

static enum evo_errc unavailable(struct evo_pg *pg, int64_t key, const char *what, struct evo_error *err)
{
    AUTO_HOLDER h = { 0 };
    find_holder(pg, key, &h);
    (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE, "could not take the %s: another session holds it",
                        what);
    if (err)
        err->retryable = true;
    if (!h.text)
        return evo_error_detail(err, "The holder could not be found: it may have ended just now.");
    (void)evo_error_detail(err, "It is held by %s.", h.text);
    return evo_error_hint(err,
                          "Wait for it to end; if it is left over, end it: psql \"%s\" -c \"SELECT "
                          "pg_terminate_backend(%" PRId64 ")\"",
                          evo_pg_redacted(pg), h.pid);
}

/* ---- taking it ---------------------------------------------------------------- */

static void say_waiting(struct evo_pg *pg, int64_t key, const char *what, struct evo_task *task)
{
    AUTO_HOLDER h = { 0 };
    find_holder(pg, key, &h);
    evo_notice(task, "waiting for the %s, held by %s", what, h.text ? h.text : "another session");
}

enum evo_errc evo_pg_lock(struct evo_pg *pg, int64_t key, int64_t wait_ms, const char *what,
                          struct evo_task *task, struct evo_error *err)
{
    struct evo_deadline deadline = wait_ms < 0 ? EVO_DEADLINE_NEVER : evo_deadline_in(wait_ms);
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRId64, key);
    for (int64_t pause = FIRST_PAUSE_MS;; pause = pause * 2 < MAX_PAUSE_MS ? pause * 2 : MAX_PAUSE_MS) {
        bool got = false;
        enum evo_errc rc = try_lock(pg, text, &got, err);
        if (rc) {
            (void)evo_error_prefix(err, "could not take the %s", what);
            return rc;
        }
        if (got)
            return EVO_OK;
        if (evo_deadline_passed(deadline))
            return unavailable(pg, key, what, err);
        if (pause == FIRST_PAUSE_MS)
            say_waiting(pg, key, what, task);
        int left = evo_deadline_left(deadline);
        rc = evo_cancel_sleep(left >= 0 && left < pause ? left : pause, err);
        if (rc)
            return rc;
    }
}

bool evo_pg_unlock(struct evo_pg *pg, int64_t key)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRId64, key);
    EVO_AUTO_PTR(pg_result) r = NULL;
    evo_pg_cleanup_begin(pg);
    enum evo_errc rc = evo_pg_query(pg, "SELECT pg_catalog.pg_advisory_unlock($1::pg_catalog.int8)", 1,
                                    (const char *const[]){ text }, &r, NULL);
    evo_pg_cleanup_end(pg);
    return !rc && evo_pg_value_bool(r, 0, 0);
}
