#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strbuf.h"

static void test_add_grows_and_stays_terminated(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    assert_string_equal(sb.buf, "");
    for (int i = 0; i < 1000; i++)
        evo_strbuf_addf(&sb, "%d,", i % 10);
    assert_int_equal(sb.len, 2000);
    assert_int_equal(sb.buf[2000], '\0');
    assert_true(evo_strbuf_ok(&sb));
}

static void test_add_over_the_limit_adds_nothing_and_is_remembered(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT_MAX(8);
    evo_strbuf_adds(&sb, "12345678");
    assert_true(evo_strbuf_ok(&sb));
    evo_strbuf_adds(&sb, "9");
    assert_false(evo_strbuf_ok(&sb));
    assert_string_equal(sb.buf, "12345678");
    evo_strbuf_clear(&sb);
    assert_true(evo_strbuf_ok(&sb));
    assert_int_equal(sb.len, 0);
}

static void test_trim_removes_white_space_at_both_ends(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    evo_strbuf_adds(&sb, " \r\n a b \t\n");
    evo_strbuf_trim(&sb);
    assert_string_equal(sb.buf, "a b");
    evo_strbuf_clear(&sb);
    evo_strbuf_adds(&sb, " \n ");
    evo_strbuf_trim(&sb);
    assert_string_equal(sb.buf, "");
}

static void test_detach_gives_the_string_away(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    evo_strbuf_adds(&sb, "mine");
    EVO_AUTO_STR s = evo_strbuf_detach(&sb);
    assert_string_equal(s, "mine");
    assert_string_equal(sb.buf, "");
    EVO_AUTO_STR empty = evo_strbuf_detach(&sb);
    assert_string_equal(empty, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_grows_and_stays_terminated),
        cmocka_unit_test(test_add_over_the_limit_adds_nothing_and_is_remembered),
        cmocka_unit_test(test_trim_removes_white_space_at_both_ends),
        cmocka_unit_test(test_detach_gives_the_string_away),
    };
    return cmocka_run_group_tests_name("base/strbuf", tests, NULL, NULL);
}
