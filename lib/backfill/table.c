#include "backfill/table.h"

#include <inttypes.h>

#include "backfill/ranges.h"
#include "json/json.h"

/* Up to here rows are counted rather than estimated. */
#define COUNTED_MAX 200000

void evo_backfill_table_release(struct evo_backfill_table *t)
{
    if (!t)
        return;
    free(t->name);
    free(t->shown);
    evo_strvec_release(&t->key);
    for (size_t i = 0; i < t->ncolumns; i++) {
        free(t->columns[i].name);
        free(t->columns[i].quoted);
        free(t->columns[i].type);
    }
    *t = (struct evo_backfill_table){ 0 };
}

/* ---- the table --------------------------------------------------------------- */

static const char table_sql[] =
    "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),"
    " c.oid::pg_catalog.regclass::text, c.relkind::text,"
    " c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = c.oid),"
    " pg_catalog.row_security_active(c.oid),"
    " pg_catalog.has_any_column_privilege(c.oid, 'SELECT'), pg_catalog.has_any_column_privilege(c.oid, "
    "'UPDATE'),"
    " pg_catalog.quote_ident(current_user),"
    " c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_am WHERE oid = c.relam AND amname = 'heap')"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = pg_catalog.to_regclass($1)";

static enum evo_errc find_table(struct evo_pg *pg, const char *name, struct evo_task *task,
                                struct evo_backfill_table *t, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, table_sql, 1, (const char *const[]){ name }, &r, err);
    if (rc)
        return rc;
    if (evo_pg_rows(r) == 0) {
        evo_error_set(err, EVO_ERR_NOT_FOUND, "no table %s in database \"%s\"", name, evo_pg_database(pg));
        return evo_error_hint(err, "See which there are: psql \"%s\" -c '\\d'", evo_pg_redacted(pg));
    }
    t->name = evo_strdup(evo_pg_value(r, 0, 0));
    t->shown = evo_strdup(evo_pg_value(r, 0, 1));
    t->by_place = evo_pg_value_bool(r, 0, 8);
    const char *kind = evo_pg_value(r, 0, 2);
    if (!evo_streq(kind, "r") && !evo_streq(kind, "p"))
        return evo_error_set(err, EVO_ERR_CONFIG, "%s is not a table", t->shown);
    if (evo_pg_value_bool(r, 0, 3)) {
        evo_error_set(err, EVO_ERR_CONFIG, "cannot walk through %s: other tables inherit from it", t->shown);
        return evo_error_hint(err, "No index holds the rows of all of them: run a backfill for each table.");
    }
    if (!evo_pg_value_bool(r, 0, 5) || !evo_pg_value_bool(r, 0, 6)) {
        evo_error_set(err, EVO_ERR_PERMISSION, "role %s may not read and lock rows of %s",
                      evo_pg_value(r, 0, 7), t->shown);
        return evo_error_hint(err, "Ask for it: GRANT SELECT, UPDATE ON %s TO %s;", t->name,
                              evo_pg_value(r, 0, 7));
    }
    if (evo_pg_value_bool(r, 0, 4))
        evo_warn(task, "row security hides rows of %s from this role: what is hidden is not changed",
                 t->shown);
    return EVO_OK;
}

/* ---- the key ----------------------------------------------------------------- */

/* A row a column of a unique index, the primary key first. Class, collation and direction tell whether the index is in
 * the order that ORDER BY and row comparison mean. */
static const char index_sql[] =
    "SELECT i.indexrelid::pg_catalog.regclass::text, i.indisprimary, a.attname,"
    " pg_catalog.quote_ident(a.attname), pg_catalog.format_type(a.atttypid, -1),"
    " a.atttypid IN (20, 21, 23),"
    " CASE WHEN NOT i.indisvalid OR NOT i.indisready THEN 'it is not valid'"
    "  WHEN i.indpred IS NOT NULL THEN 'it holds only some of the rows'"
    "  WHEN NOT i.indimmediate THEN 'it is deferrable'"
    "  WHEN a.attname IS NULL THEN 'it is on an expression'"
    "  WHEN NOT a.attnotnull THEN pg_catalog.quote_ident(a.attname) || ' may be null'"
    "  WHEN y.typcategory = 'A' THEN pg_catalog.quote_ident(a.attname) || ' is an array'"
    "  WHEN NOT o.opcdefault OR i.indcollation[k.n] <> a.attcollation"
    "   OR i.indoption[k.n] & 1 <> i.indoption[0] & 1 THEN 'its order is not that of its columns' END"
    " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
    " JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname = 'btree'"
    " CROSS JOIN LATERAL pg_catalog.generate_series(0, i.indnkeyatts - 1) k (n)"
    " JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[k.n]"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n]"
    " LEFT JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
    " WHERE i.indrelid = pg_catalog.to_regclass($1) AND i.indisunique"
    " ORDER BY NOT i.indisprimary, i.indnkeyatts, i.indexrelid, k.n";

/* One index: rows from `first` on, `count` of them. */
struct index {
    int first, count;
    const char *name, *why; /* why not; NULL: it will do */
    bool primary;
};

static struct index index_at(const struct evo_pg_result *r, int row)
{
    struct index x = { .first = row,
                       .name = evo_pg_value(r, row, 0),
                       .primary = evo_pg_value_bool(r, row, 1) };
    for (; row < evo_pg_rows(r) && evo_streq(evo_pg_value(r, row, 0), x.name); row++, x.count++)
        if (!x.why)
            x.why = evo_pg_value(r, row, 6);
    return x;
}

static bool is_on(const struct evo_pg_result *r, const struct index *x, const struct evo_strvec *key)
{
    if ((size_t)x->count != key->count)
        return false;
    for (int i = x->first; i < x->first + x->count; i++)
        if (!evo_pg_value(r, i, 2) || !evo_strvec_contains(key, evo_pg_value(r, i, 2)))
            return false;
    return true;
}

static void take_index(const struct evo_pg_result *r, const struct index *x, struct evo_backfill_table *t)
{
    for (int i = x->first; i < x->first + x->count && t->ncolumns < EVO_BACKFILL_KEY_MAX; i++) {
        t->columns[t->ncolumns++] = (struct evo_backfill_column){ .name = evo_strdup(evo_pg_value(r, i, 2)),
                                                                  .quoted = evo_strdup(evo_pg_value(r, i, 3)),
                                                                  .type = evo_strdup(evo_pg_value(r, i, 4)),
                                                                  .integer = evo_pg_value_bool(r, i, 5) };
        evo_strvec_push(&t->key, evo_pg_value(r, i, 2));
    }
}

/* "id; shop, number": the keys that would do. */
static void add_usable(const struct evo_pg_result *r, struct evo_strbuf *out)
{
    for (int row = 0; row < evo_pg_rows(r);) {
        struct index x = index_at(r, row);
        row += x.count;
        if (x.why)
            continue;
        evo_strbuf_adds(out, out->len ? " or --key " : "--key ");
        for (int i = x.first; i < x.first + x.count; i++)
            evo_strbuf_addf(out, "%s%s", i > x.first ? "," : "", evo_pg_value(r, i, 3));
    }
}

static enum evo_errc refuse_key(const struct evo_pg_result *r, const struct evo_backfill_table *t,
                                const struct evo_strvec *key, const struct index *near, struct evo_error *err)
{
    EVO_AUTO(strbuf) usable = EVO_STRBUF_INIT, names = EVO_STRBUF_INIT;
    for (size_t i = 0; i < key->count; i++)
        evo_strbuf_addf(&names, "%s%s", i ? ", " : "", key->items[i]);
    add_usable(r, &usable);
    if (key->count)
        evo_error_set(err, EVO_ERR_CONFIG, "cannot walk through %s by (%s): %s", t->shown, names.buf,
                      near ? "its unique index will not do" : "no unique index is on exactly these columns");
    else
        evo_error_set(err, EVO_ERR_CONFIG, "cannot walk through %s: it has no primary key to go by",
                      t->shown);
    if (near)
        evo_error_detail(err, "Of index \"%s\": %s.", near->name, near->why);
    if (usable.len)
        return evo_error_hint(err, "Would do: %s", usable.buf);
    return evo_error_hint(
        err, "Make one: CREATE UNIQUE INDEX CONCURRENTLY ON %s (…), on columns that are NOT NULL", t->name);
}

static enum evo_errc find_key(struct evo_pg *pg, const struct evo_backfill_form *f,
                              struct evo_backfill_table *t, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct index near = { 0 };
    enum evo_errc rc = evo_pg_query(pg, index_sql, 1, (const char *const[]){ t->name }, &r, err);
    for (int row = 0; !rc && row < evo_pg_rows(r);) {
        struct index x = index_at(r, row);
        row += x.count;
        if (f->key.count ? !is_on(r, &x, &f->key) : !x.primary)
            continue;
        if (!x.why) {
            take_index(r, &x, t);
            return EVO_OK;
        }
        near = x;
    }
    return rc ? rc : refuse_key(r, t, &f->key, near.count ? &near : NULL, err);
}

/* A row a column that a generated one is made of: the dependency is the expression's. */
static const char generated_sql[] =
    "SELECT g.attname, b.attname FROM pg_catalog.pg_attribute g"
    " JOIN pg_catalog.pg_attrdef e ON e.adrelid = g.attrelid AND e.adnum = g.attnum"
    " JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = "
    "e.oid"
    " AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = g.attrelid"
    " JOIN pg_catalog.pg_attribute b ON b.attrelid = g.attrelid AND b.attnum = d.refobjsubid"
    " WHERE g.attrelid = pg_catalog.to_regclass($1) AND g.attgenerated <> '' AND b.attnum <> g.attnum";

/* A row whose key the statement moves ahead would be found again, and changed again. */
static enum evo_errc refuse_generated(struct evo_pg *pg, const struct evo_backfill_form *f,
                                      const struct evo_backfill_table *t, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, generated_sql, 1, (const char *const[]){ t->name }, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++) {
        const char *generated = evo_pg_value(r, i, 0), *from = evo_pg_value(r, i, 1);
        if (!evo_strvec_contains(&t->key, generated) || !evo_strvec_contains(&f->batch.columns, from))
            continue;
        evo_error_set(
            err, EVO_ERR_CONFIG,
            "the statement changes \"%s\", of which \"%s\" is generated, a column of the key it goes by",
            from, generated);
        return evo_error_hint(err, "Go by another unique key: --key, or key= in backfill.sql.");
    }
    return rc;
}

enum evo_errc evo_backfill_table_find(struct evo_pg *pg, const struct evo_backfill_form *f,
                                      struct evo_task *task, struct evo_backfill_table *ret,
                                      struct evo_error *err)
{
    EVO_AUTO(backfill_table) t = { .matching = -1 };
    enum evo_errc rc = find_table(pg, f->batch.table, task, &t, err);
    if (!rc)
        rc = find_key(pg, f, &t, err);
    for (size_t i = 0; !rc && i < f->batch.columns.count; i++)
        if (evo_strvec_contains(&t.key, f->batch.columns.items[i])) {
            evo_error_set(err, EVO_ERR_CONFIG, "the statement changes \"%s\", a column of the key it goes by",
                          f->batch.columns.items[i]);
            rc = evo_error_hint(err, "Go by another unique key: --key, or key= in backfill.sql.");
        }
    if (!rc)
        rc = refuse_generated(pg, f, &t, err);
    if (rc)
        return rc;
    *ret = t;
    t = (struct evo_backfill_table){ 0 };
    return EVO_OK;
}

/* ---- how many ---------------------------------------------------------------- */

static void add_select(const struct evo_backfill_form *f, const struct evo_backfill_table *t, bool condition,
                       const char *what, struct evo_strbuf *out)
{
    evo_strbuf_addf(out, "SELECT %s FROM %s AS %s", what, t->name, f->batch.alias);
    if (condition && f->batch.where)
        evo_strbuf_addf(out, " WHERE (%s\n)", f->batch.where);
}

static enum evo_errc planned(struct evo_pg *pg, const struct evo_backfill_form *f,
                             const struct evo_backfill_table *t, bool condition, int64_t *ret,
                             struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO_PTR(json) plan = NULL;
    evo_strbuf_adds(&sql, "EXPLAIN (FORMAT JSON) ");
    add_select(f, t, condition, "1", &sql);
    enum evo_errc rc = evo_pg_query(pg, sql.buf, 0, NULL, &r, err);
    if (rc)
        return rc;
    const char *text = evo_pg_value(r, 0, 0);
    rc = evo_json_parse(text, strlen(text), "plan", EVO_ERR_DATABASE, &plan, err);
    if (!rc)
        *ret = evo_json_int(evo_json_pointer(plan, "/0/Plan/Plan Rows"), -1);
    return rc;
}

enum evo_errc evo_backfill_table_estimate(struct evo_pg *pg, const struct evo_backfill_form *f, bool count,
                                          struct evo_backfill_table *t, struct evo_error *err)
{
    enum evo_errc rc = planned(pg, f, t, false, &t->rows, err);
    if (!rc)
        rc = planned(pg, f, t, true, &t->matching, err);
    t->matching_exact = false;
    if (rc || (!count && t->rows > COUNTED_MAX))
        return rc;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    add_select(f, t, true, "pg_catalog.count(*)", &sql);
    rc = evo_pg_query(pg, sql.buf, 0, NULL, &r, err);
    if (rc == EVO_ERR_TIMEOUT && evo_pg_alive(pg))
        return EVO_OK; /* the estimate stays */
    if (rc)
        return rc;
    t->matching = evo_pg_value_int(r, 0, 0, -1);
    t->matching_exact = true;
    return EVO_OK;
}

/* ---- parts ------------------------------------------------------------------- */

enum evo_errc evo_backfill_table_split(struct evo_pg *pg, const struct evo_backfill_table *t, size_t parts,
                                       struct evo_strvec *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO(strvec) bounds = EVO_STRVEC_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    const struct evo_backfill_column *c = &t->columns[0];
    /* Of a partitioned table the row with its children counts, where there is one. The bounds stand in the order of the
     * column's own collation; to sort them here would be to sort them by another. */
    evo_strbuf_addf(
        &sql,
        "SELECT b.b::text FROM (SELECT histogram_bounds FROM pg_catalog.pg_stats WHERE"
        " pg_catalog.to_regclass(pg_catalog.quote_ident(schemaname) || '.' ||"
        " pg_catalog.quote_ident(tablename)) = pg_catalog.to_regclass($1) AND attname = $2"
        " ORDER BY inherited DESC LIMIT 1) s,"
        " LATERAL pg_catalog.unnest(s.histogram_bounds::text::%s[]) WITH ORDINALITY b (b, n) ORDER BY b.n",
        c->type);
    enum evo_errc rc = evo_pg_query(pg, sql.buf, 2, (const char *const[]){ t->name, c->name }, &r, err);
    if (rc)
        return rc;
    for (int i = 0; i < evo_pg_rows(r); i++)
        evo_strvec_push(&bounds, evo_pg_value(r, i, 0));
    evo_ranges_of_bounds(&bounds, parts, ret);
    if (ret->count || !c->integer)
        return EVO_OK;
    EVO_AUTO_PTR(pg_result) ends = NULL;
    EVO_AUTO_STR ends_sql =
        evo_asprintf("SELECT pg_catalog.min(%s), pg_catalog.max(%s) FROM %s", c->quoted, c->quoted, t->name);
    rc = evo_pg_query(pg, ends_sql, 0, NULL, &ends, err);
    if (!rc && evo_pg_value(ends, 0, 0))
        evo_ranges_of_integers(evo_pg_value_int(ends, 0, 0, 0), evo_pg_value_int(ends, 0, 1, 0), parts, ret);
    return rc;
}
