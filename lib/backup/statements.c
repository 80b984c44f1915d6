#include "backup/dumped.h"
#include "backup/worklist_build.h"

/* Measured: a b-tree takes about a quarter of the time that loading the rows takes, a foreign key half of that. */
enum { INDEX_SHARE = 4, KEY_SHARE = 8 };
/* Below this a key is not worth two statements. */
#define SPLIT_MIN ((uint64_t)16 << 20)

enum verdict { NOT_HERE, NOTHING, AFTER_PIECE, AFTER_ALL };

static bool is_one_of(const char *desc, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (evo_streq(desc, list[i]))
            return true;
    return false;
}

/* What a dependency of e's asks for. */
static enum verdict judge(const struct evo_work_builder *b, const struct evo_toc_entry *e, size_t dep,
                          size_t *ret_piece)
{
    static const char *const tame[] = { "TYPE",   "DOMAIN",     "COLLATION", "EXTENSION",
                                        "SCHEMA", "SHELL TYPE", "SEQUENCE",  "TABLE ATTACH" };
    const struct evo_toc_entry *d = &b->in->toc->items[dep];
    if (evo_streq(d->desc, "TABLE")) {
        *ret_piece = b->homes[dep].full;
        return *ret_piece == EVO_WORK_NONE ? NOT_HERE : AFTER_PIECE;
    }
    if (d->section == EVO_TOC_PRE_DATA)
        return is_one_of(d->desc, tame, EVO_COUNT(tame)) ? NOTHING : AFTER_ALL;
    *ret_piece = b->last[dep];
    if (*ret_piece != EVO_WORK_NONE)
        return AFTER_PIECE;
    /* The index of a partition needs that of its parent when it is attached to it, not before. */
    bool parent = evo_streq(d->desc, "INDEX") || evo_streq(d->desc, "CONSTRAINT");
    return parent && !evo_streq(e->desc, "FK CONSTRAINT") ? NOTHING : NOT_HERE;
}

static void need_all_rows(struct evo_work_builder *b, size_t piece)
{
    if (b->all == EVO_WORK_NONE) {
        b->all = evo_work_add(b, 0, (struct evo_work){ .kind = EVO_WORK_MILESTONE });
        for (size_t i = 0; i < b->count; i++)
            evo_schedule_need(b->out->schedule, b->all, b->rows[i].piece);
    }
    evo_schedule_need(b->out->schedule, piece, b->all);
}

/* True where this can be made here; then *ret_size is that of its largest table. */
static bool can_make(const struct evo_work_builder *b, const struct evo_toc_entry *e, uint64_t *ret_size)
{
    static const char *const made[] = { "INDEX", "CONSTRAINT", "FK CONSTRAINT" };
    bool on_table = false;
    if (e->section != EVO_TOC_POST_DATA || !e->defn || !*e->defn ||
        !is_one_of(e->desc, made, EVO_COUNT(made)))
        return false;
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = evo_toc_map_find(b->in->map, e->deps[k]);
        size_t piece;
        if (dep == EVO_TOC_MAP_NONE)
            continue;
        if (judge(b, e, dep, &piece) == NOT_HERE)
            return false;
        if (evo_streq(b->in->toc->items[dep].desc, "TABLE")) {
            on_table = true;
            *ret_size = b->homes[dep].raw_bytes > *ret_size ? b->homes[dep].raw_bytes : *ret_size;
        }
    }
    return on_table;
}

static size_t add_statement(struct evo_work_builder *b, const struct evo_toc_entry *e, uint64_t cost,
                            char *sql, enum evo_schedule_lock how)
{
    size_t piece = evo_work_add(b, cost + EVO_WORK_COST_EACH,
                                (struct evo_work){ .kind = EVO_WORK_STATEMENT, .entry = e, .sql = sql });
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = evo_toc_map_find(b->in->map, e->deps[k]);
        size_t other = EVO_WORK_NONE;
        if (dep == EVO_TOC_MAP_NONE)
            continue;
        enum verdict v = judge(b, e, dep, &other);
        if (v == AFTER_PIECE)
            evo_schedule_need(b->out->schedule, piece, other);
        else if (v == AFTER_ALL)
            need_all_rows(b, piece);
        if (evo_streq(b->in->toc->items[dep].desc, "TABLE"))
            evo_schedule_lock(b->out->schedule, piece, dep, how);
    }
    return piece;
}

static size_t make(struct evo_work_builder *b, const struct evo_toc_entry *e, uint64_t size)
{
    char *index = NULL;
    char *constraint = NULL;
    if (evo_streq(e->desc, "FK CONSTRAINT"))
        return add_statement(b, e, size / KEY_SHARE, NULL, EVO_SCHEDULE_ALONE);
    if (evo_streq(e->desc, "INDEX"))
        return add_statement(b, e, size / INDEX_SHARE, NULL,
                             evo_dumped_is_plain_index(e->defn) ? EVO_SCHEDULE_SHARED : EVO_SCHEDULE_ALONE);
    if (size < SPLIT_MIN || !evo_dumped_split_constraint(e->defn, &index, &constraint))
        return add_statement(b, e, size / INDEX_SHARE, NULL, EVO_SCHEDULE_ALONE);
    size_t first = add_statement(b, e, size / INDEX_SHARE, index, EVO_SCHEDULE_SHARED);
    size_t second = add_statement(b, e, 0, constraint, EVO_SCHEDULE_ALONE);
    evo_schedule_need(b->out->schedule, second, first);
    return second;
}

void evo_work_add_statements(struct evo_work_builder *b)
{
    for (size_t i = 0; i < b->in->toc->count; i++) {
        const struct evo_toc_entry *e = &b->in->toc->items[i];
        uint64_t size = 0;
        if (!b->in->take[i] || !can_make(b, e, &size))
            continue;
        b->last[i] = make(b, e, size);
        b->out->made[i] = true;
    }
}

/* Of which table is a foreign key? Its tag is the table's name and its own. */
static size_t table_of_key(const struct evo_work_builder *b, const struct evo_toc_entry *e)
{
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = evo_toc_map_find(b->in->map, e->deps[k]);
        if (dep == EVO_TOC_MAP_NONE || !evo_streq(b->in->toc->items[dep].desc, "TABLE"))
            continue;
        const char *table = b->in->toc->items[dep].tag;
        if (evo_streq(b->in->toc->items[dep].schema, e->schema) && evo_starts_with(e->tag, table) &&
            e->tag[strlen(table)] == ' ')
            return dep;
    }
    return EVO_WORK_NONE;
}

/* The first piece with rows of the table brings the others. */
static void bring_together(struct evo_work_builder *b, size_t table)
{
    struct evo_work *items = b->out->items;
    size_t first = EVO_WORK_NONE;
    size_t last = EVO_WORK_NONE;
    for (size_t n = 0; n < b->count; n++) {
        size_t piece = b->rows[n].piece;
        if (b->rows[n].home != table)
            continue;
        if (first == EVO_WORK_NONE) {
            first = piece;
        } else {
            items[last].next = piece;
            items[piece].kind = EVO_WORK_TAIL;
            evo_schedule_need(b->out->schedule, piece, first);
        }
        last = piece;
    }
    items[first].deferred = true;
}

/* Foreign keys of tables that are there: rows come behind those that they refer to. */
void evo_work_follow_keys(struct evo_work_builder *b)
{
    const struct evo_toc *toc = b->in->toc;
    bool *together = evo_calloc(toc->count + 1, sizeof(*together));
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        size_t table = evo_streq(e->desc, "FK CONSTRAINT") ? table_of_key(b, e) : EVO_WORK_NONE;
        if (table == EVO_WORK_NONE || b->homes[table].full == EVO_WORK_NONE)
            continue;
        bool self = true;
        for (size_t k = 0; k < e->ndeps; k++) {
            size_t dep = evo_toc_map_find(b->in->map, e->deps[k]);
            if (dep == EVO_TOC_MAP_NONE || dep == table || !evo_streq(toc->items[dep].desc, "TABLE"))
                continue;
            self = false;
            for (size_t n = 0; n < b->count && b->homes[dep].full != EVO_WORK_NONE; n++)
                if (b->rows[n].home == table)
                    evo_schedule_need(b->out->schedule, b->rows[n].piece, b->homes[dep].full);
        }
        /* In one COPY it checks itself. */
        if (!self || together[table] || b->out->items[b->homes[table].full].kind != EVO_WORK_MILESTONE)
            continue;
        together[table] = true;
        bring_together(b, table);
    }
    free(together);
}
