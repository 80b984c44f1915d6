#include "cmocka_all.h"

#include "catalog/sections.h"

static void test_line_has_no_line_end(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_catalog_line(&out, "a\nb\r\n\\n\tend\n");
    assert_string_equal(out.buf, "a\\nb\\r\\n\\\\n\tend\\n");
}

/* The left side is what a server says of a fresh definition, the right what it says after a restore (PostgreSQL 15). */
static void test_line_writes_casts_of_arrays_as_after_a_restore(void **state)
{
    (void)state;
    static const struct {
        const char *fresh, *restored;
    } table[] = {
        { "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
          "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character "
          "varying)::text])))" },
        { "x = ANY ((ARRAY['a'::character varying])::text[])",
          "x = ANY (ARRAY[('a'::character varying)::text])" },
        { "((ARRAY['a, b'::character varying, 'it''s ]'::character varying])::text[])",
          "(ARRAY[('a, b'::character varying)::text, ('it''s ]'::character varying)::text])" },
        { "(ARRAY[lower(f(x, y)), \"co,l\"[1]])::public.\"My, Type\"[]",
          "ARRAY[(lower(f(x, y)))::public.\"My, Type\", (\"co,l\"[1])::public.\"My, Type\"]" },
        { "(ARRAY[1, 2])::numeric(10,2)[]", "ARRAY[(1)::numeric(10,2), (2)::numeric(10,2)]" },
        { "(ARRAY[a])::timestamp(3) without time zone[]", "ARRAY[(a)::timestamp(3) without time zone]" },
        { "(ARRAY[(g((ARRAY['a'::character varying])::text[]))::character varying])::text[]",
          "ARRAY[((g(ARRAY[('a'::character varying)::text]))::character varying)::text]" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(strbuf) fresh = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) restored = EVO_STRBUF_INIT;
        evo_catalog_line(&fresh, table[i].fresh);
        evo_catalog_line(&restored, table[i].restored);
        assert_string_equal(fresh.buf, table[i].restored);
        assert_string_equal(restored.buf, table[i].restored);
    }
}

static void test_line_leaves_all_else_as_it_is(void **state)
{
    (void)state;
    static const char *const table[] = {
        "",
        "'(ARRAY[''a''::character varying])::text[]'::text",
        "\"(ARRAY[a])::text[]\"",
        "(ARRAY[a, b])",
        "(ARRAY[a, b])::text",
        "(ARRAY[a, b])::text[",
        "(ARRAY[a, b]",
        "(ARRAY[",
        "(ARRAY[a])::[]",
        "(ARRAY['a",
        "(ARRAY[a)]",
        "(ARRAY[ARRAY[a], ARRAY[b]])::text[]",
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        evo_catalog_line(&out, table[i]);
        assert_string_equal(out.buf, table[i]);
    }
}

/* A function's body may be anything: no depth and no length of it may cost more than a moment. */
static void test_line_takes_endless_nesting(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) in = EVO_STRBUF_INIT;
    for (int i = 0; i < 200000; i++)
        evo_strbuf_adds(&in, "(ARRAY[");
    EVO_AUTO(strbuf) open = EVO_STRBUF_INIT;
    evo_catalog_line(&open, in.buf);
    assert_string_equal(open.buf, in.buf);
    for (int i = 0; i < 200000; i++)
        evo_strbuf_adds(&in, "])::t[]");
    EVO_AUTO(strbuf) closed = EVO_STRBUF_INIT;
    evo_catalog_line(&closed, in.buf);
    assert_true(closed.len > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_has_no_line_end),
        cmocka_unit_test(test_line_writes_casts_of_arrays_as_after_a_restore),
        cmocka_unit_test(test_line_leaves_all_else_as_it_is),
        cmocka_unit_test(test_line_takes_endless_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
