#include "cmocka_all.h"

#include "catalog/stamp.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHERS "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_stamp_is_compares_the_digits_not_the_horizon(void **state)
{
    (void)state;
    assert_true(evo_catalog_stamp_is(DIGITS, DIGITS));
    assert_true(evo_catalog_stamp_is(DIGITS " 17", DIGITS " 18"));
    assert_true(evo_catalog_stamp_is(DIGITS " 17", DIGITS));
    assert_false(evo_catalog_stamp_is(DIGITS " 17", OTHERS " 17"));
}

static void test_stamp_is_of_none_is_false(void **state)
{
    (void)state;
    assert_false(evo_catalog_stamp_is("", ""));
    assert_false(evo_catalog_stamp_is(DIGITS, ""));
    assert_false(evo_catalog_stamp_is("", DIGITS));
    assert_false(evo_catalog_stamp_is("17", "17"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamp_is_compares_the_digits_not_the_horizon),
        cmocka_unit_test(test_stamp_is_of_none_is_false),
    };
    return cmocka_run_group_tests_name("catalog/stamp", tests, NULL, NULL);
}
