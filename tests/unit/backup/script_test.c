#include "cmocka_all.h"

#include <string.h>

#include "backup/script.h"
#include "base/strbuf.h"

static void check(const char *script, const char *want)
{
    EVO_AUTO_STR copy = evo_strdup(script);
    evo_script_tidy(copy);
    assert_string_equal(copy, want);
}

static void test_tidy_takes_the_frame_away(void **state)
{
    (void)state;
    check("--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from\n\nSET x = 1;\nSELECT "
          "1;\n\n--\n-- "
          "complete\n--\n\n\\unrestrict abc\n\n",
          "--\n-- PostgreSQL database dump\n--\n\n             \n\n-- Dumped from\n\nSET x = 1;\nSELECT "
          "1;\n\n--\n-- "
          "complete\n--\n\n               \n\n");
}

static void test_tidy_leaves_what_entries_say(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "\n",
        "--",
        "SELECT '\n\\restrict abc\n';\n",
        "SELECT '\n\\unrestrict abc\n';\n",
        "SELECT 1;\nSET lock_timeout = 0;\n",
        "SET a = 0;\n\n--\n-- Name: f\n--\n\nCREATE FUNCTION f() AS '\nSET lock_timeout = 0;\n';\n",
        "SET lock_timeout = 0",
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        check(rows[i], rows[i]);
}

static void test_tidy_leaves_the_lock_timeout_alone_that_is_set(void **state)
{
    (void)state;
    check("\nSET statement_timeout = 0;\nSET lock_timeout = 0;\nSET other = 0;\n",
          "\nSET statement_timeout = 0;\n                     \nSET other = 0;\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tidy_takes_the_frame_away),
        cmocka_unit_test(test_tidy_leaves_what_entries_say),
        cmocka_unit_test(test_tidy_leaves_the_lock_timeout_alone_that_is_set),
    };
    return cmocka_run_group_tests_name("backup/script", tests, NULL, NULL);
}
