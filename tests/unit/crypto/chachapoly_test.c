#include "cmocka_all.h"

#include <openssl/err.h>

#include "base/encode.h"
#include "crypto/chachapoly.h"
#include "crypto/unhex.h"

/* Project Wycheproof's chacha20_poly1305_test.json, cases 2, 4 and 34: the RFC's own example has additional data. */
static const struct {
    const char *key, *nonce, *plain, *sealed;
} published[] = {
    { "80ba3192c803ce965ea371d5ff073cf0f43b6a2ab576b208426e11409c09b9b0", "4da5bf8dfd5852c1ea12379d", "",
      "76acb342cf3166a5b63c0c0ea1383c8d" },
    { "cc56b680552eb75008f5484b4cb803fa5063ebd6eab91f6ab6aef4916a766273", "99e23ec48985bccdeeab60f1", "2a",
      "3acac27dec0968801e9f6eded69d807522" },
    { "59d4eafb4de0cfc7d3db99a8f54b15d7b39f0acc8da69763b019c1699f87674a", "2fcb1b38a99e71b84740ad9b",
      "549b365af913f3b081131ccb6b825588",
      "e9110e9f56ab3ca483500ceabab67a13836ccabf15a6a22a51c1071cfa68fa0c" },
};

static void test_seal_and_open_of_the_published_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(published); i++) {
        unsigned char key[32], nonce[12], plain[16], out[64], back[64];
        size_t n = strlen(published[i].plain) / 2;
        EVO_AUTO(strbuf) hex = EVO_STRBUF_INIT;
        EVO_AUTO_PTR(chachapoly) c = evo_chachapoly_new(unhex(published[i].key, key));
        (void)unhex(published[i].nonce, nonce);
        evo_chachapoly_seal(c, nonce, unhex(published[i].plain, plain), n, out);
        evo_hex(&hex, out, n + EVO_CHACHAPOLY_TAG);
        assert_string_equal(hex.buf, published[i].sealed);
        assert_true(evo_chachapoly_open(c, nonce, out, n + EVO_CHACHAPOLY_TAG, back));
        assert_memory_equal(back, plain, n);
    }
}

static void test_one_object_seals_and_opens_in_turn(void **state)
{
    (void)state;
    unsigned char key[32] = { 1 }, nonce[12] = { 0 }, plain[100], sealed[10][116], back[100];
    EVO_AUTO_PTR(chachapoly) c = evo_chachapoly_new(key);
    memset(plain, 'p', sizeof(plain));
    for (unsigned i = 0; i < 10; i++) {
        nonce[0] = (unsigned char)i;
        evo_chachapoly_seal(c, nonce, plain, 10 * i, sealed[i]);
        assert_true(evo_chachapoly_open(c, nonce, sealed[i], 10 * i + 16, back));
        assert_memory_equal(back, plain, 10 * i);
    }
    /* After a message that was refused, too; and by an object of its own. */
    EVO_AUTO_PTR(chachapoly) other = evo_chachapoly_new(key);
    for (unsigned i = 10; i-- > 0;) {
        nonce[0] = 77;
        assert_false(evo_chachapoly_open(other, nonce, sealed[i], 10 * i + 16, back));
        nonce[0] = (unsigned char)i;
        assert_true(evo_chachapoly_open(other, nonce, sealed[i], 10 * i + 16, back));
        assert_memory_equal(back, plain, 10 * i);
    }
}

static void test_open_refuses_every_changed_bit_and_shows_nothing(void **state)
{
    (void)state;
    unsigned char key[32] = { 1 }, nonce[12] = { 2 }, sealed[5 + 16], back[5];
    static const unsigned char zero[5];
    EVO_AUTO_PTR(chachapoly) c = evo_chachapoly_new(key);
    evo_chachapoly_seal(c, nonce, "plain", 5, sealed);
    for (unsigned bit = 0; bit < 8 * sizeof(sealed); bit++) {
        sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
        memset(back, 'x', sizeof(back));
        assert_false(evo_chachapoly_open(c, nonce, sealed, sizeof(sealed), back));
        assert_memory_equal(back, zero, sizeof(zero));
        sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t n = 0; n < sizeof(sealed); n++)
        assert_false(evo_chachapoly_open(c, nonce, sealed, n, back));
    assert_true(evo_chachapoly_open(c, nonce, sealed, sizeof(sealed), back));
}

static void test_open_leaves_no_error_in_the_queue(void **state)
{
    (void)state;
    unsigned char key[32] = { 1 }, nonce[12] = { 2 }, sealed[40] = { 3 }, back[24];
    EVO_AUTO_PTR(chachapoly) c = evo_chachapoly_new(key);
    ERR_clear_error();
    assert_false(evo_chachapoly_open(c, nonce, sealed, sizeof(sealed), back));
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal_and_open_of_the_published_cases),
        cmocka_unit_test(test_one_object_seals_and_opens_in_turn),
        cmocka_unit_test(test_open_refuses_every_changed_bit_and_shows_nothing),
        cmocka_unit_test(test_open_leaves_no_error_in_the_queue),
    };
    return cmocka_run_group_tests_name("crypto/chachapoly", tests, NULL, NULL);
}
