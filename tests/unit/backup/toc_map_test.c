#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/toc_map.h"

static void test_find_by_id(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_toc_entry items[] = { { .id = 30 }, { .id = 2 }, { .id = INT32_MAX } };
    const struct evo_toc toc = { .items = items, .count = EVO_COUNT(items) };
    EVO_AUTO(toc_map) map = { 0 };
    assert_int_equal(evo_toc_map_build(&toc, &map, &err), EVO_OK);
    assert_int_equal(evo_toc_map_find(&map, 30), 0);
    assert_int_equal(evo_toc_map_find(&map, 2), 1);
    assert_int_equal(evo_toc_map_find(&map, INT32_MAX), 2);
    assert_int_equal(evo_toc_map_find(&map, 3), EVO_TOC_MAP_NONE);
}

static void test_build_refuses_an_id_twice(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_toc_entry items[] = { { .id = 7 }, { .id = 2 }, { .id = 7 } };
    const struct evo_toc toc = { .items = items, .count = EVO_COUNT(items) };
    EVO_AUTO(toc_map) map = { 0 };
    assert_int_equal(evo_toc_map_build(&toc, &map, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "table of contents is damaged: two entries have the id 7");
}

static void test_find_in_none(void **state)
{
    (void)state;
    EVO_AUTO(toc_map) map = { 0 };
    assert_int_equal(evo_toc_map_find(&map, 1), EVO_TOC_MAP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_by_id),
        cmocka_unit_test(test_build_refuses_an_id_twice),
        cmocka_unit_test(test_find_in_none),
    };
    return cmocka_run_group_tests_name("backup/toc_map", tests, NULL, NULL);
}
