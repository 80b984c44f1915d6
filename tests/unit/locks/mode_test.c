#include "cmocka_all.h"

#include <string.h>

#include "base/alloc.h"
#include "locks/mode.h"

/* Table 13.2 of the documentation: row asked for, column held; in the order of the strength. */
static const char *const conflicts[] = {
    ".......X", /* ACCESS SHARE */
    "......XX", /* ROW SHARE */
    "....XXXX", /* ROW EXCLUSIVE */
    "...XXXXX", /* SHARE UPDATE EXCLUSIVE */
    "..XX.XXX", /* SHARE */
    "..XXXXXX", /* SHARE ROW EXCLUSIVE */
    ".XXXXXXX", /* EXCLUSIVE */
    "XXXXXXXX", /* ACCESS EXCLUSIVE */
};

static void test_modes_conflict_as_the_documentation_says(void **state)
{
    (void)state;
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < 8; b++)
            assert_int_equal(
                evo_lock_modes_conflict((enum evo_lock_mode)(a + 1), (enum evo_lock_mode)(b + 1)),
                conflicts[a][b] == 'X');
}

static void test_modes_conflict_with_none_never(void **state)
{
    (void)state;
    assert_false(evo_lock_modes_conflict(EVO_LOCK_NONE, EVO_LOCK_ACCESS_EXCLUSIVE));
    assert_false(evo_lock_modes_conflict(EVO_LOCK_ACCESS_EXCLUSIVE, EVO_LOCK_NONE));
}

static void test_mode_parse_takes_both_spellings(void **state)
{
    (void)state;
    assert_int_equal(evo_lock_mode_parse("AccessShareLock"), EVO_LOCK_ACCESS_SHARE);
    assert_int_equal(evo_lock_mode_parse("SHARE ROW EXCLUSIVE"), EVO_LOCK_SHARE_ROW_EXCLUSIVE);
    assert_int_equal(evo_lock_mode_parse("SIReadLock"), EVO_LOCK_NONE);
    assert_int_equal(evo_lock_mode_parse(""), EVO_LOCK_NONE);
    assert_int_equal(evo_lock_mode_parse(NULL), EVO_LOCK_NONE);
    for (int mode = EVO_LOCK_ACCESS_SHARE; mode <= EVO_LOCK_ACCESS_EXCLUSIVE; mode++)
        assert_int_equal(evo_lock_mode_parse(evo_lock_mode_name((enum evo_lock_mode)mode)), mode);
    assert_string_equal(evo_lock_mode_name(EVO_LOCK_NONE), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_conflict_as_the_documentation_says),
        cmocka_unit_test(test_modes_conflict_with_none_never),
        cmocka_unit_test(test_mode_parse_takes_both_spellings),
    };
    return cmocka_run_group_tests_name("locks/mode", tests, NULL, NULL);
}
