/*
 * What a real S3 server compares, row by row of s3_servers.h: signatures are made to be checked, and a fake that evo's own
 * authors wrote checks what they thought of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "s3_servers.h"
#include "store/s3_body.h"
#include "store/s3_upload.h"

static const char body[] = "these bytes";
static const char other[] = "other bytes";

/* A store that asks once: what is refused here stays refused. */
static struct evo_store *begin_impatient(void)
{
    struct evo_store *store = contract_begin();
    evo_s3_of(store)->client.attempts = 1;
    return store;
}

/* Puts `body` under the key, with one header and the digest of its bytes as they are told. */
static enum evo_errc put_as(struct evo_store *store, const char *key, const char *sha256, const char *header,
                            struct evo_s3_answer *answer, struct evo_error *err)
{
    EVO_AUTO_STR full = evo_asprintf("%s%s", evo_s3_of(store)->client.url.prefix, key);
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    if (header)
        evo_strvec_push(&headers, header);
    struct evo_s3_request r = { .method = "PUT",
                                .action = "s3:PutObject",
                                .key = full,
                                .headers = &headers,
                                .body = body,
                                .body_len = strlen(body),
                                .body_sha256 = sha256 };
    return evo_s3_send(&evo_s3_of(store)->client, &r, answer, err);
}

static void test_body_that_was_not_signed_is_refused_where_the_server_compares(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = begin_impatient();
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_digest digest;
    evo_s3_digest_of(EVO_S3_CHECKSUM_NONE, other, strlen(other), &digest);
    enum evo_errc rc = put_as(store, "t/unsigned", digest.sha256, NULL, &answer, &err);
    if (!s3_server()->compares_sha256) {
        assert_ok(rc);
        assert_object(store, "t/unsigned", body, strlen(body));
        return;
    }
    assert_int_equal(rc, EVO_ERR_STORE);
    assert_int_equal(answer.http.status, 400);
    assert_string_equal(answer.fault.code, "XAmzContentSHA256Mismatch");
    assert_missing(store, "t/unsigned");
}

static void test_part_that_was_not_signed_is_refused_where_the_server_compares(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = begin_impatient();
    EVO_AUTO_STR full = evo_asprintf("%st/part", evo_s3_of(store)->client.url.prefix);
    struct evo_s3_upload u = { .client = &evo_s3_of(store)->client, .key = full };
    assert_ok(evo_s3_upload_part(&u, body, strlen(body), &err));
    struct evo_s3_digest digest;
    evo_s3_digest_of(EVO_S3_CHECKSUM_NONE, other, strlen(other), &digest);
    const struct evo_s3_param params[] = { { "partNumber", "2" }, { "uploadId", u.id } };
    struct evo_s3_request r = { .method = "PUT",
                                .action = "s3:PutObject",
                                .key = full,
                                .params = params,
                                .param_count = EVO_COUNT(params),
                                .body = body,
                                .body_len = strlen(body),
                                .body_sha256 = digest.sha256 };
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    enum evo_errc rc = evo_s3_send(u.client, &r, &answer, &err);
    evo_s3_upload_abandon(&u);
    evo_s3_upload_release(&u);
    assert_int_equal(rc, s3_server()->compares_sha256 ? EVO_ERR_STORE : EVO_OK);
    if (rc)
        assert_string_equal(answer.fault.code, "XAmzContentSHA256Mismatch");
    assert_int_equal(uploads_below(store, ""), 0);
}

static void test_wrong_checksum_is_refused_whichever_it_is(void **state)
{
    (void)state;
    static const enum evo_s3_checksum kinds[] = { EVO_S3_CHECKSUM_MD5, EVO_S3_CHECKSUM_CRC32C,
                                                  EVO_S3_CHECKSUM_SHA256 };
    for (size_t i = 0; i < EVO_COUNT(kinds); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(store) store = begin_impatient();
        EVO_AUTO(s3_answer) answer;
        evo_s3_answer_init(&answer);
        struct evo_s3_digest digest;
        evo_s3_digest_of(kinds[i], other, strlen(other), &digest);
        EVO_AUTO_STR header = evo_asprintf("%s: %s", evo_s3_checksum_header(kinds[i]), digest.value);
        assert_int_equal(put_as(store, "t/sum", NULL, header, &answer, &err), EVO_ERR_STORE);
        assert_int_equal(answer.http.status, 400);
        assert_missing(store, "t/sum");
        evo_s3_digest_of(kinds[i], body, strlen(body), &digest);
        EVO_AUTO_STR right = evo_asprintf("%s: %s", evo_s3_checksum_header(kinds[i]), digest.value);
        assert_ok(put_as(store, "t/sum", NULL, right, &answer, &err));
        assert_object(store, "t/sum", body, strlen(body));
    }
}

/* Without the look that evo takes before: the server alone decides. */
static void test_if_none_match_is_the_servers_own(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = begin_impatient();
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    assert_ok(put_as(store, "t/once", NULL, "If-None-Match: *", &answer, &err));
    assert_int_equal(put_as(store, "t/once", NULL, "If-None-Match: *", &answer, &err), EVO_ERR_STORE);
    assert_int_equal(answer.http.status, 412);
}

static void test_wrong_region_is_found_out_where_the_server_compares(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) cleared = contract_begin();
    struct evo_store_options o = { .s3_region = "eu-central-1" };
    EVO_AUTO_PTR(store) store = s3_open_changed(&o);
    put_text(store, "t/region", "here");
    assert_string_equal(evo_s3_of(store)->client.region,
                        s3_server()->compares_region ? getenv("AWS_REGION") : "eu-central-1");
    assert_object(cleared, "t/region", "here", 4);
    assert_ok(evo_store_check(store, &err));
}

static void test_object_below_another_is_refused_by_name_where_it_cannot_be(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = begin_impatient();
    put_text(store, "t/a", "above");
    enum evo_errc rc = evo_store_put(store, "t/a/b", "below", 5, 0, &err);
    if (s3_server()->nests) {
        assert_ok(rc);
        assert_object(store, "t/a/b", "below", 5);
        assert_ok(evo_store_remove(store, "t/a/b", &err));
    } else {
        assert_int_equal(rc, EVO_ERR_STORE);
        assert_non_null(strstr(err.message, "refused s3:PutObject: 409"));
        assert_missing(store, "t/a/b");
    }
    assert_object(store, "t/a", "above", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_that_was_not_signed_is_refused_where_the_server_compares),
        cmocka_unit_test(test_part_that_was_not_signed_is_refused_where_the_server_compares),
        cmocka_unit_test(test_wrong_checksum_is_refused_whichever_it_is),
        cmocka_unit_test(test_if_none_match_is_the_servers_own),
        cmocka_unit_test(test_wrong_region_is_found_out_where_the_server_compares),
        cmocka_unit_test(test_object_below_another_is_refused_by_name_where_it_cannot_be),
    };
    return cmocka_run_group_tests_name("store: what an S3 server checks", tests, s3_set_up, NULL);
}
