#include "cmocka_all.h"

#include "layout/schema_log.h"

static void state_of(const char *names, char hex[EVO_SHA256_HEX])
{
    EVO_AUTO(strvec) list = EVO_STRVEC_INIT;
    evo_strvec_split(&list, names);
    evo_schema_state(&list, hex);
}

static void test_state_depends_on_what_is_applied_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        { "", "", true },           { "1_a", "1_a", true },      { "1_a,2_b", "2_b,1_a", true },
        { "1_a,1_a", "1_a", true }, { "", "1_a", false },        { "1_a", "1_b", false },
        { "1_a", "1_a?", false },   { "1_a,2_b", "1_a", false }, { "a,b", "ab", false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        char a[EVO_SHA256_HEX], b[EVO_SHA256_HEX];
        state_of(rows[i].a, a);
        state_of(rows[i].b, b);
        if ((strcmp(a, b) == 0) != rows[i].equal)
            fail_msg("\"%s\" and \"%s\"", rows[i].a, rows[i].b);
    }
}

static void test_state_names_are_those_of_live_rows(void **state)
{
    (void)state;
    struct evo_ledger_row rows[] = {
        { .name = (char *)"applied", .finished_ms = 2, .rolled_back_ms = -1 },
        { .name = (char *)"taken_back", .finished_ms = 2, .rolled_back_ms = 3 },
        { .name = (char *)"failed", .finished_ms = -1, .rolled_back_ms = -1 },
    };
    const struct evo_ledger ledger = { .items = rows, .count = EVO_COUNT(rows) };
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_schema_state_names(&ledger, &names);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.items[0], "applied");
    assert_string_equal(names.items[1], "failed?");
}

static void test_is_comparable_within_a_format_and_a_major_version(void **state)
{
    (void)state;
    assert_true(evo_schema_is_comparable(EVO_CATALOG_FORMAT, 150018, 150003));
    assert_false(evo_schema_is_comparable(EVO_CATALOG_FORMAT, 150018, 160003));
    assert_false(evo_schema_is_comparable("evo schema fingerprint, format 0", 150018, 150018));
}

static void test_find_takes_the_newest_of_this_ledger_and_state(void **state)
{
    (void)state;
    struct evo_schema_row rows[] = {
        { .id = 4, .ledger = (char *)"other", .state = (char *)"s" },
        { .id = 3, .ledger = (char *)"mine", .state = (char *)"t" },
        { .id = 2, .ledger = (char *)"mine", .state = (char *)"s" },
        { .id = 1, .ledger = (char *)"mine", .state = (char *)"s" },
    };
    const struct evo_schema_log log = { .items = rows, .count = EVO_COUNT(rows) };
    assert_int_equal(evo_schema_log_find(&log, "mine", "s")->id, 2);
    assert_null(evo_schema_log_find(&log, "mine", "u"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_depends_on_what_is_applied_and_nothing_else),
        cmocka_unit_test(test_state_names_are_those_of_live_rows),
        cmocka_unit_test(test_is_comparable_within_a_format_and_a_major_version),
        cmocka_unit_test(test_find_takes_the_newest_of_this_ledger_and_state),
    };
    return cmocka_run_group_tests_name("layout/schema_log", tests, NULL, NULL);
}
