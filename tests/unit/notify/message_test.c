#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/message.h"
#include "notify/run.h"

static const char *at(const struct evo_json *message, const char *pointer)
{
    return evo_json_string(evo_json_pointer(message, pointer), "(none)");
}

static struct evo_json *message_of(struct evo_rundir *run, const char *title, const char *link, bool plain)
{
    EVO_AUTO(notify_facts) f;
    evo_notify_facts_of(run, NULL, NULL, &f);
    f.title = title;
    f.link = link;
    return evo_notify_message(&f, plain ? NULL : "#ops", plain);
}

static void test_a_good_run(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    add(&run, "backup create", "01", 2000, OK("{\"id\":\"B1\",\"database\":\"shop\"}"));
    add(&run, "migrate up", "03", 500, OK("{\"applied\":[{\"name\":\"m<1>\"}],\"pending\":[]}"));
    EVO_AUTO_PTR(json) m = message_of(&run, "acme/shop", "https://example.org/run/1", false);
    assert_string_equal(at(m, "/channel"), "#ops");
    assert_string_equal(at(m, "/text"), "\xE2\x9C\x85 acme/shop staging: 1 migration applied");
    assert_string_equal(at(m, "/blocks/0/type"), "header");
    assert_string_equal(at(m, "/blocks/0/text/text"), at(m, "/text"));
    assert_string_equal(at(m, "/blocks/1/fields/0/text"), "*Environment*\nstaging");
    assert_string_equal(at(m, "/blocks/1/fields/1/text"), "*Database*\nshop");
    assert_string_equal(at(m, "/blocks/1/fields/2/text"), "*Schema*\n1 migration applied, up to date");
    assert_string_equal(at(m, "/blocks/1/fields/3/text"), "*Took*\n2.5 s");
    assert_string_equal(at(m, "/blocks/1/fields/4/text"), "*Backup*\nB1");
    assert_string_equal(at(m, "/blocks/2/text/text"), "*Applied*\n\xE2\x80\xA2 `m&lt;1&gt;`");
    assert_string_equal(at(m, "/blocks/3/text/text"), "*Next* Nothing to do.");
    assert_string_equal(at(m, "/blocks/4/elements/0/url"), "https://example.org/run/1");
    assert_string_equal(at(m, "/blocks/5/elements/0/text"),
                        "\xE2\x9C\x93 backup create 2.0 s \xC2\xB7 \xE2\x9C\x93 migrate up 500 ms");
}

static void test_a_failed_run_says_why_where_and_what_next(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    add(&run, "migrate up", "03", 500,
        "\"ok\":false,\"exit\":7,\"data\":{\"applied\":[]},\"error\":{\"reason\":\"migration_failed\","
        "\"message\":\"column \\\"<x>\\\" does not exist\",\"detail\":\"a ``` fence & more\",\"hint\":null,"
        "\"sqlstate\":\"42703\",\"file\":\"prisma/m/migration.sql\",\"line\":3,\"migration\":\"2025_m\","
        "\"schema_clean\":true,\"next\":\"evo migrate up\"}");
    EVO_AUTO_PTR(json) m = message_of(&run, NULL, NULL, false);
    assert_string_equal(at(m, "/text"),
                        "\xE2\x9D\x8C staging: migrate up failed: column \"&lt;x&gt;\" does not exist");
    assert_string_equal(
        at(m, "/blocks/2/text/text"),
        "*migrate up* (migration_failed, SQLSTATE 42703): column \"&lt;x&gt;\" does not exist\n"
        "Migration `2025_m`\nAt `prisma/m/migration.sql:3`\n```a ''' fence &amp; more```");
    assert_string_equal(at(m, "/blocks/3/text/text"), "*Next* `evo migrate up`");
    EVO_AUTO_PTR(json) plain = message_of(&run, NULL, "https://example.org/run/1", true);
    assert_null(evo_json_get(plain, "blocks"));
    assert_null(evo_json_get(plain, "channel"));
    static const char *const says[] = { "staging: migrate up failed",
                                        "Schema: clean: as it was before this run", "SQLSTATE 42703",
                                        "*Next* `evo migrate up`", "https://example.org/run/1" };
    for (size_t i = 0; i < EVO_COUNT(says); i++)
        assert_non_null(strstr(at(plain, "/text"), says[i]));
}

/* The worst case of everything stays below what Slack takes: 13,200 characters of blocks, 4,000 of text. */
static void test_a_huge_failure_stays_within_the_limits(void **state)
{
    (void)state;
    EVO_AUTO(rundir) run = { 0 };
    EVO_AUTO(strbuf) rest = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) junk = EVO_STRBUF_INIT;
    for (int i = 0; i < 3000; i++)
        evo_strbuf_adds(&junk, "<&>`\xC3\xA9");
    evo_strbuf_addf(&rest,
                    "\"ok\":false,\"exit\":7,\"data\":{\"id\":\"%s\",\"database\":\"%s\",\"applied\":[",
                    junk.buf, junk.buf);
    for (int i = 0; i < 300; i++)
        evo_strbuf_addf(&rest, "%s{\"name\":\"%s\"}", i ? "," : "", junk.buf);
    evo_strbuf_addf(
        &rest,
        "]},\"error\":{\"reason\":\"migration_failed\",\"message\":\"%s\",\"detail\":\"%s\",\"hint\":\"%s\","
        "\"next\":\"%s\",\"file\":\"%s\",\"migration\":\"%s\"}",
        junk.buf, junk.buf, junk.buf, junk.buf, junk.buf, junk.buf);
    add(&run, "migrate up", "00", 1, rest.buf);
    for (int i = 0; i < 100; i++) {
        EVO_AUTO_STR name = evo_asprintf("step %d %s", i, junk.buf);
        add(&run, name, "01", 1, OK("{}"));
    }
    EVO_AUTO_PTR(json) m = message_of(&run, junk.buf, "https://example.org/", false);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_json_format(evo_json_get(m, "blocks"), EVO_JSON_COMPACT, &text);
    assert_true(text.len < 13200);
    assert_true(strlen(at(m, "/text")) < 4000);
    assert_true(strlen(at(m, "/blocks/0/text/text")) <= 150);
    assert_non_null(strstr(text.buf, "and 290 more"));
    EVO_AUTO_PTR(json) plain = message_of(&run, junk.buf, "https://example.org/", true);
    assert_true(strlen(at(plain, "/text")) < 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_run),
        cmocka_unit_test(test_a_failed_run_says_why_where_and_what_next),
        cmocka_unit_test(test_a_huge_failure_stays_within_the_limits),
    };
    return cmocka_run_group_tests_name("notify/message", tests, NULL, NULL);
}
