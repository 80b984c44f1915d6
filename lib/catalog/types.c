#include "catalog/sections.h"

/* The formatter knows no SQL. */
/* clang-format off */

#define TYPES "FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace "
#define COUNTS EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_type", "t.oid")
#define TYPE "'type ' || " EVO_SQL_NAME("n", "t.typname") " || ': ' || "
/* A collation that is not the type's own. */
#define COLLATE(has, base) \
    "COALESCE((SELECT ' collate ' || " EVO_SQL_NAME("ln", "l.collname") " FROM pg_catalog.pg_collation l " \
    "JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace WHERE l.oid = " has " AND " has " <> " \
    base "), '')"

static const char enums[] =
    "SELECT " TYPE "'enum (' || COALESCE((SELECT "
    "pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM "
    "pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), '') || ')' " TYPES
    "WHERE t.typtype = 'e' AND " COUNTS;

/* Attributes in their order: it is part of what a value of the type looks like. */
static const char composites[] =
    "SELECT " TYPE "'composite (' || COALESCE((SELECT "
    "pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, "
    "a.atttypmod) || " COLLATE("a.attcollation", "b.typcollation") ", ', ' ORDER BY a.attnum) FROM "
    "pg_catalog.pg_attribute a JOIN pg_catalog.pg_type b ON b.oid = a.atttypid WHERE a.attrelid = "
    "t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')' " TYPES
    "JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c' "
    "WHERE t.typtype = 'c' AND " COUNTS;

/* The names of NOT NULL constraints, which 17 and later keep, no dump before 18 brings back. */
static const char domains[] =
    "SELECT 'domain ' || " EVO_SQL_NAME("n", "t.typname") " || ': ' || "
    "pg_catalog.format_type(t.typbasetype, t.typtypmod) || " COLLATE("t.typcollation", "b.typcollation")
    " || CASE WHEN t.typnotnull THEN ' not null' ELSE '' END || COALESCE(' default ' || "
    "pg_catalog.pg_get_expr(t.typdefaultbin, 0), '') " TYPES
    "JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype "
    "WHERE t.typtype = 'd' AND " COUNTS " "
    "UNION ALL SELECT 'domain ' || " EVO_SQL_NAME("n", "t.typname") " || ': constraint ' || "
    "pg_catalog.quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid) " TYPES
    "JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid AND k.contype = 'c' "
    "WHERE t.typtype = 'd' AND " COUNTS;

static const char ranges[] =
    "SELECT " TYPE "'range of ' || pg_catalog.format_type(r.rngsubtype, NULL) || ' operator class ' || "
    EVO_SQL_NAME("opn", "o.opcname") " || " COLLATE("r.rngcollation", "b.typcollation") " || CASE WHEN "
    "r.rngcanonical = 0 THEN '' ELSE ' canonical ' || r.rngcanonical::pg_catalog.text END || CASE WHEN "
    "r.rngsubdiff = 0 THEN '' ELSE ' difference ' || r.rngsubdiff::pg_catalog.text END " TYPES
    "JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid "
    "JOIN pg_catalog.pg_type b ON b.oid = r.rngsubtype "
    "JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc "
    "JOIN pg_catalog.pg_namespace opn ON opn.oid = o.opcnamespace "
    "WHERE t.typtype = 'r' AND " COUNTS;

static const char multiranges[] =
    "SELECT " TYPE "'multirange ' || pg_catalog.format_type(r.rngmultitypid, NULL) " TYPES
    "JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid "
    "WHERE t.typtype = 'r' AND " COUNTS;

/* Types by C functions, and those that were only announced. Every type has an array type, which says nothing more. */
static const char bases[] =
    "SELECT " TYPE "CASE WHEN NOT t.typisdefined THEN 'announced' ELSE 'base input ' || "
    "t.typinput::pg_catalog.text || ' output ' || t.typoutput::pg_catalog.text || ' length ' || t.typlen "
    "|| ' alignment ' || t.typalign::pg_catalog.text || ' storage ' || t.typstorage::pg_catalog.text || "
    "' category ' || t.typcategory::pg_catalog.text || COALESCE(' default ' || t.typdefault, '') END "
    TYPES "WHERE t.typtype IN ('b', 'p') AND NOT EXISTS (SELECT FROM pg_catalog.pg_type i WHERE "
    "i.typarray = t.oid) AND " COUNTS;

/* clang-format on */

const struct evo_catalog_section evo_catalog_types[] = {
    { "enum types", 0, 0, enums },
    { "composite types", 0, 0, composites },
    { "domains", 0, 0, domains },
    { "range types", 0, 0, ranges },
    { "multirange types", 140000, 0, multiranges },
    { "base types", 0, 0, bases },
    { NULL, 0, 0, NULL },
};
