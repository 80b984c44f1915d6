#include "cmocka_all.h"

#include "cli/table.h"

static void make(struct evo_table *t)
{
    evo_table_column(t, "ID", EVO_TABLE_LEFT);
    evo_table_column(t, "NOTE", EVO_TABLE_LEFT);
    evo_table_column(t, "ROWS", EVO_TABLE_RIGHT);
    evo_table_column(t, "LABELS", EVO_TABLE_LEFT);
}

static void row(struct evo_table *t, const char *id, const char *note, const char *rows, const char *labels)
{
    evo_table_cell(t, id);
    evo_table_cell(t, note);
    evo_table_cell(t, rows);
    evo_table_cell(t, labels);
}

static void test_format_aligns_and_leaves_out_what_is_empty(void **state)
{
    (void)state;
    EVO_AUTO(table) t = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    make(&t);
    row(&t, "a", NULL, "5", "k=v");
    row(&t, "bbbb", "", "12345", NULL);
    evo_table_format(&t, true, &out);
    assert_string_equal(out.buf, "ID     ROWS  LABELS\n"
                                 "a         5  k=v\n"
                                 "bbbb  12345\n");
    evo_strbuf_clear(&out);
    evo_table_format(&t, false, &out);
    assert_string_equal(out.buf, "a         5  k=v\n"
                                 "bbbb  12345\n");
}

static void test_format_of_no_rows_is_nothing(void **state)
{
    (void)state;
    EVO_AUTO(table) t = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    make(&t);
    evo_table_format(&t, true, &out);
    assert_string_equal(out.buf, "");
}

static void test_format_counts_characters_and_shows_no_controls(void **state)
{
    (void)state;
    EVO_AUTO(table) t = EVO_TABLE_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    make(&t);
    row(&t, "größe", "x\033[31m\ny", "1", NULL);
    row(&t, "ab", "z", NULL, NULL);
    row(&t, "ab", NULL, "7", NULL);
    evo_table_format(&t, false, &out);
    assert_string_equal(out.buf, "größe  x?[31m?y  1\n"
                                 "ab     z\n"
                                 "ab               7\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_aligns_and_leaves_out_what_is_empty),
        cmocka_unit_test(test_format_of_no_rows_is_nothing),
        cmocka_unit_test(test_format_counts_characters_and_shows_no_controls),
    };
    return cmocka_run_group_tests_name("cli/table", tests, NULL, NULL);
}
