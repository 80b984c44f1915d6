#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "store/s3_profile.h"

static const char text[] = "# comment = no\n"
                           "stray = before any section\n"
                           "[default]\n"
                           "aws_access_key_id = first\r\n"
                           "aws_access_key_id=last\n"
                           "  region = nested, not taken\n"
                           "s3 =\n"
                           "    addressing_style = path\n"
                           "; aws_session_token = no\n"
                           "\n"
                           "[ profile   ci ]\n"
                           "\taws_access_key_id = indented\n"
                           "role_arn = arn:aws:iam::1:role/a=b\n"
                           "[profile cities]\n"
                           "aws_access_key_id = other";

static void test_value_is_the_last_one_of_its_section(void **state)
{
    (void)state;
    static const struct {
        const char *section, *key, *value;
    } rows[] = {
        { "default", "aws_access_key_id", "last" },
        { "default", "region", NULL },
        { "default", "s3", NULL },
        { "default", "aws_session_token", NULL },
        { "default", "stray", NULL },
        { "profile ci", "role_arn", "arn:aws:iam::1:role/a=b" },
        { "profile ci", "aws_access_key_id", NULL },
        { "profile cities", "aws_access_key_id", "other" },
        { "ci", "role_arn", NULL },
        { "none", "aws_access_key_id", NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR value = evo_s3_profile_value(text, rows[i].section, rows[i].key);
        if (!evo_streq(value, rows[i].value))
            fail_msg("[%s] %s: %s", rows[i].section, rows[i].key, value ? value : "none");
    }
}

static void test_has_tells_empty_sections_from_none(void **state)
{
    (void)state;
    assert_true(evo_s3_profile_has("[a]", "a"));
    assert_true(evo_s3_profile_has(text, "profile ci"));
    assert_false(evo_s3_profile_has(text, "profile"));
    assert_false(evo_s3_profile_has("", "default"));
    assert_false(evo_s3_profile_has("[a\n]", "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_is_the_last_one_of_its_section),
        cmocka_unit_test(test_has_tells_empty_sections_from_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
