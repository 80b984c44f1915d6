/* Ledgers that have no row for what was begun and not finished: evo.journal tells. */
#include "base/banned.h"
#include "layout/ledger_impl.h"

/* Whoever may read the ledger may not yet have been given the journal: then nothing is known of it. A query that is
 * refused would end the transaction that a backup reads in. */
static const char readable_sql[] =
    "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'evo' AND c.relname = 'journal' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
    "AND pg_catalog.has_table_privilege(c.oid, 'SELECT')";

enum evo_errc evo_ledger_journal(struct evo_pg *pg, const struct evo_ledger *l, bool down,
                                 struct evo_pg_result **ret, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) readable = NULL;
    enum evo_errc rc =
        l->evo_schema_exists ? evo_pg_query(pg, readable_sql, 0, NULL, &readable, err) : EVO_OK;
    if (rc || !readable || !evo_pg_rows(readable))
        return rc;
    EVO_AUTO_STR key = evo_asprintf("%s%s", evo_layout_name(l->kind), down ? " down" : "");
    return evo_pg_query(pg,
                        "SELECT name, pg_catalog.floor(pg_catalog.date_part('epoch',"
                        " pg_catalog.min(started_at)) * 1000::float8)::bigint"
                        " FROM evo.journal WHERE ledger = $1 GROUP BY name ORDER BY 2, 1",
                        1, (const char *const[]){ key }, ret, err);
}

enum evo_errc evo_ledger_add_begun(struct evo_pg *pg, struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_journal(pg, l, false, &r, err);
    size_t recorded = l->count;
    for (int i = 0; !rc && r && i < evo_pg_rows(r); i++) {
        const char *name = evo_pg_value(r, i, 0);
        bool live = false;
        for (size_t n = 0; n < recorded && !live; n++)
            live = strcmp(l->items[n].name, name) == 0 && l->items[n].rolled_back_ms < 0;
        if (live)
            continue;
        struct evo_ledger_row *row = evo_ledger_add(l);
        row->id = evo_strdup(name);
        row->name = evo_strdup(name);
        row->started_ms = evo_pg_value_int(r, i, 1, -1);
    }
    return rc;
}

bool evo_ledger_is_begun(const struct evo_ledger *l, const char *name)
{
    for (size_t i = 0; evo_layout_of(l->kind)->no_attempts && i < l->count; i++)
        if (l->items[i].finished_ms < 0 && strcmp(l->items[i].name, name) == 0)
            return true;
    return false;
}

enum evo_errc evo_ledger_fail_unsaid(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                     const char *logs, struct evo_error *err)
{
    (void)pg;
    (void)l;
    (void)id;
    (void)logs;
    (void)err;
    return EVO_OK;
}

enum evo_errc evo_ledger_give_up_unsaid(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                        struct evo_error *err)
{
    return evo_ledger_fail_unsaid(pg, l, name, NULL, err);
}
