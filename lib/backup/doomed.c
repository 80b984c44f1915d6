#include "backup/doomed.h"

#include "json/json.h"

/* Where each kind that drop.h drops is looked for; `name` is what the archive has for its tag. */
static const struct {
    const char *desc, *catalog, *name, *schema; /* schema NULL: it lies in none */
} kinds[] = {
    { "TABLE", "pg_class", "relname", "relnamespace" },
    { "VIEW", "pg_class", "relname", "relnamespace" },
    { "MATERIALIZED VIEW", "pg_class", "relname", "relnamespace" },
    { "FOREIGN TABLE", "pg_class", "relname", "relnamespace" },
    { "SEQUENCE", "pg_class", "relname", "relnamespace" },
    { "TYPE", "pg_type", "typname", "typnamespace" },
    { "DOMAIN", "pg_type", "typname", "typnamespace" },
    { "FUNCTION", "pg_proc", "proname || '(' || pg_catalog.oidvectortypes(proargtypes) || ')'",
      "pronamespace" },
    { "PROCEDURE", "pg_proc", "proname || '(' || pg_catalog.oidvectortypes(proargtypes) || ')'",
      "pronamespace" },
    { "AGGREGATE", "pg_proc", "proname || '(' || pg_catalog.oidvectortypes(proargtypes) || ')'",
      "pronamespace" },
    { "OPERATOR", "pg_operator", "oprname", "oprnamespace" },
    { "OPERATOR CLASS", "pg_opclass", "opcname", "opcnamespace" },
    { "OPERATOR FAMILY", "pg_opfamily", "opfname", "opfnamespace" },
    { "COLLATION", "pg_collation", "collname", "collnamespace" },
    { "CONVERSION", "pg_conversion", "conname", "connamespace" },
    { "TEXT SEARCH CONFIGURATION", "pg_ts_config", "cfgname", "cfgnamespace" },
    { "TEXT SEARCH DICTIONARY", "pg_ts_dict", "dictname", "dictnamespace" },
    { "TEXT SEARCH PARSER", "pg_ts_parser", "prsname", "prsnamespace" },
    { "TEXT SEARCH TEMPLATE", "pg_ts_template", "tmplname", "tmplnamespace" },
    { "CAST", "pg_cast",
      "'CAST (' || pg_catalog.format_type(castsource, NULL) || ' AS ' || "
      "pg_catalog.format_type(casttarget, NULL) || ')'",
      NULL },
    { "TRANSFORM", "pg_transform",
      "'TRANSFORM FOR ' || pg_catalog.format_type(trftype, NULL) || ' LANGUAGE ' || "
      "(SELECT lanname FROM pg_catalog.pg_language l WHERE l.oid = trflang)",
      NULL },
    { "EVENT TRIGGER", "pg_event_trigger", "evtname", NULL },
    { "PUBLICATION", "pg_publication", "pubname", NULL },
    { "SERVER", "pg_foreign_server", "srvname", NULL },
    { "FOREIGN DATA WRAPPER", "pg_foreign_data_wrapper", "fdwname", NULL },
    { "USER MAPPING", "pg_user_mappings", "'USER MAPPING ' || usename || ' SERVER ' || srvname", NULL },
};

/* One SELECT a kind that occurs: the entry's place, and the OID where it is a relation. */
static void add_lookup(struct evo_strbuf *sql, size_t kind)
{
    bool relation = evo_streq(kinds[kind].catalog, "pg_class");
    evo_strbuf_addf(sql, "%sSELECT x.i, %s AS rel FROM x, pg_catalog.%s c WHERE k = '%s' AND n = %s",
                    sql->len ? " UNION ALL " : "", relation ? "c.oid" : "NULL::pg_catalog.oid",
                    kinds[kind].catalog, kinds[kind].desc, kinds[kind].name);
    if (kinds[kind].schema)
        evo_strbuf_addf(sql, " AND %s = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = s)",
                        kinds[kind].schema);
}

static enum evo_errc name_them(const struct evo_toc *toc, const bool *dropped, struct evo_strbuf *names,
                               struct evo_strbuf *lookups, struct evo_error *err)
{
    EVO_AUTO_PTR(json) list = evo_json_array();
    bool met[EVO_COUNT(kinds)] = { false };
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        for (size_t k = 0; dropped[i] && k < EVO_COUNT(kinds); k++) {
            if (!evo_streq(e->desc, kinds[k].desc))
                continue;
            struct evo_json *v = evo_json_object();
            evo_json_set_int(v, "i", (int64_t)i);
            evo_json_set_string(v, "k", e->desc);
            evo_json_set_string(v, "s", e->schema);
            evo_json_set_string(v, "n", e->tag);
            evo_json_append(list, v);
            if (!met[k])
                add_lookup(lookups, k);
            met[k] = true;
        }
    }
    evo_json_format(list, EVO_JSON_COMPACT, names);
    return evo_strbuf_ok(names)
               ? EVO_OK
               : evo_error_set(err, EVO_ERR_UNSUPPORTED, "the backup holds too many names to compare");
}

enum evo_errc evo_doomed_look(struct evo_pg *pg, const struct evo_toc *toc, const bool *dropped,
                              struct evo_restoration *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) lookups = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = name_them(toc, dropped, &names, &lookups, err);
    if (rc || !lookups.len)
        return rc;
    /* A table that was never looked at says 0 rows, which is only true where it takes no room. */
    EVO_AUTO_STR sql =
        evo_asprintf("WITH x AS (SELECT * FROM pg_catalog.json_to_recordset($1::pg_catalog.json) AS x(i "
                     "int8, k text, s text, n text)), "
                     "there AS (SELECT i, pg_catalog.min(rel::pg_catalog.int8)::pg_catalog.oid AS rel FROM "
                     "(%s) y GROUP BY i) "
                     "SELECT i, CASE WHEN relkind IN ('r', 'm') AND (live > 0 OR "
                     "pg_catalog.pg_relation_size(c.oid) = 0) THEN live END, "
                     "CASE WHEN relkind IN ('r', 'm', 'S') THEN pg_catalog.pg_total_relation_size(c.oid) END "
                     "FROM there LEFT JOIN pg_catalog.pg_class c ON c.oid = rel LEFT JOIN LATERAL (SELECT "
                     "GREATEST(reltuples::pg_catalog.int8, pg_catalog.pg_stat_get_live_tuples(c.oid)) AS "
                     "live) l ON true ORDER BY i",
                     lookups.buf);
    const char *const params[] = { names.buf };
    rc = evo_pg_query(pg, sql, 1, params, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++) {
        const struct evo_toc_entry *e = &toc->items[evo_pg_value_int(r, i, 0, 0)];
        bool qualified = e->schema && *e->schema;
        EVO_GROW(ret->drops, ret->drops_count, ret->drops_alloc);
        ret->drops[ret->drops_count++] = (struct evo_doomed){
            .kind = evo_strdup(e->desc),
            .name = evo_asprintf("%s%s%s", qualified ? e->schema : "", qualified ? "." : "", e->tag),
            .rows = evo_pg_value_int(r, i, 1, -1),
            .bytes = evo_pg_value_int(r, i, 2, -1),
        };
    }
    return rc;
}
