#include "cmocka_all.h"

#include <unistd.h>

#include "base/file.h"
#include "cli/config.h"

struct fields {
    char *to, *level;
    int64_t timeout_ms;
    struct evo_strvec names;
    struct evo_secret target, token;
};
static const struct evo_option options[] = {
    { "to", EVO_OPT_STRING, offsetof(struct fields, to), .help = "h" },
    { "level", EVO_OPT_STRING, offsetof(struct fields, level), .fallback = "low",
      .env = "EVO_TEST_LEVEL OTHER_LEVEL", .help = "h" },
    { "timeout", EVO_OPT_DURATION, offsetof(struct fields, timeout_ms), .help = "h" },
    { "names", EVO_OPT_LIST, offsetof(struct fields, names), .help = "h" },
    { "target", EVO_OPT_CONNECTION, offsetof(struct fields, target), .help = "h" },
    { "token", EVO_OPT_SECRET, offsetof(struct fields, token), .help = "h" },
};
static const struct evo_command command = { .options = options, .noptions = EVO_COUNT(options) };
static const struct evo_command *const commands[] = { &command };
static const struct evo_program program = {
    .name = "evo-migrate", .section = "migrate", .commands = commands, .ncommands = 1
};

static char file[] = "/tmp/evo-config-test-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    return fd >= 0 ? close(fd) : -1;
}

static int drop_file(void **state)
{
    (void)state;
    return unlink(file);
}

static int clean_environment(void **state)
{
    (void)state;
    static const char *const names[] = { "EVO_MIGRATE_TO", "EVO_IN_MIGRATE_TO", "EVO_TEST_LEVEL",
                                         "OTHER_LEVEL", "EVO_MIGRATE_TOKEN" };
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        (void)unsetenv(names[i]);
    evo_redact_forget();
    return 0;
}

static enum evo_errc load(const char *text, struct evo_config *c, struct evo_error *err)
{
    assert_int_equal(evo_file_write(file, text, strlen(text), err), EVO_OK);
    return evo_config_load(file, &program, c, err);
}

static void resolve(const struct evo_config *c, const char *environment, const struct evo_flag *flags,
                    size_t n, struct fields *f, struct evo_origin origins[EVO_COUNT(options)])
{
    struct evo_error err;
    assert_int_equal(evo_config_resolve(c, environment, "migrate", options, EVO_COUNT(options), flags, n, f,
                                        origins, &err),
                     EVO_OK);
}

/* Each source in turn, from the weakest to the strongest, must win over those before it. */
static void test_precedence_is_flag_input_variable_environment_top_default(void **state)
{
    (void)state;
    EVO_AUTO(config) c = { 0 };
    struct evo_error err;
    assert_int_equal(load("{\"migrate\":{\"to\":\"top\",\"level\":\"top\"},"
                          "\"environments\":{\"staging\":{\"migrate\":{\"to\":\"env\"}}}}",
                          &c, &err),
                     EVO_OK);
    struct evo_origin origins[EVO_COUNT(options)];
    static const struct {
        const char *environment, *variable, *input, *flag, *expected, *origin;
    } rows[] = { { NULL, NULL, NULL, NULL, "top", "migrate.to" },
                 { "staging", NULL, NULL, NULL, "env", "environments.staging.migrate.to" },
                 { "staging", "", "", NULL, "env", "environments.staging.migrate.to" },
                 { "staging", "var", NULL, NULL, "var", "EVO_MIGRATE_TO" },
                 { "staging", "var", "in", NULL, "in", "EVO_IN_MIGRATE_TO" },
                 { "staging", "var", "in", "flag", "flag", "--to" } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct fields f = { 0 };
        (void)clean_environment(NULL);
        if (rows[i].variable)
            (void)setenv("EVO_MIGRATE_TO", rows[i].variable, 1);
        if (rows[i].input)
            (void)setenv("EVO_IN_MIGRATE_TO", rows[i].input, 1);
        const struct evo_flag flag = { &options[0], rows[i].flag };
        resolve(&c, rows[i].environment, &flag, rows[i].flag != NULL, &f, origins);
        assert_string_equal(f.to, rows[i].expected);
        assert_non_null(strstr(origins[0].text, rows[i].origin));
        evo_option_release(options, EVO_COUNT(options), &f);
    }
}

static void test_an_option_that_is_nowhere_has_its_default_or_none(void **state)
{
    (void)state;
    EVO_AUTO(config) c = { 0 };
    struct fields f = { 0 };
    struct evo_origin origins[EVO_COUNT(options)];
    resolve(&c, NULL, NULL, 0, &f, origins);
    assert_null(f.to);
    assert_string_equal(f.level, "low");
    assert_true(f.timeout_ms == -1);
    assert_string_equal(origins[0].text, "unset");
    assert_string_equal(origins[1].text, "default");
    evo_option_release(options, EVO_COUNT(options), &f);
    (void)setenv("OTHER_LEVEL", "second", 1);
    resolve(&c, NULL, NULL, 0, &f, origins);
    assert_string_equal(f.level, "second");
    evo_option_release(options, EVO_COUNT(options), &f);
}

static void test_lists_and_numbers_of_the_file_are_taken(void **state)
{
    (void)state;
    EVO_AUTO(config) c = { 0 };
    struct evo_error err;
    assert_int_equal(load("{\"migrate\":{\"names\":[\"a\",\"b\"],\"timeout\":\"2s\",\"to\":7}}", &c, &err),
                     EVO_OK);
    struct fields f = { 0 };
    struct evo_origin origins[EVO_COUNT(options)];
    resolve(&c, NULL, NULL, 0, &f, origins);
    assert_int_equal(f.names.count, 2);
    assert_string_equal(f.names.items[1], "b");
    assert_true(f.timeout_ms == 2000);
    assert_string_equal(f.to, "7");
    evo_option_release(options, EVO_COUNT(options), &f);
}

static void test_a_flag_given_twice_is_the_last_but_a_list_is_both(void **state)
{
    (void)state;
    EVO_AUTO(config) c = { 0 };
    struct fields f = { 0 };
    struct evo_origin origins[EVO_COUNT(options)];
    const struct evo_flag flags[] = {
        { &options[0], "one" }, { &options[3], "x,y" }, { &options[0], "two" }, { &options[3], "z" }
    };
    resolve(&c, NULL, flags, EVO_COUNT(flags), &f, origins);
    assert_string_equal(f.to, "two");
    assert_int_equal(f.names.count, 3);
    evo_option_release(options, EVO_COUNT(options), &f);
}

static void test_load_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
        int line;
    } rows[] = {
        { "{\n \"store\": \"x\",\n bad }", NULL, NULL, 3 },
        { "[]", "must hold a JSON object", NULL, 0 },
        { "{\"stroe\": \"x\"}", "unknown key \"stroe\"", "\"store\"", 1 },
        { "{\"migrate\": {\"tow\": 1}}", "unknown key \"migrate.tow\"", "\"migrate.to\"", 1 },
        { "{\"migrate\": []}", "\"migrate\"", NULL, 1 },
        { "{\n\"environments\": {\"s\": {\"migrat\": {}}}}", "environments.s.migrat", "migrate", 2 },
        { "{\"environments\": {\"s\": 1}}", "must be an object", NULL, 0 },
        { "{\"json\": true}", "unknown key \"json\"", NULL, 1 },
        { "{\"migrate\": {\"token\": \"x\"}}", "unknown key \"migrate.token\"", NULL, 1 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(config) c = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(load(rows[i].text, &c, &err), EVO_ERR_CONFIG);
        assert_int_equal(err.line, rows[i].line);
        if (rows[i].message)
            assert_non_null(strstr(err.message, rows[i].message));
        if (rows[i].hint && !strstr(err.hint, rows[i].hint))
            fail_msg("%s: expected %s in the hint, got: %s", rows[i].text, rows[i].hint, err.hint);
    }
}

static void test_load_leaves_other_sections_to_their_executables(void **state)
{
    (void)state;
    EVO_AUTO(config) c = { 0 };
    struct evo_error err;
    assert_int_equal(
        load(
            "{\"$schema\":\"x\",\"backup\":{\"anything\":1},\"environments\":{\"a\":{\"health\":{\"x\":1}}}}",
            &c, &err),
        EVO_OK);
}

static void test_a_password_in_the_file_is_refused(void **state)
{
    (void)state;
    EVO_AUTO(config) c = { 0 };
    struct evo_error err;
    assert_int_equal(load("{\"migrate\":{\"target\":\"postgresql://u:canary@h/d\"}}", &c, &err), EVO_OK);
    struct fields f = { 0 };
    assert_int_equal(
        evo_config_resolve(&c, NULL, "migrate", options, EVO_COUNT(options), NULL, 0, &f, NULL, &err),
        EVO_ERR_CONFIG);
    assert_null(strstr(err.message, "canary"));
    assert_non_null(strstr(err.message, "migrate.target"));
    evo_option_release(options, EVO_COUNT(options), &f);
}

static void test_an_environment_the_file_does_not_list_is_refused(void **state)
{
    (void)state;
    EVO_AUTO(config) c = { 0 };
    struct evo_error err;
    assert_int_equal(load("{\"environments\":{\"staging\":{},\"production\":{}}}", &c, &err), EVO_OK);
    assert_int_equal(evo_config_check_environment(&c, "staging", &err), EVO_OK);
    assert_int_equal(evo_config_check_environment(&c, NULL, &err), EVO_OK);
    assert_int_equal(evo_config_check_environment(&c, "stagng", &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.hint, "--environment staging"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_precedence_is_flag_input_variable_environment_top_default,
                                  clean_environment),
        cmocka_unit_test_teardown(test_an_option_that_is_nowhere_has_its_default_or_none, clean_environment),
        cmocka_unit_test(test_lists_and_numbers_of_the_file_are_taken),
        cmocka_unit_test(test_a_flag_given_twice_is_the_last_but_a_list_is_both),
        cmocka_unit_test(test_load_refuses_what_it_does_not_know),
        cmocka_unit_test(test_load_leaves_other_sections_to_their_executables),
        cmocka_unit_test_teardown(test_a_password_in_the_file_is_refused, clean_environment),
        cmocka_unit_test(test_an_environment_the_file_does_not_list_is_refused),
    };
    return cmocka_run_group_tests_name("cli/config", tests, make_file, drop_file);
}
