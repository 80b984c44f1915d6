#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/text.h"

static struct evo_json *parse(const char *text)
{
    struct evo_json *v = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_json_parse(text, strlen(text), "test", EVO_ERR_INTERNAL, &v, &err), EVO_OK);
    return v;
}

static void test_plan_says_which_command_runs_a_tool_s_migration(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json)
    data = parse("{\"steps\": [{\"name\": \"a\", \"statements\": 0, \"mode\": \"delegated\","
                 " \"command\": \"alembic upgrade 1a2b\", \"probes\": 1}], \"warnings\": []}");
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_text_plan(data, false, &out);
    assert_string_equal(out.buf, "1 migration to apply\n\n"
                                 "a\n"
                                 "  runs by alembic upgrade 1a2b\n"
                                 "  verified by 1 probe\n");
}

static void test_plan_says_how_each_file_runs(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json)
    data = parse("{\"steps\": [{\"name\": \"a\", \"statements\": 1, \"mode\": \"transaction\", \"probes\": 2,"
                 " \"locks\": [{\"mode\": \"SHARE\", \"relation\": \"users\"}], \"irreversible\": null, "
                 "\"warnings\": []},"
                 " {\"name\": \"b\", \"statements\": 3, \"mode\": \"statements\", \"resumed\": true,"
                 " \"irreversible\": \"gone\", \"warnings\": [\"w1\"]}], \"warnings\": [\"w2\"]}");
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_text_plan(data, false, &out);
    assert_string_equal(
        out.buf, "2 migrations to apply\n\n"
                 "a\n"
                 "  1 statement, in one transaction\n"
                 "  lock: SHARE on users\n"
                 "  verified by 2 probes\n"
                 "b\n"
                 "  3 statements, statement by statement, outside a transaction, resumed where it stopped\n"
                 "  irreversible: gone\n"
                 "  warning: w1\n"
                 "warning: w2\n");
}

static void test_plan_with_nothing_to_do(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json) data = parse("{\"steps\": [], \"warnings\": []}");
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_text_plan(data, true, &out);
    assert_string_equal(out.buf, "Nothing to roll back.\n");
}

static void test_done_is_a_line_each(void **state)
{
    (void)state;
    EVO_AUTO_PTR(json)
    list = parse("[{\"name\": \"a\", \"elapsed_ms\": 12, \"verify\": \"passed\"},"
                 " {\"name\": \"b\", \"elapsed_ms\": 5, \"verify\": \"none\"}]");
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_text_done(list, "applied", &out);
    assert_string_equal(out.buf, "applied a  (12 ms, verified)\napplied b  (5 ms)\n");
    evo_strbuf_clear(&out);
    evo_text_done(NULL, "applied", &out);
    assert_string_equal(out.buf, "");
}

static void test_outcome_says_what_is_true(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        bool down, ok;
        const char *expected;
    } rows[] = {
        { "{\"applied\": [], \"pending\": [], \"applied_total\": 2, \"stopped\": null}", false, true,
          "up to date: 2 applied, 0 pending\n" },
        { "{\"applied\": [], \"pending\": [{}], \"applied_total\": 2, \"stopped\": null}", false, true,
          "nothing to apply: 2 applied, 1 pending\n" },
        { "{\"applied\": [], \"pending\": [{}], \"applied_total\": 2, \"stopped\": null}", false, false,
          "2 applied, 1 pending\n" },
        { "{\"applied\": [], \"pending\": [{\"state\": \"unfinished\"}, {\"state\": \"failed\"}, {\"state\": "
          "\"pending\"}], \"applied_total\": 8, \"missing_total\": 1}",
          false, false, "8 applied, 1 pending, 1 unfinished, 1 failed, 1 missing\n" },
        { "{\"applied\": [{\"name\": \"a\", \"elapsed_ms\": 5}], \"pending\": [], \"applied_total\": 1}",
          false, true, "applied a  (5 ms)\n" },
        { "{\"applied\": [], \"pending\": [{}], \"applied_total\": 1, \"stopped\": {\"name\": \"b\", "
          "\"statements\": 3, \"done\": [{}], \"failed\": 2}}",
          false, false, "b: statement 1 of 3 is done, statement 2 failed\n1 applied, 1 pending\n" },
        { "{\"applied\": [], \"pending\": [{}], \"applied_total\": 1, \"stopped\": {\"name\": \"b\", "
          "\"statements\": 2, \"done\": [{}, {}], \"failed\": null}}",
          false, false,
          "b: statements 1 to 2 of 2 are done, what is to follow failed\n1 applied, 1 pending\n" },
        { "{\"rolled_back\": [], \"applied_total\": 0, \"stopped\": null}", true, true,
          "nothing to roll back: 0 applied\n" },
        { "{\"applied\": [], \"pending\": []}", false, false, "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_PTR(json) data = parse(rows[i].data);
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        evo_text_outcome(data, rows[i].down, rows[i].ok, &out);
        assert_string_equal(out.buf, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_says_how_each_file_runs),
        cmocka_unit_test(test_plan_says_which_command_runs_a_tool_s_migration),
        cmocka_unit_test(test_plan_with_nothing_to_do),
        cmocka_unit_test(test_done_is_a_line_each),
        cmocka_unit_test(test_outcome_says_what_is_true),
    };
    return cmocka_run_group_tests_name("migration/text", tests, NULL, NULL);
}
