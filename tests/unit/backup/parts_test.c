#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/parts.h"

static struct evo_toc_entry *add(struct evo_toc *toc, int32_t id, const char *tag, const char *desc,
                                 int32_t dep)
{
    EVO_GROW(toc->items, toc->count, toc->alloc);
    struct evo_toc_entry *e = &toc->items[toc->count++];
    *e = (struct evo_toc_entry){ .id = id,
                                 .has_data = evo_streq(desc, "TABLE DATA"),
                                 .tag = evo_strdup(tag),
                                 .desc = evo_strdup(desc),
                                 .schema = evo_strdup("public"),
                                 .copy = evo_strdup("COPY public.t (a) FROM stdin;\n"),
                                 .section = EVO_TOC_DATA };
    if (dep) {
        EVO_GROW(e->deps, e->ndeps, e->deps_alloc);
        e->deps[e->ndeps++] = dep;
    }
    return e;
}

static void fill(struct evo_toc *toc)
{
    *toc = (struct evo_toc){ .major = 1, .minor = 14 };
    add(toc, 1, "t", "TABLE", 0);
    add(toc, 2, "u", "TABLE", 0);
    add(toc, 10, "t", "TABLE DATA", 1);
    add(toc, 11, "u", "TABLE DATA", 2);
    add(toc, 20, "t_pkey", "CONSTRAINT", 1);
}

static void test_parts_stand_before_their_entry_which_waits_for_them(void **state)
{
    (void)state;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    fill(&toc);
    struct evo_toc_part parts[] = { { 11, 23 }, { 10, 22 }, { 10, 21 } };
    evo_toc_add_parts(&toc, parts, EVO_COUNT(parts));
    const int32_t order[] = { 1, 2, 21, 22, 10, 23, 11, 20 };
    assert_int_equal(toc.count, EVO_COUNT(order));
    for (size_t i = 0; i < toc.count; i++)
        assert_int_equal(toc.items[i].id, order[i]);
    const struct evo_toc_entry *part = &toc.items[2];
    assert_string_equal(part->tag, "t");
    assert_string_equal(part->copy, "COPY public.t (a) FROM stdin;\n");
    assert_string_equal(part->defn, "-- load via partition root public.t");
    assert_true(part->has_data && evo_toc_is_part(part));
    /* The table is the first of all their dependencies: pg_restore goes by that. */
    assert_int_equal(part->ndeps, 1);
    assert_int_equal(part->deps[0], 1);
    const struct evo_toc_entry *own = &toc.items[4];
    assert_true(evo_toc_is_part(own));
    assert_int_equal(own->ndeps, 3);
    assert_int_equal(own->deps[0], 1);
    assert_int_equal(own->deps[1], 21);
    assert_int_equal(own->deps[2], 22);
    assert_null(toc.items[7].defn);
}

static void test_an_entry_in_one_piece_stays_as_it_was(void **state)
{
    (void)state;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    fill(&toc);
    struct evo_toc_part parts[] = { { 10, 21 } };
    evo_toc_add_parts(&toc, parts, 0);
    assert_int_equal(toc.count, 5);
    evo_toc_add_parts(&toc, parts, 1);
    assert_int_equal(toc.items[4].id, 11);
    assert_null(toc.items[4].defn);
    assert_false(evo_toc_is_part(&toc.items[4]));
    assert_int_equal(toc.items[4].ndeps, 1);
}

static void test_a_root_of_its_own_is_kept_and_line_ends_are_not(void **state)
{
    (void)state;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    fill(&toc);
    toc.items[2].defn = evo_strdup("-- load via partition root public.root");
    free(toc.items[3].tag);
    toc.items[3].tag = evo_strdup("two\nlines");
    struct evo_toc_part parts[] = { { 10, 21 }, { 11, 22 } };
    evo_toc_add_parts(&toc, parts, 2);
    assert_string_equal(toc.items[2].defn, "-- load via partition root public.root");
    assert_string_equal(toc.items[4].defn, "-- load via partition root public.two lines");
    assert_string_equal(toc.items[4].tag, "two\nlines");
}

static void test_free_id_is_behind_all(void **state)
{
    (void)state;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    assert_int_equal(evo_toc_free_id(&toc), 1);
    fill(&toc);
    assert_int_equal(evo_toc_free_id(&toc), 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_stand_before_their_entry_which_waits_for_them),
        cmocka_unit_test(test_an_entry_in_one_piece_stays_as_it_was),
        cmocka_unit_test(test_a_root_of_its_own_is_kept_and_line_ends_are_not),
        cmocka_unit_test(test_free_id_is_behind_all),
    };
    return cmocka_run_group_tests_name("backup/parts", tests, NULL, NULL);
}
