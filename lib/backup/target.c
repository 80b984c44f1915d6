#include "backup/target.h"

#include "backup/session.h"
#include "json/json.h"

/* Locks that an entry of the schema takes at most, as a rule: a table, its TOAST table and that one's index, a type. */
enum { LOCKS_EACH = 4 };

void evo_target_release(struct evo_target *t)
{
    if (!t)
        return;
    evo_strvec_release(&t->things);
    evo_strvec_release(&t->taken);
    evo_strvec_release(&t->shared);
    *t = (struct evo_target){ 0 };
}

static enum evo_errc names_of(struct evo_pg *pg, const char *sql, struct evo_strvec *names,
                              struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++)
        evo_strvec_push(names, evo_pg_value(r, i, 0));
    return rc;
}

static enum evo_errc look_for_things(struct evo_pg *pg, struct evo_strvec *names, struct evo_error *err)
{
    static const char sql[] =
        "WITH own AS (SELECT oid, nspname FROM pg_catalog.pg_namespace n WHERE nspname !~ '^pg_' "
        "  AND nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend "
        "  WHERE classid = 'pg_namespace'::regclass AND objid = n.oid AND deptype = 'e')), "
        "ext AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e') "
        "SELECT what FROM (SELECT 1 AS n, nspname || '.' || relname AS what FROM pg_catalog.pg_class c "
        "    JOIN own ON own.oid = relnamespace WHERE ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM "
        "ext) "
        "    AND relkind <> 'i' "
        "  UNION ALL SELECT 2, nspname || '.' || proname || '()' FROM pg_catalog.pg_proc p "
        "    JOIN own ON own.oid = pronamespace WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM "
        "ext) "
        "  UNION ALL SELECT 3, nspname || '.' || typname FROM pg_catalog.pg_type t JOIN own ON own.oid = "
        "typnamespace "
        "    WHERE typtype IN ('e', 'd', 'r') AND ('pg_type'::regclass, t.oid) NOT IN (SELECT * FROM ext) "
        "  UNION ALL SELECT 4, 'schema ' || nspname FROM own WHERE nspname <> 'public' "
        "  UNION ALL SELECT 5, 'large object ' || oid FROM pg_catalog.pg_largeobject_metadata "
        "  UNION ALL SELECT 6, 'server ' || srvname FROM pg_catalog.pg_foreign_server s "
        "    WHERE ('pg_foreign_server'::regclass, s.oid) NOT IN (SELECT * FROM ext) "
        "  UNION ALL SELECT 7, 'collation ' || nspname || '.' || collname FROM pg_catalog.pg_collation c "
        "    JOIN own ON own.oid = collnamespace WHERE ('pg_collation'::regclass, c.oid) NOT IN (SELECT * "
        "FROM ext) "
        "  UNION ALL SELECT 8, 'text search configuration ' || nspname || '.' || cfgname FROM "
        "pg_catalog.pg_ts_config c "
        "    JOIN own ON own.oid = cfgnamespace WHERE ('pg_ts_config'::regclass, c.oid) NOT IN (SELECT * "
        "FROM ext) "
        "  UNION ALL SELECT 9, 'operator ' || nspname || '.' || oprname FROM pg_catalog.pg_operator o "
        "    JOIN own ON own.oid = oprnamespace WHERE ('pg_operator'::regclass, o.oid) NOT IN (SELECT * FROM "
        "ext)) x "
        "ORDER BY n, what LIMIT 6";
    return names_of(pg, sql, names, err);
}

/* ---- names that are taken --------------------------------------------------- */

/* What of the archive has a name that can be looked up; all else comes in one transaction, or with its table. */
static const char *catalog_of(const struct evo_toc_entry *e)
{
    static const struct {
        const char *desc, *catalog;
    } table[] = {
        { "TABLE", "relation" },
        { "VIEW", "relation" },
        { "MATERIALIZED VIEW", "relation" },
        { "FOREIGN TABLE", "relation" },
        { "INDEX", "relation" },
        { "SEQUENCE", "relation" },
        { "TYPE", "type" },
        { "DOMAIN", "type" },
    };
    /* Of "public" the archive only says that it is there anyway. */
    if (evo_streq(e->desc, "SCHEMA"))
        return e->defn && evo_starts_with(e->defn, "CREATE SCHEMA") ? "schema" : NULL;
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        if (evo_streq(e->desc, table[i].desc))
            return table[i].catalog;
    return NULL;
}

static enum evo_errc look_for_taken(struct evo_pg *pg, const struct evo_toc *toc,
                                    const struct evo_selection *selection, struct evo_target *ret,
                                    struct evo_error *err)
{
    static const char sql[] =
        "SELECT CASE k WHEN 'schema' THEN 'schema ' || n ELSE s || '.' || n END, count(*) OVER () "
        "FROM pg_catalog.json_to_recordset($1::pg_catalog.json) AS x(k text, s text, n text) "
        "WHERE CASE k WHEN 'schema' THEN EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = n) "
        "WHEN 'type' THEN EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace o "
        "  ON o.oid = t.typnamespace WHERE t.typname = n AND o.nspname = s) "
        "ELSE EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace o "
        "  ON o.oid = c.relnamespace WHERE c.relname = n AND o.nspname = s) END "
        "ORDER BY k, 1 LIMIT 5";
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO_PTR(json) names = evo_json_array();
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (size_t i = 0; i < toc->count; i++) {
        const char *catalog = selection->take[i] ? catalog_of(&toc->items[i]) : NULL;
        if (!catalog)
            continue;
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "k", catalog);
        evo_json_set_string(v, "s", toc->items[i].schema);
        evo_json_set_string(v, "n", toc->items[i].tag);
        evo_json_append(names, v);
    }
    evo_json_format(names, EVO_JSON_COMPACT, &text);
    if (!evo_strbuf_ok(&text))
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "the backup holds too many names to compare");
    const char *const params[] = { text.buf };
    enum evo_errc rc = evo_pg_query(pg, sql, 1, params, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++) {
        evo_strvec_push(&ret->taken, evo_pg_value(r, i, 0));
        ret->taken_count = evo_pg_value_int(r, i, 1, 0);
    }
    return rc;
}

enum evo_errc evo_target_look(struct evo_pg *pg, const struct evo_toc *toc,
                              const struct evo_selection *selection, struct evo_target *ret,
                              struct evo_error *err)
{
    static const char shared[] =
        "SELECT 'EXTENSION ' || extname FROM pg_catalog.pg_extension "
        "UNION ALL SELECT 'EVENT TRIGGER ' || evtname FROM pg_catalog.pg_event_trigger "
        "UNION ALL SELECT 'PUBLICATION ' || pubname FROM pg_catalog.pg_publication";
    static const char room[] =
        "SELECT pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8 * "
        "pg_catalog.current_setting('max_connections')::pg_catalog.int8";
    EVO_AUTO_PTR(pg_result) r = NULL;
    int64_t entries = 0;
    for (size_t i = 0; i < toc->count; i++)
        entries += selection->take[i] && toc->items[i].section == EVO_TOC_PRE_DATA;
    enum evo_errc rc = look_for_things(pg, &ret->things, err);
    if (!rc && ret->things.count)
        rc = look_for_taken(pg, toc, selection, ret, err);
    if (!rc)
        rc = names_of(pg, shared, &ret->shared, err);
    if (!rc)
        rc = evo_pg_query(pg, room, 0, NULL, &r, err);
    if (!rc)
        ret->one_transaction = entries * LOCKS_EACH < evo_pg_value_int(r, 0, 0, 0);
    return rc;
}

/* ---- what is needed, and is there ------------------------------------------- */

static const char *lookup_of(const struct evo_toc_entry *e)
{
    static const struct {
        const char *desc, *kind;
    } table[] = { { "SCHEMA", "schema" },      { "EXTENSION", "extension" }, { "TYPE", "type" },
                  { "SHELL TYPE", "type" },    { "DOMAIN", "type" },         { "SEQUENCE", "relation" },
                  { "FUNCTION", "function" },  { "PROCEDURE", "function" },  { "AGGREGATE", "function" },
                  { "COLLATION", "collation" } };
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        if (evo_streq(e->desc, table[i].desc))
            return table[i].kind;
    return NULL;
}

/* Comments, privileges and values of what was not made here are others'. */
static void leave_parts(const struct evo_toc *toc, const struct evo_toc_map *map, const bool *there,
                        struct evo_selection *s)
{
    static const char *const about[] = { "COMMENT", "ACL", "SECURITY LABEL", "SEQUENCE SET",
                                         "SEQUENCE OWNED BY" };
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        bool is_about = false;
        for (size_t k = 0; k < EVO_COUNT(about); k++)
            is_about |= evo_streq(e->desc, about[k]);
        for (size_t k = 0; is_about && k < e->ndeps; k++) {
            size_t dep = evo_toc_map_find(map, e->deps[k]);
            if (dep != EVO_TOC_MAP_NONE && there[dep])
                s->take[i] = false;
        }
    }
}

enum evo_errc evo_target_leave_what_is_there(struct evo_pg *pg, const struct evo_toc *toc,
                                             const struct evo_toc_map *map, bool schemas,
                                             struct evo_selection *selection, struct evo_error *err)
{
    /* Names of functions as pg_dump's format_function_signature writes them. */
    static const char sql[] =
        "SELECT i FROM pg_catalog.json_to_recordset($1::pg_catalog.json) AS x(i int8, k text, s text, n "
        "text) "
        "WHERE CASE k "
        "WHEN 'schema' THEN EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = n) "
        "WHEN 'extension' THEN EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = n) "
        "ELSE EXISTS (SELECT FROM pg_catalog.pg_namespace o WHERE o.nspname = s AND CASE k "
        "  WHEN 'type' THEN EXISTS (SELECT FROM pg_catalog.pg_type WHERE typname = n AND typnamespace = "
        "o.oid) "
        "  WHEN 'relation' THEN EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = n AND relnamespace = "
        "o.oid) "
        "  WHEN 'collation' THEN EXISTS (SELECT FROM pg_catalog.pg_collation WHERE collname = n AND "
        "collnamespace = o.oid) "
        "  ELSE EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = o.oid AND n = "
        "    proname || '(' || pg_catalog.oidvectortypes(proargtypes) || ')') END) END";
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO_PTR(json) names = evo_json_array();
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        bool needed = selection->needed[i] || (schemas && evo_streq(e->desc, "SCHEMA"));
        const char *kind = selection->take[i] && needed ? lookup_of(e) : NULL;
        if (!kind)
            continue;
        struct evo_json *v = evo_json_object();
        evo_json_set_int(v, "i", (int64_t)i);
        evo_json_set_string(v, "k", kind);
        evo_json_set_string(v, "s", e->schema);
        evo_json_set_string(v, "n", e->tag);
        evo_json_append(names, v);
    }
    evo_json_format(names, EVO_JSON_COMPACT, &text);
    if (!evo_strbuf_ok(&text))
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "the backup holds too many names to compare");
    const char *const params[] = { text.buf };
    enum evo_errc rc = evo_pg_query(pg, sql, 1, params, &r, err);
    if (rc)
        return rc;
    bool *there = evo_calloc(toc->count + 1, sizeof(*there));
    for (int i = 0; i < evo_pg_rows(r); i++) {
        size_t at = (size_t)evo_pg_value_int(r, i, 0, 0);
        there[at] = true;
        selection->take[at] = false;
    }
    leave_parts(toc, map, there, selection);
    free(there);
    return EVO_OK;
}

/* ---- tables that are to take rows ------------------------------------------- */

static enum evo_errc check_table(struct evo_pg *pg, const struct evo_toc_entry *e, bool into_existing,
                                 struct evo_error *err)
{
    static const char sql[] =
        "SELECT c.oid, (SELECT pg_catalog.min(tgname::text) FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid "
        "AND NOT "
        "tgisinternal AND tgenabled <> 'D') FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        "ON n.oid = relnamespace WHERE nspname = $1 AND relname = $2 AND relkind IN ('r', 'p')";
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO_PTR(pg_result) rows = NULL;
    const char *const params[] = { e->schema, e->tag };
    enum evo_errc rc = evo_pg_query(pg, sql, 2, params, &r, err);
    if (rc)
        return rc;
    if (!evo_pg_rows(r)) {
        evo_error_set(err, EVO_ERR_NOT_FOUND, "table \"%s.%s\" is not there", e->schema, e->tag);
        return evo_error_hint(err,
                              "Nothing was changed. Restore its schema first, with --schema-only; or both, "
                              "without --data-only.");
    }
    if (evo_pg_value(r, 0, 1)) {
        evo_error_set(err, EVO_ERR_UNSUPPORTED,
                      "table \"%s.%s\" has the trigger \"%s\", which would see every row", e->schema, e->tag,
                      evo_pg_value(r, 0, 1));
        return evo_error_hint(
            err,
            "Nothing was changed. ALTER TABLE %s.%s DISABLE TRIGGER USER; restore, and enable "
            "it again.",
            e->schema, e->tag);
    }
    if (into_existing)
        return EVO_OK;
    EVO_AUTO_STR table = evo_session_qualified(pg, e->schema, e->tag);
    EVO_AUTO_STR any = evo_asprintf("SELECT EXISTS (SELECT FROM ONLY %s)", table);
    rc = evo_pg_query(pg, any, 0, NULL, &rows, err);
    if (rc || !evo_pg_value_bool(rows, 0, 0))
        return rc;
    evo_error_set(err, EVO_ERR_TARGET_NOT_EMPTY, "table \"%s.%s\" holds rows", e->schema, e->tag);
    return evo_error_hint(
        err,
        "Nothing was changed. Empty it first; or have the rows added to those that are there: "
        "--into-existing --confirm %s",
        evo_pg_database(pg));
}

enum evo_errc evo_target_check_tables(struct evo_pg *pg, const struct evo_toc *toc,
                                      const struct evo_selection *selection, bool into_existing,
                                      struct evo_error *err)
{
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        enum evo_errc rc = selection->take[i] && evo_toc_is_table_data(e) && e->schema && e->tag
                               ? check_table(pg, e, into_existing, err)
                               : EVO_OK;
        if (rc)
            return rc;
    }
    return EVO_OK;
}

/* ---- taking back ------------------------------------------------------------ */

/* A list of what may be dropped, not of what may not: the archive also knows how to drop a whole database. */
static bool may_drop(const struct evo_toc_entry *e, const struct evo_target *before)
{
    static const char *const unqualified[] = { "SCHEMA", "CAST",        "TRANSFORM", "FOREIGN DATA WRAPPER",
                                               "SERVER", "USER MAPPING" };
    static const char *const shared[] = { "EXTENSION", "EVENT TRIGGER", "PUBLICATION" };
    if (!e->drop || !*e->drop || !e->tag || !e->desc)
        return false;
    if (evo_streq(e->desc, "SCHEMA") && !catalog_of(e))
        return false;
    for (size_t i = 0; i < EVO_COUNT(shared); i++)
        if (evo_streq(e->desc, shared[i])) {
            EVO_AUTO_STR name = evo_asprintf("%s %s", e->desc, e->tag);
            return !evo_strvec_contains(&before->shared, name);
        }
    for (size_t i = 0; i < EVO_COUNT(unqualified); i++)
        if (evo_streq(e->desc, unqualified[i]))
            return true;
    return e->schema && *e->schema;
}

static void unlink_large_objects(struct evo_pg *pg)
{
    /* Each takes a lock to the end of its transaction. */
    static const char sql[] = "SELECT pg_catalog.lo_unlink(oid) FROM (SELECT oid FROM "
                              "pg_catalog.pg_largeobject_metadata LIMIT 1000) x";
    for (int rows = 1; rows > 0;) {
        EVO_AUTO_PTR(pg_result) r = NULL;
        struct evo_error ignored = EVO_ERROR_INIT;
        rows = evo_pg_query(pg, sql, 0, NULL, &r, &ignored) ? 0 : evo_pg_rows(r);
    }
}

bool evo_target_undo(struct evo_pg *pg, const struct evo_toc *toc, const struct evo_selection *selection,
                     const struct evo_target *before)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    EVO_AUTO(strvec) left = EVO_STRVEC_INIT;
    EVO_AUTO_STR encoding = evo_toc_encoding(toc);
    if (evo_session_prepare(pg, &ignored) || (encoding && evo_session_encoding(pg, encoding, &ignored)))
        return false;
    /* In the archive's order everything comes behind what it needs. Not all of it was made: failures do not count. */
    for (size_t i = toc->count; i-- > 0;)
        if (selection->take[i] && may_drop(&toc->items[i], before) &&
            evo_pg_exec(pg, toc->items[i].drop, &ignored) && !evo_pg_alive(pg))
            return false;
    if (selection->large_objects)
        unlink_large_objects(pg);
    return !look_for_things(pg, &left, &ignored) && !left.count;
}
