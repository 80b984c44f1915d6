#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/slack.h"

static void test_judge_by_name_then_by_status(void **state)
{
    (void)state;
    static const struct {
        enum evo_slack_via via;
        int status;
        const char *body, *retry_after;
        enum evo_slack_step step;
        int64_t wait_ms;
        const char *error;
    } row[] = {
        { EVO_SLACK_WEBHOOK, 200, "ok", NULL, EVO_SLACK_SENT, -1, "" },
        { EVO_SLACK_WEBHOOK, 200, "", NULL, EVO_SLACK_SENT, -1, "" },
        { EVO_SLACK_WEBHOOK, 200, "<html>log in</html>", NULL, EVO_SLACK_REFUSED, -1, "" },
        { EVO_SLACK_WEBHOOK, 302, "", NULL, EVO_SLACK_REFUSED, -1, "" },
        { EVO_SLACK_WEBHOOK, 400, "invalid_blocks", NULL, EVO_SLACK_PLAIN, -1, "invalid_blocks" },
        { EVO_SLACK_WEBHOOK, 400, "no_text\n", NULL, EVO_SLACK_REFUSED, -1, "no_text" },
        { EVO_SLACK_WEBHOOK, 403, "invalid_token", NULL, EVO_SLACK_REFUSED, -1, "invalid_token" },
        { EVO_SLACK_WEBHOOK, 404, "no_service", NULL, EVO_SLACK_REFUSED, -1, "no_service" },
        { EVO_SLACK_WEBHOOK, 410, "channel_is_archived", NULL, EVO_SLACK_REFUSED, -1, "channel_is_archived" },
        /* the name decides, whatever the status says */
        { EVO_SLACK_WEBHOOK, 500, "no_service", NULL, EVO_SLACK_REFUSED, -1, "no_service" },
        { EVO_SLACK_WEBHOOK, 400, "rollup_error", NULL, EVO_SLACK_RETRY, -1, "rollup_error" },
        { EVO_SLACK_WEBHOOK, 429, "rate_limited", "30", EVO_SLACK_RETRY, 30000, "rate_limited" },
        { EVO_SLACK_WEBHOOK, 429, "", NULL, EVO_SLACK_RETRY, -1, "" },
        { EVO_SLACK_WEBHOOK, 502, "<html>bad gateway</html>", NULL, EVO_SLACK_RETRY, -1, "" },
        { EVO_SLACK_WEBHOOK, 400, "something_new", NULL, EVO_SLACK_REFUSED, -1, "something_new" },
        { EVO_SLACK_WEBHOOK, 400, "Not a name", NULL, EVO_SLACK_REFUSED, -1, "" },
        { EVO_SLACK_BOT, 200, "{\"ok\":true,\"ts\":\"1.2\",\"channel\":\"C1\"}", NULL, EVO_SLACK_SENT, -1,
          "" },
        { EVO_SLACK_BOT, 200, "{\"ok\":false,\"error\":\"invalid_auth\"}", NULL, EVO_SLACK_REFUSED, -1,
          "invalid_auth" },
        { EVO_SLACK_BOT, 200, "{\"ok\":false,\"error\":\"invalid_blocks\"}", NULL, EVO_SLACK_PLAIN, -1,
          "invalid_blocks" },
        { EVO_SLACK_BOT, 200, "{\"ok\":false,\"error\":\"ratelimited\"}", "2", EVO_SLACK_RETRY, 2000,
          "ratelimited" },
        { EVO_SLACK_BOT, 429, "{\"ok\":false,\"error\":\"ratelimited\"}", "1", EVO_SLACK_RETRY, 1000,
          "ratelimited" },
        { EVO_SLACK_BOT, 200, "{\"ok\":false,\"error\":\"fatal_error\"}", NULL, EVO_SLACK_RETRY, -1,
          "fatal_error" },
        { EVO_SLACK_BOT, 200, "{\"ok\":false}", NULL, EVO_SLACK_REFUSED, -1, "" },
        { EVO_SLACK_BOT, 200, "ok", NULL, EVO_SLACK_REFUSED, -1, "" },
        { EVO_SLACK_BOT, 503, "{\"ok\":true}", NULL, EVO_SLACK_RETRY, -1, "" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO(http_response) answer;
        evo_http_response_init(&answer);
        answer.status = row[i].status;
        evo_strbuf_adds(&answer.body, row[i].body);
        if (row[i].retry_after)
            (void)evo_strvec_pushf(&answer.headers, "retry-after: %s", row[i].retry_after);
        struct evo_slack_verdict v;
        evo_slack_judge(row[i].via, &answer, &v);
        if (v.step != row[i].step || v.wait_ms != row[i].wait_ms || !evo_streq(v.error, row[i].error))
            fail_msg("row %zu: step %d, wait %lld, error \"%s\"", i, v.step, (long long)v.wait_ms, v.error);
    }
}

static void test_judge_keeps_what_the_bot_is_told(void **state)
{
    (void)state;
    EVO_AUTO(http_response) answer;
    evo_http_response_init(&answer);
    answer.status = 200;
    evo_strbuf_adds(&answer.body, "{\"ok\":true,\"ts\":\"1764000000.000100\",\"channel\":\"C0123\"}");
    struct evo_slack_verdict v;
    evo_slack_judge(EVO_SLACK_BOT, &answer, &v);
    assert_string_equal(v.ts, "1764000000.000100");
    assert_string_equal(v.channel, "C0123");
}

static void test_pause_is_what_slack_asks_else_grows_with_jitter(void **state)
{
    (void)state;
    assert_int_equal(evo_slack_pause(1, 30000, 0), 30000);
    assert_int_equal(evo_slack_pause(5, 0, 999), 0);
    assert_int_equal(evo_slack_pause(1, -1, 0), 0);
    assert_int_equal(evo_slack_pause(1, -1, 999), 499);
    assert_int_equal(evo_slack_pause(2, -1, 500), 500);
    assert_int_equal(evo_slack_pause(4, -1, 500), 2000);
    assert_int_equal(evo_slack_pause(40, -1, 500), 4000);
}

static void test_hint_says_what_to_do_about_a_permanent_error(void **state)
{
    (void)state;
    assert_non_null(strstr(evo_slack_hint("not_in_channel"), "/invite"));
    assert_non_null(strstr(evo_slack_hint("no_service"), "SLACK_WEBHOOK_URL"));
    assert_non_null(strstr(evo_slack_hint("invalid_auth"), "SLACK_BOT_TOKEN"));
    assert_null(evo_slack_hint("ratelimited"));
    assert_null(evo_slack_hint("something_new"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_by_name_then_by_status),
        cmocka_unit_test(test_judge_keeps_what_the_bot_is_told),
        cmocka_unit_test(test_pause_is_what_slack_asks_else_grows_with_jitter),
        cmocka_unit_test(test_hint_says_what_to_do_about_a_permanent_error),
    };
    return cmocka_run_group_tests_name("notify/slack", tests, NULL, NULL);
}
