#include "cmocka_all.h"

#include "base/strbuf.h"
#include "deploy/plan.h"

/* The steps that run, by name. */
static char *running(const struct evo_deploy_facts *facts)
{
    struct evo_strbuf out = EVO_STRBUF_INIT;
    for (enum evo_step step = 0; step < EVO_STEPS; step++)
        if (evo_deploy_plan(step, facts).run)
            evo_strbuf_addf(&out, "%s%s", out.len ? " " : "", evo_steps[step].name);
    return evo_strbuf_detach(&out);
}

static void test_plan_follows_what_is_configured_and_pending(void **state)
{
    (void)state;
    static const struct {
        const char *what, *skip, *only;
        bool store, health, slack, always;
        const char *from;
        int64_t pending;
        const char *expected;
    } rows[] = {
        { "everything", "", "", true, true, true, false, "staging", 2, EVO_STEP_NAMES },
        { "nothing pending", "", "", true, true, true, false, NULL, 0,
          "status verify health promote-record notify" },
        { "nothing pending, backup always", "", "", true, false, false, true, NULL, 0,
          "status backup verify promote-record" },
        { "no store", "", "", false, false, false, false, NULL, 1, "status backup migrate verify" },
        { "skip", "backup,health", "", true, true, false, false, NULL, 1,
          "status migrate verify promote-record" },
        { "only", "", "migrate,verify", true, true, true, false, NULL, 1, "migrate verify" },
        { "only, nothing pending", "", "migrate,verify", true, true, true, false, NULL, 0, "verify" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strvec) skip = EVO_STRVEC_INIT, only = EVO_STRVEC_INIT;
        evo_strvec_split(&skip, rows[i].skip);
        evo_strvec_split(&only, rows[i].only);
        struct evo_deploy_facts facts = { .skip = &skip,
                                          .only = &only,
                                          .has_store = rows[i].store,
                                          .has_health = rows[i].health,
                                          .has_slack = rows[i].slack,
                                          .backup_always = rows[i].always,
                                          .promote_from = rows[i].from,
                                          .pending = rows[i].pending };
        EVO_AUTO_STR got = running(&facts);
        if (strcmp(got, rows[i].expected) != 0)
            fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].what, rows[i].expected, got);
    }
}

static void test_check_facts_refuses_a_backup_without_a_store(void **state)
{
    (void)state;
    EVO_AUTO(strvec) skip = EVO_STRVEC_INIT;
    struct evo_deploy_facts facts = { .skip = &skip, .pending = -1 };
    struct evo_error err;
    assert_int_equal(evo_deploy_check_facts(&facts, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.hint, "--skip backup"));
    evo_strvec_push(&skip, "backup");
    assert_int_equal(evo_deploy_check_facts(&facts, &err), EVO_OK);
    facts.promote_from = "staging";
    assert_int_equal(evo_deploy_check_facts(&facts, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "staging"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_follows_what_is_configured_and_pending),
        cmocka_unit_test(test_check_facts_refuses_a_backup_without_a_store),
    };
    return cmocka_run_group_tests_name("deploy/plan", tests, NULL, NULL);
}
