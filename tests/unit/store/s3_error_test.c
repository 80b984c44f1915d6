#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"
#include "store/s3_error.h"

static void test_judge_tells_again_from_never(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code;
        enum evo_s3_verdict verdict;
    } rows[] = {
        { 200, "", EVO_S3_DONE },
        { 204, "", EVO_S3_DONE },
        { 206, "", EVO_S3_DONE },
        { 500, "InternalError", EVO_S3_RETRY },
        { 500, "", EVO_S3_RETRY },
        { 502, "", EVO_S3_RETRY },
        { 503, "SlowDown", EVO_S3_RETRY },
        { 504, "", EVO_S3_RETRY },
        { 400, "RequestTimeout", EVO_S3_RETRY },
        { 408, "", EVO_S3_RETRY },
        { 429, "", EVO_S3_RETRY },
        { 409, "ConditionalRequestConflict", EVO_S3_RETRY },
        { 409, "ExistingObjectIsDirectory", EVO_S3_RETRY },
        { 400, "XAmzContentSHA256Mismatch", EVO_S3_RETRY },
        { 400, "IncompleteBody", EVO_S3_RETRY },
        { 403, "RequestTimeTooSkewed", EVO_S3_SKEWED },
        { 301, "PermanentRedirect", EVO_S3_MOVED },
        { 307, "TemporaryRedirect", EVO_S3_MOVED },
        { 301, "", EVO_S3_MOVED },
        { 400, "AuthorizationHeaderMalformed", EVO_S3_MOVED },
        { 400, "ExpiredToken", EVO_S3_EXPIRED },
        { 400, "InvalidArgument", EVO_S3_FAIL },
        { 403, "AccessDenied", EVO_S3_FAIL },
        { 403, "", EVO_S3_FAIL },
        { 403, "SignatureDoesNotMatch", EVO_S3_FAIL },
        { 404, "NoSuchKey", EVO_S3_FAIL },
        { 404, "NoSuchBucket", EVO_S3_FAIL },
        { 412, "PreconditionFailed", EVO_S3_FAIL },
        { 501, "NotImplemented", EVO_S3_FAIL },
        { 507, "", EVO_S3_FAIL },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        if (evo_s3_judge(rows[i].status, rows[i].code) != rows[i].verdict)
            fail_msg("%d %s", rows[i].status, rows[i].code);
    assert_int_equal(evo_s3_judge_failure(EVO_HTTP_RESET), EVO_S3_RETRY);
    assert_int_equal(evo_s3_judge_failure(EVO_HTTP_TIMEOUT), EVO_S3_RETRY);
    assert_int_equal(evo_s3_judge_failure(EVO_HTTP_DNS), EVO_S3_RETRY);
    assert_int_equal(evo_s3_judge_failure(EVO_HTTP_TLS), EVO_S3_FAIL);
    assert_int_equal(evo_s3_judge_failure(EVO_HTTP_SINK), EVO_S3_FAIL);
}

static void test_tells_missing_is_of_objects_and_uploads_alone(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code;
        bool missing;
    } rows[] = {
        { 404, "NoSuchKey", true },
        { 404, "NoSuchUpload", true },
        { 404, "", true },
        { 404, "SomethingElse", true },
        { 404, "NoSuchBucket", false },
        { 404, "XAdminUserNotFound", false },
        { 403, "NoSuchKey", false },
        { 200, "", false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        if (evo_s3_tells_missing(rows[i].status, rows[i].code) != rows[i].missing)
            fail_msg("%d %s", rows[i].status, rows[i].code);
}

static void test_backoff_is_jittered_doubled_and_capped(void **state)
{
    (void)state;
    for (uint64_t random = 0; random < 5000; random += 7) {
        assert_in_range(evo_s3_backoff_ms(0, 100, 10000, -1, random), 0, 100);
        assert_in_range(evo_s3_backoff_ms(3, 100, 10000, -1, random), 0, 800);
        assert_in_range(evo_s3_backoff_ms(60, 100, 10000, -1, random * 0x9e3779b97f4a7c15u), 0, 10000);
    }
    assert_int_equal(evo_s3_backoff_ms(0, 100, 10000, -1, 100), 100);
    assert_int_equal(evo_s3_backoff_ms(0, 100, 10000, -1, 101), 0);
    /* What the server asks for is the least, but not for ever. */
    assert_int_equal(evo_s3_backoff_ms(0, 100, 10000, 2000, 50), 2000);
    assert_int_equal(evo_s3_backoff_ms(0, 100, 10000, 3600000, 50), 10000);
}

static void test_explain_names_the_thing_and_a_way_out(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code, *key, *moved_to;
        int64_t skew_ms;
        enum evo_errc rc;
        const char *message, *hint;
    } rows[] = {
        { 403, "SignatureDoesNotMatch", "k", "", 0, EVO_ERR_STORE,
          "the secret key from AWS_ACCESS_KEY_ID is wrong", "AWS_SECRET_ACCESS_KEY" },
        { 403, "InvalidAccessKeyId", "k", "", 0, EVO_ERR_STORE,
          "does not know the access key from AWS_ACCESS_KEY_ID", "--s3-endpoint" },
        { 400, "InvalidToken", "k", "", 0, EVO_ERR_STORE, "refused the session token", "AWS_SESSION_TOKEN" },
        { 400, "ExpiredToken", "k", "", 0, EVO_ERR_STORE, "have expired", "aws sso login" },
        { 403, "AccessDenied", "p/k", "", 0, EVO_ERR_STORE, "access to \"p/k\" in bucket \"shop\" was denied",
          "Allow s3:PutObject on arn:aws:s3:::shop/*" },
        { 403, "", NULL, "", 0, EVO_ERR_STORE, "access to bucket \"shop\" was denied",
          "Allow s3:PutObject on arn:aws:s3:::shop for" },
        { 404, "NoSuchBucket", "k", "", 0, EVO_ERR_STORE, "bucket \"shop\" does not exist",
          "aws s3 mb s3://shop" },
        { 404, "", NULL, "", 0, EVO_ERR_STORE, "bucket \"shop\" does not exist", "EVO_STORE" },
        { 404, "NoSuchKey", "p/k", "", 0, EVO_ERR_NOT_FOUND, "\"s3://shop/p/k\" does not exist", "" },
        { 404, "NoSuchUpload", "p/k", "", 0, EVO_ERR_STORE, "unfinished upload of \"p/k\" is gone",
          "lifecycle" },
        { 403, "InvalidObjectState", "p/k", "", 0, EVO_ERR_STORE, "\"s3://shop/p/k\": it lies in an archive",
          "aws s3api restore-object --bucket shop --key 'p/k'" },
        { 301, "PermanentRedirect", "k", "eu-west-1", 0, EVO_ERR_STORE,
          "is in region \"eu-west-1\", not in \"us-east-1\"", "--s3-region eu-west-1" },
        { 403, "RequestTimeTooSkewed", "k", "", 1020500, EVO_ERR_STORE,
          "clock is 17 minutes behind the store's", "timedatectl" },
        { 403, "RequestTimeTooSkewed", "k", "", -90000, EVO_ERR_STORE,
          "clock is 90 seconds ahead of the store's", "timedatectl" },
        { 403, "RequestTimeTooSkewed", "k", "", 0, EVO_ERR_STORE, "clock is wrong", "timedatectl" },
        { 507, "", "k", "", 0, EVO_ERR_STORE, "bucket \"shop\" is full", "quota" },
        { 503, "SlowDown", "k", "", 0, EVO_ERR_STORE, "503 (SlowDown)", "Try again" },
        { 501, "NotImplemented", "k", "", 0, EVO_ERR_STORE, "does not offer s3:PutObject", "--s3-endpoint" },
        { 400, "InvalidArgument", "k", "", 0, EVO_ERR_STORE, "refused s3:PutObject: 400 (InvalidArgument)",
          "--store" },
        { 418, "", "k", "", 0, EVO_ERR_STORE, "refused s3:PutObject: 418", "--store" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        struct evo_s3_context c = { .bucket = "shop",
                                    .key = rows[i].key,
                                    .action = "s3:PutObject",
                                    .source = "AWS_ACCESS_KEY_ID",
                                    .access_key = "AKIACANARY",
                                    .region = "us-east-1",
                                    .moved_to = rows[i].moved_to,
                                    .skew_ms = rows[i].skew_ms };
        assert_int_equal(evo_s3_explain(rows[i].status, rows[i].code, &c, &err), rows[i].rc);
        assert_int_equal(err.http_status, rows[i].status);
        if (!strstr(err.message, rows[i].message) || !strstr(err.hint, rows[i].hint))
            fail_msg("%s: \"%s\", hint \"%s\"", rows[i].code, err.message, err.hint);
    }
}

static void test_explain_repeats_the_server_but_no_key(void **state)
{
    (void)state;
    static const struct {
        const char *said, *detail;
    } rows[] = {
        { "The bucket is\nclosed. ", "The store says: The bucket is closed." },
        { "No key AKIACANARY here", "" },
        { "Token canary-token-1234 refused", "The store says: Token *** refused" },
        { "", "" },
    };
    evo_redact_add("canary-token-1234");
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        struct evo_s3_context c = { .bucket = "shop",
                                    .action = "s3:GetObject",
                                    .source = "x",
                                    .access_key = "AKIACANARY",
                                    .region = "r",
                                    .moved_to = "",
                                    .server_message = rows[i].said };
        assert_int_equal(evo_s3_explain(400, "InvalidArgument", &c, &err), EVO_ERR_STORE);
        assert_string_equal(err.detail, rows[i].detail);
    }
    evo_redact_forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_tells_again_from_never),
        cmocka_unit_test(test_tells_missing_is_of_objects_and_uploads_alone),
        cmocka_unit_test(test_backoff_is_jittered_doubled_and_capped),
        cmocka_unit_test(test_explain_names_the_thing_and_a_way_out),
        cmocka_unit_test(test_explain_repeats_the_server_but_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
