#include "cmocka_all.h"

#include "base/encode.h"
#include "crypto/age_header.h"
#include "crypto/age_testing.h"

static void test_sealed_size_knows_its_limit(void **state)
{
    (void)state;
    uint64_t header = evo_age_header_size(1);
    assert_int_equal(evo_age_sealed_size(spec_to, 0), header + 32);
    assert_int_equal(evo_age_sealed_size(spec_to, 1), header + 33);
    assert_int_equal(evo_age_sealed_size(spec_to, 65536), header + 32 + 65536);
    assert_int_equal(evo_age_sealed_size(spec_to, 65537), header + 48 + 65537);
    assert_int_equal(evo_age_sealed_size(spec_to, (uint64_t)1 << 40),
                     header + 16 + ((uint64_t)1 << 40) + (16 << 24));
    assert_true(evo_age_sealed_size(spec_to, UINT64_MAX) == UINT64_MAX);
    assert_true(evo_age_sealed_size(spec_to, UINT64_MAX - header) == UINT64_MAX);
}

static void test_chunk_nonce_counts_big_endian_and_marks_the_last(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        bool last;
        const char *hex;
    } rows[] = {
        { 0, false, "000000000000000000000000" },
        { 0, true, "000000000000000000000001" },
        { 1, false, "000000000000000000000100" },
        { 256, true, "000000000000000000010001" },
        { 0x0102030405060708, false, "000000010203040506070800" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        unsigned char nonce[EVO_CHACHAPOLY_NONCE];
        EVO_AUTO(strbuf) hex = EVO_STRBUF_INIT;
        evo_age_chunk_nonce(rows[i].number, rows[i].last, nonce);
        evo_hex(&hex, nonce, sizeof(nonce));
        assert_string_equal(hex.buf, rows[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed_size_knows_its_limit),
        cmocka_unit_test(test_chunk_nonce_counts_big_endian_and_marks_the_last),
    };
    return cmocka_run_group_tests_name("crypto/age_payload", tests, make_keys, drop_keys);
}
