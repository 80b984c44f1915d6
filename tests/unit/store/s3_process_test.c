#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/s3_credentials.h"
#include "store/s3_process.h"

static char folder[] = "/tmp/evo-process-XXXXXX";

static void test_line_is_split_as_a_shell_would_without_being_one(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } rows[] = {
        { "/bin/x --a b", "/bin/x|--a|b" },
        { "  x\t\ty  ", "x|y" },
        { "\"/opt/my tool/x\" 'a \"b\"'", "/opt/my tool/x|a \"b\"" },
        { "x \"a\\\"b\\\\c\\d\" e\\ f", "x|a\"b\\c\\d|e f" },
        { "x '' a''b", "x||ab" },
        { "x $HOME `id`;ls|cat", "x|$HOME|`id`;ls|cat" },
        { "x 'open", NULL },
        { "x \"open", NULL },
        { "x end\\", NULL },
        { "   ", NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strvec) words = EVO_STRVEC_INIT;
        EVO_AUTO(strbuf) joined = EVO_STRBUF_INIT;
        bool ok = evo_s3_process_split(rows[i].line, &words);
        assert_int_equal(ok, rows[i].words != NULL);
        for (size_t k = 0; k < words.count; k++)
            evo_strbuf_addf(&joined, "%s%s", k ? "|" : "", words.items[k]);
        if (ok)
            assert_string_equal(joined.buf, rows[i].words);
    }
}

/* A program that prints `text`, and writes to its standard error what must not be shown. */
static char *program(const char *text, int status)
{
    struct evo_error err = EVO_ERROR_INIT;
    char *path = evo_asprintf("%s/the program", folder);
    EVO_AUTO_STR script =
        evo_asprintf("#!/bin/sh\necho canary-stderr >&2\ncat <<'EOF'\n%s\nEOF\nexit %d\n", text, status);
    assert_int_equal(evo_file_write(path, script, strlen(script), &err), EVO_OK);
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

static enum evo_errc run(const char *text, int status, struct evo_s3_keys *keys, struct evo_error *err)
{
    EVO_AUTO_STR path = program(text, status);
    EVO_AUTO_STR line = evo_asprintf("\"%s\" --for evo", path);
    return evo_s3_process_keys(line, "ci", keys, err);
}

static void test_keys_are_what_the_program_prints(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    if (run("{\"Version\": 1, \"AccessKeyId\": \"AK\", \"SecretAccessKey\": \"canary-sk\", \"SessionToken\": "
            "\"canary-st\", \"Expiration\": \"2030-01-01T00:00:00Z\"}",
            0, &keys, &err))
        fail_msg("%s", err.message);
    assert_string_equal(evo_secret_reveal(&keys.access_key), "AK");
    assert_string_equal(evo_secret_reveal(&keys.secret_key), "canary-sk");
    assert_string_equal(evo_secret_reveal(&keys.token), "canary-st");
    assert_true(keys.expires_ms == 1893456000000);
    assert_string_equal(keys.source, "the credential_process of profile \"ci\"");
    assert_true(evo_redact_finds("canary-sk"));

    EVO_AUTO(s3_keys) lasting = { 0 };
    assert_int_equal(
        run("{\"Version\":1,\"AccessKeyId\":\"AK\",\"SecretAccessKey\":\"canary-sk\"}", 0, &lasting, &err),
        EVO_OK);
    assert_false(evo_secret_is_set(&lasting.token));
    assert_true(lasting.expires_ms == -1);
}

static void test_program_that_fails_is_named_and_nothing_of_it_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
        const char *message;
    } rows[] = {
        { "canary-out", 3, "AWS profile \"ci\": it ended with exit status 3" },
        { "canary-out", 0, "it is no JSON" },
        { "{\"Version\": 2, \"AccessKeyId\": \"canary-ak\"}", 0, "another version than 1" },
        { "{\"Version\": 1, \"AccessKeyId\": \"canary-ak\"}", 0, "it holds no keys" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(s3_keys) keys = { 0 };
        assert_int_equal(run(rows[i].text, rows[i].status, &keys, &err), EVO_ERR_STORE);
        if (!strstr(err.message, rows[i].message))
            fail_msg("%s", err.message);
        assert_null(strstr(err.message, "canary"));
        assert_null(strstr(err.detail, "canary"));
    }
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(s3_keys) keys = { 0 };
    assert_int_equal(evo_s3_process_keys("/nonexistent/tool", "ci", &keys, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "/nonexistent/tool"));
    assert_int_equal(evo_s3_process_keys("'open", "ci", &keys, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "a quote in it is not closed"));
    EVO_AUTO(strbuf) much = EVO_STRBUF_INIT;
    for (size_t i = 0; i < 100000; i++)
        evo_strbuf_addch(&much, 'x');
    assert_int_equal(run(much.buf, 0, &keys, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "it prints too much"));
}

static void test_profile_names_the_program(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR path =
        program("{\"Version\":1,\"AccessKeyId\":\"of-profile\",\"SecretAccessKey\":\"canary-sk\"}", 0);
    EVO_AUTO_STR config = evo_asprintf("%s/config", folder);
    EVO_AUTO_STR text = evo_asprintf("[profile tool]\ncredential_process = \"%s\"\n", path);
    assert_int_equal(evo_file_write(config, text, strlen(text), &err), EVO_OK);
    static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                                         "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE" };
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        (void)unsetenv(names[i]);
    (void)setenv("AWS_CONFIG_FILE", config, 1);
    (void)setenv("AWS_PROFILE", "tool", 1);
    struct evo_s3_credentials *c = evo_s3_credentials_new("us-east-1", false, NULL, NULL);
    EVO_AUTO(s3_keys) keys = { 0 };
    enum evo_errc rc = evo_s3_credentials_get(c, false, false, &keys, &err);
    evo_s3_credentials_free(c);
    assert_int_equal(unlink(config), 0);
    if (rc)
        fail_msg("%s", err.message);
    assert_string_equal(evo_secret_reveal(&keys.access_key), "of-profile");
}

static int start(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    EVO_AUTO_STR path = evo_asprintf("%s/the program", folder);
    return unlink(path) == 0 ? rmdir(folder) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_is_split_as_a_shell_would_without_being_one),
        cmocka_unit_test(test_keys_are_what_the_program_prints),
        cmocka_unit_test(test_program_that_fails_is_named_and_nothing_of_it_shown),
        cmocka_unit_test(test_profile_names_the_program),
    };
    return cmocka_run_group_tests_name("store/s3_process", tests, start, stop);
}
