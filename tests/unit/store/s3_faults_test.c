/*
 * S3 against a scripted server (tests/lib/fake_s3.py), whose buckets misbehave as they are named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "fake_s3.h"

/* ---- plain requests ---- */

static void test_put_and_get_after_slow_down_succeed(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("slow-down");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_ok(evo_store_get(store, "x", 10, &out, &err));
    assert_string_equal(out.buf, "text");
    assert_int_equal(requests("slow-down", "PUT"), 2);
    assert_int_equal(requests("slow-down", "GET"), 2);
}

static void test_busy_for_ever_is_given_up_after_eight_attempts(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("busy");
    assert_int_equal(evo_store_put(store, "x", "text", 4, 0, &err), EVO_ERR_STORE);
    assert_int_equal(err.http_status, 503);
    assert_true(err.retryable);
    assert_non_null(strstr(err.message, "ServiceUnavailable"));
    assert_int_equal(requests("busy", "PUT"), 8);
    assert_no_secret(&err);
}

static void test_cancel_ends_the_waiting_between_attempts(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("busy");
    evo_cancel_request(15);
    enum evo_errc rc = evo_store_put(store, "x", "text", 4, 0, &err);
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
}

static void test_early_refusal_is_read_although_the_connection_is_reset(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("early");
    unsigned char *data = sample(4 * PART);
    enum evo_errc rc = evo_store_put(store, "x", data, 4 * PART, 0, &err);
    free(data);
    assert_int_equal(rc, EVO_ERR_STORE);
    assert_int_equal(err.http_status, 403);
    assert_string_equal(err.message, "access to \"p/x\" in bucket \"early\" was denied");
    assert_non_null(strstr(err.detail, "s3:PutObject"));
    assert_non_null(strstr(err.hint, "arn:aws:s3:::early/*"));
    assert_int_equal(requests("early", "PUT"), 1);
}

static void test_denied_names_the_permission_and_shows_no_secret(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("denied");
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
    assert_string_equal(err.message, "access to bucket \"denied\" was denied");
    assert_non_null(strstr(err.detail, "s3:ListBucket"));
    assert_no_secret(&err);
    assert_int_equal(evo_store_remove(store, "x", &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.detail, "s3:DeleteObject"));
    assert_no_secret(&err);
}

static void test_skewed_clock_is_adjusted_once_and_named(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("skewed");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(requests("skewed", "PUT"), 2);
    assert_non_null(strstr(said.buf, "clock is 20 minutes behind the store's"));
    assert_ok(evo_store_put(store, "y", "text", 4, 0, &err));
    assert_int_equal(requests("skewed", "PUT"), 3);
    assert_int_equal(count(said.buf, "clock"), 1);
}

static void test_clock_that_cannot_be_adjusted_is_an_error_with_the_difference(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("always-skewed");
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "clock is 20 minutes behind the store's"));
    assert_non_null(strstr(err.hint, "timedatectl"));
    assert_int_equal(requests("always-skewed", "GET"), 2);
}

static void test_region_is_followed_once_and_remembered(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("moved");
    struct evo_store_stat st;
    /* HEAD: told by a header alone. */
    assert_int_equal(evo_store_stat(store, "none", &st, &err), EVO_ERR_NOT_FOUND);
    assert_int_equal(requests("moved", "HEAD"), 2);
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(requests("moved", "PUT"), 1);

    EVO_AUTO_PTR(store) other = open_bucket("moved");
    assert_ok(evo_store_put(other, "x", "text", 4, 0, &err));
    assert_int_equal(requests("moved", "PUT"), 3);
}

static void test_redirect_to_nowhere_is_an_error_about_the_region(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("elsewhere");
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "bucket \"elsewhere\" is not served here"));
    assert_non_null(strstr(err.hint, "--s3-region"));
    assert_int_equal(requests("elsewhere", "GET"), 1);
}

static void test_expired_token_is_an_error_where_it_cannot_be_renewed(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("expired");
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
    assert_string_equal(err.message, "the credentials from AWS_ACCESS_KEY_ID have expired");
    assert_int_equal(requests("expired", "GET"), 2);
}

static void test_answers_that_are_no_xml_are_refused(void **state)
{
    (void)state;
    static const char *const buckets[] = { "html", "bomb" };
    for (size_t i = 0; i < EVO_COUNT(buckets); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(store) store = open_bucket(buckets[i]);
        assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
        assert_non_null(strstr(err.message, "cannot understand"));
    }
}

/* ---- reading ---- */

static void test_read_goes_on_where_the_connection_was_lost(void **state)
{
    (void)state;
    static const char *const buckets[] = { "cut-reads", "cut-end", "no-ranges" };
    unsigned char *data = sample(1000000);
    for (size_t i = 0; i < EVO_COUNT(buckets); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        EVO_AUTO_PTR(store) store = open_bucket(buckets[i]);
        assert_ok(evo_store_put(store, "x", data, 1000000, 0, &err));
        assert_ok(evo_store_get(store, "x", 1000000, &out, &err));
        assert_int_equal(out.len, 1000000);
        assert_memory_equal(out.buf, data, 1000000);
        assert_true(requests(buckets[i], "GET") > 1);
    }
    free(data);
}

static void test_read_of_an_object_replaced_meanwhile_is_refused(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("replaced");
    unsigned char *data = sample(10000);
    assert_ok(evo_store_put(store, "x", data, 10000, 0, &err));
    free(data);
    assert_int_equal(evo_store_get(store, "x", 10000, &out, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "was replaced meanwhile"));
    assert_int_equal(out.len, 0);
}

static void test_read_without_any_progress_is_given_up(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("stuck");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(evo_store_get(store, "x", 10, &out, &err), EVO_ERR_NETWORK);
    /* libcurl adds attempts of its own where a pooled connection ends. */
    assert_in_range(requests("stuck", "GET"), 8, 16);
    assert_true(err.retryable);
}

/* ---- write-once ---- */

static void test_put_once_whose_answer_was_lost_is_known_by_its_bytes(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("once-lost");
    assert_ok(evo_store_put(store, "x", "mine", 4, EVO_STORE_ONCE, &err));
    assert_int_equal(requests("once-lost", "PUT"), 2);
}

static void test_put_once_that_lost_the_race_is_refused(void **state)
{
    (void)state;
    static const char *const buckets[] = { "once-raced", "once-ignored" };
    for (size_t i = 0; i < EVO_COUNT(buckets); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(store) store = open_bucket(buckets[i]);
        assert_int_equal(evo_store_put(store, "x", "mine", 4, EVO_STORE_ONCE, &err), EVO_ERR_STORE);
        assert_true(err.exists);
    }
}

static void test_put_once_where_the_server_has_no_condition(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("once-unknown");
    assert_ok(evo_store_put(store, "x", "mine", 4, EVO_STORE_ONCE, &err));
    assert_int_equal(evo_store_put(store, "x", "yours", 5, EVO_STORE_ONCE, &err), EVO_ERR_STORE);
    assert_true(err.exists);
    assert_ok(evo_store_get(store, "x", 10, &out, &err));
    assert_string_equal(out.buf, "mine");
}

/* ---- multipart ---- */

#define STREAMED (2 * PART + 1)

static void test_stream_survives_each_fault_and_leaves_no_upload(void **state)
{
    (void)state;
    static const char *const buckets[] = { "plain",         "complete-error", "complete-lost",
                                           "complete-busy", "complete-late",  "start-lost",
                                           "part-lost",     "slow-down",      "internal-error",
                                           "part-cut",      "part-stalls",    "part-unanswered" };
    for (size_t i = 0; i < EVO_COUNT(buckets); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(store) store = open_bucket(buckets[i]);
        if (stream_bytes(store, "stream", STREAMED, &err))
            fail_msg("%s: %s", buckets[i], err.message);
        assert_sample(store, "stream", STREAMED);
        assert_no_upload(buckets[i]);
    }
}

/* Of which the second part is the last that goes to the thread, and the third goes with the commit. */
static void test_stream_with_a_part_that_never_arrives_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *bucket, *message;
        enum evo_errc rc;
    } rows[] = {
        { "part-internal", "500 (InternalError)", EVO_ERR_STORE },
        { "part-busy", "503 (SlowDown)", EVO_ERR_STORE },
        { "part-cut-always", "lost the connection", EVO_ERR_NETWORK },
        { "part-stalls-always", "no answer from", EVO_ERR_NETWORK },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(store) store = open_bucket(rows[i].bucket);
        evo_s3_of(store)->client.attempts = 3;
        assert_int_equal(stream_bytes(store, "x", STREAMED, &err), rows[i].rc);
        if (!strstr(err.message, rows[i].message))
            fail_msg("%s: %s", rows[i].bucket, err.message);
        assert_true(err.retryable);
        EVO_AUTO_STR second = evo_asprintf("PUT /%s/p/x?partNumber=2", rows[i].bucket);
        assert_true(requests(rows[i].bucket, second) >= 3);
        assert_gone(store, "x");
        assert_no_upload(rows[i].bucket);
    }
}

static void test_stream_that_cannot_be_completed_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *bucket, *message;
        enum evo_errc rc;
    } rows[] = {
        { "complete-denied", "was denied", EVO_ERR_STORE },
        { "complete-never", "127.0.0.1", EVO_ERR_NETWORK },
        { "complete-cut", "with 10485760 bytes where 10485761 were sent", EVO_ERR_STORE },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(store) store = open_bucket(rows[i].bucket);
        assert_int_equal(stream_bytes(store, "x", STREAMED, &err), rows[i].rc);
        if (!strstr(err.message, rows[i].message))
            fail_msg("%s: %s", rows[i].bucket, err.message);
        assert_gone(store, "x");
        assert_no_upload(rows[i].bucket);
        assert_no_secret(&err);
    }
}

/* ---- listings ---- */

static void test_list_in_a_strange_order_is_sorted_and_made_unique(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_list) list = { 0 };
    struct evo_store_options o = { .url = "s3://odd-list", .s3_endpoint = server.base };
    EVO_AUTO_PTR(store) store = NULL;
    assert_ok(evo_store_open(&o, &store, &err));
    assert_ok(evo_store_list_prefix(store, "", true, &list, &err));
    static const char *const expected[] = { "A&B", "a b", "a/b", "b" };
    assert_int_equal(list.count, EVO_COUNT(expected));
    for (size_t i = 0; i < list.count; i++)
        assert_string_equal(list.items[i].key, expected[i]);
    assert_int_equal(list.items[3].size, 2);
    assert_int_equal(list.items[3].mtime_ms, 1369353600000);
}

static void test_list_with_encoded_names_is_decoded(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_list) list = { 0 };
    struct evo_store_options o = { .url = "s3://url-list", .s3_endpoint = server.base };
    EVO_AUTO_PTR(store) store = NULL;
    assert_ok(evo_store_open(&o, &store, &err));
    assert_ok(evo_store_list_prefix(store, "", true, &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].key, "a b+c");
    assert_string_equal(list.items[1].key, "d e%");
}

static void test_list_that_repeats_itself_is_given_up(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_list) list = { 0 };
    struct evo_store_options o = { .url = "s3://repeats", .s3_endpoint = server.base };
    EVO_AUTO_PTR(store) store = NULL;
    assert_ok(evo_store_open(&o, &store, &err));
    assert_int_equal(evo_store_list_prefix(store, "", true, &list, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "repeats itself"));
    assert_int_equal(requests("repeats", "GET"), 2);
}

/* ---- web identity ---- */

static char token_file[] = "/tmp/evo-token-XXXXXX";

static void write_token(const char *text)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_file_write(token_file, text, strlen(text), &err));
}

static void without_keys(void)
{
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    (void)unsetenv("AWS_SECRET_ACCESS_KEY");
    (void)setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token_file, 1);
    (void)setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/evo", 1);
    (void)setenv("AWS_ROLE_SESSION_NAME", "run-7", 1);
    (void)setenv("AWS_ENDPOINT_URL_STS", server.base, 1);
}

static void test_web_identity_token_is_traded_for_keys(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    without_keys();
    size_t before = requests("", "POST");
    static const char *const tokens[] = { "good\n", "flaky" };
    for (size_t i = 0; i < EVO_COUNT(tokens); i++) {
        write_token(tokens[i]);
        EVO_AUTO_PTR(store) store = open_bucket("expired"); /* takes nothing but the fresh token */
        assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
        assert_ok(evo_store_put(store, "y", "text", 4, 0, &err));
    }
    assert_int_equal(requests("", "POST") - before, 3); /* one, and one with its retry */
    assert_true(evo_redact_finds("canary-sts-secret"));
    assert_true(evo_redact_finds("fresh-token"));
}

static void test_web_identity_is_renewed_before_it_expires_and_its_file_read_again(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    without_keys();
    write_token("brief");
    size_t before = requests("", "POST");
    EVO_AUTO_PTR(store) store = open_bucket("expired");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(requests("", "POST") - before, 1);
    /* A minute is left, which is too little. The keys in hand still serve where the service refuses. */
    write_token("bad");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(requests("", "POST") - before, 2);
    write_token("good");
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(requests("", "POST") - before, 3);
    assert_ok(evo_store_put(store, "x", "text", 4, 0, &err));
    assert_int_equal(requests("", "POST") - before, 3);
}

static void test_keys_that_expire_in_the_middle_of_an_upload_are_renewed_and_the_part_sent_again(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    without_keys();
    write_token("good");
    size_t before = requests("", "POST");
    EVO_AUTO_PTR(store) store = open_bucket("expires");
    assert_ok(evo_store_put(store, "y", "text", 4, 0, &err)); /* with the first keys */
    assert_ok(stream_bytes(store, "x", STREAMED, &err));
    assert_int_equal(requests("", "POST") - before, 2);
    assert_int_equal(requests("expires", "PUT /expires/p/x?partNumber=2"), 2);
    assert_sample(store, "x", STREAMED);
    assert_no_upload("expires");
}

static void test_web_identity_that_is_refused_is_an_error_without_the_token(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    without_keys();
    write_token("canary-token-value");
    EVO_AUTO_PTR(store) store = open_bucket("plain");
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "role \"arn:aws:iam::123456789012:role/evo\""));
    assert_non_null(strstr(err.message, "InvalidIdentityToken"));
    assert_null(strstr(err.detail, "canary-token-value"));
    assert_non_null(strstr(err.detail, "***"));

    assert_int_equal(unlink(token_file), 0);
    EVO_AUTO_PTR(store) other = open_bucket("plain");
    assert_int_equal(evo_store_check(other, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "could not read the web identity token"));
    write_token("good");
}

static int set_up(void **state)
{
    int fd = mkostemp(token_file, 0);
    return fd >= 0 && close(fd) == 0 ? fake_s3_start(state) : -1;
}

static int tear_down(void **state)
{
    return fake_s3_stop(state) == 0 ? unlink(token_file) : -1;
}

#define WITH_KEYS(test) cmocka_unit_test_setup(test, fake_s3_keys)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KEYS(test_put_and_get_after_slow_down_succeed),
        WITH_KEYS(test_busy_for_ever_is_given_up_after_eight_attempts),
        WITH_KEYS(test_cancel_ends_the_waiting_between_attempts),
        WITH_KEYS(test_early_refusal_is_read_although_the_connection_is_reset),
        WITH_KEYS(test_denied_names_the_permission_and_shows_no_secret),
        WITH_KEYS(test_skewed_clock_is_adjusted_once_and_named),
        WITH_KEYS(test_clock_that_cannot_be_adjusted_is_an_error_with_the_difference),
        WITH_KEYS(test_region_is_followed_once_and_remembered),
        WITH_KEYS(test_redirect_to_nowhere_is_an_error_about_the_region),
        WITH_KEYS(test_expired_token_is_an_error_where_it_cannot_be_renewed),
        WITH_KEYS(test_answers_that_are_no_xml_are_refused),
        WITH_KEYS(test_read_goes_on_where_the_connection_was_lost),
        WITH_KEYS(test_read_of_an_object_replaced_meanwhile_is_refused),
        WITH_KEYS(test_read_without_any_progress_is_given_up),
        WITH_KEYS(test_put_once_whose_answer_was_lost_is_known_by_its_bytes),
        WITH_KEYS(test_put_once_that_lost_the_race_is_refused),
        WITH_KEYS(test_put_once_where_the_server_has_no_condition),
        WITH_KEYS(test_stream_survives_each_fault_and_leaves_no_upload),
        WITH_KEYS(test_stream_with_a_part_that_never_arrives_is_an_error_and_leaves_nothing),
        WITH_KEYS(test_stream_that_cannot_be_completed_is_an_error_and_leaves_nothing),
        WITH_KEYS(test_list_in_a_strange_order_is_sorted_and_made_unique),
        WITH_KEYS(test_list_with_encoded_names_is_decoded),
        WITH_KEYS(test_list_that_repeats_itself_is_given_up),
        WITH_KEYS(test_web_identity_token_is_traded_for_keys),
        WITH_KEYS(test_web_identity_is_renewed_before_it_expires_and_its_file_read_again),
        WITH_KEYS(test_keys_that_expire_in_the_middle_of_an_upload_are_renewed_and_the_part_sent_again),
        WITH_KEYS(test_web_identity_that_is_refused_is_an_error_without_the_token),
    };
    return cmocka_run_group_tests_name("S3 faults", tests, set_up, tear_down);
}
