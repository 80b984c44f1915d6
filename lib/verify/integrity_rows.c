/* Checks that read rows. */
#include "verify/integrity_impl.h"
#include "verify/integrity_sql.h"

void evo_row_item_release(struct evo_row_item *item)
{
    free(item->table);
    free(item->object);
    free(item->why_not);
    for (size_t i = 0; i < EVO_INTEGRITY_PARTS; i++)
        free(item->part[i]);
    *item = (struct evo_row_item){ 0 };
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* The formatter knows no SQL. */
/* clang-format off */

/* ---- orphans ------------------------------------------------------------------ */

/* Parts: relation, its columns, the condition of an orphan, declared NOT ENFORCED (18), the table referred to.
 *
 * As the server's own check compares (RI_Initial_Check in ri_triggers.c): by the constraint's operators, with the
 * collation of the key; MATCH FULL counts a key that is NULL in part; a temporal key (PERIOD, 18) is covered by all rows
 * together. The constraint of a partition is its parent's. */
static const char list_foreign_keys[] =
    "SELECT " EVO_SQL_PLAIN("n", "c") ", k.conname, z.rows, z.bytes, NULL, "
    EVO_SQL_ONLY("c") " || " EVO_SQL_QUOTED("n", "c") ", f.columns, "
    "CASE WHEN cardinality(k.conkey) > 1 THEN '(' || f.present || ')' ELSE f.present END || "
    "' AND NOT EXISTS (SELECT FROM ' || "
    "CASE WHEN x.period THEN format('(SELECT p.%I AS r FROM ', f.last_key) ELSE '' END || "
    EVO_SQL_ONLY("pc") " || " EVO_SQL_QUOTED("pn", "pc") " || ' p WHERE ' || f.match || "
    "CASE WHEN x.period THEN format(') x HAVING c.%I OPERATOR(pg_catalog.<@) pg_catalog.range_agg(x.r)', "
    "f.last_column) ELSE '' END || ')', "
    "NOT coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true), " EVO_SQL_PLAIN("pn", "pc") " "
    "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_class pc ON pc.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = pc.relnamespace "
    "CROSS JOIN LATERAL (SELECT coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) AS period) x "
    "CROSS JOIN LATERAL (SELECT string_agg(format('c.%I', ca.attname), ', ' ORDER BY u.i) AS columns, "
    "string_agg(format('c.%I IS NOT NULL', ca.attname), CASE k.confmatchtype WHEN 'f' THEN ' OR ' ELSE "
    "' AND ' END ORDER BY u.i) AS present, "
    "string_agg(format('p.%I %s c.%I%s', pa.attname, CASE opn.nspname WHEN 'pg_catalog' THEN o.oprname::text "
    "ELSE format('OPERATOR(%I.%s)', opn.nspname, o.oprname) END, ca.attname, "
    "CASE WHEN ca.attcollation <> pa.attcollation THEN format(' COLLATE %I.%I', con.nspname, co.collname) "
    "ELSE '' END), ' AND ' ORDER BY u.i) AS match, "
    "(array_agg(ca.attname ORDER BY u.i DESC))[1] AS last_column, "
    "(array_agg(pa.attname ORDER BY u.i DESC))[1] AS last_key "
    "FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS u(ck, pk, op, i) "
    "JOIN pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = u.ck "
    "JOIN pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = u.pk "
    "JOIN pg_operator o ON o.oid = u.op JOIN pg_namespace opn ON opn.oid = o.oprnamespace "
    "LEFT JOIN pg_collation co ON co.oid = pa.attcollation LEFT JOIN pg_namespace con ON con.oid = "
    "co.collnamespace) f "
    "CROSS JOIN " EVO_SQL_SIZE("c") " "
    "WHERE k.contype = 'f' AND k.conparentid = 0 AND (" EVO_SQL_WANTED("n", "c") " OR "
    EVO_SQL_WANTED("pn", "pc") ")";

/* ---- nulls ------------------------------------------------------------------------ */

/* Parts: relation, columns, the condition of a bad row, declared NOT ENFORCED (18). Children have the constraint by
 * inheritance, and their rows come with the parent's. The condition is written so that the planner does not recognise
 * it: to a plain one it would say that the constraint leaves no such row. */
static const char list_nulls[] =
    "SELECT " EVO_SQL_PLAIN("n", "c") ", k.conname, z.rows, z.bytes, NULL, "
    "CASE WHEN k.connoinherit THEN " EVO_SQL_ONLY("c") " ELSE '' END || " EVO_SQL_QUOTED("n", "c") ", "
    "f.columns, CASE WHEN k.contype = 'n' OR x.expression = format('(%I IS NOT NULL)', f.first) THEN "
    "format('num_nulls(%s) > 0', f.columns) ELSE format('CASE WHEN %s THEN false ELSE true END', x.expression) END, "
    "NOT coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) "
    "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL (SELECT pg_get_expr(k.conbin, k.conrelid) AS expression) x "
    "CROSS JOIN LATERAL (SELECT string_agg(format('c.%I', a.attname), ', ' ORDER BY a.attnum) AS columns, "
    "(array_agg(a.attname ORDER BY a.attnum))[1] AS first FROM pg_attribute a WHERE a.attrelid = k.conrelid "
    "AND a.attnum = ANY (k.conkey)) f "
    "CROSS JOIN " EVO_SQL_SIZE("c") " "
    "WHERE k.coninhcount = 0 AND (k.contype = 'c' AND x.expression ~ " EVO_SQL_NULL_TESTS " OR k.contype = 'n' AND "
    "NOT k.convalidated) AND c.relkind IN ('r', 'p') AND " EVO_SQL_WANTED("n", "c");

/* ---- duplicates ---------------------------------------------------------------------- */

/* A function that is neither the server's nor an extension's; the server records no dependency on its own. */
#define OWN_FUNCTION \
    "EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND " \
    "d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND NOT EXISTS (SELECT FROM pg_depend e " \
    "WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'))"

/* Parts: relation, key expressions, the condition of a row that counts (NULL: every row), how a row's key is one of the
 * sample `s`, key expressions under the names that they have there.
 *
 * INVALID indexes count as well: equal rows are why a unique one could not be built. Only expressions are deparsed, which
 * would wait for whoever has locked the table. */
static const char list_unique[] =
    "SELECT " EVO_SQL_PLAIN("n", "c") ", ic.relname, z.rows, z.bytes, "
    "CASE WHEN " OWN_FUNCTION " THEN 'its definition calls a function of the database''s own' END, "
    EVO_SQL_ONLY("c") " || " EVO_SQL_QUOTED("n", "c") ", k.keys, "
    "nullif(concat_ws(' AND ', CASE WHEN coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) "
    "THEN NULL ELSE k.present END, pg_get_expr(i.indpred, i.indrelid)), ''), k.match, k.named "
    "FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam "
    "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL (SELECT string_agg(e.key, ', ' ORDER BY e.i) AS keys, "
    "string_agg(e.key || ' IS NOT NULL', ' AND ' ORDER BY e.i) AS present, "
    "string_agg(format('%s %s s.evo_k%s', e.key, e.operator, e.i), ' AND ' ORDER BY e.i) AS match, "
    "string_agg(format('%s AS evo_k%s', e.key, e.i), ', ' ORDER BY e.i) AS named "
    "FROM (SELECT p.i, CASE WHEN ta.attnum > 0 THEN quote_ident(ta.attname) ELSE pg_get_indexdef(i.indexrelid, p.i, "
    "true) END || CASE WHEN i.indcollation[p.i - 1] <> 0 AND "
    "i.indcollation[p.i - 1] IS DISTINCT FROM ta.attcollation THEN format(' COLLATE %I.%I', con.nspname, "
    "co.collname) ELSE '' END AS key, CASE opn.nspname WHEN 'pg_catalog' THEN o.oprname::text ELSE "
    "format('OPERATOR(%I.%s)', opn.nspname, o.oprname) END AS operator "
    "FROM generate_series(1, i.indnkeyatts) AS p(i) "
    "LEFT JOIN pg_attribute ta ON ta.attrelid = i.indrelid AND ta.attnum = i.indkey[p.i - 1] AND ta.attnum > 0 "
    "LEFT JOIN pg_collation co ON co.oid = i.indcollation[p.i - 1] "
    "LEFT JOIN pg_namespace con ON con.oid = co.collnamespace "
    "JOIN pg_opclass oc ON oc.oid = i.indclass[p.i - 1] "
    "JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amopstrategy = 3 AND ao.amoplefttype = "
    "oc.opcintype AND ao.amoprighttype = oc.opcintype "
    "JOIN pg_operator o ON o.oid = ao.amopopr JOIN pg_namespace opn ON opn.oid = o.oprnamespace) e) k "
    "CROSS JOIN " EVO_SQL_SIZE("c") " "
    "WHERE i.indisunique AND ic.relkind = 'i' AND am.amname = 'btree' AND c.relkind IN ('r', 'm') AND "
    "i.indislive AND " EVO_SQL_WANTED("n", "c");

/* The index is what is asked about: the rows come from the table. */
static const char settings_duplicates[] =
    "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off";

/* ---- sequences -------------------------------------------------------------------------- */

/* Parts: table, column, sequence, its increment, the sequence as a literal. Of identity columns, and of columns whose
 * default is nextval() and nothing else. A sequence that cycles begins anew on purpose. */
static const char list_sequences[] =
    "WITH u AS (SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number FROM pg_depend d "
    "WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i' AND "
    "d.refobjsubid > 0 UNION SELECT d.refobjid, v.adrelid, v.adnum FROM pg_depend d JOIN pg_attrdef v ON "
    "v.oid = d.objid WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND "
    "d.deptype = 'n' AND pg_get_expr(v.adbin, v.adrelid) ~ '^nextval\\(''.*''::regclass\\)$') "
    "SELECT " EVO_SQL_PLAIN("n", "c") ", s.relname, 0, 0, NULL, "
    EVO_SQL_QUOTED("n", "c") ", quote_ident(a.attname), " EVO_SQL_QUOTED("sn", "s") ", q.seqincrement, "
    "quote_literal(" EVO_SQL_QUOTED("sn", "s") ") "
    "FROM u JOIN pg_sequence q ON q.seqrelid = u.sequence JOIN pg_class s ON s.oid = u.sequence "
    "JOIN pg_namespace sn ON sn.oid = s.relnamespace JOIN pg_class c ON c.oid = u.relation "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = u.relation AND a.attnum = u.number JOIN pg_type t ON t.oid = a.atttypid "
    "WHERE NOT q.seqcycle AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND "
    "coalesce(nullif(t.typbasetype, 0), t.oid) IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, "
    "'numeric'::regtype) AND " EVO_SQL_WANTED("n", "c");

/* ---- structure ---------------------------------------------------------------------------- */

/* Parts: index, the schema of amcheck, the index as a literal. Nothing where amcheck is not installed. */
static const char list_btrees[] =
    "SELECT " EVO_SQL_PLAIN("n", "c") ", ic.relname, 0, ic.relpages * current_setting('block_size')::bigint, NULL, "
    EVO_SQL_QUOTED("icn", "ic") ", quote_ident(en.nspname), quote_literal(" EVO_SQL_QUOTED("icn", "ic") ") "
    "FROM pg_extension e JOIN pg_namespace en ON en.oid = e.extnamespace "
    "CROSS JOIN pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_namespace icn ON icn.oid = "
    "ic.relnamespace JOIN pg_am am ON am.oid = ic.relam JOIN pg_class c ON c.oid = i.indrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE e.extname = 'amcheck' AND am.amname = 'btree' AND ic.relkind = 'i' AND i.indisvalid AND i.indisready "
    "AND i.indislive AND (ic.relpersistence = 'p' OR NOT pg_is_in_recovery()) AND " EVO_SQL_WANTED("n", "c");

/* clang-format on */

/* ---- rows by a condition: orphans, nulls, checks, domains ------------------------------------------- */

static void count_by_condition(const struct evo_row_item *item, const struct evo_integrity_options *o,
                               struct evo_strbuf *sql)
{
    const char *relation = item->part[0], *columns = item->part[1], *condition = item->part[2];
    EVO_AUTO(strbuf) sample = EVO_STRBUF_INIT;
    evo_integrity_tablesample(o->sample, item, &sample);
    if (!sample.len) {
        evo_strbuf_addf(sql, "SELECT count(*), NULL, NULL FROM %s c WHERE %s", relation, condition);
        return;
    }
    evo_strbuf_addf(sql,
                    "WITH s AS MATERIALIZED (SELECT %s FROM %s c%s) SELECT (SELECT count(*) FROM s c WHERE "
                    "%s), (SELECT count(*) FROM s), NULL",
                    columns, relation, sample.buf, condition);
}

static void show_by_condition(const struct evo_row_item *item, const struct evo_integrity_options *o,
                              struct evo_strbuf *sql)
{
    (void)o;
    evo_strbuf_addf(sql, "SELECT c.* FROM %s c WHERE %s", item->part[0], item->part[2]);
}

static void say_orphans(const struct evo_row_item *item, int64_t count, const char *extra,
                        struct evo_strbuf *out)
{
    (void)extra;
    evo_strbuf_addf(out, "%lld row%s of \"%s\" refer%s to no row of \"%s\" (foreign key \"%s\")",
                    (long long)count, plural(count), item->table, count == 1 ? "s" : "", item->part[4],
                    item->object);
}

static void say_nulls(const struct evo_row_item *item, int64_t count, const char *extra,
                      struct evo_strbuf *out)
{
    (void)extra;
    evo_strbuf_addf(out, "%lld row%s of \"%s\" %s NULL where constraint \"%s\" allows none", (long long)count,
                    plural(count), item->table, count == 1 ? "holds" : "hold", item->object);
}

/* ---- duplicates ------------------------------------------------------------------------ */

static void count_duplicates(const struct evo_row_item *item, const struct evo_integrity_options *o,
                             struct evo_strbuf *sql)
{
    const char *relation = item->part[0], *keys = item->part[1], *where = item->part[2];
    const char *match = item->part[3], *named = item->part[4];
    EVO_AUTO(strbuf) sample = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) numbers = EVO_STRBUF_INIT;
    evo_integrity_tablesample(o->sample, item, &sample);
    int n = 1;
    for (const char *p = named; (p = strstr(p, " AS evo_k")); p++, n++)
        evo_strbuf_addf(&numbers, "%s%d", n > 1 ? ", " : "", n);
    if (!sample.len) {
        evo_strbuf_addf(sql,
                        "SELECT count(*), NULL, NULL FROM (SELECT %s FROM %s c%s%s GROUP BY %s HAVING "
                        "count(*) > 1) g",
                        keys, relation, where ? " WHERE " : "", where ? where : "", numbers.buf);
        return;
    }
    /* Equal rows lie in different blocks: each row of the sample is looked for in the whole table. */
    evo_strbuf_addf(sql,
                    "WITH s AS MATERIALIZED (SELECT %s FROM %s c%s%s%s) SELECT (SELECT count(*) FROM (SELECT "
                    "%s FROM %s c WHERE EXISTS (SELECT FROM s WHERE %s)%s%s GROUP BY %s HAVING count(*) > 1) "
                    "g), (SELECT count(*) FROM s), NULL",
                    named, relation, sample.buf, where ? " WHERE " : "", where ? where : "", keys, relation,
                    match, where ? " AND " : "", where ? where : "", numbers.buf);
}

/* OFFSET 0 has the table read as a whole: whoever runs this has the indexes switched on. */
static void show_duplicates(const struct evo_row_item *item, const struct evo_integrity_options *o,
                            struct evo_strbuf *sql)
{
    const char *keys = item->part[1], *where = item->part[2];
    (void)o;
    evo_strbuf_addf(
        sql,
        "SELECT %s, count(*), array_agg(c.ctid) AS rows FROM (SELECT ctid, * FROM %s OFFSET 0) c%s%s "
        "GROUP BY %s HAVING count(*) > 1",
        keys, item->part[0], where ? " WHERE " : "", where ? where : "", keys);
}

static void say_duplicates(const struct evo_row_item *item, int64_t count, const char *extra,
                           struct evo_strbuf *out)
{
    (void)extra;
    evo_strbuf_addf(out, "%lld value%s of (%s) stand%s in more than one row of \"%s\" (unique index \"%s\")",
                    (long long)count, plural(count), item->part[1], count == 1 ? "s" : "", item->table,
                    item->object);
}

/* ---- sequences ---------------------------------------------------------------------------- */

static bool counts_down(const struct evo_row_item *item)
{
    return *item->part[3] == '-';
}

static void count_sequence(const struct evo_row_item *item, const struct evo_integrity_options *o,
                           struct evo_strbuf *sql)
{
    const char *relation = item->part[0], *column = item->part[1], *sequence = item->part[2];
    const char *increment = item->part[3];
    (void)o;
    evo_strbuf_addf(sql,
                    "SELECT (CASE WHEN s.is_called THEN s.last_value + (%s)::numeric ELSE s.last_value END "
                    "%s m.reached)::int, NULL, format('it stands at %%s, the column has reached %%s', "
                    "s.last_value, m.reached) FROM %s s, (SELECT %s(c.%s)::numeric AS reached FROM %s c) m",
                    increment, counts_down(item) ? ">=" : "<=", sequence, counts_down(item) ? "min" : "max",
                    column, relation);
}

static void show_sequence(const struct evo_row_item *item, const struct evo_integrity_options *o,
                          struct evo_strbuf *sql)
{
    (void)o;
    evo_strbuf_addf(sql, "SELECT s.last_value, s.is_called, (SELECT %s(c.%s) FROM %s c) AS reached FROM %s s",
                    counts_down(item) ? "min" : "max", item->part[1], item->part[0], item->part[2]);
}

static void say_sequence(const struct evo_row_item *item, int64_t count, const char *extra,
                         struct evo_strbuf *out)
{
    (void)count;
    evo_strbuf_addf(out, "sequence \"%s\" is behind column %s of \"%s\": %s", item->object, item->part[1],
                    item->table, extra);
}

static void mend_sequence(const struct evo_row_item *item, struct evo_strbuf *sql)
{
    evo_strbuf_addf(sql, "SELECT setval(%s, (SELECT %s(%s) FROM %s)::bigint)", item->part[4],
                    counts_down(item) ? "min" : "max", item->part[1], item->part[0]);
}

/* ---- structure ------------------------------------------------------------------------------ */

static void show_structure(const struct evo_row_item *item, const struct evo_integrity_options *o,
                           struct evo_strbuf *sql)
{
    evo_strbuf_addf(sql, "SELECT %s.bt_index_check(%s::regclass, %s)", item->part[1], item->part[2],
                    o->heapallindexed ? "true" : "false");
}

static void count_structure(const struct evo_row_item *item, const struct evo_integrity_options *o,
                            struct evo_strbuf *sql)
{
    evo_strbuf_adds(sql, "SELECT 0, NULL, NULL FROM (");
    show_structure(item, o, sql);
    evo_strbuf_adds(sql, ") x(checked) WHERE x.checked IS NOT NULL");
}

static void say_structure(const struct evo_row_item *item, int64_t count, const char *extra,
                          struct evo_strbuf *out)
{
    (void)count;
    evo_strbuf_addf(out, "index \"%s\" of \"%s\" is damaged: %s", item->object, item->table, extra);
}

static void mend_structure(const struct evo_row_item *item, struct evo_strbuf *sql)
{
    evo_strbuf_addf(sql, "REINDEX INDEX CONCURRENTLY %s", item->part[0]);
}

/* ---- the table -------------------------------------------------------------------------------- */

const struct evo_row_check evo_row_checks[] = {
    { .name = "orphans",
      .one = "foreign key",
      .many = "foreign keys",
      .none = "no orphan",
      .list = list_foreign_keys,
      .count = count_by_condition,
      .show = show_by_condition,
      .say = say_orphans,
      .lenient_part = 3 },
    { .name = "nulls",
      .one = "constraint",
      .many = "constraints",
      .none = "no NULL",
      .list = list_nulls,
      .count = count_by_condition,
      .show = show_by_condition,
      .say = say_nulls,
      .lenient_part = 3 },
    { .name = "checks",
      .one = "check constraint",
      .many = "check constraints",
      .none = "no row breaks one",
      .list = evo_checks_list,
      .count = count_by_condition,
      .show = show_by_condition,
      .say = evo_checks_say,
      .lenient_part = 3 },
    { .name = "domains",
      .one = "domain constraint",
      .many = "domain constraints of columns",
      .none = "no row breaks one",
      .list = evo_domains_list,
      .count = count_by_condition,
      .show = show_by_condition,
      .say = evo_domains_say },
    { .name = "duplicates",
      .one = "unique index",
      .many = "unique indexes",
      .none = "no two rows are equal",
      .list = list_unique,
      .settings = settings_duplicates,
      .count = count_duplicates,
      .show = show_duplicates,
      .say = say_duplicates },
    { .name = "sequences",
      .one = "sequence",
      .many = "sequences",
      .none = "none is behind",
      .list = list_sequences,
      .count = count_sequence,
      .show = show_sequence,
      .say = say_sequence,
      .mend = mend_sequence },
    { .name = "index-structure",
      .one = "index",
      .many = "indexes",
      .none = "sound",
      .list = list_btrees,
      .count = count_structure,
      .show = show_structure,
      .say = say_structure,
      .mend = mend_structure,
      .error_is_finding = true },
};
const size_t evo_row_checks_count = EVO_COUNT(evo_row_checks);
const struct evo_row_check *const evo_row_check_structure = &evo_row_checks[EVO_COUNT(evo_row_checks) - 1];
