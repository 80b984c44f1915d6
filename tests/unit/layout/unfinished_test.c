/* What is to be done about a migration that was begun and never finished: the table, and what is read for it. */
#include "cmocka_all.h"

#include "layout/drift.h"
#include "layout/unfinished.h"

static void test_way_is_the_table(void **state)
{
    (void)state;
    static const struct {
        struct evo_unfinished u;
        enum evo_way expected;
        enum evo_tristate half;
        const char *next;
    } rows[] = {
        { { .file = true },
          EVO_WAY_SETTLE,
          EVO_UNKNOWN,
          "evo-migrate resolve --rolled-back '2 b' --environment qa" },
        { { .file = true, .on_record = true, .as_is = true },
          EVO_WAY_SETTLE,
          EVO_UNKNOWN,
          "evo-migrate resolve --rolled-back '2 b' --environment qa" },
        { { .file = true, .on_record = true, .as_is = true, .done = 3 }, EVO_WAY_LOOK, EVO_YES, NULL },
        { { .file = true, .on_record = true }, EVO_WAY_GO_ON, EVO_NO, "evo-migrate up --environment qa" },
        { { .file = true, .on_record = true, .done = 1 },
          EVO_WAY_GO_ON,
          EVO_YES,
          "evo-migrate up --environment qa" },
        { { .file = true, .on_record = true, .open = 1 },
          EVO_WAY_GO_ON,
          EVO_UNKNOWN,
          "evo-migrate up --environment qa" },
        { { .file = true, .on_record = true, .done = 1, .changed = true },
          EVO_WAY_RESTORE,
          EVO_YES,
          "git log -p -- up.sql" },
        { { .on_record = true, .done = 1 }, EVO_WAY_RESTORE, EVO_YES, "git log -p -- up.sql" },
        { { .down = true, .file = true, .on_record = true, .done = 1 },
          EVO_WAY_GO_ON,
          EVO_YES,
          "evo-migrate down --steps 1 --environment qa" },
        { { .down = true, .file = true, .on_record = true, .as_is = true },
          EVO_WAY_SETTLE,
          EVO_UNKNOWN,
          "evo-migrate resolve --applied '2 b' --environment qa" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR next = evo_unfinished_next(&rows[i].u, "2 b", "up.sql", " --environment qa");
        assert_int_equal(evo_unfinished_way(&rows[i].u), rows[i].expected);
        assert_int_equal(evo_unfinished_is_half(&rows[i].u), rows[i].half);
        if (rows[i].next)
            assert_string_equal(next, rows[i].next);
        else
            assert_null(next);
    }
}

static void test_hint_says_what_the_way_is(void **state)
{
    (void)state;
    const struct evo_unfinished on = { .file = true, .on_record = true, .done = 1 };
    const struct evo_unfinished changed = { .file = true, .on_record = true, .done = 1, .changed = true };
    const struct evo_unfinished none = { .file = true };
    EVO_AUTO_STR a = evo_unfinished_hint(&on, "b", "up.sql", "");
    EVO_AUTO_STR b = evo_unfinished_hint(&changed, "b", "up.sql", "");
    EVO_AUTO_STR c = evo_unfinished_hint(&none, "b", "up.sql", "");
    assert_non_null(strstr(a, "go on where it stopped: evo-migrate up"));
    assert_non_null(strstr(b, "back into up.sql"));
    assert_non_null(strstr(c, "evo-migrate resolve --applied b"));
}

static void test_drift_left_is_what_is_still_true(void **state)
{
    (void)state;
    static const char text[] =
        "evo schema fingerprint, format 1\ncolumn public.t.hand: integer\ntable public.t\n";
    static const struct {
        const char *line; /* NULL: none is kept */
        const char *expected;
        bool open;
    } rows[] = {
        { "+ column public.t.hand: integer", "x", true },
        { "+ column public.t.hand: int", "x", false }, /* the beginning of a line is not the line */
        { "- table public.gone", "x", true },
        { "- table public.t", "x", false },
        { NULL, "x", true },
        { NULL, "now", false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strvec) lines = EVO_STRVEC_INIT;
        EVO_AUTO(schema) now = EVO_SCHEMA_INIT;
        struct evo_drift_row row = { .expected = (char *)(uintptr_t)rows[i].expected,
                                     .total = rows[i].line != NULL };
        bool open = !rows[i].open;
        (void)snprintf(now.fingerprint, sizeof(now.fingerprint), "now");
        evo_strbuf_adds(&now.text, text);
        if (rows[i].line)
            evo_strvec_push(&row.lines, rows[i].line);
        evo_drift_left(&row, &now, &lines, &open);
        assert_int_equal(open, rows[i].open);
        assert_int_equal(lines.count, rows[i].line && rows[i].open);
        evo_strvec_release(&row.lines);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_way_is_the_table),
        cmocka_unit_test(test_hint_says_what_the_way_is),
        cmocka_unit_test(test_drift_left_is_what_is_still_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
