#include "made.h"

#include "locks/report.h"

static void make(struct evo_locks_report *r)
{
    made_wait(&r->view, 2, 1, 12000, "ACCESS SHARE");
    made_wait(&r->view, 3, 2, 3000, NULL);
}

static void test_text_of_nothing(void **state)
{
    (void)state;
    const struct evo_locks_report r = { 0 };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_locks_text(&r, "", "", &out);
    assert_string_equal(out.buf, "no session waits for another\n");
}

static void test_text_of_a_queue(void **state)
{
    (void)state;
    EVO_AUTO(locks_report) r = { 0 };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    make(&r);
    evo_locks_text(&r, "<", ">", &out);
    assert_string_equal(
        out.buf, "2 sessions wait for others\n\n"
                 "<pid 1 (user \"app\", application \"a1\", active for 1.0 s): SELECT 1>\n"
                 "  2 sessions wait behind it\n"
                 "  pid 2 (user \"app\", application \"a2\", active for 1.0 s): SELECT 2\n"
                 "    waits 12.0 s for ACCESS EXCLUSIVE on public.t (held: ACCESS SHARE); 1 waits behind it\n"
                 "    pid 3 (user \"app\", application \"a3\", active for 1.0 s): SELECT 3\n"
                 "      waits 3.0 s for ACCESS EXCLUSIVE on public.t (it stands in front)\n");
}

static void test_text_of_a_deadlock_and_of_one_named_above(void **state)
{
    (void)state;
    EVO_AUTO(locks_report) r = { 0 };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    made_wait(&r.view, 1, 2, -1, "SHARE");
    made_wait(&r.view, 2, 1, -1, "SHARE");
    r.view.cut = true;
    evo_locks_text(&r, "", "", &out);
    assert_non_null(strstr(out.buf, "(and more, not looked at)"));
    assert_non_null(strstr(out.buf, "it waits, too: a deadlock, which the server ends"));
    assert_non_null(strstr(out.buf, "waits for ACCESS EXCLUSIVE on public.t (held: SHARE); see above"));
}

static void test_json_keeps_what_is_not_known_as_null(void **state)
{
    (void)state;
    EVO_AUTO(locks_report) r = { 0 };
    EVO_AUTO_PTR(json) data = evo_json_object();
    make(&r);
    r.view.waits[0].wait_ms = -1;
    r.view.sessions[0].transaction_ms = -1;
    evo_locks_json(&r, data);
    const struct evo_json *wait = evo_json_at(evo_json_get(data, "waits"), 0);
    assert_int_equal(evo_json_get_int(wait, "blocked_pid", 0), 2);
    assert_int_equal(evo_json_get_int(wait, "blocking_pid", 0), 1);
    assert_int_equal(evo_json_type_of(evo_json_get(wait, "wait_ms")), EVO_JSON_NULL);
    assert_int_equal(evo_json_type_of(evo_json_get(wait, "blocking_prepared")), EVO_JSON_NULL);
    const struct evo_json *root = evo_json_at(evo_json_get(data, "sessions"), 1);
    assert_int_equal(evo_json_get_int(root, "behind", -1), 2);
    assert_true(evo_json_get_bool(root, "root", false));
}

static void assert_changes(const struct evo_locks_report *before, const struct evo_locks_report *now,
                           const char *const *expected, size_t count)
{
    EVO_AUTO(strvec) lines = EVO_STRVEC_INIT;
    evo_locks_changes(before, now, &lines);
    assert_int_equal(lines.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(lines.items[i], expected[i]);
}

static void test_changes_of_waits(void **state)
{
    (void)state;
    EVO_AUTO(locks_report) before = { 0 };
    EVO_AUTO(locks_report) now = { 0 };
    made_wait(&before.view, 2, 1, 500, "SHARE");
    made_wait(&before.view, 3, 1, 500, "SHARE");
    made_wait(&now.view, 3, 1, 900, "SHARE"); /* as before, only longer */
    made_wait(&now.view, 4, 3, 100, NULL);
    static const char *const expected[] = {
        "pid 4 (user \"app\", application \"a4\", active for 1.0 s): SELECT 4; waits 100 ms for ACCESS "
        "EXCLUSIVE "
        "on public.t (it stands in front), behind pid 3 (user \"app\", application \"a3\", active for 1.0 "
        "s): "
        "SELECT 3",
        "pid 2 waits no more for pid 1 (it did for 500 ms or longer)",
    };
    assert_changes(&before, &now, expected, EVO_COUNT(expected));
    assert_changes(&now, &now, NULL, 0);
}

static void test_changes_know_a_pid_that_was_used_again(void **state)
{
    (void)state;
    EVO_AUTO(locks_report) before = { 0 };
    EVO_AUTO(locks_report) now = { 0 };
    EVO_AUTO(strvec) lines = EVO_STRVEC_INIT;
    made_wait(&before.view, 2, 1, 500, "SHARE");
    made_wait(&now.view, 2, 1, 100, "SHARE");
    free(now.view.sessions[0].started);
    now.view.sessions[0].started = evo_strdup("2026-11-26T09:00:00.000000Z");
    evo_locks_changes(&before, &now, &lines);
    assert_int_equal(lines.count, 2);
}

static void add_progress(struct evo_locks_report *r, const char *phase, int64_t done)
{
    struct evo_progress_list *l = &r->progress;
    EVO_GROW(l->items, l->count, l->alloc);
    l->items[l->count++] = (struct evo_progress_item){ .pid = 9,
                                                       .command = evo_strdup("CREATE INDEX"),
                                                       .relation = evo_strdup("public.t"),
                                                       .index = evo_strdup("public.i"),
                                                       .phase = evo_strdup(phase),
                                                       .unit = "blocks",
                                                       .done = done,
                                                       .total = 100,
                                                       .elapsed_ms = 7000,
                                                       .left_ms = 9000 };
}

static void test_changes_of_progress_are_phases_and_tenths(void **state)
{
    (void)state;
    static const struct {
        const char *phase;
        int64_t done;
        const char *line; /* NULL: none */
    } steps[] = {
        { "scan", 1, "CREATE INDEX public.i on public.t, pid 9: scan (1%)" },
        { "scan", 9, NULL },
        { "scan", 11, "CREATE INDEX public.i on public.t, pid 9: scan (11%)" },
        { "load", 12, "CREATE INDEX public.i on public.t, pid 9: load (12%)" },
    };
    struct evo_locks_report before = { 0 };
    for (size_t i = 0; i < EVO_COUNT(steps); i++) {
        struct evo_locks_report now = { 0 };
        add_progress(&now, steps[i].phase, steps[i].done);
        assert_changes(&before, &now, &steps[i].line, steps[i].line ? 1 : 0);
        evo_locks_report_release(&before);
        before = now;
    }
    const struct evo_locks_report none = { 0 };
    static const char *const ended[] = { "CREATE INDEX public.i on public.t, pid 9: ended" };
    assert_changes(&before, &none, ended, 1);
    evo_locks_report_release(&before);
}

static void test_text_of_progress(void **state)
{
    (void)state;
    EVO_AUTO(locks_report) r = { 0 };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    add_progress(&r, "scan", 37);
    r.progress.items[0].waits_for = 5;
    evo_locks_text(&r, "", "", &out);
    assert_string_equal(out.buf,
                        "no session waits for another\n\n"
                        "CREATE INDEX public.i on public.t, pid 9, since 7.0 s\n"
                        "  [=======>            ]  37%  scan, 37 of 100 blocks, waits for pid 5, 9.0 s "
                        "left of it\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_nothing),
        cmocka_unit_test(test_text_of_a_queue),
        cmocka_unit_test(test_text_of_a_deadlock_and_of_one_named_above),
        cmocka_unit_test(test_json_keeps_what_is_not_known_as_null),
        cmocka_unit_test(test_changes_of_waits),
        cmocka_unit_test(test_changes_know_a_pid_that_was_used_again),
        cmocka_unit_test(test_changes_of_progress_are_phases_and_tenths),
        cmocka_unit_test(test_text_of_progress),
    };
    return cmocka_run_group_tests_name("locks/text", tests, NULL, NULL);
}
