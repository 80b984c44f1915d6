/*
 * What goes with the bytes of an object: settings, checksums, locks. Against tests/lib/fake_s3.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fake_s3.h"

static void assert_headers(const char *bucket, const char *expected)
{
    EVO_AUTO(strbuf) headers = EVO_STRBUF_INIT;
    ask("headers", bucket, &headers);
    if (!strstr(headers.buf, expected))
        fail_msg("not sent: \"%s\" in\n%s", expected, headers.buf);
}

static void test_settings_go_with_a_put_and_with_the_start_of_an_upload(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) tags = EVO_STRVEC_INIT;
    evo_strvec_push(&tags, "team=data");
    struct evo_store_options o = {
        .s3_provider = "aws", .s3_storage_class = "STANDARD_IA", .s3_sse = "AES256", .s3_tags = &tags
    };
    EVO_AUTO_PTR(store) store = open_bucket_with("settings", &o);
    assert_ok(evo_store_put(store, "small", "123456789", 9, 0, &err));
    assert_ok(evo_store_put(store, "once", "x", 1, EVO_STORE_ONCE, &err));
    assert_ok(stream_bytes(store, "large", PART + 1, &err));
    static const char shared[] =
        "x-amz-storage-class=STANDARD_IA x-amz-server-side-encryption=AES256 x-amz-tagging=team=data";
    EVO_AUTO_STR put = evo_asprintf("PUT %s x-amz-checksum-crc32c=4waSgw==", shared);
    EVO_AUTO_STR create = evo_asprintf("POST %s x-amz-checksum-algorithm=CRC32C", shared);
    assert_headers("settings", put);
    assert_headers("settings", create);
    assert_headers("settings", "PUT x-amz-checksum-crc32c="); /* the parts: nothing else */
    EVO_AUTO(strbuf) headers = EVO_STRBUF_INIT;
    ask("headers", "settings", &headers);
    assert_int_equal(count(headers.buf, shared), 3);
}

static void test_encryption_that_the_server_ignores_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    struct evo_store_options o = { .s3_provider = "aws", .s3_sse = "AES256" };
    EVO_AUTO_PTR(store) store = open_bucket_with("plain-text", &o);
    for (int i = 0; i < 3; i++) {
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc = i == 2 ? stream_bytes(store, "x", PART + 1, &err)
                                  : evo_store_put(store, "x", "123", 3, i ? EVO_STORE_ONCE : 0, &err);
        assert_int_equal(rc, EVO_ERR_STORE);
        assert_non_null(strstr(err.message, "did not encrypt"));
        assert_non_null(strstr(err.hint, "--encrypt-to"));
        struct evo_store_stat st;
        assert_int_equal(evo_store_stat(store, "x", &st, &err), EVO_ERR_NOT_FOUND);
    }
    EVO_AUTO(strbuf) uploads = EVO_STRBUF_INIT;
    ask("uploads", "plain-text", &uploads);
    assert_string_equal(uploads.buf, "");
}

static void test_stranger_is_sent_content_md5_alone(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("stranger");
    assert_ok(evo_store_put(store, "small", "123456789", 9, 0, &err));
    assert_ok(stream_bytes(store, "large", PART + 1, &err));
    assert_headers("stranger", "PUT content-md5=JfnnlDI7RTiF9RgfG2JNCw==\n");
    EVO_AUTO(strbuf) headers = EVO_STRBUF_INIT;
    ask("headers", "stranger", &headers);
    assert_null(strstr(headers.buf, "x-amz-"));
    assert_int_equal(count(headers.buf, "content-md5"), 3);
}

static void test_refused_header_is_named_with_its_option(void **state)
{
    (void)state;
    EVO_AUTO(strvec) tags = EVO_STRVEC_INIT;
    evo_strvec_push(&tags, "team=data");
    struct evo_store_options o = { .s3_provider = "aws",
                                   .s3_storage_class = "COLD",
                                   .s3_sse = "AES256",
                                   .s3_object_lock = "governance",
                                   .s3_object_lock_days = 1,
                                   .s3_tags = &tags };
    static const struct {
        const char *bucket, *message, *hint;
    } rows[] = {
        { "no-class", "x-amz-storage-class (--s3-storage-class): 400 (InvalidStorageClass)",
          "--s3-storage-class" },
        { "no-sse", "x-amz-server-side-encryption (--s3-sse): 501 (NotImplemented)", "--s3-sse" },
        { "no-lock", "x-amz-object-lock-mode (--s3-object-lock): 400 (InvalidRequest)",
          "made with Object Lock" },
        { "no-sums", "(--s3-checksum): 501 (NotImplemented)", "--s3-checksum md5" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_PTR(store) store = open_bucket_with(rows[i].bucket, &o);
        for (int streamed = 0; streamed < 2; streamed++) {
            struct evo_error err = EVO_ERROR_INIT;
            enum evo_errc rc = streamed ? stream_bytes(store, "x", 2 * PART + 1, &err)
                                        : evo_store_put(store, "x", "text", 4, 0, &err);
            assert_int_equal(rc, EVO_ERR_STORE);
            if (!strstr(err.message, rows[i].message) || !strstr(err.hint, rows[i].hint))
                fail_msg("%s: %s; %s", rows[i].bucket, err.message, err.hint);
            assert_true(err.http_status == 400 || err.http_status == 501);
        }
        assert_no_upload(rows[i].bucket);
    }
}

static void test_refusal_that_tells_nothing_names_what_was_sent(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) tags = EVO_STRVEC_INIT;
    evo_strvec_push(&tags, "team=data");
    struct evo_store_options o = { .s3_storage_class = "COLD", .s3_tags = &tags };
    EVO_AUTO_PTR(store) store = open_bucket_with("no-tags", &o);
    assert_int_equal(evo_store_put(store, "x", "text", 4, 0, &err), EVO_ERR_STORE);
    assert_string_equal(err.detail, "Sent with it: x-amz-storage-class (--s3-storage-class), x-amz-tagging "
                                    "(--s3-tag), Content-MD5 (--s3-checksum).");
    assert_non_null(strstr(err.hint, "Leave one of them out"));

    /* Where there is but one, it was that one. */
    struct evo_store_options alone = { .s3_tags = &tags, .s3_checksum = "none" };
    EVO_AUTO_PTR(store) other = open_bucket_with("no-tags", &alone);
    assert_int_equal(evo_store_put(other, "x", "text", 4, 0, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "the header x-amz-tagging (--s3-tag): 501"));
}

static void test_automatic_content_md5_that_is_refused_is_named(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("no-md5");
    assert_int_equal(evo_store_put(store, "x", "text", 4, 0, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "Content-MD5 (--s3-checksum): 400 (InvalidDigest)"));
    assert_non_null(strstr(err.hint, "--s3-checksum none"));
}

static void test_key_that_may_not_be_used_is_named_by_its_permission(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_options o = { .s3_sse = "aws:kms" };
    EVO_AUTO_PTR(store) store = open_bucket_with("kms-denied", &o);
    assert_int_equal(evo_store_put(store, "x", "text", 4, 0, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.detail, "lack the permission kms:GenerateDataKey on the key of --s3-sse"));
    assert_non_null(strstr(err.hint, "Allow kms:GenerateDataKey"));
}

/* ---- damage ---- */

static void test_body_whose_etag_is_anothers_is_sent_again(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("wrong-etag");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(requests("wrong-etag", "PUT"), 2);
    assert_ok(stream_bytes(store, "y", PART + 1, &err));
    assert_int_equal(requests("wrong-etag", "PUT"), 6);
    assert_sample(store, "y", PART + 1);
    assert_no_upload("wrong-etag");
}

static void test_body_that_stays_damaged_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *bucket, *provider, *detail, *hint;
    } rows[] = {
        { "wrong-etags", "other", "The ETag of its answer", "--s3-checksum none" },
        { "wrong-sum", "aws", "The checksum of its answer", "this server loses data" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_store_options o = { .s3_provider = rows[i].provider };
        EVO_AUTO_PTR(store) store = open_bucket_with(rows[i].bucket, &o);
        for (int streamed = 0; streamed < 2; streamed++) {
            struct evo_error err = EVO_ERROR_INIT;
            enum evo_errc rc = streamed ? stream_bytes(store, "x", 2 * PART + 1, &err)
                                        : evo_store_put(store, "x", "text", 4, 0, &err);
            assert_int_equal(rc, EVO_ERR_STORE);
            assert_string_equal(err.message, "the store holds other bytes of \"p/x\" than were sent");
            assert_non_null(strstr(err.detail, rows[i].detail));
            assert_non_null(strstr(err.hint, rows[i].hint));
            assert_gone(store, "x");
        }
        assert_no_upload(rows[i].bucket);
    }
}

static void test_etag_of_what_a_kms_sealed_is_not_compared(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("sealed");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(requests("sealed", "PUT"), 1);
    assert_ok(stream_bytes(store, "y", 2 * PART + 1, &err));
    assert_sample(store, "y", 2 * PART + 1);
}

/* ---- locks ---- */

static void test_stat_tells_a_lock(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_stat st;
    struct evo_store_options o = { .s3_object_lock = "compliance", .s3_object_lock_days = 7 };
    EVO_AUTO_PTR(store) store = open_bucket_with("locked", &o);
    EVO_AUTO_PTR(store) plain = open_bucket("locked");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_ok(evo_store_stat(store, "x", &st, &err));
    int64_t left = st.locked_until_ms - evo_wall_ms();
    assert_true(left > (int64_t)7 * 86400000 - 60000 && left <= (int64_t)7 * 86400000);
    assert_false(st.legal_hold);
    assert_headers("locked", "x-amz-object-lock-mode=COMPLIANCE x-amz-object-lock-retain-until-date=");

    assert_ok(evo_store_put(plain, "y", "text", 4, 0, &err));
    assert_ok(evo_store_stat(plain, "y", &st, &err));
    assert_true(st.locked_until_ms == -1);
    assert_false(st.legal_hold);
}

static void test_stat_takes_a_lock_that_it_cannot_read_for_one_that_lasts(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_stat st;
    EVO_AUTO_PTR(store) store = open_bucket("odd-lock");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_ok(evo_store_stat(store, "x", &st, &err));
    assert_true(st.locked_until_ms == INT64_MAX);
    assert_true(st.legal_hold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_go_with_a_put_and_with_the_start_of_an_upload),
        cmocka_unit_test(test_encryption_that_the_server_ignores_is_an_error_and_leaves_nothing),
        cmocka_unit_test(test_stranger_is_sent_content_md5_alone),
        cmocka_unit_test(test_refused_header_is_named_with_its_option),
        cmocka_unit_test(test_refusal_that_tells_nothing_names_what_was_sent),
        cmocka_unit_test(test_automatic_content_md5_that_is_refused_is_named),
        cmocka_unit_test(test_key_that_may_not_be_used_is_named_by_its_permission),
        cmocka_unit_test(test_body_whose_etag_is_anothers_is_sent_again),
        cmocka_unit_test(test_body_that_stays_damaged_is_an_error_and_leaves_nothing),
        cmocka_unit_test(test_etag_of_what_a_kms_sealed_is_not_compared),
        cmocka_unit_test(test_stat_tells_a_lock),
        cmocka_unit_test(test_stat_takes_a_lock_that_it_cannot_read_for_one_that_lasts),
    };
    return cmocka_run_group_tests_name("store/s3_body", tests, fake_s3_start, fake_s3_stop);
}
