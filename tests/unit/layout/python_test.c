#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "layout/python.h"

/* The value of `revision`, written down: "none", "absent", "computed", a string, or "[a|b]". */
static void describe(const char *text, struct evo_strbuf *out, int *ret_line)
{
    EVO_AUTO(py_tokens) tokens = { 0 };
    EVO_AUTO(py_value) v = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_py_tokens_of(text, strlen(text), "m.py", &tokens, &err)) {
        evo_strbuf_addf(out, "error at %d", err.line);
        return;
    }
    evo_py_variable(&tokens, "revision", &v);
    *ret_line = v.line;
    switch (v.kind) {
    case EVO_PY_ABSENT:
        evo_strbuf_adds(out, "absent");
        break;
    case EVO_PY_NONE:
        evo_strbuf_adds(out, "none");
        break;
    case EVO_PY_COMPUTED:
        evo_strbuf_adds(out, "computed");
        break;
    case EVO_PY_STRING:
        evo_strbuf_adds(out, v.strings.items[0]);
        break;
    case EVO_PY_LIST:
        evo_strbuf_addch(out, '[');
        for (size_t i = 0; i < v.strings.count; i++)
            evo_strbuf_addf(out, "%s%s", i ? "|" : "", v.strings.items[i]);
        evo_strbuf_addch(out, ']');
        break;
    }
}

struct row {
    const char *text, *expected;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        int line = 0;
        describe(rows[i].text, &out, &line);
        if (strcmp(out.buf, rows[i].expected) != 0)
            fail_msg("row %zu: %s\nof: %s", i, out.buf, rows[i].text);
    }
}

static void test_variable_reads_literals(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "", "absent" },
        { "revision = 'a1'\n", "a1" },
        { "revision = \"a1\"", "a1" },
        { "revision='a1'\r\n", "a1" },
        { "\xef\xbb\xbfrevision = 'a1'\n", "a1" },
        { "revision: str = 'a1'\n", "a1" },
        { "revision: Union[str, Sequence[str], None] = None\n", "none" },
        { "revision: \"str = 'x'\" = 'a1'\n", "a1" },
        { "revision = None  # 'x'\n", "none" },
        { "revision = '''a1'''\n", "a1" },
        { "revision = r'a1'\n", "a1" },
        { "revision = u'a1'\n", "a1" },
        { "revision = 'a' 'b' \"c\"\n", "abc" },
        { "revision = ('a1')\n", "a1" },
        { "revision = (\n  # why\n  'a'\n  'b'\n)\n", "ab" },
        { "revision = 'a1',\n", "[a1]" },
        { "revision = 'a1', 'b2'\n", "[a1|b2]" },
        { "revision = ('a1', 'b2')\n", "[a1|b2]" },
        { "revision = ('a1',)\n", "[a1]" },
        { "revision = (('a1', 'b2'))\n", "[a1|b2]" },
        { "revision = (None)\n", "none" },
        { "revision = ['a1', 'b2',]\n", "[a1|b2]" },
        { "revision = {'a1'}\n", "[a1]" },
        { "revision = ()\n", "[]" },
        { "revision = []\n", "[]" },
        { "revision = \\\n  'a1'\n", "a1" },
        { "revision = 'a\\\\b\\'c'\n", "a\\b'c" },
        { "revision = 'a1'; down = None\n", "a1" },
        { "down = None; revision = 'a1'\n", "a1" },
        { "revision = 'a1'\nrevision = 'b2'\n", "b2" },
        { "revision: str\nrevision = 'a1'\n", "a1" },
    };
    check(rows, EVO_COUNT(rows));
}

static void test_variable_refuses_to_guess(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "revision = make()\n", "computed" },
        { "revision = 'a' + 'b'\n", "computed" },
        { "revision = 'a' if x else 'b'\n", "computed" },
        { "revision = 'a'.upper()\n", "computed" },
        { "revision = '%s' % x\n", "computed" },
        { "revision = f'{x}'\n", "computed" },
        { "revision = b'a1'\n", "computed" },
        { "revision = 'a\\x31'\n", "computed" },
        { "revision = 'a\\N{DIGIT ONE}'\n", "computed" },
        { "revision = 12\n", "computed" },
        { "revision = other\n", "computed" },
        { "revision = ('a', other)\n", "computed" },
        { "revision = ['a', ['b']]\n", "computed" },
        { "revision = {'a': 'b'}\n", "computed" },
        { "revision = {}\n", "computed" },
        { "revision = tuple(['a'])\n", "computed" },
        { "revision = ('a'\n", "error at 2" },
        { "revision = other = 'a1'\n", "computed" },
        { "other = revision = 'a1'\n", "computed" },
        { "revision, other = 'a1', None\n", "computed" },
        { "other, revision = None, 'a1'\n", "computed" },
        { "revision = 'a1'\nrevision += 'b'\n", "computed" },
        { "if x:\n    revision = 'a1'\nelse:\n    revision = 'b2'\n", "computed" },
        { "if x: revision = 'a1'\n", "computed" },
        { "if x: y = 1; revision = 'a1'\n", "computed" },
        { "try:\n\trevision = 'a1'\nexcept E:\n\tpass\n", "computed" },
        { "(revision := 'a1')\n", "computed" },
        { "from ids import revision\n", "computed" },
        { "from ids import x as revision\n", "computed" },
        { "import revision\n", "computed" },
        { "for revision in 'abc':\n    pass\n", "computed" },
        { "with x as revision:\n    pass\n", "computed" },
    };
    check(rows, EVO_COUNT(rows));
}

static void test_variable_is_not_fooled(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "\"\"\"create\n\nrevision = 'x'\n\"\"\"\nrevision = 'a1'\n", "a1" },
        { "'''revision = \"x\"'''\n", "absent" },
        { "# revision = 'x'\n", "absent" },
        { "text = 'it\\'s; revision = 1'\n", "absent" },
        { "text = r'\\'\nrevision = 'a1'\n",
          "error at 1" }, /* the quote stays escaped in a raw string, too */
        { "def f():\n    revision = 'x'\n", "absent" },
        { "def f(): revision = 'x'\n", "absent" },
        { "class C:\n    revision = 'x'\n    def f(self): pass\nrevision = 'a1'\n", "a1" },
        { "@d\ndef f():\n    revision = 'x'\n", "absent" },
        { "async def f():\n    revision = 'x'\n", "absent" },
        { "revision = 'a1'\ndef f():\n    revision = 'x'\n\n\n    y = 1\n", "a1" },
        { "call(revision='x')\n", "absent" },
        { "x = [\nrevision == 'x',\n]\n", "absent" },
        { "assert revision == 'x'\n", "absent" },
        { "x.revision = 'x'\n", "absent" },
        { "from a.revision import b\n", "absent" },
        { "from revision import b\n", "absent" },
        { "my_revision = 'x'\nrevision2 = 'y'\n", "absent" },
        { "x = \"\"\"a \\\"\"\" revision = 'x'\n\"\"\"\nrevision = 'a1'\n", "a1" },
        { "x = '''it's''' ; revision = 'a1'\n", "a1" },
        { "x = f'''{a[\"b\"]}'''\nrevision = 'a1'\n", "a1" },
        { "x = f\"{a[\"b\"]}\"\nrevision = 'a1'\n", "a1" },
        { "if x:\n    pass\n\nrevision = 'a1'\n", "a1" },
        { "x = 1 \\\n\nrevision = 'a1'\n", "a1" },
        { "print(revision)\n", "absent" },
    };
    check(rows, EVO_COUNT(rows));
}

static void test_tokens_name_the_line_of_what_is_not_closed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        int line;
    } rows[] = {
        { "a\nb = 'x\n", 9, 2 }, { "a\n\nb = \"\"\"x\n\n", 12, 3 },
        { "a\n)\n", 4, 2 },      { "a = (1,\n2\n", 10, 3 },
        { "a\nb\0c\n", 6, 2 },   { "a = 'x\\", 7, 1 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(py_tokens) tokens = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_py_tokens_of(rows[i].text, rows[i].n, "m.py", &tokens, &err), EVO_ERR_CONFIG);
        assert_string_equal(err.file, "m.py");
        if (err.line != rows[i].line)
            fail_msg("row %zu: line %d", i, err.line);
    }
}

static void test_variable_knows_its_line(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    int line = 0;
    describe("'''\n\n'''\nx = (\n1)\nrevision = f()\n", &out, &line);
    assert_string_equal(out.buf, "computed");
    assert_int_equal(line, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variable_reads_literals),
        cmocka_unit_test(test_variable_refuses_to_guess),
        cmocka_unit_test(test_variable_is_not_fooled),
        cmocka_unit_test(test_tokens_name_the_line_of_what_is_not_closed),
        cmocka_unit_test(test_variable_knows_its_line),
    };
    return cmocka_run_group_tests_name("layout/python", tests, NULL, NULL);
}
