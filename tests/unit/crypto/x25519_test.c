#include "cmocka_all.h"

#include <openssl/err.h>

#include "crypto/unhex.h"
#include "crypto/x25519.h"

/* RFC 7748, section 6.1. */
static const char alice_secret[] = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
static const char alice_public[] = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
static const char bob_secret[] = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
static const char bob_public[] = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
static const char both_shared[] = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

static void test_public_of_the_published_keys(void **state)
{
    (void)state;
    unsigned char secret[32], want[32], key[32];
    evo_x25519_public(unhex(alice_secret, secret), key);
    assert_memory_equal(key, unhex(alice_public, want), 32);
    evo_x25519_public(unhex(bob_secret, secret), key);
    assert_memory_equal(key, unhex(bob_public, want), 32);
}

static void test_shared_of_the_published_keys(void **state)
{
    (void)state;
    unsigned char secret[32], peer[32], want[32], shared[32];
    (void)unhex(both_shared, want);
    assert_true(evo_x25519_shared(unhex(alice_secret, secret), unhex(bob_public, peer), shared));
    assert_memory_equal(shared, want, 32);
    assert_true(evo_x25519_shared(unhex(bob_secret, secret), unhex(alice_public, peer), shared));
    assert_memory_equal(shared, want, 32);
}

/* The points of order 1, 2, 4 and 8, and those of the same value not reduced modulo 2^255 - 19. */
static void test_shared_refuses_points_of_low_order(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    static const unsigned char zero[32];
    for (size_t i = 0; i < EVO_COUNT(points); i++) {
        unsigned char secret[32], peer[32], shared[32];
        memset(shared, 'x', sizeof(shared));
        assert_false(evo_x25519_shared(unhex(alice_secret, secret), unhex(points[i], peer), shared));
        assert_memory_equal(shared, zero, sizeof(zero));
    }
}

/* A TLS connection of the same thread would take what is left for its own. */
static void test_shared_leaves_no_error_in_the_queue(void **state)
{
    (void)state;
    unsigned char secret[32], peer[32] = { 0 }, shared[32];
    ERR_clear_error();
    assert_false(evo_x25519_shared(unhex(alice_secret, secret), peer, shared));
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_of_the_published_keys),
        cmocka_unit_test(test_shared_of_the_published_keys),
        cmocka_unit_test(test_shared_refuses_points_of_low_order),
        cmocka_unit_test(test_shared_leaves_no_error_in_the_queue),
    };
    return cmocka_run_group_tests_name("crypto/x25519", tests, NULL, NULL);
}
