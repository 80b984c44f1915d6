#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/quote.h"

static void test_shell_leaves_plain_words_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = { { "20250101000000_init", "20250101000000_init" },
                 { "s3://bucket/a-b,c=d", "s3://bucket/a-b,c=d" },
                 { "with blank", "'with blank'" },
                 { "it's", "'it'\\''s'" },
                 { "$(x)", "'$(x)'" },
                 { "~", "'~'" },
                 { "a*", "'a*'" },
                 { "\xc3\xa4", "'\xc3\xa4'" },
                 { "", "''" } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR word = evo_quote_shell(rows[i].text);
        assert_string_equal(word, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_shell_leaves_plain_words_alone) };
    return cmocka_run_group_tests_name("base/quote", tests, NULL, NULL);
}
