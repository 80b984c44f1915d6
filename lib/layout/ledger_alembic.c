/*
 * alembic_version: the heads of what is applied, and nothing else. A revision is applied where a head is it, or builds upon
 * it in any way; there are no times, and the order of application is the graph's. A head that no file has is a row of its
 * own: what it builds upon is not known then. A revision that was put below a head since counts as applied, too (seen.h).
 *
 * https://alembic.sqlalchemy.org/en/latest/branches.html says what a table with several rows means.
 */
#include "base/banned.h"
#include "layout/graph.h"
#include "layout/ledger_impl.h"
#include "pg/lock.h"

static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_STR key = evo_asprintf("%s_pkc", l->table);
    EVO_AUTO_STR name = evo_pg_identifier(pg, key);
    EVO_AUTO_STR sql = evo_asprintf("CREATE TABLE IF NOT EXISTS @ (\n"
                                    "    version_num VARCHAR(32) NOT NULL,\n"
                                    "    CONSTRAINT %s PRIMARY KEY (version_num)\n"
                                    ")",
                                    name);
    enum evo_errc rc = evo_ledger_query(pg, l, sql, 0, NULL, NULL, err);
    if (rc == EVO_ERR_PERMISSION) {
        EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
        return evo_ledger_ask_for(l, err, "USAGE, CREATE ON SCHEMA %s", schema);
    }
    return rc;
}

static void add_row(struct evo_ledger *l, const char *id, const char *name, const char *checksum,
                    bool inferred)
{
    EVO_GROW(l->items, l->count, l->alloc);
    /* Applied, at a time that nobody knows; with no checksum kept, the file is taken for what was applied. */
    l->items[l->count++] = (struct evo_ledger_row){ .id = evo_strdup(id),
                                                    .name = evo_strdup(name),
                                                    .checksum = evo_strdup(checksum),
                                                    .started_ms = -1,
                                                    .finished_ms = 0,
                                                    .rolled_back_ms = -1,
                                                    .inferred = inferred };
}

static enum evo_errc read_heads(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                                struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_query(pg, l, "SELECT version_num FROM @ ORDER BY 1", 0, NULL, &r, err);
    if (rc)
        return rc;
    bool *applied = evo_calloc(p->count + 1, sizeof(bool));
    EVO_AUTO(strvec) unknown = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) heads = EVO_STRVEC_INIT;
    for (int row = 0; row < evo_pg_rows(r); row++) {
        const char *id = evo_pg_value(r, row, 0);
        const struct evo_migration *m = NULL;
        evo_strvec_push(&heads, id);
        for (size_t i = 0; i < p->count && !m; i++)
            if (strcmp(p->items[i].version, id) == 0)
                m = &p->items[i];
        if (m)
            evo_graph_mark(p, m->name, applied);
        else
            evo_strvec_push(&unknown, id);
    }
    for (size_t i = 0; i < p->count; i++)
        if (applied[i])
            add_row(l, p->items[i].version, p->items[i].name, p->items[i].checksum,
                    !evo_strvec_contains(&heads, p->items[i].version));
    for (size_t i = 0; i < unknown.count; i++)
        add_row(l, unknown.items[i], unknown.items[i], "", false);
    free(applied);
    return EVO_OK;
}

/* A head would say of all below it that they are applied. */
static enum evo_errc refuse_gap(const struct evo_ledger *l, const struct evo_migration *m,
                                struct evo_error *err)
{
    for (size_t i = 0; i < m->upon.count; i++) {
        bool there = false;
        for (size_t j = 0; j < l->count && !there; j++)
            there = strcmp(l->items[j].id, m->upon.items[i]) == 0;
        if (there)
            continue;
        (void)evo_error_set(err, EVO_ERR_USAGE,
                            "migration \"%s\" builds upon revision %s, which is not applied", m->name,
                            m->upon.items[i]);
        (void)evo_error_hint(err, "Alembic's table holds heads alone: record that one first.");
        return evo_error_migration(err, m->name);
    }
    return EVO_OK;
}

/* The heads that m builds upon become m: one row is changed, the others go; where there is none, one comes. */
static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    (void)started_ms;
    (void)finished_ms;
    (void)steps;
    (void)logs;
    EVO_AUTO_PTR(pg_result) heads = NULL;
    enum evo_errc rc = refuse_gap(l, m, err);
    if (!rc)
        rc = evo_ledger_query(pg, l, "SELECT version_num FROM @ ORDER BY 1 FOR UPDATE", 0, NULL, &heads, err);
    bool moved = false;
    for (int row = 0; !rc && row < evo_pg_rows(heads); row++) {
        const char *head = evo_pg_value(heads, row, 0);
        if (!evo_strvec_contains(&m->upon, head))
            continue;
        const char *const params[] = { head, m->version };
        rc = moved
                 ? evo_ledger_query(pg, l, "DELETE FROM @ WHERE version_num::text OPERATOR(pg_catalog.=) $1",
                                    1, params, NULL, err)
                 : evo_ledger_query(
                       pg, l,
                       "UPDATE @ SET version_num = $2 WHERE version_num::text OPERATOR(pg_catalog.=) $1", 2,
                       params, NULL, err);
        moved = true;
    }
    if (!rc && !moved)
        rc = evo_ledger_query(pg, l, "INSERT INTO @ (version_num) VALUES ($1)", 1,
                              (const char *const[]){ m->version }, NULL, err);
    if (!rc && ret_id)
        *ret_id = evo_strdup(m->version);
    return rc;
}

const struct evo_ledger_kind evo_ledger_alembic = {
    .table = "alembic_version",
    .by_search_path = true,
    .rows_tell = true,
    .lock_key = EVO_LOCK_MIGRATION,
    .privileges = "SELECT, INSERT, UPDATE, DELETE",
    .create = create,
    .read = read_heads,
    .insert = insert,
};
