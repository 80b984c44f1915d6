/*
 * server.h - what the tests of a session share: the server of EVO_TEST_PGURL. Without it the whole group fails; a
 * test that did not run proves nothing.
 */
#ifndef EVO_TESTS_SERVER_PG_SERVER_H
#define EVO_TESTS_SERVER_PG_SERVER_H

#include "base/cancel.h"
#include "pg/conn.h"

/* Fails with the error's own text. */
#define assert_ok(call, err)                                                                        \
    do {                                                                                            \
        if (call)                                                                                   \
            fail_msg("%s (%s) %s %s", (err)->message, (err)->sqlstate, (err)->detail, (err)->hint); \
    } while (0)

static inline EVO_UNUSED int server_begin(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    if (!getenv("EVO_TEST_PGURL")) {
        print_error("EVO_TEST_PGURL must name a PostgreSQL server, for a superuser\n");
        return -1;
    }
    return evo_cancel_install(&err) ? -1 : 0;
}

static inline EVO_UNUSED void server_conninfo(struct evo_conninfo *ret)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_conninfo_parse(getenv("EVO_TEST_PGURL"), ret, &err), &err);
}

static inline EVO_UNUSED struct evo_pg *server_open(struct evo_task *task)
{
    EVO_AUTO(conninfo) info = { 0 };
    server_conninfo(&info);
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_pg *pg = NULL;
    const struct evo_pg_options options = { .application_name = "evo-test", .task = task };
    assert_ok(evo_pg_open(&info, &options, &pg, &err), &err);
    return pg;
}

/* For a second thread, which cmocka's assertions cannot leave: NULL on failure. */
static inline EVO_UNUSED struct evo_pg *server_open_unwatched(void)
{
    EVO_AUTO(conninfo) info = { 0 };
    struct evo_pg *pg = NULL;
    if (evo_conninfo_parse(getenv("EVO_TEST_PGURL"), &info, NULL) || evo_pg_open(&info, NULL, &pg, NULL))
        return NULL;
    return pg;
}

static inline EVO_UNUSED int server_setup(void **state)
{
    *state = server_open(NULL);
    return 0;
}

static inline EVO_UNUSED int server_teardown(void **state)
{
    evo_cancel_acknowledge();
    evo_pg_close(*state);
    return 0;
}

/* The first column of the first row; the caller frees. */
static inline EVO_UNUSED char *server_text(struct evo_pg *pg, const char *sql)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    assert_ok(evo_pg_query(pg, sql, 0, NULL, &r, &err), &err);
    assert_true(evo_pg_rows(r) > 0);
    return evo_strdup(evo_pg_value(r, 0, 0));
}

#endif
