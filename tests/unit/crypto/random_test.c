#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"

static void test_below_stays_below_and_reaches_every_value(void **state)
{
    (void)state;
    assert_int_equal(evo_random_below(0), 0);
    assert_int_equal(evo_random_below(1), 0);
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = evo_random_below(5);
        assert_true(v < 5);
        seen |= 1u << v;
    }
    assert_int_equal(seen, 31); /* a value missed in 1000 draws: (4/5)^1000 */
    for (int i = 0; i < 100; i++)
        assert_true(evo_random_below(UINT64_MAX) < UINT64_MAX);
}

static void test_hex_has_n_digits_and_differs(void **state)
{
    (void)state;
    char a[33], b[33];
    assert_ptr_equal(evo_random_hex(a, 32), a);
    (void)evo_random_hex(b, 32);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
    assert_string_equal(evo_random_hex(a, 0), "");
}

static void test_uuid_has_the_form_of_version_4(void **state)
{
    (void)state;
    char a[EVO_UUID_MAX], b[EVO_UUID_MAX];
    for (int i = 0; i < 50; i++) {
        assert_ptr_equal(evo_random_uuid(a), a);
        assert_int_equal(strlen(a), 36);
        assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
        assert_true(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
    }
    assert_string_not_equal(a, evo_random_uuid(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_below_stays_below_and_reaches_every_value),
        cmocka_unit_test(test_hex_has_n_digits_and_differs),
        cmocka_unit_test(test_uuid_has_the_form_of_version_4),
    };
    return cmocka_run_group_tests_name("crypto/random", tests, NULL, NULL);
}
