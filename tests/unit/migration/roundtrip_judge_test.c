#include "cmocka_all.h"

#include "migration/roundtrip.h"

#define T EVO_TRIP_TRUE
#define F EVO_TRIP_FALSE
#define E EVO_TRIP_ERROR
#define V EVO_TRIP_VACUOUS
#define N EVO_TRIP_NONE

/* before, after up, after down, after up again: verify_up.sql and verify_down.sql */
struct states {
    enum evo_trip_answer cells[4][2];
    int reached; /* states */
};
static const struct states good = { { { F, T }, { T, F }, { F, T }, { T, F } }, 4 };

static char *why_of(enum evo_trip_answer a)
{
    return a == T || a == N ? NULL : evo_strdup("line 1: no");
}

static struct evo_trip trip_of(const struct states *s, bool reversible)
{
    struct evo_trip t = {
        .name = evo_strdup("m"), .has_verify_up = true, .has_verify_down = true, .reversible = reversible
    };
    struct evo_trip_cell *cells[] = { &t.before, &t.after_up, &t.after_down, &t.after_up_again };
    for (int i = 0; i < s->reached; i++)
        *cells[i] = (struct evo_trip_cell){ .taken = true,
                                            .up = s->cells[i][0],
                                            .down = s->cells[i][1],
                                            .up_why = why_of(s->cells[i][0]),
                                            .down_why = why_of(s->cells[i][1]) };
    return t;
}

static char *messages(const struct evo_trip *t)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (size_t i = 0; i < t->messages.count; i++)
        evo_strbuf_addf(&out, "%s%s", i ? "; " : "", t->messages.items[i]);
    return evo_strbuf_detach(&out);
}

static void assert_judged(struct evo_trip *t, enum evo_trip_verdict verdict, const char *expected)
{
    evo_trip_judge(t);
    EVO_AUTO_STR found = messages(t);
    assert_string_equal(evo_trip_verdict_name(t->verdict), evo_trip_verdict_name(verdict));
    assert_string_equal(found, expected);
}

static void test_judge_of_the_four_states(void **state)
{
    (void)state;
    static const char never_up[] =
        "verify_up.sql holds before up already: it cannot fail, and proves nothing";
    static const char never_down[] =
        "verify_down.sql holds after up as well: it cannot fail, and proves nothing";
    static const struct {
        struct states states;
        enum evo_trip_verdict verdict;
        const char *messages;
    } table[] = {
        { { { { F, T }, { T, F }, { F, T }, { T, F } }, 4 }, EVO_TRIP_OK, "" },
        /* an error, and an answer without rows, are no "true" */
        { { { { E, T }, { T, E }, { V, T }, { T, V } }, 4 }, EVO_TRIP_OK, "" },
        { { { { T, T }, { T, F }, { T, T }, { T, F } }, 4 }, EVO_TRIP_VACUOUS_FILE, never_up },
        { { { { F, T }, { T, T }, { F, T }, { T, T } }, 4 }, EVO_TRIP_VACUOUS_FILE, never_down },
        { { { { F, F }, { T, F }, { F, T }, { T, F } }, 4 },
          EVO_TRIP_FAILED,
          "verify_down.sql does not hold before up: line 1: no" },
        { { { { F, T }, { F, F }, { F, T }, { T, F } }, 4 },
          EVO_TRIP_FAILED,
          "verify_up.sql does not hold after up: line 1: no" },
        { { { { F, T }, { T, F }, { T, T }, { T, F } }, 4 },
          EVO_TRIP_FAILED,
          "verify_up.sql still holds after down: it was not taken back" },
        { { { { F, T }, { T, F }, { F, V }, { T, F } }, 4 },
          EVO_TRIP_FAILED,
          "verify_down.sql does not hold after down: line 1: no" },
        { { { { F, T }, { T, F }, { F, T }, { E, F } }, 4 },
          EVO_TRIP_FAILED,
          "verify_up.sql does not hold after up again: line 1: no" },
        { { { { F, T }, { T, F }, { F, T }, { T, T } }, 4 },
          EVO_TRIP_FAILED,
          "verify_down.sql holds after up again" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(trip) t = trip_of(&table[i].states, true);
        assert_judged(&t, table[i].verdict, table[i].messages);
    }
}

static void test_judge_without_a_way_back(void **state)
{
    (void)state;
    static const struct states up_only = { { { F, T }, { T, T } }, 2 };
    static const struct states vacuous = { { { T, T }, { T, T } }, 2 };
    EVO_AUTO(trip) t = trip_of(&up_only, false);
    assert_judged(&t, EVO_TRIP_IRREVERSIBLE, "");
    EVO_AUTO(trip) v = trip_of(&vacuous, false);
    assert_judged(&v, EVO_TRIP_VACUOUS_FILE,
                  "verify_up.sql holds before up already: it cannot fail, and proves nothing");
}

static void test_judge_without_files(void **state)
{
    (void)state;
    static const struct states none = { { { N, N }, { N, N }, { N, N }, { N, N } }, 4 };
    EVO_AUTO(trip) t = trip_of(&none, true);
    t.has_verify_up = t.has_verify_down = false;
    assert_judged(&t, EVO_TRIP_UNPROVEN,
                  "it has no verify_up.sql: nothing proves that it did what it is for; "
                  "it has no verify_down.sql: nothing proves what taking it back did");
    EVO_AUTO(trip) once = trip_of(&none, false);
    once.has_verify_up = once.has_verify_down = false;
    assert_judged(&once, EVO_TRIP_IRREVERSIBLE,
                  "it has no verify_up.sql: nothing proves that it did what it is for");
}

static void test_judge_of_schemas(void **state)
{
    (void)state;
    EVO_AUTO(trip) lossy = trip_of(&good, true);
    lossy.compared = true;
    lossy.ndifferences = 1;
    assert_judged(&lossy, EVO_TRIP_LOSSY, "after down the schema differs from the one before up in 1 line");
    EVO_AUTO(trip) again = trip_of(&good, true);
    again.nagain = 2;
    assert_judged(&again, EVO_TRIP_FAILED,
                  "the second up made another schema than the first: 2 lines differ");
}

#define HEAD "evo schema fingerprint, format 1\n"

static void test_compare_notes_what_differs(void **state)
{
    (void)state;
    EVO_AUTO(trip) t = { 0 };
    evo_trip_compare(&t, HEAD "table public.a\ntable public.b\n", HEAD "table public.a\ntable public.c\n",
                     NULL);
    assert_true(t.compared);
    assert_int_equal(t.ndifferences, 2);
    assert_string_equal(t.differences.items[0], "- table public.b");
    assert_string_equal(t.differences.items[1], "+ table public.c");
    EVO_AUTO(trip) same = { 0 };
    evo_trip_compare(&same, HEAD "a\n", HEAD "a\n", NULL);
    assert_true(same.compared);
    assert_int_equal(same.ndifferences, 0);
}

static void test_compare_keeps_a_hundred_and_counts_all(void **state)
{
    (void)state;
    EVO_AUTO(trip) t = { 0 };
    EVO_AUTO(strbuf) many = EVO_STRBUF_INIT;
    evo_strbuf_adds(&many, HEAD);
    for (int i = 0; i < 150; i++)
        evo_strbuf_addf(&many, "table %03d\n", i);
    evo_trip_compare(&t, HEAD, many.buf, NULL);
    assert_int_equal(t.ndifferences, 150);
    assert_int_equal(t.differences.count, 100);
}

/* A tool makes its ledger with the first migration that it runs, and leaves it. */
static void test_compare_passes_over_the_ledger(void **state)
{
    (void)state;
    static const char ledger[] =
        HEAD "column public.migrations.id: integer not null\n"
             "constraint public.migrations.migrations_pkey: PRIMARY KEY (id)\n"
             "index public.pk: CREATE UNIQUE INDEX pk ON public.migrations USING btree (id)\n"
             "owner of table public.migrations: app\n"
             "sequence public.migrations_id_seq: owned by public.migrations.id\n"
             "table public.migrations\n";
    static const char more[] = HEAD "table app.public.migrations\n"
                                    "table public.migrations\n"
                                    "table public.migrations_2\n";
    EVO_AUTO(trip) t = { 0 };
    evo_trip_compare(&t, HEAD, ledger, "public.migrations");
    assert_int_equal(t.ndifferences, 0);
    EVO_AUTO(trip) other = { 0 };
    evo_trip_compare(&other, HEAD, more, "public.migrations");
    assert_int_equal(other.ndifferences, 2);
    assert_string_equal(other.differences.items[1], "+ table public.migrations_2");
    EVO_AUTO(trip) gone = { 0 };
    evo_trip_compare(&gone, ledger, HEAD, "public.migrations");
    assert_int_equal(gone.ndifferences, 6);
}

static void test_judge_of_an_error_tells_it_once(void **state)
{
    (void)state;
    static const struct states before = { { { F, T } }, 1 };
    EVO_AUTO(trip) t = trip_of(&before, true);
    t.failed = true;
    t.after_up = (struct evo_trip_cell){ .taken = true, .up = E };
    evo_strvec_push(&t.messages, "probe 1 failed");
    assert_judged(&t, EVO_TRIP_FAILED, "probe 1 failed");
}

static void test_judge_of_what_was_not_tried_changes_nothing(void **state)
{
    (void)state;
    EVO_AUTO(trip) t = { .verdict = EVO_TRIP_SKIPPED };
    evo_strvec_push(&t.messages, "not tried: x");
    assert_judged(&t, EVO_TRIP_SKIPPED, "not tried: x");
}

static void test_bad_begins_with_lossy(void **state)
{
    (void)state;
    assert_false(evo_trip_is_bad(EVO_TRIP_OK));
    assert_false(evo_trip_is_bad(EVO_TRIP_UNPROVEN));
    assert_false(evo_trip_is_bad(EVO_TRIP_IRREVERSIBLE));
    assert_true(evo_trip_is_bad(EVO_TRIP_LOSSY));
    assert_true(evo_trip_is_bad(EVO_TRIP_SKIPPED));
}

static void test_json_of_a_trip(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) data = evo_json_object();
    EVO_AUTO(roundtrip)
    r = { .server_version = evo_strdup("15.1"), .items = evo_calloc(1, sizeof(*r.items)), .count = 1 };
    static const struct states up = { { { E, T }, { T, F } }, 2 };
    r.items[0] = trip_of(&up, true);
    r.items[0].compared = true;
    evo_roundtrip_json(&r, data);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_json_format(data, EVO_JSON_COMPACT, &text);
    assert_string_equal(text.buf,
                        "{\"server_version\":\"15.1\",\"migrations\":[{\"name\":\"m\","
                        "\"before\":{\"verify_up\":\"error\",\"verify_down\":\"true\"},"
                        "\"after_up\":{\"verify_up\":\"true\",\"verify_down\":\"false\"},"
                        "\"after_down\":null,\"after_up_again\":null,\"lossy\":false,\"differences\":[],"
                        "\"verdict\":\"ok\",\"messages\":[],\"elapsed_ms\":0}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_of_the_four_states),
        cmocka_unit_test(test_judge_without_a_way_back),
        cmocka_unit_test(test_judge_without_files),
        cmocka_unit_test(test_judge_of_schemas),
        cmocka_unit_test(test_compare_notes_what_differs),
        cmocka_unit_test(test_compare_keeps_a_hundred_and_counts_all),
        cmocka_unit_test(test_compare_passes_over_the_ledger),
        cmocka_unit_test(test_judge_of_an_error_tells_it_once),
        cmocka_unit_test(test_judge_of_what_was_not_tried_changes_nothing),
        cmocka_unit_test(test_bad_begins_with_lossy),
        cmocka_unit_test(test_json_of_a_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
