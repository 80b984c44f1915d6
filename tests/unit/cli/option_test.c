#include "cmocka_all.h"

#include "cli/option.h"

struct fields {
    bool flag;
    char *text, *choice;
    int64_t number, duration;
    uint64_t size;
    struct evo_strvec list, lines;
    struct evo_secret connection, secret;
};
static const struct evo_option options[] = {
    { "flag", EVO_OPT_FLAG, offsetof(struct fields, flag), .help = "h" },
    { "text", EVO_OPT_STRING, offsetof(struct fields, text), .help = "h" },
    { "choice", EVO_OPT_CHOICE, offsetof(struct fields, choice), .choices = "one two", .help = "h" },
    { "number", EVO_OPT_INT, offsetof(struct fields, number), .min = 1, .max = 10, .help = "h" },
    { "duration", EVO_OPT_DURATION, offsetof(struct fields, duration), .help = "h" },
    { "size", EVO_OPT_SIZE, offsetof(struct fields, size), .help = "h" },
    { "list", EVO_OPT_LIST, offsetof(struct fields, list), .choices = "a b c", .help = "h" },
    { "lines", EVO_OPT_LINES, offsetof(struct fields, lines), .help = "h" },
    { "connection", EVO_OPT_CONNECTION, offsetof(struct fields, connection), .help = "h" },
    { "secret", EVO_OPT_SECRET, offsetof(struct fields, secret), .help = "h" },
};

static enum evo_errc set(struct fields *f, const char *name, const char *text, struct evo_error *err)
{
    const struct evo_option *o = evo_option_find(options, EVO_COUNT(options), name);
    assert_non_null(o);
    return evo_option_set(o, f, text, "--it", true, err);
}

static void test_set_binds_each_type_and_format_gives_it_back(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *shown;
    } rows[] = { { "flag", "yes", "true" },
                 { "text", "any thing", "any thing" },
                 { "choice", "two", "two" },
                 { "number", "7", "7" },
                 { "duration", "90s", "90s" },
                 { "duration", "1500ms", "1500ms" },
                 { "duration", "1h", "60min" },
                 { "size", "1MiB", "1048576" },
                 { "list", "a, c", "a,c" },
                 { "lines", "x,y\nz", "x,y,z" },
                 { "connection", "postgresql://u@h/d", "postgresql://u@h/d" },
                 { "connection", "postgresql://u:canary@h/d", "(set)" },
                 { "secret", "canary", "(set)" } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct fields f = { .duration = -1 };
        struct evo_error err;
        assert_int_equal(set(&f, rows[i].name, rows[i].text, &err), EVO_OK);
        EVO_AUTO(strbuf) shown = EVO_STRBUF_INIT;
        evo_option_format(evo_option_find(options, EVO_COUNT(options), rows[i].name), &f, &shown);
        assert_string_equal(shown.buf, rows[i].shown);
        evo_option_release(options, EVO_COUNT(options), &f);
    }
    evo_redact_forget();
}

static void test_set_refuses_with_the_origin_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *expected;
    } rows[] = { { "flag", "maybe", "true or false" }, { "choice", "three", "one of: one two" },
                 { "choice", "", "one of" },           { "number", "11", "from 1 to 10" },
                 { "duration", "5", "a duration" },    { "size", "big", "a size" },
                 { "list", "a,d", "a list of: a b c" } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct fields f = { .duration = -1 };
        struct evo_error err;
        assert_int_equal(set(&f, rows[i].name, rows[i].text, &err), EVO_ERR_USAGE);
        assert_non_null(strstr(err.message, "--it"));
        assert_non_null(strstr(err.hint, rows[i].expected));
        evo_option_release(options, EVO_COUNT(options), &f);
    }
}

static void test_variable_is_upper_case_with_underscores(void **state)
{
    (void)state;
    EVO_AUTO_STR own = evo_option_variable("EVO_", "migrate", "lock-timeout");
    EVO_AUTO_STR shared = evo_option_variable("EVO_IN_", NULL, "s3-region");
    assert_string_equal(own, "EVO_MIGRATE_LOCK_TIMEOUT");
    assert_string_equal(shared, "EVO_IN_S3_REGION");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_binds_each_type_and_format_gives_it_back),
        cmocka_unit_test(test_set_refuses_with_the_origin_and_what_was_expected),
        cmocka_unit_test(test_variable_is_upper_case_with_underscores),
    };
    return cmocka_run_group_tests_name("cli/option", tests, NULL, NULL);
}
