#include "cmocka_all.h"

#include <locale.h>
#include <wchar.h>

#include "cli/meter.h"

enum { MIB = 1 << 20 };

static const struct evo_progress half_way = { .what = "backup",
                                              .bytes = (uint64_t)400 * MIB,
                                              .bytes_total = (uint64_t)1000 * MIB,
                                              .items = 12,
                                              .items_total = 40,
                                              .item = "tables",
                                              .current = "public.orders" };

/* A meter that has seen the same speed for `seconds`, four times a second, and then shows p. */
static void run_up(struct evo_meter *m, const struct evo_progress *p, int seconds)
{
    struct evo_progress on_the_way = *p;
    on_the_way.bytes = 0;
    evo_meter_begin(m, &on_the_way, 1000);
    for (int i = 1; i <= seconds * 4; i++) {
        on_the_way.bytes = p->bytes * (uint64_t)i / ((uint64_t)seconds * 4);
        evo_meter_update(m, &on_the_way, 1000 + i * 250);
    }
}

static size_t width_of(const char *text)
{
    wchar_t wide[1024];
    size_t n = mbstowcs(wide, text, EVO_COUNT(wide));
    assert_true(n < EVO_COUNT(wide)); /* (size_t)-1: not valid */
    int width = wcswidth(wide, n);
    assert_true(width >= 0);
    return (size_t)width;
}

static void test_bar_leaves_out_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        size_t columns;
        const char *text;
    } rows[] = {
        { 130, "backup [============>                 ]   40%  400.0 MiB of 1000.0 MiB  40.0 MiB/s  12 of 40 "
               "tables  "
               "15 s left  public.orders" },
        { 115, "backup [============>                 ]   40%  400.0 MiB of 1000.0 MiB  40.0 MiB/s  12 of 40 "
               "tables  "
               "15 s left" },
        { 100,
          "backup [========>           ]   40%  400.0 MiB of 1000.0 MiB  40.0 MiB/s  12 of 40 tables  15 "
          "s left" },
        { 90, "backup [========>           ]   40%  400.0 MiB of 1000.0 MiB  12 of 40 tables  15 s left" },
        { 79, "backup [====>     ]   40%  400.0 MiB of 1000.0 MiB  12 of 40 tables  15 s left" },
        { 70, "backup [====>     ]   40%  400.0 MiB of 1000.0 MiB  15 s left" },
        { 60, "backup [====>     ]   40%  400.0 MiB of 1000.0 MiB" },
        { 40, "backup [====>     ]   40%" },
        { 24, "backup [====>     ]" },
        { 18, "backup" },
        { 4, "back" },
        { 0, "" },
    };
    struct evo_meter m;
    run_up(&m, &half_way, 10);
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        evo_meter_bar(&m, rows[i].columns, &out);
        assert_string_equal(out.buf, rows[i].text);
    }
}

static void test_bar_is_never_wider_than_told(void **state)
{
    (void)state;
    static const char *const names[] = {
        "public.orders", "public.bestellungen_\xc3\xa4\xc3\xb6\xc3\xbc",
        "\xe5\x95\x86\xe5\x93\x81.\xe6\xb3\xa8\xe6\x96\x87\xe8\xa1\xa8\xe6\x98\x8e\xe7\xb4\xb0",
        "broken \xff\xfe bytes", "e\xcc\x81\xcc\x81 combined"
    };
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    for (size_t n = 0; n < EVO_COUNT(names); n++) {
        struct evo_progress p = half_way;
        struct evo_meter m;
        p.current = names[n];
        run_up(&m, &p, 10);
        for (size_t columns = 0; columns < 200; columns++) {
            EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
            evo_meter_bar(&m, columns, &out);
            assert_true(width_of(out.buf) <= columns);
        }
    }
    assert_non_null(setlocale(LC_CTYPE, "C"));
}

static void test_bar_shows_no_control_characters(void **state)
{
    (void)state;
    struct evo_progress p = {
        .what = "backup", .items = 1, .items_total = 2, .current = "a\033[2Jb\nc\x7f\x01"
    };
    EVO_AUTO(strbuf) bar = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    struct evo_meter m;
    evo_meter_begin(&m, &p, 0);
    evo_meter_bar(&m, 120, &bar);
    evo_meter_line(&m, &line);
    assert_string_equal(bar.buf, "backup [===============>              ]   50%  1 of 2 done  a?[2Jb?c??");
    assert_string_equal(line.buf, "backup: 1 of 2 done (a?[2Jb?c?\?)\n");
}

static void test_bar_without_a_total_is_text(void **state)
{
    (void)state;
    struct evo_progress p = { .what = "backup", .bytes = 5 * MIB, .items = 3, .item = "tables" };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    struct evo_meter m;
    run_up(&m, &p, 5);
    evo_meter_bar(&m, 79, &out);
    assert_string_equal(out.buf, "backup  5.0 MiB  1.0 MiB/s  3 tables");
}

static void test_lines_say_what_is_known(void **state)
{
    (void)state;
    static const struct {
        struct evo_progress p;
        int seconds;
        const char *line, *last;
    } rows[] = {
        { { .what = "backup",
            .bytes = (uint64_t)400 * MIB,
            .bytes_total = (uint64_t)1000 * MIB,
            .items = 12,
            .items_total = 40,
            .item = "tables",
            .current = "public.orders" },
          10,
          "backup: 400.0 MiB of 1000.0 MiB (40%), 40.0 MiB/s, 12 of 40 tables, 15 s left (public.orders)\n",
          "backup: 400.0 MiB of 1000.0 MiB, 12 of 40 tables, in 10.0 s (40.0 MiB/s)\n" },
        { { .what = "restore",
            .bytes = 20 * MIB,
            .bytes_total = 20 * MIB,
            .items = 2,
            .items_total = 2,
            .item = "tables" },
          4,
          "restore: 20.0 MiB of 20.0 MiB (100%), 5.0 MiB/s, 2 of 2 tables\n",
          "restore: 20.0 MiB, 2 of 2 tables, in 4.0 s (5.0 MiB/s)\n" },
        { { .what = "verify", .items = 7, .items_total = 9, .item = "objects" },
          1,
          "verify: 7 of 9 objects\n",
          "verify: 7 of 9 objects, in 1.0 s\n" },
        { { .what = "migrate" }, 1, "migrate\n", "migrate: in 1.0 s\n" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) last = EVO_STRBUF_INIT;
        struct evo_meter m;
        run_up(&m, &rows[i].p, rows[i].seconds);
        evo_meter_line(&m, &line);
        evo_meter_last_line(&m, &last);
        assert_string_equal(line.buf, rows[i].line);
        assert_string_equal(last.buf, rows[i].last);
    }
}

static void test_percent_is_whole_only_when_all_is_done(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes, bytes_total, items, items_total;
        int percent;
    } rows[] = {
        { 0, 0, 0, 0, -1 },       { 5, 0, 0, 0, -1 },        { 0, 1000, 0, 0, 0 },
        { 999, 1000, 0, 0, 99 },  { 1000, 1000, 0, 0, 100 }, { UINT64_MAX - 1, UINT64_MAX, 0, 0, 99 },
        { 0, 0, 1, 3, 33 },       { 1001, 1000, 1, 4, 25 }, /* a total that was guessed too small */
        { 1001, 1000, 0, 0, -1 }, { 990, 1000, 4, 4, 100 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_meter m;
        struct evo_progress p = { .what = "x",
                                  .bytes = rows[i].bytes,
                                  .bytes_total = rows[i].bytes_total,
                                  .items = rows[i].items,
                                  .items_total = rows[i].items_total };
        evo_meter_begin(&m, &p, 0);
        assert_int_equal(evo_meter_percent(&m), rows[i].percent);
    }
}

static void test_left_is_said_only_while_it_means_something(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes, total;
        int seconds;
        int64_t left;
    } rows[] = {
        { 400, 1000, 10, 15000 }, { 400, 0, 10, -1 }, /* no total */
        { 400, 1000, 2, -1 }, /* too early */
        { 9, 1000, 10, -1 }, /* too little */
        { 0, 1000, 10, -1 }, /* nothing moves */
        { 1000, 1000, 10, -1 }, /* nothing left */
        { 1001, 1000, 10, -1 }, /* the total was wrong */
        { 11, 1000, 40000, -1 }, /* in a month */
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_meter m;
        struct evo_progress p = { .what = "x",
                                  .bytes = rows[i].bytes * MIB,
                                  .bytes_total = rows[i].total * MIB };
        run_up(&m, &p, rows[i].seconds);
        int64_t left = evo_meter_left(&m);
        if (rows[i].left < 0)
            assert_int_equal(left, -1);
        else
            assert_in_range(left, rows[i].left - 10, rows[i].left + 10);
    }
}

static void test_rate_follows_what_happens_and_does_not_jump(void **state)
{
    (void)state;
    struct evo_meter m;
    struct evo_progress p = { .what = "x", .bytes = 100 * MIB, .bytes_total = (uint64_t)1000 * MIB };
    run_up(&m, &p, 10);
    uint64_t before = evo_meter_rate(&m);
    assert_in_range(before, 10 * MIB - 10, 10 * MIB + 10);
    /* One quiet second takes off less than a fifth; after a minute of nothing there is hardly a rate. */
    evo_meter_update(&m, &p, 12000);
    assert_in_range(evo_meter_rate(&m), before * 8 / 10, before);
    for (int64_t at = 13000; at < 72000; at += 1000)
        evo_meter_update(&m, &p, at);
    assert_true(evo_meter_rate(&m) < before / 100);
}

static void test_rate_is_unknown_in_the_first_second(void **state)
{
    (void)state;
    struct evo_meter m;
    struct evo_progress p = { .what = "x" };
    evo_meter_begin(&m, &p, 0);
    p.bytes = MIB;
    evo_meter_update(&m, &p, 999);
    assert_int_equal(evo_meter_rate(&m), 0);
    evo_meter_update(&m, &p, 1500);
    assert_true(evo_meter_rate(&m) > 0);
}

static void test_another_operation_is_another_measure(void **state)
{
    (void)state;
    struct evo_meter m;
    evo_meter_begin(&m, &half_way, 0);
    char same[] = "backup";
    assert_true(evo_meter_measures(&m, same));
    assert_false(evo_meter_measures(&m, "restore"));
    assert_false(evo_meter_measures(&m, NULL));
}

static void assert_event(const struct evo_progress *p, int seconds, const char *want)
{
    struct evo_meter m;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    run_up(&m, p, seconds);
    EVO_AUTO_PTR(json) event = evo_meter_event(&m, "progress", 1795693385123);
    evo_json_format(event, EVO_JSON_COMPACT, &out);
    assert_string_equal(out.buf, want);
}

static void test_event_has_every_key_and_null_for_the_unknown(void **state)
{
    (void)state;
    const struct evo_progress bare = { .what = "verify" };
    assert_event(
        &half_way, 10,
        "{\"event\":\"progress\",\"what\":\"backup\",\"at\":\"2026-11-26T11:43:05.123Z\",\"elapsed_ms\":"
        "10000,"
        "\"bytes\":419430400,\"bytes_total\":1048576000,\"items\":12,\"items_total\":40,\"item\":\"tables\","
        "\"current\":\"public.orders\",\"rate_bytes\":41943040,\"left_ms\":15000}");
    assert_event(
        &bare, 1,
        "{\"event\":\"progress\",\"what\":\"verify\",\"at\":\"2026-11-26T11:43:05.123Z\",\"elapsed_ms\":1000,"
        "\"bytes\":0,\"bytes_total\":null,\"items\":0,\"items_total\":null,\"item\":null,\"current\":null,"
        "\"rate_bytes\":null,\"left_ms\":null}");
}

static void test_long_names_are_cut_between_characters(void **state)
{
    (void)state;
    char name[400];
    struct evo_meter m;
    struct evo_progress p = { .what = "x", .current = name };
    for (size_t i = 0; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "\xc3\xa4", 2);
    name[sizeof(name) - 2] = '\0';
    evo_meter_begin(&m, &p, 0);
    size_t n = strlen(m.current);
    assert_true(n > 100 && n < sizeof(m.current));
    assert_int_equal(n % 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar_leaves_out_what_does_not_fit),
        cmocka_unit_test(test_bar_is_never_wider_than_told),
        cmocka_unit_test(test_bar_shows_no_control_characters),
        cmocka_unit_test(test_bar_without_a_total_is_text),
        cmocka_unit_test(test_lines_say_what_is_known),
        cmocka_unit_test(test_percent_is_whole_only_when_all_is_done),
        cmocka_unit_test(test_left_is_said_only_while_it_means_something),
        cmocka_unit_test(test_rate_follows_what_happens_and_does_not_jump),
        cmocka_unit_test(test_rate_is_unknown_in_the_first_second),
        cmocka_unit_test(test_another_operation_is_another_measure),
        cmocka_unit_test(test_event_has_every_key_and_null_for_the_unknown),
        cmocka_unit_test(test_long_names_are_cut_between_characters),
    };
    return cmocka_run_group_tests_name("cli/meter", tests, NULL, NULL);
}
