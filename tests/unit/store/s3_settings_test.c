#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/s3_settings.h"

static enum evo_errc init(struct evo_s3_settings *s, const struct evo_store_options *o, struct evo_error *err)
{
    return evo_s3_settings_init(s, o, evo_s3_provider_find(NULL, NULL), err);
}

static void test_headers_hold_what_was_asked_for(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) tags = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO(s3_settings) s = { 0 };
    evo_strvec_push(&tags, "team=data base");
    evo_strvec_push(&tags, "a&b=c=d/\xc3\xa9");
    struct evo_store_options o = { .s3_storage_class = "STANDARD_IA",
                                   .s3_sse = "aws:kms",
                                   .s3_sse_kms_key_id = "alias/backups",
                                   .s3_object_lock = "compliance",
                                   .s3_object_lock_days = 30,
                                   .s3_tags = &tags };
    assert_int_equal(init(&s, &o, &err), EVO_OK);
    evo_s3_settings_headers(&s, 1763806500123, &headers); /* 2025-11-22T10:15:00.123Z */
    static const char *const expected[] = {
        "x-amz-storage-class: STANDARD_IA",
        "x-amz-server-side-encryption: aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id: alias/backups",
        "x-amz-tagging: team=data%20base&a%26b=c%3Dd%2F%C3%A9",
        "x-amz-object-lock-mode: COMPLIANCE",
        "x-amz-object-lock-retain-until-date: 2025-12-22T10:15:00Z",
    };
    assert_int_equal(headers.count, EVO_COUNT(expected));
    for (size_t i = 0; i < EVO_COUNT(expected); i++)
        assert_string_equal(headers.items[i], expected[i]);
}

static void test_nothing_asked_for_is_no_header(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) tags = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO(s3_settings) s = { 0 };
    struct evo_store_options o = { .s3_storage_class = "", .s3_sse = "", .s3_tags = &tags };
    assert_int_equal(init(&s, &o, &err), EVO_OK);
    evo_s3_settings_headers(&s, 0, &headers);
    assert_int_equal(headers.count, 0);
}

static void test_checksum_is_the_providers_unless_one_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *checksum, *lock;
        enum evo_s3_checksum expected;
    } rows[] = {
        { "aws", NULL, NULL, EVO_S3_CHECKSUM_CRC32C },
        { "aws", "auto", "governance", EVO_S3_CHECKSUM_CRC32C },
        { "minio", "auto", NULL, EVO_S3_CHECKSUM_NONE },
        { "minio", "auto", "governance", EVO_S3_CHECKSUM_MD5 },
        { "ceph", NULL, "compliance", EVO_S3_CHECKSUM_MD5 },
        { "other", NULL, NULL, EVO_S3_CHECKSUM_MD5 },
        { "other", "none", NULL, EVO_S3_CHECKSUM_NONE },
        { "minio", "sha256", NULL, EVO_S3_CHECKSUM_SHA256 },
        { "aws", "md5", "governance", EVO_S3_CHECKSUM_MD5 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(s3_settings) s = { 0 };
        struct evo_store_options o = { .s3_checksum = rows[i].checksum,
                                       .s3_object_lock = rows[i].lock,
                                       .s3_object_lock_days = rows[i].lock ? 1 : 0 };
        assert_int_equal(evo_s3_settings_init(&s, &o, evo_s3_provider_find(rows[i].provider, NULL), &err),
                         EVO_OK);
        assert_int_equal(s.checksum, rows[i].expected);
    }
}

static void test_wrong_settings_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct evo_store_options o;
        const char *tag, *message, *hint;
    } rows[] = {
        { { .s3_storage_class = "COLD\r\nX-Evil: 1" }, NULL, "--s3-storage-class", "STANDARD_IA" },
        { { .s3_storage_class = "DEEP_ARCHIVE" }, NULL, "\"DEEP_ARCHIVE\"", "GLACIER_IR" },
        { { .s3_sse = "aes" }, NULL, "--s3-sse \"aes\"", "AES256 or aws:kms" },
        { { .s3_sse = "AES256", .s3_sse_kms_key_id = "k" }, NULL, "--s3-sse-kms-key-id", "aws:kms" },
        { { .s3_sse = "aws:kms", .s3_sse_kms_key_id = "a b" }, NULL, "--s3-sse-kms-key-id", "ARN" },
        { { .s3_object_lock = "governance" }, NULL, "--s3-object-lock-days is not set", "Set both" },
        { { .s3_object_lock_days = 3 }, NULL, "--s3-object-lock is not set", "Set both" },
        { { .s3_object_lock = "never", .s3_object_lock_days = 3 }, NULL, "\"never\"", "compliance" },
        { { .s3_object_lock = "governance", .s3_object_lock_days = 36501 }, NULL, "36501 days", "36500" },
        { { .s3_object_lock = "governance", .s3_object_lock_days = -1 }, NULL, "-1 days", "36500" },
        { { .s3_checksum = "crc64" }, NULL, "--s3-checksum \"crc64\"", "crc32c" },
        { { 0 }, "novalue", "--s3-tag \"novalue\"", "KEY=VALUE" },
        { { 0 }, "=x", "--s3-tag \"=x\"", "KEY=VALUE" },
        { { 0 }, "twice=1", "--s3-tag \"twice=1\"", "once" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(s3_settings) s = { 0 };
        EVO_AUTO(strvec) tags = EVO_STRVEC_INIT;
        struct evo_store_options o = rows[i].o;
        if (rows[i].tag) {
            evo_strvec_push(&tags, rows[i].tag);
            evo_strvec_push(&tags, rows[i].tag);
        }
        o.s3_tags = &tags;
        assert_int_equal(init(&s, &o, &err), EVO_ERR_CONFIG);
        if (!strstr(err.message, rows[i].message) || !strstr(err.hint, rows[i].hint))
            fail_msg("row %zu: %s; %s", i, err.message, err.hint);
    }
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_settings) s = { 0 };
    EVO_AUTO(strvec) many = EVO_STRVEC_INIT;
    for (int i = 0; i < 11; i++)
        evo_strvec_pushf(&many, "k%d=v", i);
    struct evo_store_options o = { .s3_tags = &many };
    assert_int_equal(init(&s, &o, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "more than 10 tags"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_hold_what_was_asked_for),
        cmocka_unit_test(test_nothing_asked_for_is_no_header),
        cmocka_unit_test(test_checksum_is_the_providers_unless_one_is_named),
        cmocka_unit_test(test_wrong_settings_are_refused_by_name),
    };
    return cmocka_run_group_tests_name("store/s3_settings", tests, NULL, NULL);
}
