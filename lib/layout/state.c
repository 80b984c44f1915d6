#include "layout/state.h"

#include "base/banned.h"
#include "layout/checksum.h"
#include "layout/reader.h"

const char *evo_state_name(enum evo_migration_state state)
{
    static const char *const names[] = {
        [EVO_STATE_APPLIED] = "applied", [EVO_STATE_PENDING] = "pending", [EVO_STATE_FAILED] = "failed",
        [EVO_STATE_EDITED] = "edited",   [EVO_STATE_MISSING] = "missing",
    };
    return names[state];
}

void evo_state_release(struct evo_state *s)
{
    if (!s)
        return;
    free(s->items);
    *s = (struct evo_state){ 0 };
}

/* The ledger's rows sorted by name, those of one name in the ledger's order. */
struct row_index {
    const struct evo_ledger_row **rows;
    bool *has_file; /* by place in the ledger */
    size_t count;
};

static void row_index_auto(struct row_index *index)
{
    free(index->rows);
    free(index->has_file);
}

static int compare_rows(const void *va, const void *vb)
{
    const struct evo_ledger_row *a = *(const struct evo_ledger_row *const *)va;
    const struct evo_ledger_row *b = *(const struct evo_ledger_row *const *)vb;
    int order = strcmp(a->name, b->name);
    return order ? order : a < b ? -1 : a > b;
}

static struct row_index index_rows(const struct evo_ledger *l)
{
    struct row_index index = { evo_calloc(l->count, sizeof(struct evo_ledger_row *)),
                               evo_calloc(l->count, sizeof(bool)), l->count };
    for (size_t i = 0; i < l->count; i++)
        index.rows[i] = &l->items[i];
    if (index.count)
        qsort(index.rows, index.count, sizeof(*index.rows), compare_rows);
    return index;
}

/* First row of the name (or where it would be). */
static size_t first_row(const struct row_index *index, const char *name)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->rows[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Which row of index[from, to) decides: an unfinished live one, else a finished live one, else the last rolled back. */
static const struct evo_ledger_row *deciding_row(const struct row_index *index, size_t from, size_t to)
{
    const struct evo_ledger_row *best = NULL;
    int best_rank = -1;
    for (size_t i = from; i < to; i++) {
        const struct evo_ledger_row *row = index->rows[i];
        int rank = row->rolled_back_ms >= 0 ? 0 : row->finished_ms >= 0 ? 1 : 2;
        if (rank >= best_rank) {
            best = row;
            best_rank = rank;
        }
    }
    return best;
}

static enum evo_errc is_edited(const struct evo_migration *m, const struct evo_ledger_row *row, bool *ret,
                               struct evo_error *err)
{
    *ret = false;
    /* A ledger without checksums says nothing about what was applied. */
    if (!row->checksum || strcmp(row->checksum, m->own_checksum ? m->own_checksum : m->checksum) == 0)
        return EVO_OK;
    if (m->own_checksum) { /* the tool compares no other way */
        *ret = true;
        return EVO_OK;
    }
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = evo_layout_file_read(m->path, &text, err);
    if (!rc)
        *ret = !evo_checksum_matches(row->checksum, text.buf, text.len);
    return rc;
}

static enum evo_errc judge(struct evo_state_item *item, struct evo_error *err)
{
    const struct evo_ledger_row *row = item->row;
    if (!row || row->rolled_back_ms >= 0) {
        item->state = EVO_STATE_PENDING;
        item->was_rolled_back = row != NULL;
        return EVO_OK;
    }
    if (row->finished_ms < 0) {
        item->state = EVO_STATE_FAILED;
        return EVO_OK;
    }
    if (!item->file) {
        item->state = EVO_STATE_MISSING;
        return EVO_OK;
    }
    item->late = row->late;
    bool edited;
    enum evo_errc rc = is_edited(item->file, row, &edited, err);
    item->state = edited ? EVO_STATE_EDITED : EVO_STATE_APPLIED;
    return rc;
}

static bool is_applied(const struct evo_state_item *item)
{
    return item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED ||
           item->state == EVO_STATE_MISSING;
}

static void add_up(struct evo_state *s)
{
    bool later_applied = false;
    for (size_t i = s->count; i-- > 0;) {
        struct evo_state_item *item = &s->items[i];
        s->applied += item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED;
        s->pending += item->state == EVO_STATE_PENDING;
        s->failed += item->state == EVO_STATE_FAILED;
        s->edited += item->state == EVO_STATE_EDITED;
        s->missing += item->state == EVO_STATE_MISSING;
        item->behind = item->state == EVO_STATE_PENDING && later_applied && !evo_layout_of(s->kind)->graph;
        later_applied |= item->file && is_applied(item) && !item->row->stays;
    }
    const struct evo_state_item **reverse;
    size_t count;
    evo_state_applied_reverse(s, &reverse, &count);
    s->last_applied = count ? reverse[0]->name : NULL;
    free(reverse);
}

static struct evo_state_item *add_item(struct evo_state *s)
{
    EVO_GROW(s->items, s->count, s->alloc);
    s->items[s->count] = (struct evo_state_item){ 0 };
    return &s->items[s->count++];
}

void evo_state_counts_text(const struct evo_state_counts *counts, struct evo_strbuf *out)
{
    const struct {
        size_t count;
        const char *word;
    } rows[] = { { counts->applied, "applied" },       { counts->pending, "pending" },
                 { counts->unfinished, "unfinished" }, { counts->failed, "failed" },
                 { counts->edited, "edited" },         { counts->missing, "missing" } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        if (rows[i].count || i < 2)
            evo_strbuf_addf(out, "%s%zu %s", i ? ", " : "", rows[i].count, rows[i].word);
}

bool evo_state_is_of_other_files(const struct evo_state *s)
{
    size_t gone = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct evo_state_item *item = &s->items[i];
        if (item->state == EVO_STATE_MISSING && item->row && !item->row->stays)
            gone++;
        else if (item->state != EVO_STATE_PENDING)
            return false;
    }
    return gone > 0;
}

enum evo_errc evo_state_of(const struct evo_project *p, const struct evo_ledger *l, struct evo_state *ret,
                           struct evo_error *err)
{
    EVO_AUTO(state) s = { .kind = p->kind, .project = p };
    __attribute__((cleanup(row_index_auto))) struct row_index index = index_rows(l);
    for (size_t i = 0; i < p->count; i++) {
        struct evo_state_item *item = add_item(&s);
        item->file = &p->items[i];
        item->name = item->file->name;
        size_t from = first_row(&index, item->name), to = from;
        while (to < index.count && strcmp(index.rows[to]->name, item->name) == 0)
            index.has_file[index.rows[to++] - l->items] = true;
        item->row = deciding_row(&index, from, to);
        enum evo_errc rc = judge(item, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct evo_ledger_row *row = &l->items[i];
        size_t from = first_row(&index, row->name), to = from;
        while (to < index.count && strcmp(index.rows[to]->name, row->name) == 0)
            to++;
        /* Without a file only what lives in the database is worth a line, once. */
        if (index.has_file[i] || row->rolled_back_ms >= 0 || deciding_row(&index, from, to) != row)
            continue;
        struct evo_state_item *item = add_item(&s);
        item->name = row->name;
        item->row = row;
        enum evo_errc rc = judge(item, err);
        if (rc)
            return rc;
    }
    add_up(&s);
    *ret = s;
    s = (struct evo_state){ 0 };
    return EVO_OK;
}

/* Order of application. Items stand in file order, so their addresses break ties within one millisecond. */
static int compare_by_time(const void *va, const void *vb)
{
    const struct evo_state_item *a = *(const struct evo_state_item *const *)va;
    const struct evo_state_item *b = *(const struct evo_state_item *const *)vb;
    if (a->row->started_ms != b->row->started_ms)
        return a->row->started_ms < b->row->started_ms ? 1 : -1;
    if (a->row->finished_ms != b->row->finished_ms)
        return a->row->finished_ms < b->row->finished_ms ? 1 : -1;
    return a < b ? 1 : a > b ? -1 : 0;
}

static int compare_by_row(const void *va, const void *vb)
{
    const struct evo_state_item *a = *(const struct evo_state_item *const *)va;
    const struct evo_state_item *b = *(const struct evo_state_item *const *)vb;
    return a->row < b->row ? 1 : a->row > b->row ? -1 : 0;
}

void evo_state_applied_reverse(const struct evo_state *s, const struct evo_state_item ***ret_items,
                               size_t *ret_count)
{
    const struct evo_state_item **list = evo_calloc(s->count, sizeof(struct evo_state_item *));
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        if (is_applied(&s->items[i]) && !s->items[i].row->stays)
            list[n++] = &s->items[i];
    if (n)
        qsort(list, n, sizeof(struct evo_state_item *),
              evo_layout_of(s->kind)->by_row ? compare_by_row : compare_by_time);
    *ret_items = list;
    *ret_count = n;
}
