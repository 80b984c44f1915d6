#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/s3_sign.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ACCESS_KEY   "AKIAIOSFODNN7EXAMPLE"
#define SECRET_KEY   "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SCOPE        "AWS4-HMAC-SHA256 Credential=" ACCESS_KEY "/20130524/us-east-1/s3/aws4_request,SignedHeaders="

/* The examples of AWS's page "Authenticating Requests: Using the Authorization Header". */
struct example {
    const char *method, *path;
    struct evo_s3_param params[2];
    size_t param_count;
    const char *headers[2], *sha256, *expected;
};
static const struct example examples[] = {
    { .method = "GET",
      .path = "/test.txt",
      .headers = { "Range: bytes=0-9" },
      .sha256 = EMPTY_SHA256,
      .expected = SCOPE "host;range;x-amz-content-sha256;x-amz-date,Signature="
                        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    { .method = "PUT",
      .path = "/test$file.text",
      .headers = { "Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY" },
      .sha256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      .expected = SCOPE "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature="
                        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
    { .method = "GET",
      .path = "/",
      .params = { { "lifecycle", NULL } },
      .param_count = 1,
      .sha256 = EMPTY_SHA256,
      .expected = SCOPE "host;x-amz-content-sha256;x-amz-date,Signature="
                        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
    { .method = "GET",
      .path = "/",
      .params = { { "prefix", "J" }, { "max-keys", "2" } },
      .param_count = 2,
      .sha256 = EMPTY_SHA256,
      .expected = SCOPE "host;x-amz-content-sha256;x-amz-date,Signature="
                        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

static void test_authorization_is_that_of_the_published_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(examples); i++) {
        const struct example *e = &examples[i];
        EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
        EVO_AUTO(strbuf) path = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) query = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) authorization = EVO_STRBUF_INIT;
        for (size_t j = 0; j < EVO_COUNT(e->headers) && e->headers[j]; j++)
            evo_strvec_push(&headers, e->headers[j]);
        evo_strvec_pushf(&headers, "x-amz-content-sha256: %s", e->sha256);
        evo_strvec_push(&headers, "x-amz-date: 20130524T000000Z");
        evo_s3_path(&path, e->path);
        evo_s3_query(&query, e->params, e->param_count);
        struct evo_s3_sign s = { .method = e->method,
                                 .host = "examplebucket.s3.amazonaws.com",
                                 .path = path.buf,
                                 .query = query.buf,
                                 .headers = &headers,
                                 .payload_sha256 = e->sha256,
                                 .access_key = ACCESS_KEY,
                                 .secret_key = SECRET_KEY,
                                 .region = "us-east-1" };
        assert_true(evo_parse_time("2013-05-24T00:00:00Z", &s.wall_ms));
        evo_s3_authorization(&s, &authorization);
        assert_string_equal(authorization.buf, e->expected);
    }
}

/* The steps in between, of the second example. */
static void test_canonical_request_and_string_to_sign_are_those_of_the_page(void **state)
{
    (void)state;
    const struct example *e = &examples[1];
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) canonical = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) to_sign = EVO_STRBUF_INIT;
    evo_strvec_push(&headers, "x-amz-storage-class: REDUCED_REDUNDANCY");
    evo_strvec_pushf(&headers, "x-amz-content-sha256: %s", e->sha256);
    evo_strvec_push(&headers, "Date: Fri, 24 May 2013 00:00:00 GMT");
    evo_strvec_push(&headers, "x-amz-date: 20130524T000000Z");
    struct evo_s3_sign s = { .method = "PUT",
                             .host = "examplebucket.s3.amazonaws.com",
                             .path = "/test%24file.text",
                             .query = "",
                             .headers = &headers,
                             .payload_sha256 = e->sha256,
                             .access_key = ACCESS_KEY,
                             .secret_key = SECRET_KEY,
                             .region = "us-east-1" };
    assert_true(evo_parse_time("2013-05-24T00:00:00Z", &s.wall_ms));
    evo_s3_canonical_request(&s, &canonical, &names);
    assert_string_equal(canonical.buf,
                        "PUT\n/test%24file.text\n\ndate:Fri, 24 May 2013 00:00:00 GMT\n"
                        "host:examplebucket.s3.amazonaws.com\nx-amz-content-sha256:"
                        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n"
                        "x-amz-date:20130524T000000Z\nx-amz-storage-class:REDUCED_REDUNDANCY\n\n"
                        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class\n"
                        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
    evo_s3_string_to_sign(&s, canonical.buf, &to_sign);
    assert_string_equal(to_sign.buf,
                        "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
                        "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d");
}

static void test_canonical_request_with_a_session_token_signs_it(void **state)
{
    (void)state;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) canonical = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) authorization = EVO_STRBUF_INIT;
    evo_strvec_push(&headers, "x-amz-content-sha256: " EMPTY_SHA256);
    evo_strvec_push(&headers, "x-amz-date: 20130524T000000Z");
    evo_strvec_push(&headers, "x-amz-security-token: IQoJb3JpZ2luX2VjEXAMPLE/+=");
    struct evo_s3_sign s = { .method = "GET",
                             .host = "127.0.0.1:8333",
                             .path = "/bucket/caf%C3%A9",
                             .query = "",
                             .headers = &headers,
                             .payload_sha256 = EMPTY_SHA256,
                             .access_key = ACCESS_KEY,
                             .secret_key = SECRET_KEY,
                             .region = "eu-central-1" };
    assert_true(evo_parse_time("2013-05-24T00:00:00Z", &s.wall_ms));
    evo_s3_canonical_request(&s, &canonical, &names);
    assert_string_equal(names.buf, "host;x-amz-content-sha256;x-amz-date;x-amz-security-token");
    assert_non_null(strstr(canonical.buf, "\nx-amz-security-token:IQoJb3JpZ2luX2VjEXAMPLE/+=\n"));
    evo_s3_authorization(&s, &authorization);
    /* Made with another implementation of the signature (Python's hmac). */
    assert_non_null(strstr(authorization.buf,
                           "Signature=a66b67aeccc0714f38f0c53880472960c0cc0b9124f3a9b20ed80cbc445dc28e"));
}

static void test_canonical_request_sorts_headers_by_name_and_folds_blanks(void **state)
{
    (void)state;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) canonical = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    evo_strvec_push(&headers, "X-Amz-Meta-A-B: 2");
    evo_strvec_push(&headers, "x-amz-meta-a:   a   b \t c  ");
    evo_strvec_push(&headers, "x-amz-meta-a1:");
    struct evo_s3_sign s = {
        .method = "GET", .host = "h", .path = "/", .query = "", .headers = &headers, .payload_sha256 = "x"
    };
    evo_s3_canonical_request(&s, &canonical, &names);
    assert_string_equal(names.buf, "host;x-amz-meta-a;x-amz-meta-a-b;x-amz-meta-a1");
    assert_string_equal(canonical.buf,
                        "GET\n/\n\nhost:h\nx-amz-meta-a:a b c\nx-amz-meta-a-b:2\nx-amz-meta-a1:\n\n"
                        "host;x-amz-meta-a;x-amz-meta-a-b;x-amz-meta-a1\nx");
}

static void test_path_encodes_each_special_character_once(void **state)
{
    (void)state;
    static const struct {
        const char *key, *encoded;
    } rows[] = {
        { "a/b", "a/b" },
        { "a b", "a%20b" },
        { "a+b", "a%2Bb" },
        { "a%20b", "a%2520b" },
        { "caf\xc3\xa9", "caf%C3%A9" },
        { "f(1)", "f%281%29" },
        { "it's", "it%27s" },
        { "a*", "a%2A" },
        { "-_.~", "-_.~" },
        { "a=b&c?d#e", "a%3Db%26c%3Fd%23e" },
        { "@:,;!$", "%40%3A%2C%3B%21%24" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        evo_s3_path(&out, rows[i].key);
        assert_string_equal(out.buf, rows[i].encoded);
    }
}

static void test_query_is_encoded_and_sorted_by_name_then_value(void **state)
{
    (void)state;
    static const struct evo_s3_param params[] = { { "uploads", NULL }, { "prefix", "a b/c+d" },
                                                  { "b", "2" },        { "b", "10" },
                                                  { "B", "" },         { "a-b", "x" },
                                                  { "a", "\xc3\xa9" } };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_s3_query(&out, params, EVO_COUNT(params));
    assert_string_equal(out.buf, "B=&a=%C3%A9&a-b=x&b=10&b=2&prefix=a%20b%2Fc%2Bd&uploads=");
    evo_strbuf_clear(&out);
    evo_s3_query(&out, NULL, 0);
    assert_string_equal(out.buf, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authorization_is_that_of_the_published_examples),
        cmocka_unit_test(test_canonical_request_and_string_to_sign_are_those_of_the_page),
        cmocka_unit_test(test_canonical_request_with_a_session_token_signs_it),
        cmocka_unit_test(test_canonical_request_sorts_headers_by_name_and_folds_blanks),
        cmocka_unit_test(test_path_encodes_each_special_character_once),
        cmocka_unit_test(test_query_is_encoded_and_sorted_by_name_then_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
