/* The roles of containers and machines. Against tests/lib/metadata_server.py, which answers as the real services do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "http/http.h"
#include "store/s3_credentials.h"
#include "store/s3_metadata.h"
#include "test_server.h"

static struct test_server server;
static char folder[] = "/tmp/evo-metadata-XXXXXX";

static void set(const char *name, const char *scene, const char *path)
{
    EVO_AUTO_STR value = evo_asprintf("%s/%s%s", server.base, scene, path);
    (void)setenv(name, value, 1);
}

static void machine(const char *scene)
{
    set("AWS_EC2_METADATA_SERVICE_ENDPOINT", scene, "/");
}

static void container(const char *scene)
{
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", scene, "/keys");
}

static size_t requests(const char *line)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(http) http = NULL;
    EVO_AUTO(http_response) response;
    evo_http_response_init(&response);
    EVO_AUTO_STR url = evo_asprintf("%s/-/log", server.base);
    struct evo_http_request request = { .method = "GET", .url = url, .despite_cancel = true };
    assert_int_equal(evo_http_new(&http, &err), EVO_OK);
    assert_int_equal(evo_http_send(http, &request, &response, &err), EVO_OK);
    size_t n = 0;
    for (const char *p = strstr(response.body.buf, line); p; p = strstr(p + 1, line))
        n++;
    return n;
}

static enum evo_errc get(struct evo_s3_keys *keys, struct evo_error *err)
{
    struct evo_s3_credentials *c = evo_s3_credentials_new("us-east-1", false, NULL, NULL);
    enum evo_errc rc = evo_s3_credentials_get(c, false, false, keys, err);
    evo_s3_credentials_free(c);
    return rc;
}

static void assert_keys(const char *access_key, const char *source)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    if (get(&keys, &err))
        fail_msg("%s", err.message);
    assert_string_equal(evo_secret_reveal(&keys.access_key), access_key);
    assert_string_equal(evo_secret_reveal(&keys.secret_key), "canary-secret");
    assert_string_equal(evo_secret_reveal(&keys.token), "canary-session-token");
    assert_true(keys.expires_ms > evo_wall_ms());
    if (!strstr(keys.source, source))
        fail_msg("%s", keys.source);
    assert_true(evo_redact_finds("canary-secret"));
    assert_true(evo_redact_finds("canary-session-token"));
}

static void assert_refused(enum evo_errc expected, const char *message)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    assert_int_equal(get(&keys, &err), expected);
    if (!strstr(err.message, message))
        fail_msg("%s", err.message);
    assert_null(strstr(err.message, "canary"));
    assert_null(strstr(err.detail, "canary"));
}

/* ---- machines ---- */

static void test_machine_gives_the_keys_of_its_role_for_a_token(void **state)
{
    (void)state;
    machine("ok");
    assert_keys("ASIA-1", "the machine's role \"evo-role\"");
    assert_int_equal(requests("PUT /ok/latest/api/token\n"), 1);
    assert_int_equal(requests("GET /ok/latest/meta-data/iam/security-credentials/\n"), 1);
    assert_int_equal(requests("GET /ok/latest/meta-data/iam/security-credentials/evo-role\n"), 1);
    assert_true(evo_redact_finds("canary-metadata-token"));
}

static void test_machine_is_asked_again_after_an_error_of_its_own(void **state)
{
    (void)state;
    machine("flaky");
    assert_keys("ASIA-2", "the machine's role");
}

static void test_machine_that_is_disabled_or_has_no_role_is_not_used(void **state)
{
    (void)state;
    machine("ok");
    size_t before = requests("PUT");
    (void)setenv("AWS_EC2_METADATA_DISABLED", "TRUE", 1);
    assert_refused(EVO_ERR_STORE, "no credentials for the store were found");
    assert_int_equal(requests("PUT"), before);
    (void)unsetenv("AWS_EC2_METADATA_DISABLED");
    machine("no-role");
    assert_refused(EVO_ERR_STORE, "no credentials for the store were found");
}

static void test_machine_that_gives_nothing_is_not_waited_for_again(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    machine("no-role");
    size_t before = requests("PUT /no-role");
    struct evo_s3_credentials *c = evo_s3_credentials_new("us-east-1", false, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(evo_s3_credentials_get(c, false, false, &keys, &err), EVO_ERR_STORE);
    evo_s3_credentials_free(c);
    assert_int_equal(requests("PUT /no-role") - before, 1);
}

static void test_machine_that_answers_wrongly_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *scene, *message;
    } rows[] = {
        { "no-token", "was asked for a token: it answered 405" },
        { "odd-role", "no role's name" },
        { "no-keys", "the machine's role \"evo-role\" holds no keys: AssumeRoleUnauthorizedAccess" },
        { "garbage", "it is no JSON" },
        { "empty", "it holds no keys" },
        { "odd-time", "Expiration is no time" },
        { "down", "the machine's role \"evo-role\": it answered 500" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        machine(rows[i].scene);
        assert_refused(EVO_ERR_STORE, rows[i].message);
    }
    (void)setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
    assert_refused(EVO_ERR_NETWORK, "could not get the machine's keys");
    (void)setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ftp://x", 1);
    assert_refused(EVO_ERR_CONFIG, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

static void test_machine_that_does_not_answer_is_given_up_after_a_second(void **state)
{
    (void)state;
    machine("silent");
    int64_t before = evo_clock_ms();
    assert_refused(EVO_ERR_NETWORK, "could not get the machine's keys");
    assert_in_range(evo_clock_ms() - before, 900, 10000);
    assert_int_equal(requests("PUT /silent"), 1);
}

static void test_cancel_ends_the_question(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    machine("ok");
    evo_cancel_request(15);
    enum evo_errc of_machine = get(&keys, &err);
    container("ok");
    enum evo_errc of_container = get(&keys, &err);
    evo_cancel_acknowledge();
    assert_int_equal(of_machine, EVO_ERR_CANCELLED);
    assert_int_equal(of_container, EVO_ERR_CANCELLED);
}

/* ---- containers ---- */

static void test_container_comes_before_the_machine_and_behind_profiles(void **state)
{
    (void)state;
    machine("ok");
    container("flaky-no-more");
    assert_keys("ASIA-1", "the container's credentials service at \"http://127.0.0.1");
    EVO_AUTO_STR path = evo_asprintf("%s/credentials", folder);
    static const char text[] = "[default]\naws_access_key_id = file\naws_secret_access_key = canary-secret\n"
                               "aws_session_token = canary-session-token\n";
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_file_write(path, text, strlen(text), &err), EVO_OK);
    (void)setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    EVO_AUTO(s3_keys) keys = { 0 };
    assert_int_equal(get(&keys, &err), EVO_OK);
    assert_string_equal(evo_secret_reveal(&keys.access_key), "file");
    assert_int_equal(unlink(path), 0);
}

static void test_container_of_a_relative_uri_is_asked_at_the_platforms_address(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    bool configured = false;
    struct evo_s3_metadata_options o = { .container_origin = server.base };
    (void)setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/relative/keys", 1);
    container("auth"); /* the relative one wins */
    assert_int_equal(evo_s3_container_keys(&o, &configured, &keys, &err), EVO_OK);
    assert_true(configured);
    assert_string_equal(evo_secret_reveal(&keys.access_key), "ASIA-1");
    (void)setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/keys", 1);
    assert_refused(EVO_ERR_CONFIG, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
}

static void test_container_is_shown_its_token_which_is_read_anew_each_time(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    container("auth");
    assert_refused(EVO_ERR_STORE, "it answered 401");
    (void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "plain-token", 1);
    assert_keys("ASIA-plain-token", "container");

    EVO_AUTO_STR path = evo_asprintf("%s/token", folder);
    (void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    assert_refused(EVO_ERR_STORE, "could not read the container's token");
    static const char *const tokens[] = { "first-token\n", "second-token" };
    for (size_t i = 0; i < EVO_COUNT(tokens); i++) {
        assert_int_equal(evo_file_write(path, tokens[i], strlen(tokens[i]), &err), EVO_OK);
        assert_keys(i ? "ASIA-second-token" : "ASIA-first-token", "container");
    }
    assert_true(evo_redact_finds("second-token"));
    assert_int_equal(evo_file_write(path, "a\r\nX-Evil: b", 12, &err), EVO_OK);
    assert_refused(EVO_ERR_STORE, "it is not one line");
    assert_int_equal(unlink(path), 0);
}

static void test_container_is_asked_by_http_at_the_platforms_addresses_only(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "http://example.org/keys", "http://169.254.170.3/keys", "http://169.254.170.2.example.org/keys",
        "http://[fd00:ec2::24]/",  "ftp://127.0.0.1/",          "nonsense",
        "http://u:p@127.0.0.1/"
    };
    for (size_t i = 0; i < EVO_COUNT(refused); i++) {
        (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", refused[i], 1);
        assert_refused(EVO_ERR_CONFIG, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    }
    /* Taken, and then not there: no route or nobody who listens, within the second that connecting may last. */
    (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://127.0.0.1:1/keys", 1);
    assert_refused(EVO_ERR_NETWORK, "could not get the container's keys");
}

static void test_container_that_answers_wrongly_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *scene, *message;
    } rows[] = {
        { "garbage", "it is no JSON" },
        { "empty", "it holds no keys" },
        { "down", "it answered 500" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        container(rows[i].scene);
        assert_refused(EVO_ERR_STORE, rows[i].message);
    }
}

/* ---- renewal ---- */

static void test_keys_are_fetched_anew_five_minutes_before_they_expire(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    static const char *const scenes[] = { "brief", "ok" };
    for (size_t i = 0; i < EVO_COUNT(scenes); i++) {
        container(scenes[i]);
        struct evo_s3_credentials *c = evo_s3_credentials_new("us-east-1", false, NULL, NULL);
        EVO_AUTO(s3_keys) first = { 0 };
        EVO_AUTO(s3_keys) second = { 0 };
        EVO_AUTO(s3_keys) third = { 0 };
        assert_int_equal(evo_s3_credentials_get(c, false, false, &first, &err), EVO_OK);
        assert_int_equal(evo_s3_credentials_get(c, false, false, &second, &err), EVO_OK);
        assert_int_equal(evo_s3_credentials_get(c, true, false, &third, &err), EVO_OK);
        evo_s3_credentials_free(c);
        bool same = evo_streq(evo_secret_reveal(&first.access_key), evo_secret_reveal(&second.access_key));
        assert_int_equal(same, i);
        assert_string_not_equal(evo_secret_reveal(&second.access_key), evo_secret_reveal(&third.access_key));
    }
}

static void test_no_proxy_is_asked_for_a_metadata_service(void **state)
{
    (void)state;
    machine("ok");
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    enum evo_errc rc = get(&keys, &err);
    (void)unsetenv("http_proxy");
    assert_int_equal(rc, EVO_OK);
}

static int begin(void **state)
{
    (void)state;
    static const char *const names[] = { "AWS_ACCESS_KEY_ID",
                                         "AWS_SECRET_ACCESS_KEY",
                                         "AWS_PROFILE",
                                         "AWS_WEB_IDENTITY_TOKEN_FILE",
                                         "AWS_SHARED_CREDENTIALS_FILE",
                                         "AWS_CONFIG_FILE",
                                         "AWS_EC2_METADATA_DISABLED",
                                         "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                         "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                                         "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                         "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                         "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                         "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                         "http_proxy" };
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        (void)unsetenv(names[i]);
    (void)setenv("HOME", folder, 1);
    evo_redact_forget();
    return 0;
}

static int start(void **state)
{
    (void)state;
    test_server_start(&server, "tests/lib/metadata_server.py", NULL);
    return mkdtemp(folder) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    return rmdir(folder);
}

#define TEST(test) cmocka_unit_test_setup(test, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_machine_gives_the_keys_of_its_role_for_a_token),
        TEST(test_machine_is_asked_again_after_an_error_of_its_own),
        TEST(test_machine_that_is_disabled_or_has_no_role_is_not_used),
        TEST(test_machine_that_gives_nothing_is_not_waited_for_again),
        TEST(test_machine_that_answers_wrongly_is_named),
        TEST(test_machine_that_does_not_answer_is_given_up_after_a_second),
        TEST(test_cancel_ends_the_question),
        TEST(test_container_comes_before_the_machine_and_behind_profiles),
        TEST(test_container_of_a_relative_uri_is_asked_at_the_platforms_address),
        TEST(test_container_is_shown_its_token_which_is_read_anew_each_time),
        TEST(test_container_is_asked_by_http_at_the_platforms_addresses_only),
        TEST(test_container_that_answers_wrongly_is_named),
        TEST(test_keys_are_fetched_anew_five_minutes_before_they_expire),
        TEST(test_no_proxy_is_asked_for_a_metadata_service),
    };
    return cmocka_run_group_tests_name("store/s3_metadata", tests, start, stop);
}
