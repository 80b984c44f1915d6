#include "catalog/sections.h"

/* The formatter knows no SQL. */
/* clang-format off */

/* "public" is in every new database, and no dump takes it out. */
static const char schemas[] =
    "SELECT 'schema ' || pg_catalog.quote_ident(n.nspname) "
    "FROM pg_catalog.pg_namespace n WHERE n.nspname <> 'public' AND " EVO_SQL_OURS("n") " AND "
    EVO_SQL_NO_MEMBER("pg_namespace", "n.oid");

/* plpgsql is in every new database as well. */
static const char extensions[] =
    "WITH e AS (SELECT 'extension ' || pg_catalog.quote_ident(e.extname) || ': ' AS label, e.extversion, "
    "n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
    "WHERE e.extname <> 'plpgsql') SELECT label || 'schema ' || pg_catalog.quote_ident(nspname) "
    "FROM e "
    "UNION ALL SELECT label || 'version ' || extversion "
    "FROM e";

static const char event_triggers[] =
    "WITH t AS (SELECT t.*, 'event trigger ' || pg_catalog.quote_ident(t.evtname) || ': ' AS label FROM "
    "pg_catalog.pg_event_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid JOIN "
    "pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname <> 'evo' AND "
    EVO_SQL_NO_MEMBER("pg_event_trigger", "t.oid") ") SELECT label || 'on ' || evtevent || "
    "COALESCE(' when tag in (' || (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(x), ', ' ORDER "
    "BY x COLLATE pg_catalog.\"C\") FROM pg_catalog.unnest(evttags) x) || ')', '') || ' execute ' || "
    "evtfoid::pg_catalog.regprocedure::pg_catalog.text "
    "FROM t "
    "UNION ALL SELECT label || " EVO_SQL_ENABLED("evtenabled") " "
    "FROM t WHERE evtenabled <> 'O'";

/* Whether generated columns are published is known from 18 on. */
static const char publications[] =
    "SELECT 'publication ' || pg_catalog.quote_ident(p.pubname) || ':' || CASE WHEN p.puballtables THEN "
    "' all tables' ELSE '' END || CASE WHEN p.pubinsert THEN ' insert' ELSE '' END || CASE WHEN "
    "p.pubupdate THEN ' update' ELSE '' END || CASE WHEN p.pubdelete THEN ' delete' ELSE '' END || CASE "
    "WHEN p.pubtruncate THEN ' truncate' ELSE '' END || CASE WHEN p.pubviaroot THEN ' via root' ELSE '' "
    "END || COALESCE(' generated ' || NULLIF(pg_catalog.to_jsonb(p) ->> 'pubgencols', 'n'), '') "
    "FROM pg_catalog.pg_publication p WHERE " EVO_SQL_NO_MEMBER("pg_publication", "p.oid");

#define PUBLISHED \
    "SELECT 'publication ' || pg_catalog.quote_ident(p.pubname) || ': table ' || " \
    EVO_SQL_NAME("n", "c.relname") " "
#define PUBLISHED_FROM \
    "FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel t ON t.prpubid = p.oid " \
    "JOIN pg_catalog.pg_class c ON c.oid = t.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = " \
    "c.relnamespace WHERE n.nspname <> 'evo' AND " EVO_SQL_NO_MEMBER("pg_publication", "p.oid")

static const char published_tables_14[] =
    PUBLISHED PUBLISHED_FROM;

static const char published_tables[] =
    PUBLISHED "|| COALESCE(' (' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' "
    "ORDER BY a.attname COLLATE pg_catalog.\"C\") FROM pg_catalog.pg_attribute a WHERE a.attrelid = "
    "t.prrelid AND a.attnum = ANY (t.prattrs)) || ')', '') || COALESCE(' where ' || "
    "pg_catalog.pg_get_expr(t.prqual, t.prrelid), '') " PUBLISHED_FROM " "
    "UNION ALL SELECT 'publication ' || pg_catalog.quote_ident(p.pubname) || ': tables of schema ' || "
    "pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_publication p "
    "JOIN pg_catalog.pg_publication_namespace t ON t.pnpubid = p.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = t.pnnspid "
    "WHERE n.nspname <> 'evo' AND " EVO_SQL_NO_MEMBER("pg_publication", "p.oid");

/* Of a subscription a plain role may see little, and never where it connects to. */
static const char subscriptions[] =
    "SELECT 'subscription ' || pg_catalog.quote_ident(s.subname) "
    "FROM pg_catalog.pg_subscription s WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d "
    "WHERE d.datname = pg_catalog.current_database())";

static const char foreign_objects[] =
    "WITH w AS (SELECT w.*, 'foreign data wrapper ' || pg_catalog.quote_ident(w.fdwname) AS label FROM "
    "pg_catalog.pg_foreign_data_wrapper w WHERE " EVO_SQL_NO_MEMBER("pg_foreign_data_wrapper", "w.oid")
    "), s AS (SELECT s.*, 'server ' || pg_catalog.quote_ident(s.srvname) AS label FROM "
    "pg_catalog.pg_foreign_server s WHERE " EVO_SQL_NO_MEMBER("pg_foreign_server", "s.oid") ") SELECT "
    "label || CASE WHEN fdwhandler = 0 THEN '' ELSE ': handler ' || "
    "fdwhandler::pg_catalog.regproc::pg_catalog.text END "
    "FROM w "
    "UNION ALL SELECT label || ': validator ' || fdwvalidator::pg_catalog.regproc::pg_catalog.text "
    "FROM w WHERE fdwvalidator <> 0 "
    "UNION ALL SELECT label || ': option ' || " EVO_SQL_OPTION("o") " "
    "FROM w, pg_catalog.unnest(fdwoptions) o "
    "UNION ALL SELECT s.label || ': wrapper ' || pg_catalog.quote_ident(f.fdwname) || COALESCE(' type ' "
    "|| pg_catalog.quote_literal(s.srvtype), '') || COALESCE(' version ' || "
    "pg_catalog.quote_literal(s.srvversion), '') FROM s "
    "JOIN pg_catalog.pg_foreign_data_wrapper f ON f.oid = s.srvfdw "
    "UNION ALL SELECT label || ': option ' || " EVO_SQL_OPTION("o") " "
    "FROM s, pg_catalog.unnest(srvoptions) o "
    "UNION ALL SELECT 'user mapping for ' || pg_catalog.quote_ident(m.usename) || ' server ' || "
    "pg_catalog.quote_ident(m.srvname) FROM pg_catalog.pg_user_mappings m "
    "JOIN s ON s.oid = m.srvid";

/* What a comment belongs to, as the server names it. A part of a table (a constraint, a trigger …) is named with its
 * table but has no schema of its own there; large objects are data; "public" has a comment in every new database. */
static const char comments[] =
    "SELECT 'comment on ' || i.type || ' ' || i.identity || ': ' || d.description "
    "FROM pg_catalog.pg_description d LEFT JOIN pg_catalog.pg_constraint k ON d.classoid = "
    "'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objoid "
    "LEFT JOIN pg_catalog.pg_trigger t ON d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND "
    "t.oid = d.objoid LEFT JOIN pg_catalog.pg_rewrite w ON d.classoid = "
    "'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objoid "
    "LEFT JOIN pg_catalog.pg_policy y ON d.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND "
    "y.oid = d.objoid LEFT JOIN pg_catalog.pg_class c ON c.oid = COALESCE(NULLIF(k.conrelid, 0), "
    "t.tgrelid, w.ev_class, y.polrelid, CASE WHEN d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass "
    "THEN d.objoid END) LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, "
    "pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) i "
    "WHERE d.classoid <> 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND (d.objoid >= 16384 OR "
    "i.type = 'schema' AND i.identity = 'public') AND NOT (i.type = 'schema' AND i.identity = 'public' "
    "AND d.description = 'standard public schema') AND NOT (i.type = 'schema' AND i.identity = 'evo') AND "
    "COALESCE(n.nspname, i.schema, '') !~ '^(pg_.*|\"?information_schema\"?|evo)$' AND NOT EXISTS (SELECT "
    "FROM pg_catalog.pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.objsubid = 0 "
    "AND e.deptype = 'e') AND (c.oid IS NULL OR " EVO_SQL_NO_MEMBER("pg_class", "c.oid") ")";

/* clang-format on */

const struct evo_catalog_section evo_catalog_database[] = {
    { "schemas", 0, 0, schemas },
    { "extensions", 0, 0, extensions },
    { "event triggers", 0, 0, event_triggers },
    { "publications", 0, 0, publications },
    { "published tables", 0, 150000, published_tables_14 },
    { "published tables", 150000, 0, published_tables },
    { "subscriptions", 0, 0, subscriptions },
    { "foreign servers", 0, 0, foreign_objects },
    { "comments", 0, 0, comments },
    { NULL, 0, 0, NULL },
};
