#include "cmocka_all.h"

#include <string.h>

#include "locks/kill.h"

#define STARTED "2026-11-26T08:00:00.000042Z"

/* Each row: what differs from an ordinary session, and what is said. */
struct row {
    const char *type, *state, *query, *database, *started, *meant;
    bool superuser, own, cancel;
    enum evo_errc code;
    const char *says;
};

static void assert_judged(const struct row *row)
{
    const struct evo_locks_session s = {
        .pid = 42,
        .user = (char *)"app",
        .superuser = row->superuser,
        .type = (char *)(row->type ? row->type : "client backend"),
        .state = (char *)(row->state ? row->state : "active"),
        .query = (char *)row->query,
        .database = (char *)(row->database ? row->database : "shop"),
        .started = (char *)(evo_streq(row->started, "hidden") ? NULL : STARTED),
    };
    const struct evo_kill k = { .pid = 42, .started = row->meant, .cancel = row->cancel };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_kill_judge(&k, &s, row->own ? 42 : 7, "shop", &err), row->code);
    if (row->says && !strstr(err.message, row->says))
        fail_msg("\"%s\" is not in \"%s\"", row->says, err.message);
}

static void test_judge_lets_an_ordinary_session_be_ended(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { .code = EVO_OK },
        { .meant = STARTED },
        { .state = "idle in transaction" },
        { .cancel = true },
        { .type = "autovacuum worker", .query = "autovacuum: VACUUM public.t" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_judged(&rows[i]);
}

static void test_judge_refuses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { .own = true, .code = EVO_ERR_PERMISSION, .says = "this very session" },
        { .superuser = true, .code = EVO_ERR_PERMISSION, .says = "superuser, app" },
        { .started = "hidden", .code = EVO_ERR_PERMISSION, .says = "may not see" },
        { .type = "walsender", .code = EVO_ERR_PERMISSION, .says = "write-ahead log" },
        { .type = "parallel worker", .code = EVO_ERR_PERMISSION, .says = "parallel query" },
        { .type = "checkpointer", .code = EVO_ERR_PERMISSION, .says = "server's own, checkpointer" },
        { .type = "logical replication worker", .code = EVO_ERR_PERMISSION, .says = "server's own" },
        { .type = "autovacuum worker",
          .query = "autovacuum: VACUUM public.t (to prevent wraparound)",
          .code = EVO_ERR_PERMISSION,
          .says = "wraparound" },
        { .type = "autovacuum worker", .code = EVO_ERR_PERMISSION, .says = "wraparound" },
        { .database = "other", .code = EVO_ERR_PERMISSION, .says = "another database, other" },
        { .meant = "2026-11-26T08:00:00.000041Z", .code = EVO_ERR_NOT_FOUND, .says = "has ended" },
        { .cancel = true, .state = "idle", .code = EVO_ERR_USAGE, .says = "it is idle" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_judged(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_lets_an_ordinary_session_be_ended),
        cmocka_unit_test(test_judge_refuses),
    };
    return cmocka_run_group_tests_name("locks/kill", tests, NULL, NULL);
}
