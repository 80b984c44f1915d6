#include "catalog/sections.h"

/* The formatter knows no SQL. */
/* clang-format off */

#define ROUTINES "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
/* Constructors of range types come with their type. */
#define ROUTINE_COUNTS EVO_SQL_OURS("n") " AND " EVO_SQL_NO_PART("pg_proc", "p.oid")
#define SIGNATURE \
    EVO_SQL_NAME("n", "p.proname") " || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || " \
    "'): '"

static const char functions[] =
    "SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || " SIGNATURE " || "
    "pg_catalog.pg_get_functiondef(p.oid) " ROUTINES "WHERE p.prokind <> 'a' AND " ROUTINE_COUNTS;

/* What has no value says nothing: 0 is no function, operator or type. */
#define GIVEN(word, value) "|| COALESCE(' " word " ' || " value ", '') "
#define FUNCTION(word, value) \
    "|| CASE WHEN " value " = 0 THEN '' ELSE ' " word " ' || " value "::pg_catalog.text END "

static const char aggregates[] =
    "SELECT 'aggregate ' || " SIGNATURE "|| CASE a.aggkind WHEN 'n' THEN 'plain' WHEN 'o' THEN "
    "'ordered set' ELSE 'hypothetical set' END " FUNCTION("transition", "a.aggtransfn") "|| ' state ' || "
    "pg_catalog.format_type(a.aggtranstype, NULL) || CASE WHEN a.aggtransspace = 0 THEN '' ELSE ' space ' "
    "|| a.aggtransspace END " FUNCTION("final", "a.aggfinalfn") "|| CASE WHEN a.aggfinalextra THEN "
    "' extra' ELSE '' END || ' modifies ' || a.aggfinalmodify::pg_catalog.text "
    GIVEN("initial", "pg_catalog.quote_literal(a.agginitval)") FUNCTION("combine", "a.aggcombinefn")
    FUNCTION("serial", "a.aggserialfn") FUNCTION("deserial", "a.aggdeserialfn")
    FUNCTION("moving transition", "a.aggmtransfn") FUNCTION("moving inverse", "a.aggminvtransfn") "|| "
    "CASE WHEN a.aggmtranstype = 0 THEN '' ELSE ' moving state ' || "
    "pg_catalog.format_type(a.aggmtranstype, NULL) END || CASE WHEN a.aggmtransspace = 0 THEN '' ELSE "
    "' moving space ' || a.aggmtransspace END " FUNCTION("moving final", "a.aggmfinalfn") "|| CASE WHEN "
    "a.aggmfinalextra THEN ' moving extra' ELSE '' END || ' moving modifies ' || a.aggmfinalmodify::pg_catalog.text "
    GIVEN("moving initial", "pg_catalog.quote_literal(a.aggminitval)") "|| CASE WHEN a.aggsortop = 0 THEN "
    "'' ELSE ' sort operator ' || a.aggsortop::pg_catalog.regoperator::pg_catalog.text END || "
    "' parallel ' || p.proparallel::pg_catalog.text " ROUTINES "JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid "
    "WHERE " ROUTINE_COUNTS;

#define OPERATOR(word, value) \
    "|| CASE WHEN " value " = 0 THEN '' ELSE ' " word " ' || " value \
    "::pg_catalog.regoperator::pg_catalog.text END "

static const char operators[] =
    "SELECT 'operator ' || o.oid::pg_catalog.regoperator::pg_catalog.text || ': function ' || "
    "o.oprcode::pg_catalog.text || ' result ' || pg_catalog.format_type(o.oprresult, NULL) "
    OPERATOR("commutator", "o.oprcom") OPERATOR("negator", "o.oprnegate") FUNCTION("restrict", "o.oprrest")
    FUNCTION("join", "o.oprjoin") "|| CASE WHEN o.oprcanhash THEN ' hashes' ELSE '' END || CASE WHEN "
    "o.oprcanmerge THEN ' merges' ELSE '' END FROM pg_catalog.pg_operator o "
    "JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace "
    "WHERE o.oprcode <> 0 AND " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_operator", "o.oid");

static const char operator_classes[] =
    "WITH f AS MATERIALIZED (SELECT f.oid, 'operator family ' || " EVO_SQL_NAME("n", "f.opfname") " || "
    "' using ' || pg_catalog.quote_ident(m.amname) AS label FROM pg_catalog.pg_opfamily f JOIN "
    "pg_catalog.pg_namespace n ON n.oid = f.opfnamespace JOIN pg_catalog.pg_am m ON m.oid = f.opfmethod "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_opfamily", "f.oid") ") SELECT label "
    "FROM f "
    "UNION ALL SELECT f.label || ': operator ' || o.amopstrategy || ' ' || "
    "o.amopopr::pg_catalog.regoperator::pg_catalog.text || CASE o.amoppurpose WHEN 'o' THEN "
    "' for order by' ELSE '' END FROM f JOIN pg_catalog.pg_amop o ON o.amopfamily = f.oid "
    "UNION ALL SELECT f.label || ': function ' || p.amprocnum || ' (' || "
    "pg_catalog.format_type(p.amproclefttype, NULL) || ', ' || pg_catalog.format_type(p.amprocrighttype, "
    "NULL) || ') ' || p.amproc::pg_catalog.regprocedure::pg_catalog.text "
    "FROM f JOIN pg_catalog.pg_amproc p ON p.amprocfamily = f.oid "
    "UNION ALL SELECT 'operator class ' || " EVO_SQL_NAME("n", "c.opcname") " || ' using ' || "
    "pg_catalog.quote_ident(m.amname) || ': for type ' || pg_catalog.format_type(c.opcintype, NULL) || "
    "' family ' || " EVO_SQL_NAME("fn", "f.opfname") " || CASE WHEN c.opcdefault THEN ' default' ELSE '' "
    "END || CASE WHEN c.opckeytype = 0 THEN '' ELSE ' storage ' || pg_catalog.format_type(c.opckeytype, "
    "NULL) END FROM pg_catalog.pg_opclass c JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace "
    "JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily "
    "JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_opclass", "c.oid");

/* Casts and languages of the server's own have OIDs below 16384 (FirstNormalObjectId). */
static const char casts[] =
    "SELECT 'cast (' || pg_catalog.format_type(c.castsource, NULL) || ' as ' || "
    "pg_catalog.format_type(c.casttarget, NULL) || '): ' || CASE c.castmethod WHEN 'f' THEN 'function ' "
    "|| c.castfunc::pg_catalog.regprocedure::pg_catalog.text WHEN 'i' THEN 'inout' ELSE 'binary' END || "
    "CASE c.castcontext WHEN 'i' THEN ' implicit' WHEN 'a' THEN ' assignment' ELSE ' explicit' END "
    "FROM pg_catalog.pg_cast c WHERE c.oid >= 16384 AND " EVO_SQL_NO_PART("pg_cast", "c.oid") " "
    "UNION ALL SELECT 'transform for ' || pg_catalog.format_type(t.trftype, NULL) || ' language ' || "
    "pg_catalog.quote_ident(l.lanname) || ':' " FUNCTION("from", "t.trffromsql")
    FUNCTION("to", "t.trftosql") "FROM pg_catalog.pg_transform t "
    "JOIN pg_catalog.pg_language l ON l.oid = t.trflang "
    "WHERE " EVO_SQL_NO_MEMBER("pg_transform", "t.oid") " "
    "UNION ALL SELECT 'language ' || pg_catalog.quote_ident(l.lanname) || ': ' || CASE WHEN "
    "l.lanpltrusted THEN 'trusted' ELSE 'untrusted' END "
    FUNCTION("handler", "l.lanplcallfoid::pg_catalog.regproc")
    FUNCTION("inline", "l.laninline::pg_catalog.regproc")
    FUNCTION("validator", "l.lanvalidator::pg_catalog.regproc")
    "FROM pg_catalog.pg_language l WHERE l.oid >= 16384 AND l.lanispl AND "
    EVO_SQL_NO_MEMBER("pg_language", "l.oid") " "
    "UNION ALL SELECT 'access method ' || pg_catalog.quote_ident(m.amname) || ': ' || CASE m.amtype WHEN "
    "'t' THEN 'table' ELSE 'index' END || ' ' || m.amhandler::pg_catalog.text "
    "FROM pg_catalog.pg_am m WHERE m.oid >= 16384 AND " EVO_SQL_NO_MEMBER("pg_am", "m.oid") " "
    "UNION ALL SELECT 'conversion ' || " EVO_SQL_NAME("n", "c.conname") " || ': from ' || "
    "pg_catalog.pg_encoding_to_char(c.conforencoding) || ' to ' || "
    "pg_catalog.pg_encoding_to_char(c.contoencoding) || ' function ' || c.conproc::pg_catalog.text || "
    "CASE WHEN c.condefault THEN ' default' ELSE '' END "
    "FROM pg_catalog.pg_conversion c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_conversion", "c.oid");

/* The columns of a collation change with the server's version: to_jsonb takes them by name. */
static const char collations[] =
    "SELECT 'collation ' || " EVO_SQL_NAME("n", "l.collname") " || ': provider ' || "
    "l.collprovider::pg_catalog.text " GIVEN("collate", "pg_catalog.quote_literal(j ->> 'collcollate')")
    GIVEN("ctype", "pg_catalog.quote_literal(j ->> 'collctype')")
    GIVEN("locale", "pg_catalog.quote_literal(COALESCE(j ->> 'colllocale', j ->> 'colliculocale'))")
    GIVEN("rules", "pg_catalog.quote_literal(j ->> 'collicurules')") "|| CASE WHEN l.collisdeterministic "
    "THEN '' ELSE ' not deterministic' END FROM pg_catalog.pg_collation l "
    "JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace, pg_catalog.to_jsonb(l) j "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_collation", "l.oid");

static const char text_search[] =
    "SELECT 'text search parser ' || " EVO_SQL_NAME("n", "p.prsname") " || ':' "
    FUNCTION("start", "p.prsstart") FUNCTION("token", "p.prstoken") FUNCTION("end", "p.prsend")
    FUNCTION("headline", "p.prsheadline") FUNCTION("types", "p.prslextype")
    "FROM pg_catalog.pg_ts_parser p JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_ts_parser", "p.oid") " "
    "UNION ALL SELECT 'text search template ' || " EVO_SQL_NAME("n", "t.tmplname") " || ':' "
    FUNCTION("init", "t.tmplinit") FUNCTION("lexize", "t.tmpllexize")
    "FROM pg_catalog.pg_ts_template t JOIN pg_catalog.pg_namespace n ON n.oid = t.tmplnamespace "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_ts_template", "t.oid") " "
    "UNION ALL SELECT 'text search dictionary ' || " EVO_SQL_NAME("n", "d.dictname") " || ': template ' "
    "|| " EVO_SQL_NAME("tn", "t.tmplname") GIVEN("options", "d.dictinitoption")
    "FROM pg_catalog.pg_ts_dict d JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace "
    "JOIN pg_catalog.pg_ts_template t ON t.oid = d.dicttemplate "
    "JOIN pg_catalog.pg_namespace tn ON tn.oid = t.tmplnamespace "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_ts_dict", "d.oid") " "
    "UNION ALL SELECT 'text search configuration ' || " EVO_SQL_NAME("n", "c.cfgname") " || ': parser ' "
    "|| " EVO_SQL_NAME("pn", "p.prsname") " FROM pg_catalog.pg_ts_config c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace "
    "JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser "
    "JOIN pg_catalog.pg_namespace pn ON pn.oid = p.prsnamespace "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_ts_config", "c.oid") " "
    "UNION ALL SELECT 'text search configuration ' || " EVO_SQL_NAME("n", "c.cfgname") " || ': mapping ' "
    "|| (SELECT k.alias FROM pg_catalog.ts_token_type(c.cfgparser) k WHERE k.tokid = m.maptokentype) || "
    "' ' || pg_catalog.string_agg(m.mapdict::pg_catalog.regdictionary::pg_catalog.text, ', ' ORDER BY "
    "m.mapseqno) FROM pg_catalog.pg_ts_config c JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace "
    "JOIN pg_catalog.pg_ts_config_map m ON m.mapcfg = c.oid "
    "WHERE " EVO_SQL_OURS("n") " AND " EVO_SQL_NO_MEMBER("pg_ts_config", "c.oid") " GROUP BY n.nspname, "
    "c.cfgname, c.cfgparser, m.maptokentype";

/* clang-format on */

const struct evo_catalog_section evo_catalog_routines[] = {
    { "functions", 0, 0, functions },
    { "aggregates", 0, 0, aggregates },
    { "operators", 0, 0, operators },
    { "operator classes", 0, 0, operator_classes },
    { "casts, languages and conversions", 0, 0, casts },
    { "collations", 0, 0, collations },
    { "text search objects", 0, 0, text_search },
    { NULL, 0, 0, NULL },
};
