#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/facts.h"
#include "notify/run.h"

static void assert_state(const struct evo_notify_facts *f, const char *state, const char *next,
                         bool is_command)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) what = EVO_STRBUF_INIT;
    bool command = !is_command;
    evo_notify_schema_state(f, &text);
    evo_notify_next(f, &what, &command);
    assert_string_equal(text.buf, state);
    assert_string_equal(what.buf, next);
    assert_int_equal(command, is_command);
}

static void test_steps_that_all_went_well(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    EVO_AUTO(notify_facts) f;
    add(&run, "status", "00", 30, OK("{}"));
    add(&run, "backup create", "01", 2000, OK("{\"id\":\"B1\",\"database\":\"shop\"}"));
    add(&run, "migrate up", "03", 500,
        OK("{\"applied\":[{\"name\":\"m1\"},{\"name\":\"m2\"}],\"pending\":[]}"));
    evo_notify_facts_of(&run, NULL, "ignored", &f);
    assert_int_equal(f.status, EVO_NOTIFY_SUCCESS);
    assert_string_equal(f.environment, "staging");
    assert_string_equal(f.database, "shop");
    assert_string_equal(f.backup_id, "B1");
    assert_int_equal(f.applied, 2);
    assert_int_equal(f.pending, 0);
    assert_int_equal(f.elapsed_ms, 3500);
    assert_int_equal(f.applied_names.count, 2);
    assert_string_equal(f.applied_names.items[1], "m2");
    assert_int_equal(f.steps.count, 9);
    assert_null(f.error);
    assert_state(&f, "2 migrations applied, up to date", "Nothing to do.", false);
}

static void test_the_first_failure_is_the_cause(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    EVO_AUTO(notify_facts) f;
    add(&run, "status", "00", 30, OK("{}"));
    add(&run, "migrate up", "03", 500,
        FAILED(7, "{\"applied\":[{\"name\":\"m1\"}],\"pending\":[{\"name\":\"m2\"}]}", "migration_failed",
               ",\"schema_clean\":true,\"next\":\"evo migrate plan\""));
    add(&run, "health", "04", 500, FAILED(1, "{}", "unhealthy", ""));
    evo_notify_facts_of(&run, NULL, NULL, &f);
    assert_int_equal(f.status, EVO_NOTIFY_FAILURE);
    assert_string_equal(f.failed_step, "migrate up");
    assert_int_equal(f.error->code, EVO_ERR_MIGRATION_FAILED);
    assert_state(&f, "clean: 1 migration applied and kept", "evo migrate plan", true);
}

static void test_a_step_tried_again_counts_as_it_ended(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    EVO_AUTO(notify_facts) f;
    add(&run, "health", "00", 30, FAILED(1, "{}", "unhealthy", ""));
    add(&run, "health", "02", 30, OK("{}"));
    add(&run, "notify", "03", 30, FAILED(4, "{}", "network", ""));
    evo_notify_facts_of(&run, NULL, NULL, &f);
    assert_int_equal(f.status, EVO_NOTIFY_SUCCESS);
    assert_null(f.error);
    assert_int_equal(f.steps.count, 3);
}

static void test_states_of_a_schema(void **state)
{
    (void)state;
    static const struct {
        const char *migrate; /* the rest of its envelope; NULL: it never ran */
        const char *schema;
    } row[] = {
        { NULL, "untouched: this run started no migration" },
        { FAILED(7, "{\"applied\":[]}", "migration_failed", ",\"schema_clean\":true"),
          "clean: as it was before this run" },
        { FAILED(7, "{\"applied\":[]}", "migration_failed", ",\"schema_clean\":false"),
          "NOT clean: a migration is half applied" },
        { FAILED(3, "{\"applied\":[]}", "connect", ""), "not known" },
        { FAILED(2, "{}", "usage", ""), "untouched: this run started no migration" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO(rundir) run = { 0 };
        EVO_AUTO(notify_facts) f;
        add(&run, "status", "00", 30, OK("{}"));
        if (row[i].migrate)
            add(&run, "migrate up", "01", 30, row[i].migrate);
        else
            add(&run, "backup create", "01", 30, FAILED(4, "{}", "store", ""));
        evo_notify_facts_of(&run, NULL, NULL, &f);
        assert_int_equal(f.status, EVO_NOTIFY_FAILURE);
        assert_state(&f, row[i].schema, "evo status --environment staging", true);
    }
}

static void test_what_is_left_pending_is_next(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    EVO_AUTO(notify_facts) f;
    add(&run, "migrate up", "03", 500, OK("{\"applied\":[],\"pending\":[{\"name\":\"m2\"}]}"));
    evo_notify_facts_of(&run, NULL, NULL, &f);
    assert_state(&f, "unchanged, 1 pending", "evo migrate up", true);
}

static void test_the_own_envelope_of_the_pipeline_decides(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    EVO_AUTO(notify_facts) f;
    add(&run, "migrate up", "03", 500, OK("{\"applied\":[{\"name\":\"m1\"}],\"pending\":[]}"));
    add(&run, "health", "04", 500, FAILED(1, "{}", "unhealthy", ""));
    add(&run, "migrate down", "05", 100, OK("{\"rolled_back\":[{\"name\":\"m1\"}]}"));
    add(&run, "deploy", "00", 9000,
        FAILED(
            1,
            "{\"steps\":[{\"name\":\"status\",\"verdict\":\"done\",\"elapsed_ms\":20},{\"name\":\"backup\","
            "\"verdict\":\"skipped\",\"elapsed_ms\":0},{\"name\":\"health\",\"verdict\":\"failed\",\"elapsed_"
            "ms\":500}],"
            "\"schema_clean\":true,\"backup_id\":\"B7\",\"database\":\"shop\",\"applied\":1,\"pending\":1}",
            "unhealthy", ",\"sqlstate\":\"\""));
    evo_notify_facts_of(&run, NULL, NULL, &f);
    assert_int_equal(f.status, EVO_NOTIFY_FAILURE);
    assert_string_equal(f.failed_step, "health");
    assert_string_equal(f.backup_id, "B7");
    assert_string_equal(f.database, "shop");
    assert_int_equal(f.elapsed_ms, 9000);
    assert_int_equal(f.steps.count, 9);
    assert_string_equal(f.rolled_back_names.items[0], "m1");
    assert_state(&f, "clean: 1 migration rolled back", "evo status --environment staging", true);
}

static void test_a_cancelled_run_and_a_status_that_is_given(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    EVO_AUTO(notify_facts) f;
    EVO_AUTO(notify_facts) given;
    EVO_AUTO(notify_facts) nothing;
    add(&run, "migrate up", "03", 500,
        FAILED(143, "{\"applied\":[]}", "cancelled", ",\"schema_clean\":true"));
    evo_notify_facts_of(&run, NULL, NULL, &f);
    assert_int_equal(f.status, EVO_NOTIFY_CANCELLED);
    assert_string_equal(f.failed_step, "migrate up");

    enum evo_notify_status running = EVO_NOTIFY_RUNNING;
    evo_notify_facts_of(&run, &running, NULL, &given);
    assert_int_equal(given.status, EVO_NOTIFY_RUNNING);

    struct evo_rundir empty = { 0 };
    enum evo_notify_status failure = EVO_NOTIFY_FAILURE;
    evo_notify_facts_of(&empty, &failure, "production", &nothing);
    assert_string_equal(nothing.environment, "production");
    assert_int_equal(nothing.elapsed_ms, -1);
    assert_state(&nothing, "not known", "evo status --environment production", true);
}

static void test_status_names_are_those_of_the_option(void **state)
{
    (void)state;
    enum evo_notify_status s = EVO_NOTIFY_SUCCESS;
    for (int i = EVO_NOTIFY_SUCCESS; i <= EVO_NOTIFY_RUNNING; i++) {
        assert_true(evo_notify_status_parse(evo_notify_status_name((enum evo_notify_status)i), &s));
        assert_int_equal(s, i);
    }
    assert_false(evo_notify_status_parse("succes", &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_that_all_went_well),
        cmocka_unit_test(test_the_first_failure_is_the_cause),
        cmocka_unit_test(test_a_step_tried_again_counts_as_it_ended),
        cmocka_unit_test(test_states_of_a_schema),
        cmocka_unit_test(test_what_is_left_pending_is_next),
        cmocka_unit_test(test_the_own_envelope_of_the_pipeline_decides),
        cmocka_unit_test(test_a_cancelled_run_and_a_status_that_is_given),
        cmocka_unit_test(test_status_names_are_those_of_the_option),
    };
    return cmocka_run_group_tests_name("notify/facts", tests, NULL, NULL);
}
