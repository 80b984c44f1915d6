#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "notify/mrkdwn.h"

#define CUT "\xE2\x80\xA6"

static void test_text_escapes_what_slack_reads(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } row[] = {
        { "", "" },
        { "a & b < c > d", "a &amp; b &lt; c &gt; d" },
        { "<!channel> <@U1> <https://x|y>", "&lt;!channel&gt; &lt;@U1&gt; &lt;https://x|y&gt;" },
        { "&amp;", "&amp;amp;" },
        { "caf\xC3\xA9\nline", "caf\xC3\xA9\nline" },
        { "a\tb\r\x01", "a b  " },
        { "bad \xFF\xC3", "bad \xEF\xBF\xBD\xEF\xBF\xBD" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        evo_mrkdwn_text(&out, row[i].text, 1000);
        assert_string_equal(out.buf, row[i].expected);
    }
}

static void test_text_is_never_cut_inside_an_entity_or_a_character(void **state)
{
    (void)state;
    static const char text[] = "<&>\xC3\xA9\xF0\x9F\x98\x80<a>&b\xC3\xA9";
    EVO_AUTO(strbuf) whole = EVO_STRBUF_INIT;
    evo_mrkdwn_text(&whole, text, 1000);
    for (size_t max = 0; max <= whole.len + 2; max++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        evo_mrkdwn_text(&out, text, max);
        assert_true(out.len <= max);
        assert_true(evo_utf8_valid(out.buf, out.len));
        if (max >= whole.len) {
            assert_string_equal(out.buf, whole.buf);
            continue;
        }
        if (max < strlen(CUT)) {
            assert_int_equal(out.len, 0);
            continue;
        }
        assert_true(evo_ends_with(out.buf, CUT));
        evo_strbuf_truncate(&out, out.len - strlen(CUT));
        assert_true(evo_starts_with(whole.buf, out.buf));
        const char *last = strrchr(out.buf, '&');
        assert_true(!last || strchr(last, ';'));
    }
}

static void test_code_cannot_be_left_from_inside(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_mrkdwn_code(&out, "a`b\n<c>", 100);
    assert_string_equal(out.buf, "`a'b &lt;c&gt;`");
    evo_strbuf_clear(&out);
    evo_mrkdwn_code(&out, "0123456789", 8);
    assert_string_equal(out.buf, "`012" CUT "`");
    evo_strbuf_clear(&out);
    evo_mrkdwn_code(&out, "", 8);
    assert_string_equal(out.buf, "");
    evo_mrkdwn_block(&out, "a```b\nc", 100);
    assert_string_equal(out.buf, "```a'''b\nc```");
    evo_strbuf_clear(&out);
    evo_mrkdwn_block(&out, "0123456789", 12);
    assert_string_equal(out.buf, "```012" CUT "```");
    evo_strbuf_clear(&out);
    evo_mrkdwn_block(&out, "x", 6);
    assert_string_equal(out.buf, "");
}

static void test_plain_is_one_line_and_not_escaped(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_mrkdwn_plain(&out, "a & b\n<c>", 100);
    assert_string_equal(out.buf, "a & b <c>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_escapes_what_slack_reads),
        cmocka_unit_test(test_text_is_never_cut_inside_an_entity_or_a_character),
        cmocka_unit_test(test_code_cannot_be_left_from_inside),
        cmocka_unit_test(test_plain_is_one_line_and_not_escaped),
    };
    return cmocka_run_group_tests_name("notify/mrkdwn", tests, NULL, NULL);
}
