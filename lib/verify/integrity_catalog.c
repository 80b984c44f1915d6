/* Checks that the catalog alone answers. */
#include "verify/integrity_impl.h"
#include "verify/integrity_sql.h"

/* The formatter knows no SQL. */
/* clang-format off */

/* What one index is compared with another by: i is a row of pg_index. */
#define KEYS(i)      "(" i ".indkey::int2[])"
#define CLASSES(i)   "(" i ".indclass::oid[])"
#define COLLATIONS(i) "(" i ".indcollation::oid[])"
#define OPTIONS(i)   "(" i ".indoption::int2[])"

/* Indexes that stand for themselves: not a part of a partitioned one, which cannot be dropped alone. A constraint needs
 * its index whatever others there are. */
#define INDEXES \
    "WITH x AS MATERIALIZED (SELECT i.*, " EVO_SQL_PLAIN("n", "c") " AS tab, " EVO_SQL_QUOTED("n", "c") " AS sqltab, " \
    "ic.relname AS name, " EVO_SQL_QUOTED("icn", "ic") " AS sqlname, ic.relkind AS kind, am.amname, ic.reloptions, " \
    "pg_get_expr(i.indexprs, i.indrelid) AS expressions, pg_get_expr(i.indpred, i.indrelid) AS predicate, " \
    "coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS equal_nulls, " \
    "EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AS held " \
    "FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_namespace icn ON icn.oid = ic.relnamespace " \
    "JOIN pg_am am ON am.oid = ic.relam JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = " \
    "c.relnamespace WHERE i.indisvalid AND i.indislive AND NOT ic.relispartition AND " EVO_SQL_WANTED("n", "c") ") "

/* The statement that shows the indexes of x's table. */
#define SHOW_INDEXES(x) \
    "format('SELECT indexname, indexdef FROM pg_indexes WHERE format(''%%I.%%I'', schemaname, tablename) = %L', " x ".sqltab)"
#define DROP_INDEX(x) \
    "CASE WHEN " x ".kind = 'I' THEN format('DROP INDEX %s', " x ".sqlname) ELSE " \
    "format('DROP INDEX CONCURRENTLY %s', " x ".sqlname) END"

/* One that is being built right now is not valid yet. What a REINDEX CONCURRENTLY left is dropped, not built. A
 * partitioned one is valid when each partition has its own. */
static const char invalid_indexes[] =
    "SELECT 'fail', " EVO_SQL_PLAIN("n", "c") ", ic.relname, NULL, "
    "format(CASE WHEN i.indisvalid THEN 'index \"%s\" of \"%s\" is not kept up: rows that were written since "
    "are not in it' WHEN ic.relkind = 'I' THEN 'index \"%s\" of \"%s\" is INVALID: not every partition has it' "
    "WHEN i.indisunique THEN 'unique index \"%s\" of \"%s\" is INVALID: no query uses it, and rows from before "
    "it may be equal' ELSE 'index \"%s\" of \"%s\" is INVALID: no query uses it, and every write pays for it' "
    "END, ic.relname, " EVO_SQL_PLAIN("n", "c") "), "
    "format('SELECT indexrelid::regclass, indisvalid, indisready, indislive FROM pg_index WHERE indexrelid = "
    "%L::regclass', " EVO_SQL_QUOTED("icn", "ic") "), "
    "CASE WHEN ic.relkind = 'I' THEN NULL WHEN ic.relname ~ '_cc(new|old)[0-9]*$' OR NOT i.indislive THEN "
    "format('DROP INDEX CONCURRENTLY %s', " EVO_SQL_QUOTED("icn", "ic") ") ELSE "
    "format('REINDEX INDEX CONCURRENTLY %s', " EVO_SQL_QUOTED("icn", "ic") ") END "
    "FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_namespace icn ON icn.oid = ic.relnamespace "
    "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND NOT EXISTS (SELECT FROM "
    "pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid) AND " EVO_SQL_WANTED("n", "c");

/* What is NOT ENFORCED (18) is NOT VALID for good. */
static const char not_valid[] =
    "SELECT 'warn', " EVO_SQL_PLAIN("n", "c") ", k.conname, NULL, "
    "format('%s constraint \"%s\" of \"%s\" is NOT VALID: rows from before it are unproven', CASE k.contype WHEN "
    "'f' THEN 'foreign key' WHEN 'n' THEN 'not-null' ELSE 'check' END, k.conname, " EVO_SQL_PLAIN("n", "c") "), "
    "format('SELECT conname, contype, convalidated FROM pg_constraint WHERE conrelid = %L::regclass AND NOT "
    "convalidated', " EVO_SQL_QUOTED("n", "c") "), "
    "format('ALTER TABLE %s VALIDATE CONSTRAINT %I', " EVO_SQL_QUOTED("n", "c") ", k.conname) "
    "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE NOT k.convalidated AND k.contype IN ('c', 'f', 'n') AND k.conparentid = 0 AND (k.contype = 'f' OR "
    "k.coninhcount = 0) AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AND " EVO_SQL_WANTED("n", "c");

static const char not_enforced[] =
    "SELECT 'warn', " EVO_SQL_PLAIN("n", "c") ", k.conname, count(*), "
    "format('foreign key \"%s\" is not enforced: its triggers on \"%s\" are disabled', k.conname, "
    EVO_SQL_PLAIN("n", "c") "), "
    "format('SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = %L::regclass AND tgisinternal AND tgenabled "
    "<> ''O''', " EVO_SQL_QUOTED("n", "c") "), "
    "format('ALTER TABLE %s %s', " EVO_SQL_QUOTED("n", "c") ", string_agg(format('ENABLE TRIGGER %I', t.tgname), "
    "', ' ORDER BY t.tgname)) "
    "FROM pg_trigger t JOIN pg_constraint k ON k.oid = t.tgconstraint JOIN pg_class c ON c.oid = t.tgrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE k.contype = 'f' AND t.tgisinternal AND t.tgenabled IN ('D', 'R') AND " EVO_SQL_WANTED("n", "c") " "
    "GROUP BY n.nspname, c.relname, k.oid, k.conname";

/* The one to keep stands first. */
static const char duplicate_indexes[] =
    INDEXES ", y AS (SELECT x.*, row_number() OVER w AS place, first_value(x.name) OVER w AS kept FROM x "
    "WINDOW w AS (PARTITION BY x.indrelid, x.amname, x.indnkeyatts, x.indkey::text, x.indclass::text, "
    "x.indcollation::text, x.indoption::text, x.expressions, x.predicate, x.indisunique, x.equal_nulls, "
    "x.indisexclusion ORDER BY x.indisprimary DESC, x.held DESC, x.indisreplident DESC, x.indisclustered DESC, "
    "x.indexrelid ROWS UNBOUNDED PRECEDING)) "
    "SELECT 'warn', y.tab, y.name, NULL, format('index \"%s\" of \"%s\" has the definition of \"%s\"', y.name, "
    "y.tab, y.kept), " SHOW_INDEXES("y") ", CASE WHEN NOT y.held THEN " DROP_INDEX("y") " END FROM y "
    "WHERE y.place > 1 AND NOT y.indisexclusion";

/* A B-tree that finds what another one finds as well. The narrowest of those is named. */
static const char covered_indexes[] =
    INDEXES "SELECT DISTINCT ON (a.indexrelid) 'warn', a.tab, a.name, NULL, format('index \"%s\" of \"%s\" is covered "
    "by \"%s\", which begins with its columns', a.name, a.tab, b.name), " SHOW_INDEXES("a") ", " DROP_INDEX("a") " "
    "FROM x a JOIN x b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid "
    "WHERE a.amname = 'btree' AND b.amname = 'btree' AND NOT a.indisunique AND NOT a.held AND NOT a.indisreplident "
    "AND a.expressions IS NULL AND a.predicate IS NOT DISTINCT FROM b.predicate AND a.indnkeyatts <= b.indnkeyatts "
    "AND " KEYS("a") "[0:a.indnkeyatts - 1] = " KEYS("b") "[0:a.indnkeyatts - 1] "
    "AND " CLASSES("a") "[0:a.indnkeyatts - 1] = " CLASSES("b") "[0:a.indnkeyatts - 1] "
    "AND " COLLATIONS("a") "[0:a.indnkeyatts - 1] = " COLLATIONS("b") "[0:a.indnkeyatts - 1] "
    "AND " OPTIONS("a") "[0:a.indnkeyatts - 1] = " OPTIONS("b") "[0:a.indnkeyatts - 1] "
    "AND " KEYS("a") " <@ " KEYS("b") " AND (a.indnkeyatts < b.indnkeyatts OR b.indisunique OR a.indnatts < b.indnatts) "
    "ORDER BY a.indexrelid, b.indnatts, b.indexrelid";

/* From a WITH query `used` of collation, name, was, now: indexes in that order, a line a table. */
#define CHANGED_COLLATIONS \
    "SELECT 'warn', " EVO_SQL_PLAIN("n", "c") ", u.name, count(*), format('%s index%s of \"%s\" %s in the order of " \
    "version %s of %s, which is %s now: rows may not be found', count(*), CASE WHEN count(*) = 1 THEN '' ELSE 'es' " \
    "END, " EVO_SQL_PLAIN("n", "c") ", CASE WHEN count(*) = 1 THEN 'is' ELSE 'are' END, u.was, u.name, u.now), " \
    "format('SELECT indexrelid::regclass FROM pg_index WHERE indrelid = %L::regclass AND %s = ANY (indcollation)', " \
    EVO_SQL_QUOTED("n", "c") ", u.collation), format('REINDEX TABLE CONCURRENTLY %s', " EVO_SQL_QUOTED("n", "c") ") " \
    "FROM used u JOIN pg_index i ON u.collation = ANY (i.indcollation) JOIN pg_class c ON c.oid = i.indrelid " \
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE u.was IS DISTINCT FROM u.now AND c.relkind IN ('r', 'm') AND " \
    EVO_SQL_WANTED("n", "c") " GROUP BY n.nspname, c.relname, u.collation, u.name, u.was, u.now"

static const char collations[] =
    "WITH used AS MATERIALIZED (SELECT co.oid AS collation, format('collation \"%s\"', co.collname) AS name, "
    "co.collversion AS was, pg_collation_actual_version(co.oid) AS now FROM pg_collation co WHERE co.collversion IS "
    "NOT NULL AND EXISTS (SELECT FROM pg_index i WHERE co.oid = ANY (i.indcollation))) " CHANGED_COLLATIONS;

static const char default_collation[] =
    "WITH used AS MATERIALIZED (SELECT 100::oid AS collation, 'the database''s collation' AS name, d.datcollversion "
    "AS was, pg_database_collation_actual_version(d.oid) AS now FROM pg_database d WHERE d.datname = "
    "current_database() AND d.datcollversion IS NOT NULL) " CHANGED_COLLATIONS;

/* clang-format on */

/* In the order in which they are reported, behind those that read rows. */
const struct evo_catalog_check evo_catalog_checks[] = {
    { "invalid-indexes", 0, invalid_indexes },   { "not-valid", 0, not_valid },
    { "not-enforced", 0, not_enforced },         { "duplicate-indexes", 0, duplicate_indexes },
    { "covered-indexes", 0, covered_indexes },   { "collations", 0, collations },
    { "collations", 150000, default_collation },
};
const size_t evo_catalog_checks_count = EVO_COUNT(evo_catalog_checks);
