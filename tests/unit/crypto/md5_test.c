#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encode.h"
#include "crypto/md5.h"

/* The test suite of RFC 1321, A.5. */
static void test_digest_of_the_published_messages(void **state)
{
    (void)state;
    static const struct {
        const char *message, *hex;
    } row[] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" },
        { "abc", "900150983cd24fb0d6963f7d28e17f72" },
        { "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
          "57edf4a22be3c955ac49da2e2107b67a" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        unsigned char digest[EVO_MD5_SIZE];
        EVO_AUTO(strbuf) hex = EVO_STRBUF_INIT;
        assert_true(evo_md5_of(row[i].message, strlen(row[i].message), digest));
        evo_hex(&hex, digest, sizeof(digest));
        assert_string_equal(hex.buf, row[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_digest_of_the_published_messages) };
    return cmocka_run_group_tests_name("crypto/md5", tests, NULL, NULL);
}
