#include "cli/table.h"

#include "base/utf8.h"

void evo_table_release(struct evo_table *t)
{
    if (!t)
        return;
    evo_strvec_release(&t->titles);
    evo_strvec_release(&t->cells);
}

void evo_table_column(struct evo_table *t, const char *title, enum evo_table_align align)
{
    EVO_ASSERT(t->titles.count < EVO_COUNT(t->align) && !t->cells.count);
    t->align[t->titles.count] = align;
    evo_strvec_push(&t->titles, title);
}

void evo_table_cell(struct evo_table *t, const char *text)
{
    char *cell = evo_strdup(text ? text : "");
    for (char *p = cell; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    evo_strvec_push_owned(&t->cells, cell);
}

static size_t width_of(const char *text)
{
    return evo_utf8_length(text, strlen(text));
}

static void add_line(const struct evo_table *t, char *const *cells, const size_t *widths,
                     struct evo_strbuf *out)
{
    size_t pending = 0; /* blanks that are written only when something follows */
    for (size_t c = 0; c < t->titles.count; c++) {
        if (!widths[c])
            continue;
        size_t pad = widths[c] - width_of(cells[c]);
        if (*cells[c]) {
            if (t->align[c] == EVO_TABLE_RIGHT)
                pending += pad;
            for (; pending; pending--)
                evo_strbuf_addch(out, ' ');
            evo_strbuf_adds(out, cells[c]);
        }
        pending += 2 + (t->align[c] == EVO_TABLE_RIGHT && *cells[c] ? 0 : pad);
    }
    evo_strbuf_addch(out, '\n');
}

void evo_table_format(const struct evo_table *t, bool header, struct evo_strbuf *out)
{
    size_t n = t->titles.count;
    size_t widths[EVO_COUNT(t->align)] = { 0 };
    if (!t->cells.count)
        return;
    for (size_t i = 0; i < t->cells.count; i++)
        if (width_of(t->cells.items[i]) > widths[i % n])
            widths[i % n] = width_of(t->cells.items[i]);
    for (size_t c = 0; header && c < n; c++)
        if (widths[c] && width_of(t->titles.items[c]) > widths[c])
            widths[c] = width_of(t->titles.items[c]);
    if (header)
        add_line(t, t->titles.items, widths, out);
    for (size_t i = 0; i + n <= t->cells.count; i += n)
        add_line(t, t->cells.items + i, widths, out);
}
