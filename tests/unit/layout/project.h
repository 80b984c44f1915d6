/* Opening the project of a tree.h test. */
#ifndef TESTS_LAYOUT_PROJECT_H
#define TESTS_LAYOUT_PROJECT_H

#include "tree.h"

#include "layout/layout.h"

static inline void assert_opens(const char *layout, struct evo_project *p)
{
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = evo_project_open(tree, layout, NULL, p, &err);
    if (rc)
        print_message("%s\n%s\n", err.message, err.detail);
    assert_int_equal(rc, EVO_OK);
}

static inline void assert_names(const struct evo_project *p, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && i < p->count; i++)
        assert_string_equal(p->items[i].name, names[i]);
    assert_int_equal(p->count, count);
}

static inline bool has_warning(const struct evo_project *p, const char *text)
{
    for (size_t i = 0; i < p->warnings.count; i++)
        if (strstr(p->warnings.items[i], text))
            return true;
    return false;
}

/* A file that makes the folder one that is refused: what the message says, and the line (0: none). */
struct refused {
    const char *path, *text, *says;
    int line;
};

/* Each row with a good migration beside it, in a tree of its own. */
static inline void assert_refused(const char *layout, const char *good, const char *good_text,
                                  const struct refused *rows, size_t count, void **state)
{
    for (size_t i = 0; i < count; i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(project) p = { 0 };
        tree_put(good, good_text);
        assert_opens(layout, &p);
        evo_project_release(&p);
        tree_put(rows[i].path, rows[i].text);
        enum evo_errc rc = evo_project_open(tree, layout, NULL, &p, &err);
        if (rc != EVO_ERR_CONFIG || !strstr(err.message, rows[i].says))
            fail_msg("row %zu: %d %s", i, (int)rc, err.message);
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(tree_teardown(state), 0);
        assert_int_equal(mkdir(tree, 0700), 0);
    }
}

static inline void assert_text(const struct evo_migration *m, bool down, const char *expected)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    assert_int_equal(
        down ? evo_migration_load_down(m, &text, NULL, &err) : evo_migration_load_up(m, &text, &err), EVO_OK);
    assert_string_equal(text.buf, expected);
}

#endif
