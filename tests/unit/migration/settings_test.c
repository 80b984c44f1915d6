#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "migration/settings.h"

static void assert_has(const struct evo_strbuf *sb, const char *part)
{
    if (!strstr(sb->buf, part))
        fail_msg("\"%s\" is not in: %s", part, sb->buf);
}

static void test_reset_sets_everything_again_after_the_reset(void **state)
{
    (void)state;
    const struct evo_settings s = {
        .search_path = "\"my app\"", .lock_timeout_ms = 2000, .statement_timeout_ms = 0, .check_client = true
    };
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_reset(&s, &sql);
    const char *reset = strstr(sql.buf, "RESET ALL;");
    assert_non_null(reset);
    assert_non_null(strstr(reset, "SET search_path = \"my app\";"));
    assert_non_null(strstr(reset, "SET lock_timeout = 2000;"));
    assert_non_null(strstr(reset, "SET statement_timeout = 0;"));
    assert_non_null(strstr(reset, "SET client_connection_check_interval"));
    assert_non_null(strstr(reset, "SET client_encoding = 'UTF8';"));
    assert_has(&sql, "RESET SESSION AUTHORIZATION;");
    assert_has(&sql, "RESET ROLE;");
}

static void test_reset_leaves_the_role_its_search_path(void **state)
{
    (void)state;
    const struct evo_settings s = { .search_path = NULL };
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_reset(&s, &sql);
    assert_null(strstr(sql.buf, "search_path"));
    assert_null(strstr(sql.buf, "check_interval"));
}

static void test_discard_never_drops_the_session_lock(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_discard(&sql, true);
    assert_null(strstr(sql.buf, "DISCARD ALL"));
    assert_has(&sql, "DISCARD TEMP;");
}

static void test_timeouts_local_and_unset(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_settings_timeouts(-1, -1, true, &sql);
    assert_string_equal(sql.buf, "");
    evo_settings_timeouts(500, -1, true, &sql);
    assert_string_equal(sql.buf, "SET LOCAL lock_timeout = 500; ");
    evo_strbuf_clear(&sql);
    evo_settings_timeouts(0, 60000, false, &sql);
    assert_string_equal(sql.buf, "SET lock_timeout = 0; SET statement_timeout = 60000; ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_sets_everything_again_after_the_reset),
        cmocka_unit_test(test_reset_leaves_the_role_its_search_path),
        cmocka_unit_test(test_discard_never_drops_the_session_lock),
        cmocka_unit_test(test_timeouts_local_and_unset),
    };
    return cmocka_run_group_tests_name("migration/settings", tests, NULL, NULL);
}
