#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layout/graph.h"
#include "layout/reader.h"

/* A graph written down: "name<down+down?depends:label", separated by blanks. */
static void build(const char *text, struct evo_project *p)
{
    *p = (struct evo_project){ .kind = EVO_LAYOUT_ALEMBIC };
    while (*text) {
        size_t n = strcspn(text, " ");
        struct evo_migration m = { .directives = EVO_DIRECTIVES_INIT };
        struct evo_strvec *into = NULL;
        for (const char *q = text; q < text + n;) {
            size_t k = strcspn(q, "<+?: ");
            EVO_AUTO_STR word = evo_strndup(q, k);
            if (into)
                evo_strvec_push(into, word);
            else
                m.name = evo_strdup(word);
            q += k;
            if (*q == '<')
                into = &m.down;
            else if (*q == '?')
                into = &m.depends;
            else if (*q == ':')
                into = &m.labels;
            q += *q && *q != ' ';
        }
        EVO_GROW(p->items, p->count, p->alloc);
        p->items[p->count++] = m;
        text += n + (text[n] == ' ');
    }
}

static void names(const struct evo_project *p, struct evo_strbuf *out)
{
    for (size_t i = 0; i < p->count; i++)
        evo_strbuf_addf(out, "%s%s", i ? " " : "", p->items[i].name);
}

static void join(const struct evo_strvec *list, struct evo_strbuf *out)
{
    for (size_t i = 0; i < list->count; i++)
        evo_strbuf_addf(out, "%s%s", i ? " " : "", list->items[i]);
}

static void test_order_is_a_function_of_the_files_alone(void **state)
{
    (void)state;
    static const struct {
        const char *graph, *expected;
    } rows[] = {
        { "", "" },
        { "z", "z" },
        { "a<b b<c c", "c b a" },
        /* A branch goes on before the next one begins; brothers by their bytes. */
        { "r x1<r x2<x1 b1<r b2<b1", "r b1 b2 x1 x2" },
        { "m<b2+x2 r x1<r x2<x1 b1<r b2<b1", "r b1 b2 x1 x2 m" },
        /* Two bases. */
        { "b a2<a a b2<b", "a a2 b b2" },
        /* What another branch has to have first. */
        { "a a2<a?b b b2<b", "a b b2 a2" },
        { "a?c b c<b", "b c a" },
        /* The same edge twice. */
        { "a<b?b b", "b a" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(project) p = { 0 };
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        build(rows[i].graph, &p);
        assert_int_equal(evo_graph_order(&p, &err), EVO_OK);
        names(&p, &out);
        if (strcmp(out.buf, rows[i].expected) != 0)
            fail_msg("row %zu: %s", i, out.buf);
    }
}

static void test_order_names_a_circle_and_nothing_beside_it(void **state)
{
    (void)state;
    static const char *const rows[] = { "ok a<c b<a c<b d<c", "a<c b<a c<b", "d<a a?c c<b b<a ok" };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(project) p = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        build(rows[i], &p);
        assert_int_equal(evo_graph_order(&p, &err), EVO_ERR_CONFIG);
        assert_non_null(strstr(err.message, "\"a\""));
        assert_non_null(strstr(err.message, "\"b\""));
        assert_non_null(strstr(err.message, "\"c\""));
        assert_null(strstr(err.message, "\"d\""));
        assert_null(strstr(err.message, "\"ok\""));
    }
    EVO_AUTO(project) p = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    build("a<a", &p);
    assert_int_equal(evo_graph_order(&p, &err), EVO_ERR_CONFIG);
}

static void test_mark_takes_all_that_is_built_upon(void **state)
{
    (void)state;
    EVO_AUTO(project) p = { 0 };
    build("r a<r b<r m<a+b x y<x?a", &p);
    static const struct {
        const char *name, *expected, *tips;
    } rows[] = {
        { "r", "r", "r" },   { "m", "r a b m", "m" }, { "y", "r a x y", "y" },
        { "b", "r b", "b" }, { "nobody", "", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        bool marked[6] = { false };
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) tips = EVO_STRBUF_INIT;
        EVO_AUTO(strvec) list = EVO_STRVEC_INIT;
        evo_graph_mark(&p, rows[i].name, marked);
        for (size_t k = 0; k < p.count; k++)
            if (marked[k])
                evo_strbuf_addf(&out, "%s%s", out.len ? " " : "", p.items[k].name);
        evo_graph_tips(&p, marked, &list);
        join(&list, &tips);
        assert_string_equal(out.buf, rows[i].expected);
        assert_string_equal(tips.buf, rows[i].tips);
    }
}

static void test_heads_are_meant_where_each_has_a_label(void **state)
{
    (void)state;
    static const struct {
        const char *graph, *heads;
        bool meant;
    } rows[] = {
        { "", "", true },
        { "a", "a", true },
        { "r a<r b<r", "a b", false },
        { "r a<r:left b<r:right", "a b", true },
        { "r a<r:left b<r", "a b", false },
        { "r:all a<r b<r", "a b", false },
        { "r a:left<r a2<a b<r:right b2<b", "a2 b2", true },
        { "a:left b:right", "a b", true },
        { "a b", "a b", false },
        /* What another only needs is an end of its branch all the same. */
        { "a:left b?a:right", "a b", true },
        { "r a<r b<r m<a+b", "m", true },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(project) p = { 0 };
        EVO_AUTO(strvec) heads = EVO_STRVEC_INIT;
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        build(rows[i].graph, &p);
        evo_graph_heads(&p, &heads);
        join(&heads, &out);
        if (strcmp(out.buf, rows[i].heads) != 0 || evo_graph_is_meant(&p) != rows[i].meant)
            fail_msg("row %zu: %s, meant %d", i, out.buf, evo_graph_is_meant(&p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_a_function_of_the_files_alone),
        cmocka_unit_test(test_order_names_a_circle_and_nothing_beside_it),
        cmocka_unit_test(test_mark_takes_all_that_is_built_upon),
        cmocka_unit_test(test_heads_are_meant_where_each_has_a_label),
    };
    return cmocka_run_group_tests_name("layout/graph", tests, NULL, NULL);
}
