/* What only the database can tell of a project: whose ledger it is, and in which schema. */
#include "base/banned.h"
#include "layout/ledger_impl.h"
#include "layout/reader.h"

/* Tools whose files are those of `sql`, one form of them. */
static const struct {
    const char *tool; /* of foreign.c */
    enum evo_layout_kind kind;
} namesakes[] = {
    { "dbmate", EVO_LAYOUT_DBMATE },
    { "golang-migrate", EVO_LAYOUT_GOLANG_MIGRATE },
};

/* Every file is of the form that the tool takes. */
static bool files_fit(const struct evo_project *p, enum evo_layout_kind kind)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct evo_migration *m = &p->items[i];
        bool fits =
            kind == EVO_LAYOUT_DBMATE ? m->parts == EVO_PARTS_MIGRATE : evo_ends_with(m->path, ".up.sql");
        if (!fits)
            return false;
    }
    return true;
}

const char *evo_project_namesake(const struct evo_project *p)
{
    bool usual = evo_ends_with(p->migrations, "db/migrations");
    return p->kind == EVO_LAYOUT_SQL && !p->told && p->count && usual && files_fit(p, EVO_LAYOUT_DBMATE)
               ? evo_layout_name(EVO_LAYOUT_DBMATE)
               : NULL;
}

static enum evo_errc settle_kind(struct evo_pg *pg, const char *schema, struct evo_project *p,
                                 struct evo_error *err)
{
    if (p->kind != EVO_LAYOUT_SQL || p->told)
        return EVO_OK;
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(ledger_found) found = { 0 };
    enum evo_errc rc = evo_ledger_look(pg, p, schema, &l, &found, err);
    if (rc || l.count)
        return rc;
    /* Under another name nothing but the project's own configuration tells whose table it is. */
    EVO_AUTO_STR named = evo_table_named(p, EVO_DBMATE_TABLE);
    if (named && files_fit(p, EVO_LAYOUT_DBMATE)) {
        p->kind = EVO_LAYOUT_DBMATE;
        return evo_project_read(p, err);
    }
    for (size_t i = 0; i < EVO_COUNT(namesakes); i++) {
        if (!found.tool || strcmp(namesakes[i].tool, found.tool->tool) != 0 ||
            !files_fit(p, namesakes[i].kind))
            continue;
        p->kind = namesakes[i].kind;
        return evo_project_read(p, err);
    }
    return EVO_OK; /* evo_ledger_load() refuses */
}

static enum evo_errc settle_place(struct evo_pg *pg, const char *schema, struct evo_project *p,
                                  struct evo_error *err)
{
    if (!evo_ledger_kind_of(p->kind)->in_path || p->ledger_schema || (schema && *schema))
        return EVO_OK;
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, "SELECT pg_catalog.current_schema()::text", 0, NULL, &r, err);
    if (rc)
        return rc;
    if (!evo_pg_value(r, 0, 0)) {
        evo_error_set(err, EVO_ERR_CONFIG, "search_path of role and database names no schema that exists");
        evo_error_detail(err, "%s would not know where to put its table.", evo_layout_name(p->kind));
        return evo_error_hint(err, "Look at it: psql -c 'SHOW search_path'");
    }
    p->ledger_schema = evo_strdup(evo_pg_value(r, 0, 0));
    return EVO_OK;
}

enum evo_errc evo_project_settle(struct evo_pg *pg, const char *schema, struct evo_project *p,
                                 struct evo_error *err)
{
    enum evo_errc rc = settle_kind(pg, schema, p, err);
    return rc ? rc : settle_place(pg, schema, p, err);
}
