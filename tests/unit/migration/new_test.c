#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "migration/new.h"

/* 2026-11-22T10:15:00Z */
#define NOW ((int64_t)1795342500 * 1000)

static void test_version_follows_the_style_of_the_last_one(void **state)
{
    (void)state;
    static const struct {
        const char *last, *expected;
    } rows[] = {
        { NULL, "20261122101500" },
        { "20250101000000", "20261122101500" },
        { "20261122101500", "20261122101501" }, /* the same second */
        { "20270101000000", "20270101000001" }, /* a clock that was wrong */
        { "0001", "0002" },
        { "0099", "0100" },
        { "9", "10" },
        { "20240115", "20240116" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR version = evo_new_version(rows[i].last, NOW);
        assert_string_equal(version, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_follows_the_style_of_the_last_one),
    };
    return cmocka_run_group_tests_name("migration/new", tests, NULL, NULL);
}
