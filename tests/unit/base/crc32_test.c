#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc32.h"

#include "base/banned.h"

/* The check value of the algorithm's catalogue, and zlib's own of the others. */
static void test_crc32_of_known_texts(void **state)
{
    (void)state;
    assert_int_equal(evo_crc32(0, "", 0), 0);
    assert_int_equal(evo_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(evo_crc32(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
}

static void test_crc32_goes_on_where_it_stopped(void **state)
{
    (void)state;
    assert_int_equal(evo_crc32(evo_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32_of_known_texts),
        cmocka_unit_test(test_crc32_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests_name("base/crc32", tests, NULL, NULL);
}
