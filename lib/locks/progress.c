#include "locks/progress.h"

#include "locks/describe.h"

/* What is left is not said before this much was seen of a phase. */
#define MEASURE_MS 2000
#define LEFT_MAX   ((int64_t)99 * 3600 * 1000)

void evo_progress_list_release(struct evo_progress_list *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].command);
        free(l->items[i].relation);
        free(l->items[i].index);
        free(l->items[i].phase);
    }
    free(l->items);
    *l = (struct evo_progress_list){ 0 };
}

/* ---- what each view says, version by version ------------------------------------ */

/* A row is one view from one version on (0: from the oldest) to before another (0: still). Each gives: command, relid,
 * index relid, phase, what it waits for. */
static const struct view {
    const char *name, *command, *relation, *index, *phase, *waits_for;
    int since;
    bool everywhere; /* of the whole cluster: it has no datid */
} views[] = {
    { .name = "create_index",
      .command = "p.command",
      .relation = "p.relid",
      .index = "p.index_relid",
      .phase = "p.phase",
      .waits_for = "p.current_locker_pid" },
    { .name = "vacuum",
      .command = "CASE WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum' ELSE 'VACUUM' END",
      .relation = "p.relid",
      .index = "0::pg_catalog.oid",
      .phase = "p.phase",
      .waits_for = "0" },
    { .name = "cluster",
      .command = "p.command",
      .relation = "p.relid",
      .index = "p.cluster_index_relid",
      .phase = "p.phase",
      .waits_for = "0" },
    { .name = "analyze",
      .command =
          "CASE WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum: ANALYZE' ELSE 'ANALYZE' END",
      .relation = "p.relid",
      .index = "0::pg_catalog.oid",
      .phase = "p.phase",
      .waits_for = "0" },
    { .name = "copy",
      .command = "p.command",
      .relation = "p.relid",
      .index = "0::pg_catalog.oid",
      .phase = "NULL",
      .waits_for = "0",
      .since = 140000 },
    { .name = "basebackup",
      .command = "'base backup'",
      .relation = "0::pg_catalog.oid",
      .index = "0::pg_catalog.oid",
      .phase = "p.phase",
      .waits_for = "0",
      .everywhere = true },
};

/* What a phase counts. phase NULL: any other phase of the view. The first row that fits (view, phase, version) decides;
 * done and total are expressions over the view's row, NULL where it counts nothing. */
static const struct counter {
    const char *view, *phase, *unit, *done, *total;
    int since, before;
    bool first;
} counters[] = {
    { "create_index", "waiting for writers before build", "sessions", "p.lockers_done", "p.lockers_total", 0,
      0, 0 },
    { "create_index", "waiting for writers before validation", "sessions", "p.lockers_done",
      "p.lockers_total", 0, 0, 0 },
    { "create_index", "waiting for old snapshots", "sessions", "p.lockers_done", "p.lockers_total", 0, 0, 0 },
    { "create_index", "waiting for readers before marking dead", "sessions", "p.lockers_done",
      "p.lockers_total", 0, 0, 0 },
    { "create_index", "waiting for readers before dropping", "sessions", "p.lockers_done", "p.lockers_total",
      0, 0, 0 },
    { "create_index", "building index: scanning table", "blocks", "p.blocks_done", "p.blocks_total", 0, 0,
      true },
    { "create_index", "building index", "blocks", "p.blocks_done", "p.blocks_total", 0, 0, true },
    { "create_index", "building index: loading tuples in tree", "tuples", "p.tuples_done", "p.tuples_total",
      0, 0, 0 },
    { "create_index", "index validation: scanning index", "blocks", "p.blocks_done", "p.blocks_total", 0, 0,
      0 },
    { "create_index", "index validation: scanning table", "blocks", "p.blocks_done", "p.blocks_total", 0, 0,
      0 },
    { "vacuum", "scanning heap", "blocks", "p.heap_blks_scanned", "p.heap_blks_total", 0, 0, true },
    { "vacuum", "vacuuming heap", "blocks", "p.heap_blks_vacuumed", "p.heap_blks_total", 0, 0, 0 },
    { "vacuum", "vacuuming indexes", "indexes", "p.indexes_processed", "p.indexes_total", 170000, 0, 0 },
    { "vacuum", "cleaning up indexes", "indexes", "p.indexes_processed", "p.indexes_total", 170000, 0, 0 },
    { "cluster", "seq scanning heap", "blocks", "p.heap_blks_scanned", "p.heap_blks_total", 0, 0, true },
    { "cluster", "index scanning heap", "tuples", "p.heap_tuples_scanned", NULL, 0, 0, true },
    { "cluster", "writing new heap", "tuples", "p.heap_tuples_written", "p.heap_tuples_scanned", 0, 0, 0 },
    { "cluster", "rebuilding index", "indexes", "p.index_rebuild_count", NULL, 0, 0, 0 },
    { "analyze", "acquiring sample rows", "blocks", "p.sample_blks_scanned", "p.sample_blks_total", 0, 0,
      true },
    { "analyze", "acquiring inherited sample rows", "tables", "p.child_tables_done", "p.child_tables_total",
      0, 0, 0 },
    { "analyze", "computing extended statistics", "statistics", "p.ext_stats_computed", "p.ext_stats_total",
      0, 0, 0 },
    { "copy", NULL, "bytes", "p.bytes_processed", "p.bytes_total", 0, 0, true },
    { "basebackup", "streaming database files", "bytes", "p.backup_streamed", "p.backup_total", 0, 0, 0 },
};

static bool counts(const struct counter *c, const struct view *v, int version)
{
    return evo_streq(c->view, v->name) && version >= c->since && (!c->before || version < c->before);
}

/* "CASE WHEN p.phase = … THEN …": the counter's number in the table, done and total. */
static void add_counters(const struct view *v, int version, struct evo_strbuf *out)
{
    static const char *const wanted[] = { "number", "done", "total" };
    for (size_t w = 0; w < EVO_COUNT(wanted); w++) {
        evo_strbuf_adds(out, ", CASE");
        for (size_t i = 0; i < EVO_COUNT(counters); i++) {
            const struct counter *c = &counters[i];
            if (!counts(c, v, version))
                continue;
            if (c->phase)
                evo_strbuf_addf(out, " WHEN p.phase = '%s' THEN ", c->phase);
            else
                evo_strbuf_adds(out, " WHEN true THEN ");
            if (w == 0)
                evo_strbuf_addf(out, "%zu", i);
            else
                evo_strbuf_addf(out, "%s::pg_catalog.int8", w == 1 ? c->done : c->total ? c->total : "NULL");
        }
        evo_strbuf_adds(out, " END");
    }
}

static void add_select(const struct view *v, int version, struct evo_strbuf *out)
{
    evo_strbuf_addf(out, "%sSELECT p.pid, %s, %s, %s, %s, %s, a.query_start", out->len ? " UNION ALL " : "",
                    v->command, v->relation, v->index, v->phase, v->waits_for);
    add_counters(v, version, out);
    evo_strbuf_addf(out,
                    " FROM pg_catalog.pg_stat_progress_%s p"
                    " LEFT JOIN pg_catalog.pg_stat_get_activity(NULL) a ON a.pid = p.pid"
                    " WHERE p.pid <> pg_catalog.pg_backend_pid()",
                    v->name);
    if (!v->everywhere)
        evo_strbuf_adds(out, " AND p.datname = pg_catalog.current_database()");
    if (!evo_streq(v->phase, "NULL"))
        evo_strbuf_addf(out, " AND %s IS NOT NULL", v->phase);
}

enum column { PID, COMMAND, RELATION, INDEX, PHASE, WAITS_FOR, NUMBER, DONE, TOTAL, ELAPSED };

static char *clean(const struct evo_pg_result *r, int row, int column)
{
    return evo_locks_clean(evo_pg_value(r, row, column), EVO_LOCKS_NAME_MAX);
}

static void read_item(const struct evo_pg_result *r, int row, struct evo_progress_item *p)
{
    int64_t number = evo_pg_value_int(r, row, NUMBER, -1);
    const struct counter *c = number >= 0 ? &counters[number] : NULL;
    int64_t total = evo_pg_value_int(r, row, TOTAL, -1);
    *p = (struct evo_progress_item){
        .pid = evo_pg_value_int(r, row, PID, 0),
        .command = clean(r, row, COMMAND),
        .relation = clean(r, row, RELATION),
        .index = clean(r, row, INDEX),
        .phase = clean(r, row, PHASE),
        .unit = c ? c->unit : NULL,
        .first_phase = c && c->first,
        .done = evo_pg_value_int(r, row, DONE, 0),
        .total = total > 0 ? total : -1, /* 0: not counted yet; COPY from a pipe knows no size */
        .elapsed_ms = evo_pg_value_int(r, row, ELAPSED, -1),
        .waits_for = evo_pg_value_int(r, row, WAITS_FOR, 0),
        .left_ms = -1,
    };
    if (p->waits_for == p->pid)
        p->waits_for = 0;
}

enum evo_errc evo_progress_look(struct evo_pg *pg, struct evo_progress_list *ret, struct evo_error *err)
{
    EVO_AUTO(progress_list) list = { 0 };
    EVO_AUTO(strbuf) all = EVO_STRBUF_INIT, sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    int version = evo_pg_version(pg);
    for (size_t i = 0; i < EVO_COUNT(views); i++)
        if (version >= views[i].since)
            add_select(&views[i], version, &all);
    evo_strbuf_addf(
        &sql,
        "SELECT u.pid, u.command,"
        " CASE WHEN tn.oid IS NOT NULL THEN pg_catalog.format('%%I.%%I', tn.nspname, t.relname) END,"
        " CASE WHEN xn.oid IS NOT NULL THEN pg_catalog.format('%%I.%%I', xn.nspname, x.relname) END,"
        " u.phase, u.waits_for, u.number, u.done,"
        " u.total, pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()"
        " - u.began) * 1000)::pg_catalog.int8"
        " FROM (%s) AS u(pid, command, relation, index, phase, waits_for, began, number, done, total)"
        " LEFT JOIN pg_catalog.pg_class t ON t.oid = u.relation"
        " LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace"
        " LEFT JOIN pg_catalog.pg_class x ON x.oid = u.index"
        " LEFT JOIN pg_catalog.pg_namespace xn ON xn.oid = x.relnamespace"
        " ORDER BY u.began NULLS LAST, u.pid",
        all.buf);
    enum evo_errc rc = evo_pg_query(pg, sql.buf, 0, NULL, &r, err);
    if (rc)
        return evo_error_prefix(err, "could not look at the progress of commands");
    for (int row = 0; row < evo_pg_rows(r); row++) {
        EVO_GROW(list.items, list.count, list.alloc);
        read_item(r, row, &list.items[list.count++]);
    }
    *ret = list;
    list = (struct evo_progress_list){ 0 };
    return EVO_OK;
}

/* ---- what follows from it -------------------------------------------------------- */

int evo_progress_percent(const struct evo_progress_item *p)
{
    if (p->total <= 0 || p->done < 0 || p->done > p->total)
        return -1;
    int percent = (int)((double)p->done / (double)p->total * 100);
    return percent > 99 && p->done < p->total ? 99 : percent;
}

/* In the time that `done` took, so much is left of the rest. */
static int64_t left(int64_t done, int64_t rest, int64_t elapsed_ms)
{
    if (done <= 0 || rest < 0 || elapsed_ms <= 0)
        return -1;
    double ms = (double)elapsed_ms / (double)done * (double)rest;
    return ms < (double)LEFT_MAX ? (int64_t)ms : -1;
}

static const struct evo_progress_item *same(const struct evo_progress_list *before,
                                            const struct evo_progress_item *p)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct evo_progress_item *b = &before->items[i];
        if (b->pid == p->pid && evo_streq(b->command, p->command) && evo_streq(b->phase, p->phase) &&
            evo_streq(b->relation, p->relation) && b->done <= p->done)
            return b;
    }
    return NULL;
}

void evo_progress_compare(const struct evo_progress_list *before, int64_t now, struct evo_progress_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct evo_progress_item *p = &l->items[i];
        const struct evo_progress_item *b = same(before, p);
        p->since = b ? b->since : now;
        p->since_done = b ? b->since_done : p->done;
        p->left_ms = -1;
        if (evo_progress_percent(p) < 1)
            continue;
        if (now - p->since >= MEASURE_MS && p->done > p->since_done)
            p->left_ms = left(p->done - p->since_done, p->total - p->done, now - p->since);
        else if (p->first_phase && p->elapsed_ms >= MEASURE_MS)
            p->left_ms = left(p->done, p->total - p->done, p->elapsed_ms);
    }
}
