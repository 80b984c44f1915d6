#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "crypto/sha1.h"

#include "base/banned.h"

/* Of FIPS 180-1, appendices A and B, and of nothing. */
static void test_hex_of_the_published_messages(void **state)
{
    (void)state;
    static const struct {
        const char *message, *hex;
    } row[] = {
        { "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
        { "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        char hex[EVO_SHA1_HEX];
        assert_string_equal(evo_sha1_hex(row[i].message, strlen(row[i].message), hex), row[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hex_of_the_published_messages) };
    return cmocka_run_group_tests_name("crypto/sha1", tests, NULL, NULL);
}
