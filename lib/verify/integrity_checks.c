/* The rows that a CHECK, or the domain of a column, does not allow. */
#include "verify/integrity_impl.h"
#include "verify/integrity_sql.h"

/* The formatter knows no SQL. */
/* clang-format off */

/* Why an expression is not evaluated: what a function of the database's own does is its owner's, and making a value of a
 * domain may call one. The server records no dependency on what is its own; k.contypid is the domain that the constraint
 * itself is of. */
#define WHY_NOT(k) \
    "CASE WHEN EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_constraint'::regclass AND d.objid = " k ".oid AND " \
    "(d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) OR d.refclassid = 'pg_type'::regclass AND " \
    "d.refobjid <> " k ".contypid AND EXISTS (SELECT FROM pg_type y WHERE y.oid = d.refobjid AND y.typtype = 'd')) AND " \
    "NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')) " \
    "THEN 'its expression calls a function of the database''s own' "

/* ---- checks --------------------------------------------------------------------- */

/* Parts: relation, columns, the condition of a bad row, declared NOT ENFORCED (18).
 *
 * NULL passes a CHECK: only false is a fault. Inside CASE the planner does not recognise the expression: of a plain
 * negation it would say that the constraint leaves no such row. Children have the constraint by inheritance, and their
 * rows come with the parent's. What asks of nothing but NULL is the business of the check `nulls`. */
const char evo_checks_list[] =
    "SELECT " EVO_SQL_PLAIN("n", "c") ", k.conname, z.rows, z.bytes, "
    WHY_NOT("k") "WHEN 0 = ANY (k.conkey) THEN 'its expression is about the whole row' END, "
    "CASE WHEN k.connoinherit THEN " EVO_SQL_ONLY("c") " ELSE '' END || " EVO_SQL_QUOTED("n", "c") ", "
    "coalesce(f.columns, ''), format('CASE WHEN NOT (%s) THEN true ELSE false END', x.expression), "
    "NOT coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) "
    "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL (SELECT pg_get_expr(k.conbin, k.conrelid) AS expression) x "
    "CROSS JOIN LATERAL (SELECT string_agg(format('c.%I', a.attname), ', ' ORDER BY a.attnum) AS columns "
    "FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) f "
    "CROSS JOIN " EVO_SQL_SIZE("c") " "
    "WHERE k.contype = 'c' AND k.coninhcount = 0 AND x.expression !~ " EVO_SQL_NULL_TESTS " AND c.relkind IN ('r', 'p') "
    "AND " EVO_SQL_WANTED("n", "c");

void evo_checks_say(const struct evo_row_item *item, int64_t count, const char *extra, struct evo_strbuf *out)
{
    (void)extra;
    evo_strbuf_addf(out, "%lld row%s of \"%s\" %s constraint \"%s\"", (long long)count, count == 1 ? "" : "s",
                    item->table, count == 1 ? "breaks" : "break", item->object);
}

/* ---- domains -------------------------------------------------------------------- */

/* Parts: relation, column, the condition of a bad row, none, "in "column" what domain "name" does not allow".
 *
 * Columns of the domain, or of one made upon it. The server checks a value when it is made and never again; ALTER DOMAIN
 * … NOT VALID does not look at what is stored, and NULL gets past NOT NULL by an outer join or an empty subquery. The
 * server's words for the expression call the value VALUE, which is the column `value` of an inner query with no other. */
const char evo_domains_list[] =
    "WITH RECURSIVE bases AS (SELECT t.oid AS domain, t.typbasetype AS base FROM pg_type t WHERE t.typtype = 'd' "
    "UNION ALL SELECT b.domain, t.typbasetype FROM bases b JOIN pg_type t ON t.oid = b.base AND t.typtype = 'd'), "
    "kinds AS (SELECT t.oid AS domain, t.oid AS type FROM pg_type t WHERE t.typtype = 'd' "
    "UNION ALL SELECT u.domain, t.oid FROM kinds u JOIN pg_type t ON t.typtype = 'd' AND t.typbasetype = u.type), "
    "rules AS (SELECT k.contypid AS domain, k.conname::text AS name, pg_get_expr(k.conbin, 0) AS expression, "
    WHY_NOT("k") "END AS why_not FROM pg_constraint k WHERE k.contypid <> 0 AND k.contype = 'c' "
    "UNION ALL SELECT t.oid, t.typname || ' NOT NULL', NULL, NULL FROM pg_type t WHERE t.typtype = 'd' AND t.typnotnull) "
    "SELECT " EVO_SQL_PLAIN("n", "c") ", r.name, z.rows, z.bytes, r.why_not, "
    EVO_SQL_QUOTED("n", "c") ", format('c.%I', a.attname), "
    "CASE WHEN r.expression IS NULL THEN format('num_nulls(c.%I) > 0', a.attname) ELSE "
    "format('(SELECT NOT (%s) FROM (SELECT c.%I::%s AS value) v)', r.expression, a.attname, format_type(b.base, -1)) END, "
    "NULL, format('in \"%s\" what domain \"%s.%s\" does not allow', a.attname, tn.nspname, t.typname) "
    "FROM rules r JOIN kinds u ON u.domain = r.domain JOIN pg_type t ON t.oid = r.domain "
    "JOIN pg_namespace tn ON tn.oid = t.typnamespace "
    "JOIN bases b ON b.domain = r.domain JOIN pg_type bt ON bt.oid = b.base AND bt.typtype <> 'd' "
    "JOIN pg_attribute a ON a.atttypid = u.type AND a.attnum > 0 AND NOT a.attisdropped AND a.attinhcount = 0 "
    "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN " EVO_SQL_SIZE("c") " "
    "WHERE c.relkind IN ('r', 'p') AND tn.nspname !~ '^(pg_|information_schema$)' AND " EVO_SQL_WANTED("n", "c");

/* clang-format on */

void evo_domains_say(const struct evo_row_item *item, int64_t count, const char *extra,
                     struct evo_strbuf *out)
{
    (void)extra;
    evo_strbuf_addf(out, "%lld row%s of \"%s\" %s %s (constraint \"%s\")", (long long)count,
                    count == 1 ? "" : "s", item->table, count == 1 ? "holds" : "hold", item->part[4],
                    item->object);
}
