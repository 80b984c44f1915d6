#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "crypto/sha256.h"
#include "layout/checksum.h"

static void test_matches_over_line_ends_and_bom(void **state)
{
    (void)state;
    static const struct {
        const char *applied, *now;
        bool same;
    } rows[] = {
        { "a;\nb;\n", "a;\nb;\n", true },
        { "a;\nb;\n", "a;\r\nb;\r\n", true },
        { "a;\r\nb;\r\n", "a;\nb;\n", true },
        { "a;\nb;",
          "\xef\xbb\xbf"
          "a;\nb;",
          true },
        { "\xef\xbb\xbf"
          "a;\nb;",
          "a;\nb;", true },
        { "\xef\xbb\xbf"
          "a;\r\n",
          "a;\n", true },
        { "a;\n",
          "\xef\xbb\xbf"
          "a;\r\n",
          true },
        { "a;\r\nb;\n",
          "\xef\xbb\xbf"
          "a;\r\nb;\n",
          true },
        { "a;\n", "a;\r\nb;\r\n", false },
        { "a;\n", "a;", false },
        { "a;\n", "a; \n", false },
        { "", "", true },
        { "", "\xef\xbb\xbf", true },
        { "\r", "", false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        char stored[EVO_SHA256_HEX];
        evo_sha256_hex(rows[i].applied, strlen(rows[i].applied), stored);
        assert_int_equal(evo_checksum_matches(stored, rows[i].now, strlen(rows[i].now)), rows[i].same);
    }
}

static void test_matches_without_zero_padding(void **state)
{
    (void)state;
    /* Old Prisma wrote each byte as %x: shorter than 64 wherever a byte is below 16. */
    unsigned char digest[EVO_SHA256_SIZE];
    static const char text[] = "SELECT 1;\n", crlf[] = "SELECT 1;\r\n";
    evo_sha256_of(text, strlen(text), digest);
    EVO_AUTO(strbuf) stored = EVO_STRBUF_INIT;
    for (size_t i = 0; i < sizeof(digest); i++)
        evo_strbuf_addf(&stored, "%x", digest[i]);
    assert_true(stored.len < 64);
    assert_true(evo_checksum_matches(stored.buf, text, strlen(text)));
    assert_true(evo_checksum_matches(stored.buf, crlf, strlen(crlf)));
    assert_false(evo_checksum_matches(stored.buf, "SELECT 2;\n", 10));
    assert_false(evo_checksum_matches("", text, strlen(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_over_line_ends_and_bom),
        cmocka_unit_test(test_matches_without_zero_padding),
    };
    return cmocka_run_group_tests_name("layout/checksum", tests, NULL, NULL);
}
