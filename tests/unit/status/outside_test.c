#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "status/outside.h"

static void test_backup_id_time(void **state)
{
    (void)state;
    int64_t at = -1;
    assert_true(evo_backup_id_time("20261122T101500Z-3f9a2c", &at));
    assert_int_equal(at, 1795342500000);
    static const char *const none[] = { "",
                                        "20261122",
                                        "20261122T101500Z",
                                        "20261122T101500-3f9a2c",
                                        "2026-11-22T10:15:00Z",
                                        "20261322T101500Z-3f9a2c",
                                        "junk",
                                        "20261122T1015",
                                        "x0261122T101500Z-3f9a2c" };
    for (size_t i = 0; i < EVO_COUNT(none); i++)
        assert_false(evo_backup_id_time(none[i], &at));
    assert_int_equal(at, 1795342500000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_backup_id_time) };
    return cmocka_run_group_tests_name("status/outside", tests, NULL, NULL);
}
