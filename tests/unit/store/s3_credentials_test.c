#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "base/file.h"
#include "store/s3_credentials.h"

/* The web identity is tested with its server, in s3_faults_test.c. */

static char home[] = "/tmp/evo-home-XXXXXX";

static void write_file(const char *name, const char *text)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR path = evo_asprintf("%s/.aws/%s", home, name);
    assert_int_equal(evo_file_write(path, text, strlen(text), &err), EVO_OK);
}

static enum evo_errc get(struct evo_s3_keys *keys, struct evo_error *err)
{
    struct evo_s3_credentials *c = evo_s3_credentials_new("us-east-1", false, NULL, NULL);
    enum evo_errc rc = evo_s3_credentials_get(c, false, false, keys, err);
    evo_s3_credentials_free(c);
    return rc;
}

static void assert_keys(const char *access_key, const char *secret_key, const char *token, const char *source)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    if (get(&keys, &err))
        fail_msg("%s", err.message);
    assert_string_equal(evo_secret_reveal(&keys.access_key), access_key);
    assert_string_equal(evo_secret_reveal(&keys.secret_key), secret_key);
    assert_string_equal(evo_secret_reveal(&keys.token), token);
    assert_non_null(strstr(keys.source, source));
    assert_true(evo_redact_finds(secret_key));
}

static void assert_refused(const char *message, const char *hint)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    assert_int_equal(get(&keys, &err), EVO_ERR_STORE);
    if (!strstr(err.message, message) || !strstr(err.hint, hint))
        fail_msg("%s; %s", err.message, err.hint);
    assert_null(strstr(err.message, "canary"));
    assert_null(strstr(err.detail, "canary"));
    assert_null(strstr(err.hint, "canary"));
}

static void test_environment_comes_first(void **state)
{
    (void)state;
    write_file("credentials", "[default]\naws_access_key_id = file\naws_secret_access_key = canary-file\n");
    (void)setenv("AWS_ACCESS_KEY_ID", "env", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "canary-env", 1);
    assert_keys("env", "canary-env", "", "AWS_ACCESS_KEY_ID");
    (void)setenv("AWS_SESSION_TOKEN", "canary-token", 1);
    assert_keys("env", "canary-env", "canary-token", "AWS_ACCESS_KEY_ID");
    assert_true(evo_redact_finds("canary-token"));
}

static void test_environment_with_half_a_pair_is_refused(void **state)
{
    (void)state;
    (void)setenv("AWS_ACCESS_KEY_ID", "env", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "", 1);
    assert_refused("AWS_SECRET_ACCESS_KEY is not set", "Set AWS_ACCESS_KEY_ID");
}

static void test_profile_is_read_from_both_files(void **state)
{
    (void)state;
    write_file("credentials", "[default]\naws_access_key_id = d\naws_secret_access_key = canary-default\n"
                              "[ci]\naws_access_key_id = c\naws_secret_access_key = canary-ci\n"
                              "aws_session_token = canary-ci-token\n");
    write_file("config", "[default]\nregion = eu-central-1\n[profile other]\naws_access_key_id = o\n"
                         "aws_secret_access_key = canary-other\n");
    assert_keys("d", "canary-default", "", "profile \"default\"");
    (void)setenv("AWS_PROFILE", "ci", 1);
    assert_keys("c", "canary-ci", "canary-ci-token", "profile \"ci\"");
    (void)setenv("AWS_PROFILE", "other", 1);
    assert_keys("o", "canary-other", "", "/.aws/config");

    EVO_AUTO_STR elsewhere = evo_asprintf("%s/elsewhere", home);
    struct evo_error err = EVO_ERROR_INIT;
    static const char moved[] = "[other]\naws_access_key_id = m\naws_secret_access_key = canary-moved\n";
    assert_int_equal(evo_file_write(elsewhere, moved, strlen(moved), &err), EVO_OK);
    (void)setenv("AWS_SHARED_CREDENTIALS_FILE", elsewhere, 1);
    assert_keys("m", "canary-moved", "", "elsewhere");
    assert_int_equal(unlink(elsewhere), 0);
}

static void test_profile_that_evo_cannot_use_is_named_with_a_way_out(void **state)
{
    (void)state;
    write_file("config", "[profile sso]\nsso_session = corp\n"
                         "[profile chained]\nrole_arn = arn:x\nsource_profile = default\n[profile empty]\n");
    static const struct {
        const char *profile, *message, *hint;
    } rows[] = {
        { "sso", "\"sso\": it gets its keys by \"sso_session\"",
          "aws configure export-credentials --profile sso" },
        { "chained", "\"source_profile\"", "aws configure export-credentials --profile chained" },
        { "empty", "\"empty\" holds no keys", "AWS_PROFILE" },
        { "nowhere", "\"nowhere\" does not exist", "AWS_PROFILE" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        (void)setenv("AWS_PROFILE", rows[i].profile, 1);
        assert_refused(rows[i].message, rows[i].hint);
    }
}

static void test_no_source_at_all_names_the_places_looked_at(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    assert_int_equal(get(&keys, &err), EVO_ERR_STORE);
    assert_string_equal(err.message, "no credentials for the store were found");
    assert_non_null(strstr(err.detail, "AWS_WEB_IDENTITY_TOKEN_FILE"));
    assert_non_null(strstr(err.detail, "~/.aws"));
    assert_non_null(strstr(err.detail, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
    assert_non_null(strstr(err.detail, "AWS_EC2_METADATA_DISABLED"));
    (void)unsetenv("HOME");
    assert_refused("no credentials", "AWS_ACCESS_KEY_ID");
}

static void test_profile_file_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    (void)setenv("AWS_CONFIG_FILE", home, 1); /* a folder */
    assert_refused("could not read the AWS profiles", "AWS_CONFIG_FILE");
}

static int begin(void **state)
{
    (void)state;
    static const char *const names[] = { "AWS_ACCESS_KEY_ID",           "AWS_SECRET_ACCESS_KEY",
                                         "AWS_SESSION_TOKEN",           "AWS_PROFILE",
                                         "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
                                         "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE" };
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        (void)unsetenv(names[i]);
    static const char *const files[] = { "credentials", "config" };
    for (size_t i = 0; i < EVO_COUNT(files); i++) {
        EVO_AUTO_STR path = evo_asprintf("%s/.aws/%s", home, files[i]);
        (void)unlink(path);
    }
    evo_redact_forget();
    (void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    return setenv("HOME", home, 1);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(home))
        return -1;
    EVO_AUTO_STR aws = evo_asprintf("%s/.aws", home);
    return mkdir(aws, 0700);
}

static int tear_down(void **state)
{
    (void)begin(state);
    EVO_AUTO_STR aws = evo_asprintf("%s/.aws", home);
    return rmdir(aws) == 0 && rmdir(home) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_environment_comes_first, begin),
        cmocka_unit_test_setup(test_environment_with_half_a_pair_is_refused, begin),
        cmocka_unit_test_setup(test_profile_is_read_from_both_files, begin),
        cmocka_unit_test_setup(test_profile_that_evo_cannot_use_is_named_with_a_way_out, begin),
        cmocka_unit_test_setup(test_no_source_at_all_names_the_places_looked_at, begin),
        cmocka_unit_test_setup(test_profile_file_that_cannot_be_read_is_named, begin),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
