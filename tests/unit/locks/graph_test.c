#include "made.h"

#include "locks/graph.h"

/* "1 .2 ..3 .4*": a dot a level, * again, ! a circle, / the last of its level. */
static char *shape(const struct evo_locks_view *v)
{
    EVO_AUTO(locks_tree) tree = { 0 };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_locks_tree_make(v, &tree);
    for (size_t i = 0; i < tree.count; i++) {
        const struct evo_locks_line *l = &tree.items[i];
        evo_strbuf_adds(&out, i ? " " : "");
        for (unsigned d = 0; d < l->depth; d++)
            evo_strbuf_addch(&out, '.');
        evo_strbuf_addf(&out, "%" PRId64 "%s%s%s", v->sessions[l->session].pid, l->again ? "*" : "",
                        l->circle ? "!" : "", l->last ? "/" : "");
    }
    return evo_strbuf_detach(&out);
}

static void assert_shape(const struct evo_locks_view *v, const char *expected)
{
    EVO_AUTO_STR got = shape(v);
    assert_string_equal(got, expected);
}

static void test_tree_make_of_nothing_is_empty(void **state)
{
    (void)state;
    const struct evo_locks_view v = { 0 };
    assert_shape(&v, "");
}

static void test_tree_make_puts_the_waiters_below_longest_first(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    made_wait(&v, 2, 1, 50, "SHARE");
    made_wait(&v, 3, 1, 90, "SHARE");
    made_wait(&v, 4, 3, 10, "SHARE");
    assert_shape(&v, "1 .3 ..4/ .2/");
}

static void test_tree_make_begins_with_whom_most_wait_for(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    made_wait(&v, 2, 1, 1, "SHARE");
    made_wait(&v, 12, 11, 1, "SHARE");
    made_wait(&v, 13, 12, 1, "SHARE");
    assert_shape(&v, "11 .12/ ..13/ 1 .2/");
}

static void test_tree_make_begins_with_the_older_of_two(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    made_wait(&v, 2, 1, 1, "SHARE");
    made_wait(&v, 4, 3, 1, "SHARE");
    v.sessions[evo_locks_index(&v, 3, NULL)].transaction_ms = 60000;
    assert_shape(&v, "3 .4/ 1 .2/");
}

static void test_tree_make_names_one_that_waits_for_two_below_both(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    made_wait(&v, 3, 1, 5, "SHARE");
    made_wait(&v, 3, 2, 5, "SHARE");
    made_wait(&v, 4, 3, 1, NULL);
    assert_shape(&v, "1 .3/ ..4/ 2 .3*/");
}

static void test_tree_make_leaves_out_who_only_stands_in_front(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    /* three ALTERs wait for one reader, each behind those before it */
    made_wait(&v, 2, 1, 90, "ACCESS SHARE");
    made_wait(&v, 3, 1, 80, "ACCESS SHARE");
    made_wait(&v, 3, 2, 80, NULL);
    made_wait(&v, 4, 1, 70, "ACCESS SHARE");
    made_wait(&v, 4, 2, 70, NULL);
    made_wait(&v, 4, 3, 70, NULL);
    /* and a reader behind all of them, which waits for no holder: it stands once */
    made_wait(&v, 5, 2, 60, NULL);
    made_wait(&v, 5, 3, 60, NULL);
    assert_shape(&v, "1 .2 ..5/ .3 .4/");
}

static void test_tree_make_enters_a_circle_once(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    made_wait(&v, 1, 2, 5, "SHARE");
    made_wait(&v, 2, 1, 5, "SHARE");
    made_wait(&v, 3, 2, 5, "SHARE");
    assert_shape(&v, "1! .2/ ..1* ..3/");
}

static void test_tree_make_of_a_circle_only_in_the_queue_ends(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    made_wait(&v, 1, 2, 5, NULL);
    made_wait(&v, 2, 1, 5, "SHARE");
    assert_shape(&v, "1! .2/ ..1*/");
}

static void test_behind_counts_each_once_and_not_itself(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    made_wait(&v, 2, 1, 5, "SHARE");
    made_wait(&v, 3, 1, 5, "SHARE");
    made_wait(&v, 3, 2, 5, NULL);
    made_wait(&v, 1, 3, 5, NULL);
    bool set[3] = { false };
    assert_int_equal(evo_locks_behind(&v, evo_locks_index(&v, 1, NULL), true, set), 2);
    assert_false(set[evo_locks_index(&v, 1, NULL)]);
    assert_true(set[evo_locks_index(&v, 2, NULL)] && set[evo_locks_index(&v, 3, NULL)]);
}

static void test_behind_without_own_advisory_leaves_out_who_waits_for_that_alone(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    made_wait(&v, 2, 1, 5, "SHARE");
    made_wait(&v, 3, 1, 5, "EXCLUSIVE");
    free(v.waits[1].type);
    v.waits[1].type = evo_strdup("advisory");
    made_wait(&v, 4, 3, 5, "SHARE");
    assert_int_equal(evo_locks_behind(&v, evo_locks_index(&v, 1, NULL), false, NULL), 1);
    assert_int_equal(evo_locks_behind(&v, evo_locks_index(&v, 1, NULL), true, NULL), 3);
}

static void test_tree_make_of_five_hundred_in_a_queue_has_a_line_for_each(void **state)
{
    (void)state;
    EVO_AUTO(locks_view) v = { 0 };
    for (int64_t i = 2; i <= 501; i++) {
        made_wait(&v, i, 1, 1000 - i, "SHARE");
        for (int64_t k = i > 40 ? i - 40 : 2; k < i; k++)
            made_wait(&v, i, k, 1000 - i, NULL);
    }
    EVO_AUTO(locks_tree) tree = { 0 };
    evo_locks_tree_make(&v, &tree);
    assert_int_equal(tree.count, 501);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_make_of_nothing_is_empty),
        cmocka_unit_test(test_tree_make_puts_the_waiters_below_longest_first),
        cmocka_unit_test(test_tree_make_begins_with_whom_most_wait_for),
        cmocka_unit_test(test_tree_make_begins_with_the_older_of_two),
        cmocka_unit_test(test_tree_make_names_one_that_waits_for_two_below_both),
        cmocka_unit_test(test_tree_make_leaves_out_who_only_stands_in_front),
        cmocka_unit_test(test_tree_make_enters_a_circle_once),
        cmocka_unit_test(test_tree_make_of_a_circle_only_in_the_queue_ends),
        cmocka_unit_test(test_behind_counts_each_once_and_not_itself),
        cmocka_unit_test(test_behind_without_own_advisory_leaves_out_who_waits_for_that_alone),
        cmocka_unit_test(test_tree_make_of_five_hundred_in_a_queue_has_a_line_for_each),
    };
    return cmocka_run_group_tests_name("locks/graph", tests, NULL, NULL);
}
