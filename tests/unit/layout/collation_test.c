/*
 * The order of printable ASCII without libicu is libicu's own: held against it, character by character and in words.
 */
#include "cmocka_all.h"

#include "layout/collation.h"

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static struct evo_collation *open_collation(bool plain)
{
    struct evo_collation *c = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_collation_open(plain, &c, &err))
        fail_msg("%s", err.message);
    return c;
}

static void test_is_plain_of_printable_ascii_only(void **state)
{
    (void)state;
    assert_true(evo_collation_is_plain("20240101_Add users~"));
    assert_true(evo_collation_is_plain(""));
    assert_false(evo_collation_is_plain("1_\xc3\xbc"));
    assert_false(evo_collation_is_plain("1\t2"));
    assert_false(evo_collation_is_plain("1\x7f"));
}

static void assert_same_order(const struct evo_collation *plain, const struct evo_collation *icu,
                              const char *a, const char *b)
{
    int ours = sign(evo_collation_compare(plain, a, b)), theirs = sign(evo_collation_compare(icu, a, b));
    if (ours != theirs)
        fail_msg("\"%s\" and \"%s\": %d, libicu says %d", a, b, ours, theirs);
}

static void test_compare_of_plain_pairs_is_that_of_libicu(void **state)
{
    (void)state;
    EVO_AUTO_PTR(collation) plain = open_collation(true);
    EVO_AUTO_PTR(collation) icu = open_collation(false);
    for (int x = ' '; x <= '~'; x++)
        for (int y = ' '; y <= '~'; y++) {
            const char one[] = { (char)x, '\0' }, other[] = { (char)y, '\0' };
            const char ab[] = { 'a', (char)x, 'b', '\0' }, aby[] = { 'A', (char)y, 'a', '\0' };
            assert_same_order(plain, icu, one, other);
            assert_same_order(plain, icu, ab, aby);
            assert_same_order(plain, icu, ab, one);
        }
}

/* Words of an alphabet in which every level decides often. The generator is a linear congruential one: the same words on
 * every machine. */
static void test_compare_of_plain_words_is_that_of_libicu(void **state)
{
    (void)state;
    static const char alphabet[] = "aAbB_- 01.";
    EVO_AUTO_PTR(collation) plain = open_collation(true);
    EVO_AUTO_PTR(collation) icu = open_collation(false);
    uint32_t seed = 1;
    for (int round = 0; round < 50000; round++) {
        char words[2][8] = { "", "" };
        for (int w = 0; w < 2; w++) {
            seed = seed * 1664525 + 1013904223;
            size_t n = seed >> 29;
            for (size_t i = 0; i < n; i++) {
                seed = seed * 1664525 + 1013904223;
                words[w][i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
            }
        }
        assert_same_order(plain, icu, words[0], words[1]);
    }
}

static void test_compare_by_libicu_knows_other_scripts(void **state)
{
    (void)state;
    EVO_AUTO_PTR(collation) icu = open_collation(false);
    assert_true(evo_collation_compare(icu, "\xc3\xbc", "v") < 0);
    assert_true(evo_collation_compare(icu, "\xc3\xbc", "u") > 0);
    assert_int_equal(evo_collation_compare(icu, "\xc3\xbc", "u\xcc\x88"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_plain_of_printable_ascii_only),
        cmocka_unit_test(test_compare_of_plain_pairs_is_that_of_libicu),
        cmocka_unit_test(test_compare_of_plain_words_is_that_of_libicu),
        cmocka_unit_test(test_compare_by_libicu_knows_other_scripts),
    };
    return cmocka_run_group_tests_name("layout/collation", tests, NULL, NULL);
}
