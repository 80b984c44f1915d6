#include "made.h"

#include "base/utf8.h"
#include "locks/advisory.h"
#include "locks/describe.h"

static void test_clean_takes_control_characters_and_line_ends_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        { "UPDATE t\n\t SET a = 1", "UPDATE t SET a = 1" },
        { "a\x1b[31mb\x7f", "a [31mb" },
        { "a\xC2\x9B"
          "31mb",
          "a 31mb" }, /* CSI as one character of C1 */
        { "gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F" },
        { "  \n ", "" },
        { "", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR got = evo_locks_clean(rows[i].text, 100);
        assert_string_equal(got, rows[i].expected);
    }
    assert_null(evo_locks_clean(NULL, 100));
}

static void test_clean_cuts_on_a_characters_boundary(void **state)
{
    (void)state;
    EVO_AUTO_STR exact = evo_locks_clean("abcd", 4);
    EVO_AUTO_STR cut = evo_locks_clean("abc\xC3\xBC\xC3\xBC", 4);
    assert_string_equal(exact, "abcd");
    assert_string_equal(cut, "abc…");
    assert_true(evo_utf8_valid(cut, strlen(cut)));
}

static void test_query_with_a_password_is_not_shown(void **state)
{
    (void)state;
    assert_null(evo_locks_query("ALTER ROLE x PassWord 'canary'"));
    assert_null(evo_locks_query(NULL));
    EVO_AUTO_STR shown = evo_locks_query("SELECT 'literal'");
    assert_string_equal(shown, "SELECT 'literal'");
}

static void assert_described(const struct evo_locks_session *s, const char *expected)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_locks_describe(s, &out);
    assert_string_equal(out.buf, expected);
}

static void test_describe_says_who_what_and_since_when(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    struct evo_locks_session *s = &v.sessions[made_session(&v, 42)];
    s = v.sessions;
    assert_described(s, "pid 42 (user \"app\", application \"a42\", active for 1.0 s): SELECT 42");
    s->transaction_ms = -1;
    assert_described(s, "pid 42 (user \"app\", application \"a42\", active for 500 ms): SELECT 42");
    free(s->query);
    s->query = NULL;
    assert_described(s, "pid 42 (user \"app\", application \"a42\", active for 500 ms): its query is hidden");
}

static void test_describe_of_what_may_not_be_seen(void **state)
{
    (void)state;
    const struct evo_locks_session s = {
        .pid = 7, .hidden = true, .user = (char[]){ "app" }, .transaction_ms = -1, .state_ms = -1
    };
    assert_described(&s, "pid 7 (user \"app\", its state is hidden): its query is hidden");
}

static void test_describe_of_a_prepared_transaction_and_of_the_servers_own(void **state)
{
    (void)state;
    const struct evo_locks_session prepared = { .gid = (char[]){ "g" },
                                                .user = (char[]){ "app" },
                                                .state = (char[]){ "prepared" },
                                                .transaction_ms = 3000,
                                                .state_ms = 3000 };
    assert_described(&prepared, "prepared transaction \"g\" (user \"app\", prepared for 3.0 s)");
    const struct evo_locks_session vacuum = { .pid = 8,
                                              .type = (char[]){ "autovacuum worker" },
                                              .state = (char[]){ "active" },
                                              .query = (char[]){ "autovacuum: VACUUM public.t" },
                                              .transaction_ms = -1,
                                              .state_ms = -1 };
    assert_described(&vacuum, "pid 8 (autovacuum worker, active): autovacuum: VACUUM public.t");
}

static void test_advisory_name_knows_whose_lock_it_is(void **state)
{
    (void)state;
    static const struct {
        uint32_t classid, objid;
        int objsubid;
        const char *name;
    } rows[] = {
        { 0, 72707369, 1, "Prisma's migration lock" },
        { 0x65766f6d, 0x69670001, 1, "evo's migration lock" },
        { 0x65766f72, 0x756e0001, 1, "evo's run lock" },
        { 0, 42, 1, "advisory lock 42" },
        { 0xFFFFFFFF, 0xFFFFFFFF, 1, "advisory lock -1" },
        { 1, 0xFFFFFFFE, 2, "advisory lock (1, -2)" },
        { 0, 72707369, 2, "advisory lock (0, 72707369)" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR name = evo_advisory_name(rows[i].classid, rows[i].objid, rows[i].objsubid);
        assert_string_equal(name, rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_takes_control_characters_and_line_ends_out),
        cmocka_unit_test(test_clean_cuts_on_a_characters_boundary),
        cmocka_unit_test(test_query_with_a_password_is_not_shown),
        cmocka_unit_test(test_describe_says_who_what_and_since_when),
        cmocka_unit_test(test_describe_of_what_may_not_be_seen),
        cmocka_unit_test(test_describe_of_a_prepared_transaction_and_of_the_servers_own),
        cmocka_unit_test(test_advisory_name_knows_whose_lock_it_is),
    };
    return cmocka_run_group_tests_name("locks/describe", tests, NULL, NULL);
}
