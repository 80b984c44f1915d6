#include "layout/journal.h"

#include "base/banned.h"

void evo_journal_release(struct evo_journal *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->count; i++) {
        free(j->items[i].ledger);
        free(j->items[i].name);
        free(j->items[i].checksum);
        free(j->items[i].sha256);
    }
    free(j->items);
    *j = (struct evo_journal){ 0 };
}

const char *evo_journal_key(enum evo_layout_kind kind, bool down, char key[EVO_JOURNAL_KEY_MAX])
{
    (void)snprintf(key, EVO_JOURNAL_KEY_MAX, "%s%s", evo_layout_name(kind), down ? " down" : "");
    return key;
}

static char *text_or_empty(const struct evo_pg_result *r, int row, int column)
{
    const char *value = evo_pg_value(r, row, column);
    return evo_strdup(value ? value : "");
}

/* Whether it is there, by the catalog: to_regclass() fails for whoever may not look into the schema. */
static enum evo_errc find(struct evo_pg *pg, bool *ret, struct evo_error *err)
{
    static const char sql[] =
        "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.quote_ident(current_user) "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) "
        "c.relnamespace "
        "WHERE n.nspname OPERATOR(pg_catalog.=) 'evo' AND c.relname OPERATOR(pg_catalog.=) 'journal'";
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    *ret = !rc && evo_pg_rows(r) > 0;
    if (!*ret || evo_pg_value_bool(r, 0, 0))
        return rc;
    (void)evo_error_set(err, EVO_ERR_PERMISSION,
                        "this role may not read evo.journal, which says what earlier runs left unfinished");
    return evo_error_hint(
        err,
        "Ask for it: GRANT USAGE ON SCHEMA evo TO %s; GRANT SELECT, INSERT, UPDATE, DELETE ON "
        "ALL TABLES IN SCHEMA evo TO %s;",
        evo_pg_value(r, 0, 1), evo_pg_value(r, 0, 1));
}

enum evo_errc evo_journal_load(struct evo_pg *pg, struct evo_journal *ret, struct evo_error *err)
{
    EVO_AUTO(journal) j = { 0 };
    enum evo_errc rc = find(pg, &j.exists, err);
    if (rc)
        return rc;
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (j.exists) {
        rc = evo_pg_query(pg,
                          "SELECT ledger, name, checksum, sha256, statement, done_at IS NOT NULL"
                          " FROM evo.journal ORDER BY ledger, name, statement",
                          0, NULL, &r, err);
        if (rc)
            return evo_error_prefix(err, "could not read evo.journal");
    }
    for (int row = 0; r && row < evo_pg_rows(r); row++) {
        EVO_GROW(j.items, j.count, j.alloc);
        j.items[j.count++] = (struct evo_journal_row){
            .ledger = text_or_empty(r, row, 0),
            .name = text_or_empty(r, row, 1),
            .checksum = text_or_empty(r, row, 2),
            .sha256 = text_or_empty(r, row, 3),
            .statement = evo_pg_value_int(r, row, 4, 0),
            .done = evo_pg_value_bool(r, row, 5),
        };
    }
    *ret = j;
    j = (struct evo_journal){ 0 };
    return EVO_OK;
}

bool evo_journal_is_of(const struct evo_journal_row *row, enum evo_layout_kind kind, bool down,
                       const char *name)
{
    char key[EVO_JOURNAL_KEY_MAX];
    return strcmp(row->name, name) == 0 && strcmp(row->ledger, evo_journal_key(kind, down, key)) == 0;
}

bool evo_journal_holds(const struct evo_journal *j, enum evo_layout_kind kind, bool down, const char *name)
{
    for (size_t i = 0; i < j->count; i++)
        if (evo_journal_is_of(&j->items[i], kind, down, name))
            return true;
    return false;
}
