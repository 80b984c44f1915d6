/*
 * The store's contract over a real S3 server, and what only such a server can show: credentials that are refused, a
 * clock that is wrong, uploads that stay behind. EVO_STORE and AWS_* name the server; its bucket is empty.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/secret.h"
#include "s3_servers.h"
#include "store/contract.h"
#include "store/s3_uploads.h"

/* Sets a variable for the length of a test. */
struct variable {
    const char *name;
    char *before;
};

static struct variable change(const char *name, const char *value)
{
    struct variable v = { name, evo_strdup(getenv(name)) };
    (void)setenv(name, value, 1);
    return v;
}

static void restore(struct variable *v)
{
    (void)(v->before ? setenv(v->name, v->before, 1) : unsetenv(v->name));
    free(v->before);
}
#define VARIABLE __attribute__((cleanup(restore))) struct variable

static void test_check_names_a_wrong_secret_key(void **state)
{
    (void)state;
    VARIABLE v = change("AWS_SECRET_ACCESS_KEY", "canary-wrong-secret");
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_open();
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
    assert_int_equal(err.http_status, 403);
    assert_non_null(strstr(err.message, "the secret key from AWS_ACCESS_KEY_ID is wrong"));
    assert_non_null(strstr(err.hint, "AWS_SECRET_ACCESS_KEY"));
    assert_no_secret(&err);
}

static void test_check_names_an_unknown_access_key(void **state)
{
    (void)state;
    VARIABLE v = change("AWS_ACCESS_KEY_ID", "CANARYUNKNOWNKEY");
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_open();
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "does not know the access key"));
    assert_no_secret(&err);
}

static void test_missing_bucket_is_named_by_every_call(void **state)
{
    (void)state;
    struct evo_store_options o = s3_options();
    o.url = "s3://no-such-bucket-here/x";
    EVO_AUTO_PTR(store) store = s3_open(&o);
    struct evo_store_stat st;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_STORE);
    assert_string_equal(err.message, "bucket \"no-such-bucket-here\" does not exist");
    assert_non_null(strstr(err.hint, "aws s3 mb s3://no-such-bucket-here"));
    assert_int_equal(evo_store_stat(store, "a", &st, &err), EVO_ERR_STORE);
    assert_string_equal(err.message, "bucket \"no-such-bucket-here\" does not exist");
    assert_int_equal(evo_store_put(store, "a", "x", 1, 0, &err), EVO_ERR_STORE);
    assert_string_equal(err.message, "bucket \"no-such-bucket-here\" does not exist");
    assert_int_equal(evo_store_put(store, "a", "x", 1, EVO_STORE_ONCE, &err), EVO_ERR_STORE);
    assert_string_equal(err.message, "bucket \"no-such-bucket-here\" does not exist");
}

static void test_unreachable_endpoint_is_told_soon(void **state)
{
    (void)state;
    struct evo_store_options o = s3_options();
    o.s3_endpoint = "http://127.0.0.1:1";
    EVO_AUTO_PTR(store) store = s3_open(&o);
    struct evo_error err = EVO_ERROR_INIT;
    int64_t before = evo_clock_ms();
    assert_int_equal(evo_store_check(store, &err), EVO_ERR_NETWORK);
    assert_true(evo_clock_ms() - before < 5000);
    assert_non_null(strstr(err.message, "127.0.0.1:1"));
    assert_non_null(strstr(err.hint, "--s3-endpoint"));
}

static void remember(void *ctx, enum evo_level level, const char *message)
{
    if (level == EVO_LOG_WARN)
        evo_strbuf_adds(ctx, message);
}

static void test_wrong_clock_is_named_and_worked_around(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) warnings = EVO_STRBUF_INIT;
    struct evo_task task = { .ctx = &warnings, .log = remember };
    struct evo_store_options o = s3_options();
    o.task = &task;
    EVO_AUTO_PTR(store) store = s3_open(&o);
    evo_s3_of(store)->client.skew_ms =
        -20 * 60 * 1000; /* as if this machine's clock were 20 minutes behind */
    assert_ok(evo_store_check(store, &err));
    assert_true(evo_s3_of(store)->client.skew_ms > -5000 && evo_s3_of(store)->client.skew_ms < 5000);
    assert_non_null(strstr(warnings.buf, "clock"));
}

/* By the prefix that the server was asked with, and no second look at the whole bucket. */
static void test_server_lists_uploads_by_prefix(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_begin();
    EVO_AUTO_PTR(store_writer) w = NULL;
    struct evo_store_options o = s3_options();
    o.s3_provider = s3_server()->profile;
    EVO_AUTO_PTR(store) known = s3_open(&o);
    assert_true(evo_s3_of(known)->client.provider->uploads_by_prefix);
    unsigned char *buf = evo_calloc(3, PART_SIZE);
    assert_ok(evo_store_writer_open(store, "t/p/x", PART_SIZE, &w, &err));
    assert_ok(evo_store_writer_write(w, buf, 3 * PART_SIZE, &err));
    free(buf);
    assert_int_equal(uploads_below(known, "t/p/"), 1);
    assert_int_equal(uploads_below(known, "t/q/"), 0);
}

static size_t uploads_of(struct evo_store *store, const char *key)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_uploads) found = { 0 };
    struct evo_s3_patience patience = { evo_deadline_in(5000), .despite_cancel = true };
    EVO_AUTO_STR full = evo_asprintf("%s%s", evo_s3_of(store)->client.url.prefix, key);
    assert_ok(evo_s3_uploads_of(&evo_s3_of(store)->client, full, patience, &found, &err));
    return found.count;
}

static void abort_all(struct evo_store *store)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_uploads) found = { 0 };
    assert_ok(evo_store_list_uploads(store, "", &found, &err));
    for (size_t i = 0; i < found.count; i++)
        assert_ok(evo_store_abort_upload(store, &found.items[i], &err));
}

/* Three parts: that the second was handed over means that the first, and with it the upload, is there. */
static void test_no_upload_stays_behind_without_commit_nor_after_a_cancel(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_begin();
    unsigned char *buf = evo_calloc(3, PART_SIZE);
    struct evo_store_writer *w = NULL;
    assert_ok(evo_store_writer_open(store, "t/left", PART_SIZE, &w, &err));
    assert_ok(evo_store_writer_write(w, buf, 3 * PART_SIZE, &err));
    assert_int_equal(uploads_of(store, "t/left"), 1);
    evo_store_writer_free(w);
    assert_int_equal(uploads_of(store, "t/left"), 0);

    assert_ok(evo_store_writer_open(store, "t/left", PART_SIZE, &w, &err));
    assert_ok(evo_store_writer_write(w, buf, 3 * PART_SIZE, &err));
    assert_int_equal(uploads_of(store, "t/left"), 1);
    evo_cancel_request(2);
    enum evo_errc rc = evo_store_writer_write(w, buf, PART_SIZE, &err);
    evo_store_writer_free(w);
    evo_cancel_acknowledge();
    free(buf);
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_int_equal(uploads_of(store, "t/left"), 0);

    stream(store, "t/whole", 2 * PART_SIZE + 1, PART_SIZE);
    assert_int_equal(uploads_of(store, "t/whole"), 0);
    if (s3_server()->revives)
        abort_all(store);
    assert_int_equal(uploads_below(store, ""), 0);
}

static void test_list_of_many_objects_spans_pages(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_begin();
    enum { MANY = 1005 };
    for (int i = 0; i < MANY; i++) {
        EVO_AUTO_STR key = evo_asprintf("t/many/%04d", i);
        put_text(store, key, "");
    }
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, "t/many/", true, &list, &err));
    assert_int_equal(list.count, MANY);
    for (int i = 0; i < MANY; i++) {
        EVO_AUTO_STR key = evo_asprintf("t/many/%04d", i);
        assert_string_equal(list.items[i].key, key);
        assert_ok(evo_store_remove(store, key, &err));
    }
}

static void test_store_of_a_whole_bucket_sees_what_a_prefix_holds(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_begin();
    put_text(store, "t/x", "x");
    struct evo_store_options o = s3_options();
    EVO_AUTO_STR bucket = evo_asprintf("s3://%s", evo_s3_of(store)->client.url.bucket);
    o.url = bucket;
    EVO_AUTO_PTR(store) whole = s3_open(&o);
    EVO_AUTO_STR key = evo_asprintf("%st/x", evo_s3_of(store)->client.url.prefix);
    assert_object(whole, key, "x", 1);
    assert_ok(evo_store_remove(whole, key, &err));
}

/* The server answers to <bucket>.s3.localhost as well, which libcurl resolves itself. */
static void test_virtual_host_addressing_reaches_the_same_objects(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_begin();
    put_text(store, "t/a b+c", "by path");
    struct evo_store_options o = s3_options();
    const char *port = strrchr(o.s3_endpoint, ':');
    assert_non_null(port);
    EVO_AUTO_STR endpoint = evo_asprintf("http://s3.localhost%s", port);
    o.s3_endpoint = endpoint;
    o.s3_addressing = "virtual";
    EVO_AUTO_PTR(store) virtual_host = s3_open(&o);
    assert_ok(evo_store_check(virtual_host, &err));
    assert_object(virtual_host, "t/a b+c", "by path", 7);
    put_text(virtual_host, "t/other", "by host");
    assert_object(store, "t/other", "by host", 7);
}

/* ---- what goes with each object ---- */

static void test_each_checksum_is_taken_and_a_stream_completed_with_it(void **state)
{
    (void)state;
    static const char *const kinds[] = { "none", "md5", "crc32c", "sha256" };
    for (size_t i = 0; i < EVO_COUNT(kinds); i++) {
        EVO_AUTO_PTR(store) cleared = contract_begin();
        struct evo_store_options o = { .s3_checksum = kinds[i] };
        EVO_AUTO_PTR(store) store = s3_open_changed(&o);
        put_text(store, "t/sum", kinds[i]);
        assert_object(store, "t/sum", kinds[i], strlen(kinds[i]));
        stream(store, "t/sums", 2 * PART_SIZE + 1, PART_SIZE);
    }
}

static void test_tags_go_with_an_object_and_with_a_stream(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) cleared = contract_begin();
    EVO_AUTO(strvec) tags = EVO_STRVEC_INIT;
    evo_strvec_push(&tags, "team=data base");
    evo_strvec_push(&tags, "env=a/b+c");
    struct evo_store_options o = { .s3_tags = &tags };
    EVO_AUTO_PTR(store) store = s3_open_changed(&o);
    put_text(store, "t/tag", "x");
    stream(store, "t/tags", PART_SIZE + 1, PART_SIZE);
    static const char *const keys[] = { "t/tag", "t/tags" };
    for (size_t i = 0; i < EVO_COUNT(keys); i++) {
        EVO_AUTO(s3_answer) answer;
        evo_s3_answer_init(&answer);
        s3_send_about(store, "GET", "tagging", keys[i], NULL, &answer);
        assert_non_null(strstr(answer.http.body.buf, "<Value>data base</Value>"));
        assert_non_null(strstr(answer.http.body.buf, "<Value>a/b+c</Value>"));
    }
}

/* The server takes the header and stores what it got: evo says so, and nothing is left. */
static void assert_encryption_missed(struct evo_store *store)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store_writer) w = NULL;
    unsigned char *buf = evo_calloc(1, PART_SIZE + 1);
    assert_int_equal(evo_store_put(store, "t/sse", "open", 4, 0, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "did not encrypt"));
    assert_ok(evo_store_writer_open(store, "t/sses", PART_SIZE, &w, &err));
    assert_ok(evo_store_writer_write(w, buf, PART_SIZE + 1, &err));
    free(buf);
    assert_int_equal(evo_store_writer_commit(w, NULL, NULL, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "did not encrypt"));
    evo_store_writer_free(w);
    w = NULL;
    assert_nothing_stored(store);
    assert_int_equal(uploads_below(store, ""), 0);
}

static void test_encryption_and_storage_class_go_with_an_object_and_with_a_stream(void **state)
{
    (void)state;
    static const char *const kinds[] = { "md5", "crc32c" };
    for (size_t i = 0; i < EVO_COUNT(kinds); i++) {
        EVO_AUTO_PTR(store) cleared = contract_begin();
        struct evo_store_options o = { .s3_sse = "AES256",
                                       .s3_storage_class = "STANDARD_IA",
                                       .s3_checksum = kinds[i] };
        EVO_AUTO_PTR(store) store = s3_open_changed(&o);
        if (!s3_server()->encrypts) {
            assert_encryption_missed(store);
            continue;
        }
        put_text(store, "t/sse", "sealed");
        assert_object(store, "t/sse", "sealed", 6);
        stream(store, "t/sses", 2 * PART_SIZE + 1, PART_SIZE);
        struct checker c = { .equal = true };
        struct evo_error err = EVO_ERROR_INIT;
        assert_ok(evo_store_read(store, "t/sses", 0, UINT64_MAX, check_filled, &c, &err));
        assert_true(c.equal && c.at == 2 * PART_SIZE + 1);
        EVO_AUTO(s3_answer) answer;
        evo_s3_answer_init(&answer);
        s3_send_about(store, "HEAD", NULL, "t/sses", NULL, &answer);
        assert_string_equal(evo_http_header(&answer.http, "x-amz-server-side-encryption"), "AES256");
    }
}

static void test_locked_objects_tell_until_when(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_options bucket = { .url = "s3://evo-locked/x" };
    EVO_AUTO_PTR(store) plain = s3_open_changed(&bucket);
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    evo_strvec_push(&headers, "x-amz-bucket-object-lock-enabled: true");
    s3_send_about(plain, "PUT", NULL, NULL, &headers, &answer);

    struct evo_store_options o = { .url = bucket.url,
                                   .s3_object_lock = "governance",
                                   .s3_object_lock_days = 2 };
    EVO_AUTO_PTR(store) store = s3_open_changed(&o);
    put_text(store, "t/locked", "x");
    stream(store, "t/lockeds", PART_SIZE + 1, PART_SIZE);
    put_text(plain, "t/free", "x");
    assert_ok(evo_store_put(store, "t/passing", "x", 1, EVO_STORE_PASSING, &err));
    static const char *const keys[] = { "t/locked", "t/lockeds", "t/free", "t/passing" };
    for (size_t i = 0; i < EVO_COUNT(keys); i++) {
        struct evo_store_stat st;
        assert_ok(evo_store_stat(store, keys[i], &st, &err));
        int64_t left = st.locked_until_ms - evo_wall_ms(), day = (int64_t)24 * 60 * 60 * 1000;
        assert_false(st.legal_hold);
        if (i >= 2)
            assert_true(st.locked_until_ms == -1);
        else
            assert_true(left > 2 * day - 120000 && left <= 2 * day);
    }
}

static void test_header_that_the_server_refuses_is_named(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) cleared = contract_begin();
    struct evo_store_options o = { .s3_object_lock = "compliance", .s3_object_lock_days = 1 };
    EVO_AUTO_PTR(store) store = s3_open_changed(&o); /* the bucket has no Object Lock */
    assert_int_equal(evo_store_put(store, "t/x", "x", 1, 0, &err), EVO_ERR_STORE);
    if (s3_server()->tells_why) {
        assert_non_null(strstr(err.message, "refused the header x-amz-object-lock-mode (--s3-object-lock)"));
        assert_non_null(strstr(err.hint, "made with Object Lock"));
    } else { /* "Invalid Request" and no more */
        assert_non_null(strstr(err.detail, "Sent with it: x-amz-object-lock-mode (--s3-object-lock)"));
        assert_non_null(strstr(err.hint, "Leave one of them out"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TESTS,
        cmocka_unit_test(test_check_names_a_wrong_secret_key),
        cmocka_unit_test(test_check_names_an_unknown_access_key),
        cmocka_unit_test(test_missing_bucket_is_named_by_every_call),
        cmocka_unit_test(test_unreachable_endpoint_is_told_soon),
        cmocka_unit_test(test_wrong_clock_is_named_and_worked_around),
        cmocka_unit_test(test_server_lists_uploads_by_prefix),
        cmocka_unit_test(test_no_upload_stays_behind_without_commit_nor_after_a_cancel),
        cmocka_unit_test(test_list_of_many_objects_spans_pages),
        cmocka_unit_test(test_store_of_a_whole_bucket_sees_what_a_prefix_holds),
        cmocka_unit_test(test_each_checksum_is_taken_and_a_stream_completed_with_it),
        cmocka_unit_test(test_tags_go_with_an_object_and_with_a_stream),
        cmocka_unit_test(test_encryption_and_storage_class_go_with_an_object_and_with_a_stream),
        cmocka_unit_test(test_locked_objects_tell_until_when),
        cmocka_unit_test(test_header_that_the_server_refuses_is_named),
        cmocka_unit_test(test_virtual_host_addressing_reaches_the_same_objects),
    };
    return cmocka_run_group_tests_name("store contract: S3", tests, s3_set_up, NULL);
}
