/*
 * Who is in the way, and the view of a queue, against a real server.
 */
#include "cmocka_all.h"

#include "../pg/server.h"
#include "locks/graph.h"
#include "locks/way.h"

static void run(struct evo_pg *pg, const char *sql)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, sql, &err), &err);
}

static int table_setup(void **state)
{
    (void)server_setup(state);
    run(*state, "CREATE SCHEMA \"S x\"; CREATE TABLE \"S x\".\"T,\"\"\\\" (id int)");
    return 0;
}

static int table_teardown(void **state)
{
    run(*state, "DROP SCHEMA \"S x\" CASCADE");
    return server_teardown(state);
}

#define TABLE "\"S x\".\"T,\"\"\\\""

static void look(struct evo_pg *pg, enum evo_lock_mode mode, struct evo_way *ret)
{
    struct evo_error err = EVO_ERROR_INIT;
    const struct evo_way_lock locks[] = { { "not_there", EVO_LOCK_ACCESS_EXCLUSIVE }, { TABLE, mode } };
    assert_ok(evo_way_look(pg, locks, EVO_COUNT(locks), ret, &err), &err);
}

static void test_look_names_who_holds_a_conflicting_lock(void **state)
{
    struct evo_pg *pg = *state;
    EVO_AUTO_PTR(pg) reader = server_open(NULL);
    EVO_AUTO_PTR(pg) writer = server_open(NULL);
    run(reader, "BEGIN; SELECT FROM " TABLE);
    run(writer, "BEGIN; INSERT INTO " TABLE " VALUES (1)");
    EVO_AUTO(way) all = { .waiting = 0 };
    look(pg, EVO_LOCK_ACCESS_EXCLUSIVE, &all);
    assert_int_equal(all.holders.nsessions, 2);
    assert_int_equal(all.holders.sessions[0].pid, evo_pg_backend_pid(reader)); /* the older one */
    assert_string_equal(all.holders.sessions[0].application, "evo-test");
    assert_string_equal(all.holders.sessions[0].state, "idle in transaction");
    EVO_AUTO(way) share = { .waiting = 0 };
    look(pg, EVO_LOCK_SHARE, &share);
    assert_int_equal(share.holders.nsessions, 1);
    assert_int_equal(share.holders.sessions[0].pid, evo_pg_backend_pid(writer));
    EVO_AUTO(way) none = { .waiting = 0 };
    look(pg, EVO_LOCK_ACCESS_SHARE, &none);
    assert_int_equal(none.holders.nsessions, 0);
    assert_int_equal(none.waiting, 0);
}

static void test_look_leaves_our_own_session_out(void **state)
{
    struct evo_pg *pg = *state;
    EVO_AUTO(way) way = { .waiting = 0 };
    run(pg, "BEGIN; LOCK TABLE " TABLE);
    look(pg, EVO_LOCK_ACCESS_EXCLUSIVE, &way);
    run(pg, "ROLLBACK");
    assert_int_equal(way.holders.nsessions, 0);
}

static void test_look_of_nothing_asks_nothing(void **state)
{
    (void)state;
    EVO_AUTO(way) way = { .waiting = 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_way_look(NULL, NULL, 0, &way, &err), &err);
    assert_int_equal(way.holders.nsessions, 0);
}

static void test_locks_look_finds_nobody_where_nobody_waits(void **state)
{
    struct evo_pg *pg = *state;
    EVO_AUTO(locks_view) view = { .nwaits = 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_locks_look(pg, &view, &err), &err);
    assert_int_equal(view.nwaits, 0);
    assert_int_equal(view.nsessions, 0);
}

static void test_find_knows_a_session_by_its_pid(void **state)
{
    struct evo_pg *pg = *state;
    EVO_AUTO_PTR(pg) other = server_open(NULL);
    EVO_AUTO(locks_session) s = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    bool found = false;
    assert_ok(evo_locks_find(pg, evo_pg_backend_pid(other), &found, &s, &err), &err);
    assert_true(found);
    assert_string_equal(s.type, "client backend");
    assert_string_equal(s.database, evo_pg_database(pg));
    assert_true(s.superuser);
    EVO_AUTO_STR started = server_text(other, "SELECT to_char(backend_start AT TIME ZONE 'UTC', "
                                              "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM pg_stat_activity "
                                              "WHERE pid = pg_backend_pid()");
    assert_string_equal(s.started, started);
    found = true;
    assert_ok(evo_locks_find(pg, 2147483646, &found, &s, &err), &err);
    assert_false(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_look_names_who_holds_a_conflicting_lock, table_setup,
                                        table_teardown),
        cmocka_unit_test_setup_teardown(test_look_leaves_our_own_session_out, table_setup, table_teardown),
        cmocka_unit_test(test_look_of_nothing_asks_nothing),
        cmocka_unit_test_setup_teardown(test_locks_look_finds_nobody_where_nobody_waits, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(test_find_knows_a_session_by_its_pid, server_setup, server_teardown),
    };
    return cmocka_run_group_tests_name("locks/way", tests, server_begin, NULL);
}
