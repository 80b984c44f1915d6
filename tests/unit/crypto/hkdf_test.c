#include "cmocka_all.h"

#include "base/encode.h"
#include "crypto/hkdf.h"

/* RFC 5869, appendix A, test cases 1 to 3. */
static void test_hkdf_sha256_of_the_published_cases(void **state)
{
    (void)state;
    unsigned char count[256], key[22];
    for (unsigned i = 0; i < sizeof(count); i++)
        count[i] = (unsigned char)i;
    memset(key, 0x0b, sizeof(key));
    const struct {
        const unsigned char *key;
        size_t key_len;
        const unsigned char *salt;
        size_t salt_len;
        const unsigned char *info;
        size_t info_len;
        const char *hex;
    } rows[] = {
        { key, 22, count, 13, count + 0xf0, 10,
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
        { count, 80, count + 0x60, 80, count + 0xb0, 80,
          "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da"
          "3275600c"
          "2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
        { key, 22, NULL, 0, NULL, 0,
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        unsigned char out[82];
        EVO_AUTO(strbuf) hex = EVO_STRBUF_INIT;
        size_t n = strlen(rows[i].hex) / 2;
        evo_hkdf_sha256(rows[i].key, rows[i].key_len, rows[i].salt, rows[i].salt_len, rows[i].info,
                        rows[i].info_len, out, n);
        evo_hex(&hex, out, n);
        assert_string_equal(hex.buf, rows[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hkdf_sha256_of_the_published_cases),
    };
    return cmocka_run_group_tests_name("crypto/hkdf", tests, NULL, NULL);
}
