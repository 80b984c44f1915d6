#include "tree.h"

#include "base/strbuf.h"
#include "layout/source.h"

/* The tokens as one text: kind and text, "s" for a string that is plain, "S" for one that is not. */
static char *show(enum evo_source language, const char *text)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(tokens) t = { 0 };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    assert_int_equal(evo_tokens_of(language, text, strlen(text), "x", &t, &err), EVO_OK);
    for (size_t i = 0; i < t.count; i++) {
        EVO_AUTO_STR word = evo_token_text(&t.items[i]);
        const char *kind = t.items[i].kind == EVO_TOKEN_STRING  ? (t.items[i].plain ? "s:" : "S:")
                           : t.items[i].kind == EVO_TOKEN_OTHER ? "o:"
                                                                : "";
        evo_strbuf_addf(&out, "%s%s%s", i ? " " : "", kind, word);
    }
    return evo_strbuf_detach(&out);
}

static void assert_shown(enum evo_source language, const char *text, const char *expected)
{
    EVO_AUTO_STR shown = show(language, text);
    assert_string_equal(shown, expected);
}

static void test_tokens_of_javascript(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } row[] = {
        { "", "" },
        { "#!/usr/bin/env node\na", "a" },
        { "\xef\xbb\xbf"
          "a // class B\n/* class\nC */ d",
          "a d" },
        { "'a' \"b\" `c` 'd\\'e' `f${g}h` `i\nj`", "s:a s:b s:c S:d\\'e S:f${g}h s:i\nj" },
        { "a = `x ${ { b: `}` }[`c`] } y`;", "a = S:x ${ { b: `}` }[`c`] } y ;" },
        { "a = b / c / d", "a = b / c / d" },
        { "a = /b'c/g.test(d)", "a = o:/b'c/g . test ( d )" },
        { "return /[/'\"]{/", "return o:/[/'\"]{/" },
        { "f(/}/) ; (a) / 2", "f ( o:/}/ ) ; ( a ) / o:2" },
        { "x => ({ ...y, #z: 1_000.5e3 }) === @d", "x => ( { ... y , #z : o:1_000.5e3 } ) === @d" },
        { "Promise<void> | null", "Promise < void > | null" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++)
        assert_shown(EVO_SOURCE_JS, row[i].text, row[i].shown);
}

static void test_tokens_of_php(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } row[] = {
        { "<html> class A { <?php b; ?> class C", "o:<html> class A {  b ; ?> o: class C" },
        { "<?php # class A\n// class B ?> c <?php d", "?> o: c  d" },
        { "<?php #[A] class B", "# [ A ] class B" },
        { "<?php 'a\nb' \"c\" \"d $e\" \"f\\n\"", "s:a\nb s:c S:d $e S:f\\n" },
        { "<?php $a = <<<'X'\n class B { '\n  X; $c", "$a = o:<<<'X'\n class B { '\n  X ; $c" },
        { "<?php \\A\\B::class ?-> $c->d", "\\A\\B :: class ?-> $c -> d" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++)
        assert_shown(EVO_SOURCE_PHP, row[i].text, row[i].shown);
}

static void test_tokens_know_lines_depths_and_partners(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(tokens) t = { 0 };
    const char *text = "a(\n`\n`, [b]\n)";
    assert_int_equal(evo_tokens_of(EVO_SOURCE_JS, text, strlen(text), "x", &t, &err), EVO_OK);
    static const struct {
        int line, depth;
        size_t partner;
        bool fresh;
    } row[] = {
        { 1, 0, 0, true },  { 1, 0, 7, false }, { 2, 1, 2, true },  { 3, 1, 3, true },
        { 3, 1, 6, false }, { 3, 2, 5, false }, { 3, 1, 4, false }, { 4, 0, 1, true },
    };
    assert_int_equal(t.count, EVO_COUNT(row));
    for (size_t i = 0; i < t.count; i++) {
        assert_int_equal(t.items[i].line, row[i].line);
        assert_int_equal(t.items[i].depth, row[i].depth);
        assert_int_equal(t.items[i].partner, row[i].partner);
        assert_int_equal(t.items[i].fresh, row[i].fresh);
    }
    assert_int_equal(t.items[t.count].kind, EVO_TOKEN_END);
}

static void test_tokens_refuse_what_has_no_end(void **state)
{
    (void)state;
    static const struct {
        enum evo_source language;
        const char *text;
        int line;
        const char *message;
    } row[] = {
        { EVO_SOURCE_JS, "a\n'b\n'", 2, "a string has no end" },
        { EVO_SOURCE_JS, "a\n\n/* b", 3, "a comment has no end" },
        { EVO_SOURCE_JS, "`a${b`", 1, "a template has no end" },
        { EVO_SOURCE_JS, "`a${", 1, "a template has no end" },
        { EVO_SOURCE_JS, "`a\\", 1, "a template has no end" },
        { EVO_SOURCE_JS, "a {\nb (\n}", 3, "closes what nothing opened" },
        { EVO_SOURCE_JS, "a\n{ b", 2, "a bracket has no end" },
        { EVO_SOURCE_JS, ")", 1, "closes what nothing opened" },
        { EVO_SOURCE_PHP, "<?php\n'a", 2, "a string has no end" },
        { EVO_SOURCE_PHP, "<?php\n<<<X\nY", 2, "a here-document has no end" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(tokens) t = { 0 };
        assert_int_equal(evo_tokens_of(row[i].language, row[i].text, strlen(row[i].text), "f.ts", &t, &err),
                         EVO_ERR_CONFIG);
        assert_non_null(strstr(err.message, row[i].message));
        assert_int_equal(err.line, row[i].line);
        assert_string_equal(err.file, "f.ts");
    }
}

static void test_tokens_refuse_templates_nested_too_deeply(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (int i = 0; i < 1000; i++)
        evo_strbuf_adds(&text, "`${");
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(tokens) t = { 0 };
    assert_int_equal(evo_tokens_of(EVO_SOURCE_JS, text.buf, text.len, "x", &t, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "nested too deeply"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_of_javascript),
        cmocka_unit_test(test_tokens_of_php),
        cmocka_unit_test(test_tokens_know_lines_depths_and_partners),
        cmocka_unit_test(test_tokens_refuse_what_has_no_end),
        cmocka_unit_test(test_tokens_refuse_templates_nested_too_deeply),
    };
    return cmocka_run_group_tests_name("layout/source", tests, NULL, NULL);
}
