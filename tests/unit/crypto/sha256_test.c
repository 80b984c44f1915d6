#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "crypto/sha256.h"

/* The messages and digests of FIPS 180-4's examples and of NIST's long message. */
static void test_hex_of_the_published_messages(void **state)
{
    (void)state;
    static const struct {
        const char *message, *hex;
    } row[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        char hex[EVO_SHA256_HEX];
        assert_string_equal(evo_sha256_hex(row[i].message, strlen(row[i].message), hex), row[i].hex);
    }
}

static void test_update_in_pieces_equals_one_piece_and_can_be_repeated(void **state)
{
    (void)state;
    EVO_AUTO_PTR(sha256) h = evo_sha256_new();
    char piece[1000];
    memset(piece, 'a', sizeof(piece));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++)
            evo_sha256_update(h, piece, sizeof(piece));
        unsigned char digest[EVO_SHA256_SIZE];
        char hex[EVO_SHA256_HEX];
        evo_sha256_final(h, digest);
        assert_string_equal(evo_sha256_format(digest, hex),
                            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

static void test_file_hashes_the_raw_bytes(void **state)
{
    (void)state;
    char path[] = "/tmp/evo-sha256-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    bool written = true;
    for (int i = 0; i < 1000; i++) {
        char piece[1000];
        memset(piece, 'a', sizeof(piece));
        written = written && evo_write_all(fd, piece, sizeof(piece));
    }
    (void)close(fd);
    char hex[EVO_SHA256_HEX];
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = evo_sha256_file(path, hex, &err);
    (void)unlink(path);
    assert_true(written);
    assert_int_equal(rc, EVO_OK);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_file_that_is_not_there_or_a_folder_is_an_error(void **state)
{
    (void)state;
    char hex[EVO_SHA256_HEX] = "untouched";
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_sha256_file("/nonexistent/file", hex, &err), EVO_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "\"/nonexistent/file\""));
    assert_int_equal(evo_sha256_file("/tmp", hex, &err), EVO_ERR_DISK);
    assert_string_equal(hex, "untouched");
}

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
static void test_hmac_of_the_published_cases(void **state)
{
    (void)state;
    char key1[20], key6[131];
    memset(key1, 0x0b, sizeof(key1));
    memset(key6, 0xaa, sizeof(key6));
    const struct {
        const char *key;
        size_t key_len;
        const char *data, *hex;
    } row[] = {
        { key1, sizeof(key1), "Hi There",
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
        { "Jefe", 4, "what do ya want for nothing?",
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { key6, sizeof(key6), "Test Using Larger Than Block-Size Key - Hash Key First",
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
        { NULL, 0, "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        unsigned char digest[EVO_SHA256_SIZE];
        char hex[EVO_SHA256_HEX];
        evo_hmac_sha256(row[i].key, row[i].key_len, row[i].data, strlen(row[i].data), digest);
        assert_string_equal(evo_sha256_format(digest, hex), row[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex_of_the_published_messages),
        cmocka_unit_test(test_update_in_pieces_equals_one_piece_and_can_be_repeated),
        cmocka_unit_test(test_file_hashes_the_raw_bytes),
        cmocka_unit_test(test_file_that_is_not_there_or_a_folder_is_an_error),
        cmocka_unit_test(test_hmac_of_the_published_cases),
    };
    return cmocka_run_group_tests_name("crypto/sha256", tests, NULL, NULL);
}
