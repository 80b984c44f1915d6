#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/s3_checksum.h"

static void test_digest_has_the_value_of_its_header(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *header;
    } rows[] = {
        { "none", "", NULL },
        { "md5", "JfnnlDI7RTiF9RgfG2JNCw==", "Content-MD5" },
        { "crc32c", "4waSgw==", "x-amz-checksum-crc32c" },
        { "sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=", "x-amz-checksum-sha256" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        enum evo_s3_checksum kind = EVO_S3_CHECKSUM_NONE;
        struct evo_s3_digest d;
        assert_true(evo_s3_checksum_parse(rows[i].name, &kind));
        evo_s3_digest_of(kind, "123456789", 9, &d);
        assert_string_equal(d.value, rows[i].value);
        if (rows[i].header)
            assert_string_equal(evo_s3_checksum_header(kind), rows[i].header);
        else
            assert_null(evo_s3_checksum_header(kind));
        assert_string_equal(d.sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    }
    enum evo_s3_checksum kind = EVO_S3_CHECKSUM_NONE;
    assert_false(evo_s3_checksum_parse("crc64", &kind));
}

static void test_answer_contradicts_only_where_it_tells_of_other_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *header, *more;
        bool contradicted;
    } rows[] = {
        { "md5", "etag: \"25f9e794323b453885f5181f1b624d0b\"", NULL, false },
        { "md5", "etag: 25F9E794323B453885F5181F1B624D0B", NULL, false },
        { "md5", "etag: \"25f9e794323b453885f5181f1b624d0c\"", NULL, true },
        { "md5", "etag: \"25f9e794323b453885f5181f1b624d0c\"", "x-amz-server-side-encryption: AES256", true },
        { "md5", "etag: \"25f9e794323b453885f5181f1b624d0c\"", "x-amz-server-side-encryption: aws:kms",
          false },
        { "md5", "etag: \"25f9e794323b453885f5181f1b624d0c\"",
          "x-amz-server-side-encryption-customer-algorithm: AES256", false },
        { "md5", "etag: \"25f9e794323b453885f5181f1b624d0c-1\"", NULL, false },
        { "md5", "etag: \"0x8D9A\"", NULL, false },
        { "md5", "server: x", NULL, false },
        { "crc32c", "x-amz-checksum-crc32c: 4waSgw==", NULL, false },
        { "crc32c", "x-amz-checksum-crc32c: AAAAAA==", NULL, true },
        { "crc32c", "etag: \"25f9e794323b453885f5181f1b624d0c\"", NULL, false },
        { "none", "etag: \"25f9e794323b453885f5181f1b624d0c\"", NULL, false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(http_response) http;
        evo_http_response_init(&http);
        evo_strvec_push(&http.headers, rows[i].header);
        if (rows[i].more)
            evo_strvec_push(&http.headers, rows[i].more);
        enum evo_s3_checksum kind = EVO_S3_CHECKSUM_NONE;
        struct evo_s3_digest d;
        assert_true(evo_s3_checksum_parse(rows[i].kind, &kind));
        evo_s3_digest_of(kind, "123456789", 9, &d);
        if (evo_s3_digest_contradicted(&d, &http) != rows[i].contradicted)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_has_the_value_of_its_header),
        cmocka_unit_test(test_answer_contradicts_only_where_it_tells_of_other_bytes),
    };
    return cmocka_run_group_tests_name("store/s3_checksum", tests, NULL, NULL);
}
