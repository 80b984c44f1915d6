#include "catalog/sections.h"

/* The formatter knows no SQL. */
/* clang-format off */

/* From a WITH query `x` of what, owner, acl and kind (as acldefault() takes it): lines of owners and privileges. What was
 * never granted on is as if its default had been granted. */
#define OWNERS_AND_PRIVILEGES \
    "SELECT 'owner of ' || what || ': ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(owner)) " \
    "FROM x WHERE kind <> 'c' " \
    "UNION ALL SELECT 'grant on ' || what || ': ' || a.privilege_type || ' to ' || CASE WHEN a.grantee = " \
    "0 THEN 'public' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END || ' by ' || " \
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantor)) || CASE WHEN a.is_grantable THEN " \
    "' with grant option' ELSE '' END FROM x, pg_catalog.aclexplode(COALESCE(acl, " \
    "pg_catalog.acldefault(kind::\"char\", owner))) a"

static const char relations[] =
    "WITH " EVO_SQL_RELATIONS ", x AS (SELECT kind || ' ' || name AS what, relowner AS owner, relacl AS "
    "acl, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END AS kind FROM r) " OWNERS_AND_PRIVILEGES;

static const char columns[] =
    "WITH " EVO_SQL_RELATIONS ", x AS (SELECT 'column ' || r.name || '.' || "
    "pg_catalog.quote_ident(a.attname) AS what, r.relowner AS owner, a.attacl AS acl, 'c' AS kind FROM r "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL AND NOT "
    "a.attisdropped) " OWNERS_AND_PRIVILEGES;

/* Not the types of tables' rows, nor those of arrays. */
#define TYPES \
    ", t.typowner, t.typacl, 'T' FROM pg_catalog.pg_type t " \
    "JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace "
#define TYPE_COUNTS EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_type", "t.oid")

static const char others[] =
    "WITH x AS (SELECT 'schema ' || pg_catalog.quote_ident(n.nspname) AS what, n.nspowner AS owner, "
    "n.nspacl AS acl, 'n' AS kind FROM pg_catalog.pg_namespace n WHERE " EVO_SQL_OURS("n") " AND "
    EVO_SQL_NO_MEMBER("pg_namespace", "n.oid") " UNION ALL SELECT CASE p.prokind WHEN 'p' THEN "
    "'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || " EVO_SQL_NAME("n", "p.proname") " "
    "|| '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', p.proowner, p.proacl, 'f' "
    "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE "
    EVO_SQL_OURS("n") " AND " EVO_SQL_NO_PART("pg_proc", "p.oid") " UNION ALL SELECT CASE t.typtype WHEN "
    "'d' THEN 'domain ' ELSE 'type ' END || " EVO_SQL_NAME("n", "t.typname") TYPES "WHERE t.typtype IN "
    "('e', 'd', 'r') AND " TYPE_COUNTS " UNION ALL SELECT 'type ' || " EVO_SQL_NAME("n", "t.typname") TYPES
    "JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c' WHERE t.typtype = 'c' AND "
    TYPE_COUNTS " UNION ALL SELECT 'type ' || " EVO_SQL_NAME("n", "t.typname") TYPES "WHERE t.typtype = "
    "'b' AND NOT EXISTS (SELECT FROM pg_catalog.pg_type i WHERE i.typarray = t.oid) AND " TYPE_COUNTS " "
    "UNION ALL SELECT 'foreign data wrapper ' || pg_catalog.quote_ident(w.fdwname), w.fdwowner, w.fdwacl, "
    "'F' FROM pg_catalog.pg_foreign_data_wrapper w WHERE "
    EVO_SQL_NO_MEMBER("pg_foreign_data_wrapper", "w.oid") " UNION ALL SELECT 'server ' || "
    "pg_catalog.quote_ident(s.srvname), s.srvowner, s.srvacl, 'S' FROM pg_catalog.pg_foreign_server s "
    "WHERE " EVO_SQL_NO_MEMBER("pg_foreign_server", "s.oid") " UNION ALL SELECT 'language ' || "
    "pg_catalog.quote_ident(l.lanname), l.lanowner, l.lanacl, 'l' FROM pg_catalog.pg_language l WHERE "
    "l.oid >= 16384 AND " EVO_SQL_NO_MEMBER("pg_language", "l.oid") ") " OWNERS_AND_PRIVILEGES;

/* What has an owner but no privileges. */
static const char owners[] =
    "SELECT 'owner of publication ' || pg_catalog.quote_ident(p.pubname) || ': ' || "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(p.pubowner)) "
    "FROM pg_catalog.pg_publication p "
    "UNION ALL SELECT 'owner of event trigger ' || pg_catalog.quote_ident(t.evtname) || ': ' || "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(t.evtowner)) "
    "FROM pg_catalog.pg_event_trigger t WHERE " EVO_SQL_NO_MEMBER("pg_event_trigger", "t.oid") " "
    "UNION ALL SELECT 'owner of collation ' || " EVO_SQL_NAME("n", "l.collname") " || ': ' || "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(l.collowner)) "
    "FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_collation", "l.oid") " "
    "UNION ALL SELECT 'owner of statistics ' || " EVO_SQL_NAME("n", "s.stxname") " || ': ' || "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(s.stxowner)) "
    "FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_statistic_ext", "s.oid");

/* Per schema they add to the defaults; for the whole database they replace them. */
static const char defaults[] =
    "SELECT 'default privileges of ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole)) "
    "|| COALESCE(' in schema ' || pg_catalog.quote_ident(n.nspname), '') || ': on ' || CASE "
    "d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' "
    "THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END || COALESCE(' ' || a.privilege_type || "
    "' to ' || CASE WHEN a.grantee = 0 THEN 'public' ELSE "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END || CASE WHEN a.is_grantable THEN "
    "' with grant option' ELSE '' END, ' nothing') FROM pg_catalog.pg_default_acl d "
    "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace "
    "LEFT JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a ON true "
    "WHERE n.nspname IS DISTINCT FROM 'evo'";

/* clang-format on */

const struct evo_catalog_section evo_catalog_grants[] = {
    { "privileges on relations", 0, 0, relations },  { "privileges on columns", 0, 0, columns },
    { "privileges on other objects", 0, 0, others }, { "owners", 0, 0, owners },
    { "default privileges", 0, 0, defaults },        { NULL, 0, 0, NULL },
};
