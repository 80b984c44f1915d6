#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "pack/crc32c.h"

/* RFC 3720 B.4 (its digests are in the order of the wire), and the check value of the catalogue of CRCs. */
static void test_crc_of_the_published_messages(void **state)
{
    (void)state;
    unsigned char zeros[32] = { 0 }, ones[32], up[32];
    memset(ones, 0xff, sizeof(ones));
    for (size_t i = 0; i < sizeof(up); i++)
        up[i] = (unsigned char)i;
    assert_int_equal(evo_crc32c_of("", 0), 0);
    assert_int_equal(evo_crc32c_of("123456789", 9), 0xe3069283);
    assert_int_equal(evo_crc32c_of(zeros, sizeof(zeros)), 0x8a9136aa);
    assert_int_equal(evo_crc32c_of(ones, sizeof(ones)), 0x62a8ab43);
    assert_int_equal(evo_crc32c_of(up, sizeof(up)), 0x46dd794e);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_crc_of_the_published_messages) };
    return cmocka_run_group_tests_name("pack/crc32c", tests, NULL, NULL);
}
