#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "verify/select.h"

enum { S = 1000 };

/* Rows as name, started, finished, rolled back, in seconds; -1: never. */
struct row {
    const char *name;
    int started, finished, rolled_back;
};

static int64_t at(int seconds)
{
    return seconds < 0 ? -1 : (int64_t)seconds * S;
}

static char *selected(const struct row *rows, size_t count, enum evo_verify_direction direction)
{
    struct evo_ledger_row items[8] = { 0 };
    for (size_t i = 0; i < count; i++)
        items[i] = (struct evo_ledger_row){
            .name = (char *)(uintptr_t)rows[i].name,
            .started_ms = at(rows[i].started),
            .finished_ms = at(rows[i].finished),
            .rolled_back_ms = at(rows[i].rolled_back),
        };
    const struct evo_ledger ledger = { .exists = true, .items = items, .count = count };
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_verify_from_ledger(&ledger, direction, &names);
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (size_t i = 0; i < names.count; i++)
        evo_strbuf_addf(&out, "%s%s", i ? " " : "", names.items[i]);
    return evo_strbuf_detach(&out);
}

static void test_from_ledger_takes_the_newest_run(void **state)
{
    (void)state;
    static const struct {
        struct row rows[4];
        const char *up, *down;
    } cases[] = {
        { { { NULL, 0, 0, 0 } }, "", "" },
        { { { "a", 0, 1, -1 } }, "a", "" },
        /* One run, the last of it slow. */
        { { { "a", 0, 1, -1 }, { "b", 1, 2, -1 }, { "c", 2, 900, -1 } }, "a b c", "" },
        /* Two runs: the pause lies between the end of one and the start of the next. */
        { { { "a", 0, 1, -1 }, { "b", 61, 62, -1 } }, "a b", "" },
        { { { "a", 0, 1, -1 }, { "b", 62, 63, -1 } }, "b", "" },
        { { { "a", 0, 1, -1 }, { "b", 500, 501, -1 }, { "c", 501, 502, -1 } }, "b c", "" },
        /* In the order they were applied, whatever their names are. */
        { { { "b", 0, 1, -1 }, { "a", 1, 2, -1 } }, "b a", "" },
        /* Failed and rolled back ones are not applied. */
        { { { "a", 0, 1, -1 }, { "b", 1, -1, -1 } }, "a", "" },
        { { { "a", 0, 1, -1 }, { "b", 1, 2, 500 }, { "c", 2, 3, 499 } }, "a", "c b" },
        { { { "a", 0, 1, 100 }, { "b", 1, 2, 500 } }, "", "b" },
        /* In the order they were rolled back: the last applied first, also within one millisecond. */
        { { { "a", 0, 1, 500 }, { "b", 1, 2, 500 }, { "c", 2, 3, 499 } }, "", "c b a" },
        /* Rolled back, then applied again. */
        { { { "a", 0, 1, 100 }, { "a", 500, 501, -1 } }, "a", "" },
        { { { "a", 0, 1, 100 }, { "a", 150, 151, 152 } }, "", "a" },
    };
    for (size_t i = 0; i < EVO_COUNT(cases); i++) {
        size_t count = 0;
        while (count < EVO_COUNT(cases[i].rows) && cases[i].rows[count].name)
            count++;
        EVO_AUTO_STR up = selected(cases[i].rows, count, EVO_VERIFY_UP);
        EVO_AUTO_STR down = selected(cases[i].rows, count, EVO_VERIFY_DOWN);
        assert_string_equal(up, cases[i].up);
        assert_string_equal(down, cases[i].down);
    }
}

static void test_from_rundir_takes_the_newest_migrate(void **state)
{
    (void)state;
    static const char up_data[] = "{\"applied\":[{\"name\":\"b\"},{\"name\":\"c\"}]}";
    static const char down_data[] = "{\"rolled_back\":[{\"name\":\"c\"}]}";
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(json) up = NULL;
    EVO_AUTO_PTR(json) down = NULL;
    assert_int_equal(evo_json_parse(up_data, strlen(up_data), "data", EVO_ERR_INTERNAL, &up, &err), EVO_OK);
    assert_int_equal(evo_json_parse(down_data, strlen(down_data), "data", EVO_ERR_INTERNAL, &down, &err),
                     EVO_OK);
    struct evo_envelope envelopes[] = {
        { .command = (char[]){ "migrate up" }, .data = up },
        { .command = (char[]){ "migrate down" }, .data = down },
    };
    const struct evo_rundir rundir = { .items = envelopes, .count = 2 };
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    assert_true(evo_verify_from_rundir(&rundir, EVO_VERIFY_UP, &names));
    assert_int_equal(names.count, 2);
    assert_string_equal(names.items[0], "b");
    evo_strvec_clear(&names);
    assert_true(evo_verify_from_rundir(&rundir, EVO_VERIFY_DOWN, &names));
    assert_int_equal(names.count, 1);
    evo_strvec_clear(&names);
    const struct evo_rundir only_up = { .items = envelopes, .count = 1 };
    assert_false(evo_verify_from_rundir(&only_up, EVO_VERIFY_DOWN, &names));
    assert_int_equal(names.count, 0);
}

static void test_from_state_takes_all_that_is_or_is_not_applied(void **state)
{
    (void)state;
    struct evo_state_item items[] = {
        { .name = "a", .state = EVO_STATE_APPLIED }, { .name = "b", .state = EVO_STATE_EDITED },
        { .name = "c", .state = EVO_STATE_FAILED },  { .name = "d", .state = EVO_STATE_PENDING },
        { .name = "e", .state = EVO_STATE_MISSING }, { .name = "f", .state = EVO_STATE_PENDING },
    };
    const struct evo_state all = { .items = items, .count = EVO_COUNT(items) };
    EVO_AUTO(strvec) up = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) down = EVO_STRVEC_INIT;
    evo_verify_from_state(&all, EVO_VERIFY_UP, &up);
    evo_verify_from_state(&all, EVO_VERIFY_DOWN, &down);
    assert_int_equal(up.count, 3);
    assert_string_equal(up.items[2], "e");
    assert_int_equal(down.count, 2);
    assert_string_equal(down.items[0], "f");
    assert_string_equal(down.items[1], "d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_ledger_takes_the_newest_run),
        cmocka_unit_test(test_from_rundir_takes_the_newest_migrate),
        cmocka_unit_test(test_from_state_takes_all_that_is_or_is_not_applied),
    };
    return cmocka_run_group_tests_name("verify/select", tests, NULL, NULL);
}
