/* evo_probe_judge: an answer against what is expected of it. Pure. */
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "probe/probe.h"

enum { BOOLEAN_OID = 16, SHOWN_MAX = 200, ROW_SHOWN_MAX = 300 };

const char *evo_verdict_name(enum evo_verdict v)
{
    static const char *const names[] = {
        [EVO_VERDICT_TRUE] = "true",
        [EVO_VERDICT_FALSE] = "false",
        [EVO_VERDICT_ERROR] = "error",
        [EVO_VERDICT_VACUOUS] = "vacuous",
    };
    return names[v];
}

static const char *value_at(const struct evo_probe_answer *a, int row, int column)
{
    return a->values[(size_t)row * (size_t)a->columns + (size_t)column];
}

/* A value for a message: NULL, or "text" cut where it is long. */
static void show(struct evo_strbuf *out, const char *value)
{
    if (!value) {
        evo_strbuf_adds(out, "NULL");
        return;
    }
    size_t n = strlen(value);
    size_t cut = n > SHOWN_MAX ? evo_utf8_cut(value, n, SHOWN_MAX) : n;
    evo_strbuf_addch(out, '"');
    evo_strbuf_add(out, value, cut);
    evo_strbuf_adds(out, cut < n ? "...\"" : "\"");
}

/* "(a = "1", b = NULL)" of a row, cut where it is long. */
static void show_row(struct evo_strbuf *out, const struct evo_probe_answer *a, int row)
{
    size_t begin = out->len;
    evo_strbuf_addch(out, '(');
    for (int c = 0; c < a->columns; c++) {
        if (out->len - begin > ROW_SHOWN_MAX) {
            evo_strbuf_adds(out, ", ...");
            break;
        }
        evo_strbuf_addf(out, "%s%s = ", c ? ", " : "", a->names[c]);
        show(out, value_at(a, row, c));
    }
    evo_strbuf_addch(out, ')');
}

/* "true" and "t" are one where the column is boolean. */
static const char *spelled_out(const char *value)
{
    if (strcasecmp(value, "t") == 0 || strcasecmp(value, "true") == 0)
        return "true";
    if (strcasecmp(value, "f") == 0 || strcasecmp(value, "false") == 0)
        return "false";
    return value;
}

static bool is_value(const struct evo_probe_answer *a, int row, int column, const char *expected)
{
    const char *found = value_at(a, row, column);
    if (!found || !expected)
        return found == expected;
    if (a->types[column] == BOOLEAN_OID)
        return strcmp(spelled_out(found), spelled_out(expected)) == 0;
    return strcmp(found, expected) == 0;
}

static enum evo_verdict judge_true(const struct evo_probe_answer *a, struct evo_strbuf *why)
{
    if (a->columns == 0) {
        evo_strbuf_adds(why, "it returns no column, where the first must be true");
        return EVO_VERDICT_FALSE;
    }
    if (a->types[0] != BOOLEAN_OID) {
        evo_strbuf_addf(why,
                        "the first column \"%s\" is not boolean; say with \"-- evo:expect\" what is expected",
                        a->names[0]);
        return EVO_VERDICT_FALSE;
    }
    if (a->rows == 0) {
        evo_strbuf_adds(why, "it returned no row, where every row must be true");
        return EVO_VERDICT_VACUOUS;
    }
    for (int row = 0; row < a->rows; row++) {
        if (is_value(a, row, 0, "true"))
            continue;
        evo_strbuf_addf(why, "\"%s\" is %s", a->names[0], value_at(a, row, 0) ? "false" : "NULL");
        if (a->rows > 1)
            evo_strbuf_addf(why, " in row %d of %d", row + 1, a->rows);
        if (a->columns > 1) {
            evo_strbuf_adds(why, ": ");
            show_row(why, a, row);
        }
        return EVO_VERDICT_FALSE;
    }
    return EVO_VERDICT_TRUE;
}

static enum evo_verdict judge_count(const struct evo_expect *e, const struct evo_probe_answer *a,
                                    struct evo_strbuf *why)
{
    bool ok = e->kind == EVO_EXPECT_ROWS_AT_LEAST ? a->rows >= e->number : a->rows == e->number;
    if (ok)
        return EVO_VERDICT_TRUE;
    EVO_AUTO_STR form = evo_expect_format(e);
    evo_strbuf_addf(why, "expected %s, but it returned %d row%s", form, a->rows, a->rows == 1 ? "" : "s");
    if (a->rows > 0 && a->columns > 0) {
        evo_strbuf_adds(why, a->rows == 1 ? ": " : ", the first: ");
        show_row(why, a, 0);
    }
    return EVO_VERDICT_FALSE;
}

static enum evo_verdict judge_values(const struct evo_expect *e, const struct evo_probe_answer *a,
                                     struct evo_strbuf *why)
{
    EVO_AUTO_STR form = evo_expect_format(e);
    if (a->rows != 1) {
        evo_strbuf_addf(why, "expected one row with %s, but it returned %d rows", form, a->rows);
        return EVO_VERDICT_FALSE;
    }
    bool ok = (size_t)a->columns == e->nvalues;
    for (int c = 0; c < a->columns && ok; c++)
        ok = is_value(a, 0, c, e->values[c]);
    if (ok)
        return EVO_VERDICT_TRUE;
    evo_strbuf_addf(why, "expected %s, but it returned ", form);
    show_row(why, a, 0);
    return EVO_VERDICT_FALSE;
}

/* As a name is meant in SQL: exactly so, or folded to lower case. */
static int find_column(const struct evo_probe_answer *a, const char *name)
{
    for (int c = 0; c < a->columns; c++)
        if (strcmp(a->names[c], name) == 0)
            return c;
    for (int c = 0; c < a->columns; c++)
        if (strcasecmp(a->names[c], name) == 0)
            return c;
    return -1;
}

static enum evo_verdict judge_column(const struct evo_expect *e, const struct evo_probe_answer *a,
                                     struct evo_strbuf *why)
{
    int column = find_column(a, e->column);
    if (column < 0) {
        evo_strbuf_addf(why, "it returns no column \"%s\"", e->column);
        return EVO_VERDICT_FALSE;
    }
    if (a->rows == 0) {
        evo_strbuf_addf(why, "it returned no row, where \"%s\" of every row is expected to be ", e->column);
        show(why, e->value);
        return EVO_VERDICT_VACUOUS;
    }
    for (int row = 0; row < a->rows; row++) {
        if (is_value(a, row, column, e->value))
            continue;
        evo_strbuf_addf(why, "expected \"%s\" to be ", e->column);
        show(why, e->value);
        evo_strbuf_adds(why, ", but it is ");
        show(why, value_at(a, row, column));
        if (a->rows > 1)
            evo_strbuf_addf(why, " in row %d of %d", row + 1, a->rows);
        return EVO_VERDICT_FALSE;
    }
    return EVO_VERDICT_TRUE;
}

static enum evo_verdict judge_one(const struct evo_expect *e, const struct evo_probe_answer *a,
                                  struct evo_strbuf *why)
{
    if (e->kind == EVO_EXPECT_NO_ERROR)
        return EVO_VERDICT_TRUE;
    if (!a->is_query) {
        evo_strbuf_adds(why, "the statement is no query: it returns no rows that could be checked");
        return EVO_VERDICT_FALSE;
    }
    switch (e->kind) {
    case EVO_EXPECT_TRUE:
        return judge_true(a, why);
    case EVO_EXPECT_EMPTY:
    case EVO_EXPECT_ROWS:
    case EVO_EXPECT_ROWS_AT_LEAST:
        return judge_count(e, a, why);
    case EVO_EXPECT_VALUES:
        return judge_values(e, a, why);
    case EVO_EXPECT_COLUMN:
        return judge_column(e, a, why);
    case EVO_EXPECT_NO_ERROR:
        break;
    }
    EVO_BUG("expectation %d", (int)e->kind);
}

enum evo_verdict evo_probe_judge(const struct evo_probe *probe, const struct evo_probe_answer *answer,
                                 char **message)
{
    EVO_ASSERT(probe->nexpects > 0);
    for (size_t i = 0; i < probe->nexpects; i++) {
        EVO_AUTO(strbuf) why = EVO_STRBUF_INIT;
        enum evo_verdict verdict = judge_one(&probe->expects[i], answer, &why);
        if (verdict == EVO_VERDICT_TRUE)
            continue;
        *message = evo_strbuf_detach(&why);
        return verdict;
    }
    return EVO_VERDICT_TRUE;
}
