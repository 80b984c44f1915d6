#include "layout/seen.h"

#include "base/banned.h"
#include "layout/graph.h"
#include "layout/ledger_impl.h"
#include "layout/schema_log.h"
#include "schema/sql.h"

/* ---- pure ------------------------------------------------------------------------ */

bool evo_seen_matters(const struct evo_ledger *l)
{
    if (evo_layout_of(l->kind)->by_files || evo_layout_of(l->kind)->graph)
        return true;
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].inferred)
            return true;
    return false;
}

char *evo_seen_version(enum evo_layout_kind kind, const char *version)
{
    if (evo_layout_of(kind)->graph)
        return evo_strdup(version);
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    size_t kept = 0; /* up to the last part that is not 0 */
    for (const char *p = version; *p; p += *p == '.') {
        size_t n = strcspn(p, "."), zeros = strspn(p, "0");
        size_t skip = zeros < n ? zeros : n ? n - 1 : 0; /* one 0 stays */
        if (p != version)
            evo_strbuf_addch(&out, '.');
        evo_strbuf_add(&out, p + skip, n - skip);
        if (zeros < n || p == version)
            kept = out.len;
        p += n;
    }
    return evo_strndup(out.buf, kept);
}

/* The place of the row's file in p; p->count where it has none. Rows mostly come in the order of the files: the search
 * goes on behind the last one found. */
static size_t file_of(const struct evo_project *p, const struct evo_ledger_row *row, size_t *behind)
{
    for (size_t n = 0; n < p->count; n++) {
        size_t i = (*behind + n) % p->count;
        if (strcmp(p->items[i].name, row->name) != 0)
            continue;
        *behind = i + 1;
        return i;
    }
    return p->count;
}

static bool is_seen(const struct evo_ledger *l, const struct evo_migration *m)
{
    if (!m->version)
        return false;
    EVO_AUTO_STR version = evo_seen_version(l->kind, m->version);
    return evo_strvec_contains_sorted(&l->seen, version);
}

/* Files that stand before one that is on record, or are on it: by place (the caller frees). */
static bool *before_seen(const struct evo_ledger *l, const struct evo_project *p)
{
    bool *before = evo_calloc(p->count + 1, sizeof(bool));
    bool graph = evo_layout_of(l->kind)->graph, found = false;
    for (size_t i = p->count; i-- > 0;) {
        if (before[i])
            continue; /* and all that it builds upon */
        bool own = is_seen(l, &p->items[i]);
        if (graph && own)
            evo_graph_mark(p, p->items[i].name, before);
        found = found || own;
        before[i] = graph ? before[i] : found;
    }
    return before;
}

static bool is_live(const struct evo_ledger_row *row)
{
    return row->finished_ms >= 0 && row->rolled_back_ms < 0;
}

void evo_seen_mark(struct evo_ledger *l, const struct evo_project *p)
{
    if (!l->seen.count)
        return;
    bool *before = before_seen(l, p);
    size_t behind = 0;
    for (size_t r = 0; r < l->count; r++) {
        struct evo_ledger_row *row = &l->items[r];
        size_t i = row->inferred && is_live(row) ? file_of(p, row, &behind) : p->count;
        row->late = i < p->count && p->items[i].version && before[i] && !is_seen(l, &p->items[i]);
    }
    free(before);
}

/* ---- the record -------------------------------------------------------------------- */

static const char no_table[] = "42P01";

/* As of evo.journal: a query that is refused would end the transaction that a backup reads in. */
static const char readable_sql[] =
    "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'evo' AND c.relname = 'seen' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
    "AND pg_catalog.has_table_privilege(c.oid, 'SELECT')";

enum evo_errc evo_seen_load(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                            struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) readable = NULL;
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (!l->evo_schema_exists || !evo_seen_matters(l))
        return EVO_OK;
    enum evo_errc rc = evo_pg_query(pg, readable_sql, 0, NULL, &readable, err);
    if (rc || !evo_pg_rows(readable))
        return rc;
    EVO_AUTO_STR key = evo_schema_log_key(l);
    rc = evo_pg_query(pg, "SELECT version FROM evo.seen WHERE ledger = $1", 1, (const char *const[]){ key },
                      &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++)
        evo_strvec_push(&l->seen, evo_pg_value(r, i, 0));
    evo_strvec_sort(&l->seen);
    if (!rc)
        evo_seen_mark(l, p);
    return rc;
}

/* The versions, as the text of an array, in one statement. */
static enum evo_errc write_versions(struct evo_pg *pg, const struct evo_ledger *l, const char *sql,
                                    struct evo_strbuf *array, struct evo_error *err)
{
    if (!array->len)
        return EVO_OK;
    evo_strbuf_addch(array, '}');
    EVO_AUTO_STR key = evo_schema_log_key(l);
    const char *const params[] = { key, array->buf };
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_query(pg, sql, EVO_COUNT(params), params, NULL, &failed);
    if (rc && evo_streq(failed.sqlstate, no_table)) {
        rc = evo_pg_exec(pg, evo_schema_sql_seen, err);
        if (rc == EVO_ERR_PERMISSION)
            return evo_ledger_ask_for_evo(l, err);
        return rc ? rc : evo_pg_query(pg, sql, EVO_COUNT(params), params, NULL, err);
    }
    if (rc && err)
        *err = failed;
    if (rc != EVO_ERR_PERMISSION)
        return rc;
    EVO_AUTO_STR role = evo_ledger_quote(l->role);
    return evo_ledger_ask_for(l, err, "USAGE ON SCHEMA evo TO %s; GRANT SELECT, INSERT, DELETE ON evo.seen",
                              role);
}

static enum evo_errc add_versions(struct evo_pg *pg, const struct evo_ledger *l, struct evo_strbuf *array,
                                  struct evo_error *err)
{
    return write_versions(pg, l,
                          "INSERT INTO evo.seen (ledger, version) SELECT $1, v FROM "
                          "pg_catalog.unnest($2::text[]) v ON CONFLICT DO NOTHING",
                          array, err);
}

static enum evo_errc remove_versions(struct evo_pg *pg, const struct evo_ledger *l, struct evo_strbuf *array,
                                     struct evo_error *err)
{
    return write_versions(pg, l, "DELETE FROM evo.seen WHERE ledger = $1 AND version = ANY ($2::text[])",
                          array, err);
}

static void add_element(const struct evo_ledger *l, const struct evo_migration *m, struct evo_strbuf *array)
{
    EVO_AUTO_STR version = evo_seen_version(l->kind, m->version);
    evo_ledger_add_element(array, version);
}

/* A file that is gone may be back tomorrow, on another branch: its version stays. */
enum evo_errc evo_seen_sync(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    const struct evo_project *p = l->project;
    EVO_AUTO(strbuf) more = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) gone = EVO_STRBUF_INIT;
    if (!evo_seen_matters(l))
        return EVO_OK;
    bool *live = evo_calloc(p->count + 1, sizeof(bool));
    size_t behind = 0;
    for (size_t r = 0; r < l->count; r++) {
        const struct evo_ledger_row *row = &l->items[r];
        size_t i = row->rolled_back_ms < 0 ? file_of(p, row, &behind) : p->count;
        live[i] = true;
        if (i < p->count && p->items[i].version && is_live(row) && !row->late && !is_seen(l, &p->items[i]))
            add_element(l, &p->items[i], &more);
    }
    for (size_t i = 0; l->seen.count && i < p->count; i++)
        if (!live[i] && is_seen(l, &p->items[i]))
            add_element(l, &p->items[i], &gone);
    free(live);
    enum evo_errc rc = remove_versions(pg, l, &gone, err);
    return rc ? rc : add_versions(pg, l, &more, err);
}

enum evo_errc evo_seen_note(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            bool applied, struct evo_error *err)
{
    EVO_AUTO(strbuf) array = EVO_STRBUF_INIT;
    if (!m->version || !evo_seen_matters(l))
        return EVO_OK;
    add_element(l, m, &array);
    return applied ? add_versions(pg, l, &array, err) : remove_versions(pg, l, &array, err);
}
