#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/nearest.h"

static void test_nearest_finds_a_slip_and_nothing_far(void **state)
{
    (void)state;
    static const char *const names[] = { "database", "store", "steps", "statement-timeout" };
    assert_string_equal(evo_nearest("databse", names, EVO_COUNT(names)), "database");
    assert_string_equal(evo_nearest("statement-timout", names, EVO_COUNT(names)), "statement-timeout");
    assert_null(evo_nearest("frobnicate", names, EVO_COUNT(names)));
    assert_string_equal(evo_nearest("stat", names, EVO_COUNT(names)), "statement-timeout");
    assert_null(evo_nearest("database", NULL, 0));
}

static void test_nearest_takes_names_as_long_as_files_have(void **state)
{
    (void)state;
    static const char name[] =
        "20250101000000_a_migration_whose_name_says_everything_that_it_does_to_the_schema";
    static const char *const names[] = { "20250101000000_other", name };
    assert_ptr_equal(
        evo_nearest("20250101000000_a_migration_whose_name_says_everything_that_it_does_to_the_schem", names,
                    EVO_COUNT(names)),
        name);
}

static void test_part_is_enough_of_a_name(void **state)
{
    (void)state;
    static const char *const names[] = { "20250101000000_init", "20250102000000_user_status" };
    static const struct {
        const char *typed, *expected;
    } rows[] = { { "user_status", "20250102000000_user_status" },
                 { "20250102000000_user_statsu", "20250102000000_user_status" },
                 { "20250101000000_init", NULL },
                 { "", NULL },
                 { "nothing like it at all", NULL } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        const char *found = evo_nearest_or_part(rows[i].typed, names, EVO_COUNT(names));
        if (!rows[i].expected)
            assert_null(found);
        else
            assert_string_equal(found, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest_finds_a_slip_and_nothing_far),
        cmocka_unit_test(test_nearest_takes_names_as_long_as_files_have),
        cmocka_unit_test(test_part_is_enough_of_a_name),
    };
    return cmocka_run_group_tests_name("base/nearest", tests, NULL, NULL);
}
