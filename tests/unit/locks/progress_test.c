#include "cmocka_all.h"

#include <string.h>

#include "locks/progress.h"
#include "locks/report.h"

static struct evo_progress_item item(const char *phase, int64_t done, int64_t total)
{
    return (struct evo_progress_item){ .pid = 42,
                                       .command = (char *)"CREATE INDEX",
                                       .relation = (char *)"public.t",
                                       .phase = (char *)phase,
                                       .unit = "blocks",
                                       .done = done,
                                       .total = total,
                                       .elapsed_ms = -1,
                                       .left_ms = -1 };
}

static void test_percent(void **state)
{
    (void)state;
    static const struct {
        int64_t done, total;
        int percent;
    } rows[] = {
        { 0, 10, 0 },  { 5, 10, 50 }, { 999999, 1000000, 99 },         { 10, 10, 100 }, { 11, 10, -1 },
        { 5, -1, -1 }, { 0, 0, -1 },  { INT64_MAX / 2, INT64_MAX, 50 }
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        const struct evo_progress_item p = item("x", rows[i].done, rows[i].total);
        assert_int_equal(evo_progress_percent(&p), rows[i].percent);
    }
}

static void test_compare_measures_what_is_left_of_a_phase(void **state)
{
    (void)state;
    struct evo_progress_item a = item("scan", 100, 1000), b = item("scan", 200, 1000),
                             c = item("scan", 400, 1000);
    struct evo_progress_list none = { 0 }, one = { .items = &a, .count = 1 },
                             two = { .items = &b, .count = 1 }, three = { .items = &c, .count = 1 };
    evo_progress_compare(&none, 10000, &one);
    assert_int_equal(a.left_ms, -1);
    evo_progress_compare(&one, 11000, &two);
    assert_int_equal(b.left_ms, -1); /* too little was seen */
    evo_progress_compare(&two, 13000, &three);
    assert_int_equal(c.left_ms, 6000); /* 300 in 3 s, 600 are left */
}

static void test_compare_begins_anew_with_another_phase(void **state)
{
    (void)state;
    struct evo_progress_item a = item("scan", 900, 1000), b = item("load", 100, 1000);
    struct evo_progress_list one = { .items = &a, .count = 1 }, two = { .items = &b, .count = 1 };
    evo_progress_compare(&(struct evo_progress_list){ 0 }, 0, &one);
    evo_progress_compare(&one, 9000, &two);
    assert_int_equal(b.left_ms, -1);
    assert_int_equal(b.since, 9000);
}

static void test_compare_takes_the_commands_time_for_its_first_phase(void **state)
{
    (void)state;
    struct evo_progress_item a = item("scan", 250, 1000);
    a.first_phase = true;
    a.elapsed_ms = 5000;
    struct evo_progress_list one = { .items = &a, .count = 1 };
    evo_progress_compare(&(struct evo_progress_list){ 0 }, 0, &one);
    assert_int_equal(a.left_ms, 15000);
}

static void test_compare_says_nothing_where_nothing_moves(void **state)
{
    (void)state;
    struct evo_progress_item a = item("scan", 100, 1000), b = item("scan", 100, 1000);
    struct evo_progress_list one = { .items = &a, .count = 1 }, two = { .items = &b, .count = 1 };
    evo_progress_compare(&(struct evo_progress_list){ 0 }, 0, &one);
    evo_progress_compare(&one, 60000, &two);
    assert_int_equal(b.left_ms, -1);
}

static void test_bar(void **state)
{
    (void)state;
    static const struct {
        int64_t done, total;
        const char *bar;
    } rows[] = { { 0, 10, "[>                   ]   0%" },
                 { 37, 100, "[=======>            ]  37%" },
                 { 10, 10, "[====================] 100%" },
                 { 5, -1, "" } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        const struct evo_progress_item p = item("x", rows[i].done, rows[i].total);
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        evo_locks_bar(&p, &out);
        assert_string_equal(out.buf, rows[i].bar);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_compare_measures_what_is_left_of_a_phase),
        cmocka_unit_test(test_compare_begins_anew_with_another_phase),
        cmocka_unit_test(test_compare_takes_the_commands_time_for_its_first_phase),
        cmocka_unit_test(test_compare_says_nothing_where_nothing_moves),
        cmocka_unit_test(test_bar),
    };
    return cmocka_run_group_tests_name("locks/progress", tests, NULL, NULL);
}
