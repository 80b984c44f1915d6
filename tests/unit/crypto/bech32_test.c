#include "cmocka_all.h"

#include "base/encode.h"
#include "crypto/bech32.h"

/* Of BIP 173's valid strings those whose data are whole bytes. */
static void test_decode_of_the_published_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *prefix, *hex;
    } rows[] = {
        { "A12UEL5L", "A", "" },
        { "a12uel5l", "a", "" },
        { "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
          "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio", "" },
        { "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef",
          "00443214c74254b635cf84653a56d7c675be77df" },
        { "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "split",
          "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d" },
        { "?1ezyfcl", "?", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        unsigned char out[64];
        size_t n = 9999;
        const char *why = NULL;
        EVO_AUTO(strbuf) hex = EVO_STRBUF_INIT;
        assert_true(evo_bech32_decode(rows[i].text, strlen(rows[i].text), rows[i].prefix, out, sizeof(out),
                                      &n, &why));
        evo_hex(&hex, out, n);
        assert_string_equal(hex.buf, rows[i].hex);
        assert_null(why);
    }
}

static void test_decode_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *prefix, *why;
    } rows[] = {
        { "A1G7SGD8", "A", "checksum" }, /* BIP 173: made over the upper-case prefix */
        { "li1dgmt3", "li", "too short" },
        { "x1b4n0q5v", "x", "character" },
        { "y1b0jsk6g", "y", "character" },
        { "de1lg7wt\xff", "de", "character" },
        { "pzry9x0s0muk", "pzry", "prefix" },
        { "a12uel5l", "A", "prefix" },
        { "a12UEL5L", "a", "upper and lower case" },
        { "", "a", "prefix" },
        { "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcde", "prefix" },
        { "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqx", "abcdef", "checksum" },
        { "abcdef1qqpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", "checksum" },
        /* Valid Bech32, but no whole bytes: five bits, and ten of which the last is not zero. */
        { "abcdef1qgfl9ah", "abcdef", "padded" },
        { "abcdef1qp2a4y4w", "abcdef", "padded" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        unsigned char out[64];
        size_t n = 9999;
        const char *why = NULL;
        memset(out, 'x', sizeof(out));
        assert_false(evo_bech32_decode(rows[i].text, strlen(rows[i].text), rows[i].prefix, out, sizeof(out),
                                       &n, &why));
        assert_int_equal(n, 9999);
        assert_non_null(why);
        if (!strstr(why, rows[i].why))
            fail_msg("\"%s\": %s", rows[i].text, why);
        for (size_t k = 0; k < sizeof(out); k++)
            assert_int_equal(out[k], 0);
    }
}

static void test_decode_refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const char text[] = "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw";
    unsigned char out[20];
    size_t n = 0;
    const char *why = NULL;
    assert_true(evo_bech32_decode(text, strlen(text), "abcdef", out, 20, &n, &why));
    assert_int_equal(n, 20);
    assert_false(evo_bech32_decode(text, strlen(text), "abcdef", out, 19, &n, &why));
    assert_string_equal(why, "is too long");
}

static void test_decode_refuses_every_other_character_in_every_place(void **state)
{
    (void)state;
    static const char valid[] = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    static const char set[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l1bio!A";
    char text[sizeof(valid)];
    unsigned char out[32];
    size_t n = 0;
    const char *why = NULL;
    assert_true(evo_bech32_decode(valid, strlen(valid), "age", out, sizeof(out), &n, &why));
    for (size_t i = 0; i < sizeof(valid) - 1; i++)
        for (const char *c = set; *c; c++) {
            memcpy(text, valid, sizeof(text));
            text[i] = *c;
            if (*c != valid[i])
                assert_false(evo_bech32_decode(text, strlen(text), "age", out, sizeof(out), &n, &why));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_of_the_published_strings),
        cmocka_unit_test(test_decode_says_what_is_wrong),
        cmocka_unit_test(test_decode_refuses_what_does_not_fit),
        cmocka_unit_test(test_decode_refuses_every_other_character_in_every_place),
    };
    return cmocka_run_group_tests_name("crypto/bech32", tests, NULL, NULL);
}
