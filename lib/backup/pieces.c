/*
 * What there is to copy: every table of pg_dump's table of contents, large ones in ranges, and the large objects.
 */
#include "backup/plan.h"
#include "backup/run.h"

static struct evo_backup_piece *add_piece(struct evo_backup_run *run, const struct evo_toc_entry *entry,
                                          uint64_t expected)
{
    EVO_GROW(run->pieces, run->count, run->alloc);
    struct evo_backup_piece *piece = &run->pieces[run->count++];
    *piece =
        (struct evo_backup_piece){ .entry = entry, .expected = expected, .dump_id = entry ? entry->id : 0 };
    run->expected_total += expected;
    if (entry && atomic_fetch_add(&run->left[entry - run->toc.items], 1) == 0)
        run->tables++;
    return piece;
}

static const struct evo_toc_entry *entry_of(const struct evo_toc *toc, const char *oid, size_t *from)
{
    for (size_t n = 0; n < toc->count; n++) {
        const struct evo_toc_entry *e = &toc->items[(*from + n) % toc->count];
        if (evo_toc_is_table_data(e) && evo_streq(e->oid, oid)) {
            *from += n + 1;
            return e;
        }
    }
    return NULL;
}

/* The last range keeps the entry's own dump id, for which indexes and constraints wait (parts.h). */
static void add_ranges(struct evo_backup_run *run, const struct evo_toc_entry *e, uint64_t bytes,
                       uint32_t blocks)
{
    struct evo_plan_ranges cut = evo_plan_cut(bytes, blocks, run->options->range_bytes);
    for (uint32_t i = 0; i < cut.count; i++) {
        bool last = i + 1 == cut.count;
        uint32_t from = i * cut.blocks;
        uint64_t share = bytes * (last ? blocks - from : cut.blocks) / (blocks ? blocks : 1);
        struct evo_backup_piece *piece = add_piece(run, e, cut.count > 1 ? share : bytes);
        piece->ranged = cut.count > 1;
        piece->range = i;
        piece->from_block = from;
        piece->to_block = last ? 0 : from + cut.blocks;
        if (!last)
            piece->dump_id = atomic_fetch_add(&run->next_id, 1);
    }
}

/* Size of each table; whether it can be read by ranges of blocks (a TID range scan, of PostgreSQL 14, of a heap); and the
 * WHERE clause of those that extensions declared as their configuration: it stands nowhere in the archive. */
static enum evo_errc add_tables(struct evo_backup_run *run, struct evo_error *err)
{
    static const char sql[] =
        "SELECT t.oid, pg_catalog.pg_table_size(t.oid), x.condition, "
        "CASE WHEN a.amname = 'heap' AND c.relkind = 'r' AND x.oid IS NULL "
        "THEN pg_catalog.pg_relation_size(t.oid, 'main') / "
        "pg_catalog.current_setting('block_size')::pg_catalog.int8 END "
        "FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY t(oid, n) "
        "LEFT JOIN pg_catalog.pg_class c ON c.oid = t.oid "
        "LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam "
        "LEFT JOIN (SELECT u.oid, u.condition FROM pg_catalog.pg_extension, "
        "unnest(extconfig, extcondition) u(oid, condition)) x ON x.oid = t.oid ORDER BY t.n";
    EVO_AUTO(strbuf) oids = EVO_STRBUF_INIT;
    evo_toc_table_oids(&run->toc, &oids);
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *const params[] = { oids.buf };
    enum evo_errc rc = evo_pg_query(run->options->pg, sql, 1, params, &r, err);
    bool ranges = evo_pg_version(run->options->pg) >= 140000;
    size_t from = 0;
    for (int i = 0; !rc && i < evo_pg_rows(r); i++) {
        const struct evo_toc_entry *e = entry_of(&run->toc, evo_pg_value(r, i, 0), &from);
        if (!e)
            return evo_error_set(err, EVO_ERR_INTERNAL, "table %s is not in pg_dump's table of contents",
                                 evo_pg_value(r, i, 0));
        uint64_t bytes = (uint64_t)evo_pg_value_int(r, i, 1, 0);
        const char *condition = evo_pg_value(r, i, 2);
        int64_t blocks = ranges ? evo_pg_value_int(r, i, 3, 0) : 0;
        if (blocks > 1 && blocks <= UINT32_MAX)
            add_ranges(run, e, bytes, (uint32_t)blocks);
        else
            (void)add_piece(run, e, bytes);
        if (condition && *condition)
            run->pieces[run->count - 1].condition = evo_strdup(condition);
    }
    return rc;
}

static enum evo_errc add_large_objects(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(
        run->options->pg, "SELECT pg_catalog.pg_table_size('pg_catalog.pg_largeobject')", 0, NULL, &r, err);
    if (!rc)
        (void)add_piece(run, NULL, (uint64_t)evo_pg_value_int(r, 0, 0, 0));
    return rc;
}

static void sort(struct evo_backup_run *run)
{
    struct evo_plan_item *order = evo_calloc(run->count + 1, sizeof(*order));
    struct evo_backup_piece *sorted = evo_calloc(run->count + 1, sizeof(*sorted));
    for (size_t i = 0; i < run->count; i++)
        order[i] = (struct evo_plan_item){ .index = i, .size = run->pieces[i].expected };
    evo_plan_longest_first(order, run->count);
    for (size_t i = 0; i < run->count; i++)
        sorted[i] = run->pieces[order[i].index];
    free(order);
    free(run->pieces);
    run->pieces = sorted;
    run->alloc = run->count + 1;
}

static bool not_large_object(const struct evo_toc_entry *e)
{
    return !evo_toc_is_large_object(e);
}

enum evo_errc evo_run_plan(struct evo_backup_run *run, struct evo_error *err)
{
    bool large_objects = false;
    for (size_t i = 0; i < run->toc.count; i++)
        large_objects |= evo_toc_is_large_object(&run->toc.items[i]);
    atomic_store(&run->next_id, evo_toc_free_id(&run->toc));
    evo_toc_filter(&run->toc, not_large_object);
    run->left = evo_calloc(run->toc.count + 1, sizeof(*run->left));
    enum evo_errc rc = add_tables(run, err);
    if (!rc && large_objects)
        rc = add_large_objects(run, err);
    if (!rc)
        sort(run);
    return rc;
}
