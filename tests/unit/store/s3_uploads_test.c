/*
 * Unfinished uploads where servers differ: prefixes, markers, aborts that do not hold. Against tests/lib/fake_s3.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "fake_s3.h"

/* Begins an upload and leaves it. `key` is a full one. */
static void leave_upload(struct evo_store *store, const char *key)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    const struct evo_s3_param params[] = { { "uploads", NULL } };
    struct evo_s3_request r = {
        .method = "POST", .action = "s3:PutObject", .key = key, .params = params, .param_count = 1, .body = ""
    };
    assert_ok(evo_s3_send(&evo_s3_of(store)->client, &r, &answer, &err));
}

static void leave_some(struct evo_store *store)
{
    static const char *const keys[] = { "p/d/b", "other/d/a", "p/d/a", "p/e", "p/d/b", "p/d//odd" };
    for (size_t i = 0; i < EVO_COUNT(keys); i++)
        leave_upload(store, keys[i]);
}

static void assert_found(struct evo_store *store, const char *prefix, const char *expected)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_uploads) found = { 0 };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    assert_ok(evo_store_list_uploads(store, prefix, &found, &err));
    for (size_t i = 0; i < found.count; i++) {
        evo_strbuf_addf(&text, "%s%s=%s", i ? " " : "", found.items[i].key, found.items[i].id);
        assert_true(found.items[i].started_ms == 1369353600000);
    }
    assert_string_equal(text.buf, expected);
}

static void test_uploads_are_those_below_the_prefix_however_the_server_lists(void **state)
{
    (void)state;
    static const char *const buckets[] = { "uploads", "uploads-exact", "uploads-paged", "uploads-unmarked",
                                           "uploads-denied" };
    for (size_t i = 0; i < EVO_COUNT(buckets); i++) {
        EVO_AUTO_PTR(store) store = open_bucket(buckets[i]);
        leave_some(store);
        assert_found(store, "d/", "d/a=upload-3 d/b=upload-1 d/b=upload-5");
        assert_found(store, "", "d/a=upload-3 d/b=upload-1 d/b=upload-5 e=upload-4");
        assert_found(store, "f/", "");
    }
}

static void test_server_that_is_known_to_filter_is_asked_once(void **state)
{
    (void)state;
    struct evo_store_options o = { .s3_provider = "aws" };
    EVO_AUTO_PTR(store) store = open_bucket_with("uploads-once", &o);
    leave_some(store);
    assert_found(store, "d/", "d/a=upload-3 d/b=upload-1 d/b=upload-5");
    assert_int_equal(requests("uploads-once", "GET"), 1);
}

static void test_uploads_that_repeat_themselves_are_given_up(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_uploads) found = { 0 };
    EVO_AUTO_PTR(store) store = open_bucket("uploads-repeat");
    assert_int_equal(evo_store_list_uploads(store, "d/", &found, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "repeats itself"));
    assert_int_equal(requests("uploads-repeat", "GET"), 2);
}

static void test_uploads_that_may_not_be_listed_name_the_permission(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_uploads) found = { 0 };
    EVO_AUTO_PTR(store) store = open_bucket("denied");
    assert_int_equal(evo_store_list_uploads(store, "d/", &found, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.detail, "s3:ListBucketMultipartUploads"));
    EVO_AUTO_PTR(store) page = open_bucket("html");
    assert_int_equal(evo_store_list_uploads(page, "d/", &found, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "cannot understand"));
}

static void test_abort_ends_one_upload_and_no_other(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("uploads-abort");
    leave_some(store);
    struct evo_store_upload u = { .key = (char[]){ "d/b" }, .id = (char[]){ "upload-1" } };
    assert_ok(evo_store_abort_upload(store, &u, &err));
    assert_ok(evo_store_abort_upload(store, &u, &err)); /* missing is fine */
    assert_found(store, "", "d/a=upload-3 d/b=upload-5 e=upload-4");
}

static void test_abort_that_never_holds_is_an_error(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("parts-linger");
    leave_upload(store, "p/x");
    struct evo_store_upload u = { .key = (char[]){ "x" }, .id = (char[]){ "upload-1" } };
    assert_int_equal(evo_store_abort_upload(store, &u, &err), EVO_ERR_STORE);
    assert_string_equal(
        err.message,
        "could not abort the upload of \"p/x\": the store still lists parts of it after 5 aborts");
    assert_int_equal(requests("parts-linger", "DELETE"), 5);
}

static void test_abort_ends_on_a_cancel(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("uploads-abort");
    struct evo_store_upload u = { .key = (char[]){ "x" }, .id = (char[]){ "upload-9" } };
    evo_cancel_request(15);
    enum evo_errc rc = evo_store_abort_upload(store, &u, &err);
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
}

static void test_upload_that_was_aborted_under_a_writer_is_named(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("uploads-gone");
    EVO_AUTO_PTR(store_writer) w = NULL;
    unsigned char *data = sample(3 * PART);
    assert_ok(evo_store_writer_open(store, "x", PART, &w, &err));
    assert_ok(evo_store_writer_write(w, data, 3 * PART, &err));
    free(data);
    struct evo_store_upload u = { .key = (char[]){ "x" }, .id = (char[]){ "upload-1" } };
    assert_ok(evo_store_abort_upload(store, &u, &err));
    assert_int_equal(evo_store_writer_commit(w, NULL, NULL, &err), EVO_ERR_STORE);
    assert_string_equal(err.message, "the unfinished upload of \"p/x\" is gone from bucket \"uploads-gone\"");
    assert_non_null(strstr(err.hint, "lifecycle"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uploads_are_those_below_the_prefix_however_the_server_lists),
        cmocka_unit_test(test_server_that_is_known_to_filter_is_asked_once),
        cmocka_unit_test(test_uploads_that_repeat_themselves_are_given_up),
        cmocka_unit_test(test_uploads_that_may_not_be_listed_name_the_permission),
        cmocka_unit_test(test_abort_ends_one_upload_and_no_other),
        cmocka_unit_test(test_abort_that_never_holds_is_an_error),
        cmocka_unit_test(test_abort_ends_on_a_cancel),
        cmocka_unit_test(test_upload_that_was_aborted_under_a_writer_is_named),
    };
    return cmocka_run_group_tests_name("store/s3_uploads", tests, fake_s3_start, fake_s3_stop);
}
