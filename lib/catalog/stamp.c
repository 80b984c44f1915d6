#include "catalog/stamp.h"

#include "catalog/sections.h"

/* What the digest is made of. */
#define FORMAT "evo catalog stamp, format 1\n"
#define OLDEST 130000

/* Workers would cost more than they save. */
#define SETTINGS                  \
    "SET LOCAL search_path = '';" \
    "SET LOCAL jit = off;"        \
    "SET LOCAL max_parallel_workers_per_gather = 0;"

/* The formatter knows no SQL. */
/* clang-format off */

/* Schemas that do not count; relations that do. */
static const char with[] =
    "WITH skipped AS MATERIALIZED (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname IN ('evo', "
    "'pg_toast') OR n.nspname ~ '^pg_(toast_)?temp_'), ours AS MATERIALIZED (SELECT c.oid FROM "
    "pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relnamespace NOT IN (SELECT oid FROM skipped)) ";

/* The cluster, the database, the version; and what is no part of the digest. */
static const char where_we_are[] =
    "SELECT 'server', s.system_identifier, pg_catalog.concat_ws(' ', d.oid, "
    "pg_catalog.current_setting('server_version_num')), "
    "CASE WHEN pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL THEN 'changed' WHEN "
    "pg_catalog.pg_snapshot_xmin(n.now) = pg_catalog.pg_snapshot_xmax(n.now) THEN "
    "pg_catalog.pg_snapshot_xmax(n.now)::text END FROM pg_catalog.pg_current_snapshot() n(now), pg_catalog.pg_control_system() s, "
    "pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

#define OURS(column)    column " IN (SELECT oid FROM ours)"
#define SKIPPED(column) column " IN (SELECT oid FROM skipped)"
#define CLASS(name)     "'pg_catalog." name "'::pg_catalog.regclass"

/* Catalogs whose rows count by their xmin. */
static const struct {
    int since;
    const char *catalog;
    const char *condition; /* on x, its row */
} rows[] = {
    { 0, "pg_namespace", "NOT " SKIPPED("x.oid") },
    { 0, "pg_attribute", "x.attnum > 0 AND " OURS("x.attrelid") },
    { 0, "pg_attrdef", OURS("x.adrelid") },
    { 0, "pg_constraint", "x.oid >= 16384 AND NOT " SKIPPED("x.connamespace") },
    { 0, "pg_index", OURS("x.indrelid") },
    { 0, "pg_inherits", OURS("x.inhrelid") },
    { 0, "pg_partitioned_table", OURS("x.partrelid") },
    { 0, "pg_sequence", OURS("x.seqrelid") },
    { 0, "pg_trigger", OURS("x.tgrelid") },
    { 0, "pg_rewrite", OURS("x.ev_class") },
    { 0, "pg_policy", OURS("x.polrelid") },
    { 0, "pg_statistic_ext", OURS("x.stxrelid") },
    { 0, "pg_foreign_table", OURS("x.ftrelid") },
    { 0, "pg_type", "x.oid >= 16384 AND NOT " SKIPPED("x.typnamespace") },
    { 0, "pg_enum", "x.oid >= 16384" },
    { 0, "pg_range", "x.rngtypid >= 16384" },
    { 0, "pg_proc", "x.oid >= 16384 AND NOT " SKIPPED("x.pronamespace") },
    { 0, "pg_aggregate", "x.aggfnoid::pg_catalog.oid >= 16384" },
    { 0, "pg_operator", "x.oid >= 16384" },
    { 0, "pg_opclass", "x.oid >= 16384" },
    { 0, "pg_opfamily", "x.oid >= 16384" },
    { 0, "pg_amop", "x.oid >= 16384" },
    { 0, "pg_amproc", "x.oid >= 16384" },
    { 0, "pg_cast", "x.oid >= 16384" },
    { 0, "pg_transform", "x.oid >= 16384" },
    { 0, "pg_language", "x.oid >= 16384" },
    { 0, "pg_am", "x.oid >= 16384" },
    { 0, "pg_conversion", "x.oid >= 16384" },
    { 0, "pg_collation", "x.oid >= 16384" },
    { 0, "pg_ts_parser", "x.oid >= 16384" },
    { 0, "pg_ts_template", "x.oid >= 16384" },
    { 0, "pg_ts_dict", "x.oid >= 16384" },
    { 0, "pg_ts_config", "x.oid >= 16384" },
    { 0, "pg_ts_config_map", "x.mapcfg >= 16384" },
    { 0, "pg_extension", "x.oid >= 16384" },
    { 0, "pg_event_trigger", "x.oid >= 16384" },
    { 0, "pg_publication", "x.oid >= 16384" },
    { 0, "pg_publication_rel", OURS("x.prrelid") },
    { 150000, "pg_publication_namespace", "NOT " SKIPPED("x.pnnspid") },
    { 0, "pg_foreign_data_wrapper", "x.oid >= 16384" },
    { 0, "pg_foreign_server", "x.oid >= 16384" },
    /* What belongs to an extension; whose a sequence is; what a user mapping is for. */
    { 0, "pg_depend", "x.refclassid = " CLASS("pg_extension") " AND x.deptype = 'e'" },
    { 0, "pg_depend", "x.classid = " CLASS("pg_class") " AND x.objsubid = 0 AND x.refclassid = " CLASS("pg_class")
                      " AND x.refobjsubid > 0 AND x.deptype IN ('a', 'i') AND x.objid IN (SELECT s.seqrelid FROM "
                      "pg_catalog.pg_sequence s WHERE " OURS("s.seqrelid") ")" },
    { 0, "pg_depend", "x.classid = " CLASS("pg_user_mapping") },
    { 0, "pg_description", "(x.objoid >= 16384 OR x.objoid = 2200) AND x.classoid <> " CLASS("pg_largeobject")
                           " AND (x.classoid <> " CLASS("pg_class") " OR " OURS("x.objoid") ") AND (x.classoid <> "
                           CLASS("pg_namespace") " OR NOT " SKIPPED("x.objoid") ")" },
};

/* What counts by its contents: an expression that says all of it in one text, a number, and where from. */
static const struct {
    const char *what, *text, *number, *from;
} contents[] = {
    { "relations",
      "pg_catalog.concat_ws(' ', c.relnamespace, c.relkind, c.relpersistence, c.relam, c.reloftype, c.relispartition, "
      "c.relreplident, c.relrowsecurity, c.relforcerowsecurity, c.relpartbound IS NULL, c.reloptions, c.relname)",
      "c.oid", "pg_catalog.pg_class c WHERE " OURS("c.oid") },
    { "options of TOAST tables", "t.reloptions", "c.oid",
      "pg_catalog.pg_class c JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid WHERE " OURS("c.oid")
      " AND t.reloptions IS NOT NULL" },
    { "roles of policies", "pg_catalog.pg_get_userbyid(o)", "o",
      "pg_catalog.pg_policy p, pg_catalog.unnest(p.polroles) o WHERE o <> 0" },
    { "roles of user mappings", "pg_catalog.pg_get_userbyid(d.refobjid)", "d.objid",
      "pg_catalog.pg_shdepend d WHERE d.classid = " CLASS("pg_user_mapping") " AND d.dbid = (SELECT b.oid FROM "
      "pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database())" },
    { "subscriptions", "s.subname", "0",
      "pg_catalog.pg_subscription s WHERE s.subdbid = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = "
      "pg_catalog.current_database())" },
};

/* clang-format on */

static void write_query(struct evo_strbuf *sql, int version)
{
    evo_strbuf_adds(sql, with);
    evo_strbuf_adds(sql, where_we_are);
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        if (version >= rows[i].since)
            evo_strbuf_addf(
                sql,
                "\nUNION ALL SELECT '%s', pg_catalog.count(*), "
                "pg_catalog.sum(pg_catalog.hashtextextended(x.xmin::pg_catalog.text, 0))::text, NULL "
                "FROM pg_catalog.%s x WHERE %s",
                rows[i].catalog, rows[i].catalog, rows[i].condition);
    for (size_t i = 0; i < EVO_COUNT(contents); i++)
        evo_strbuf_addf(
            sql,
            "\nUNION ALL SELECT '%s', pg_catalog.count(*), "
            "pg_catalog.sum(pg_catalog.hashtextextended((%s)::text, (%s)::bigint))::text, NULL FROM %s",
            contents[i].what, contents[i].text, contents[i].number, contents[i].from);
}

struct digest {
    struct evo_sha256 *h;
    bool changed; /* by the transaction itself */
    char horizon[24]; /* "": none */
};

static enum evo_errc take_rows(void *ctx, const struct evo_pg_result *r, struct evo_error *err)
{
    (void)err;
    struct digest *d = ctx;
    for (int i = 0; i < evo_pg_rows(r) && evo_pg_columns(r) == 4; i++) {
        const char *sum = evo_pg_value(r, i, 2), *aside = evo_pg_value(r, i, 3);
        EVO_AUTO_STR line =
            evo_asprintf("%s %s %s\n", evo_pg_value(r, i, 0), evo_pg_value(r, i, 1), sum ? sum : "-");
        evo_sha256_update(d->h, line, strlen(line));
        if (evo_streq(aside, "changed"))
            d->changed = true;
        else if (aside)
            (void)snprintf(d->horizon, sizeof(d->horizon), "%s", aside);
    }
    return EVO_OK;
}

/* Back to before, also where nothing went wrong. */
static enum evo_errc leave(struct evo_pg *pg, bool inside, enum evo_errc rc, struct evo_error *err)
{
    struct evo_error second = EVO_ERROR_INIT;
    if (!inside && !evo_pg_in_transaction(pg))
        return rc;
    enum evo_errc ended = evo_pg_exec(
        pg, inside ? "ROLLBACK TO SAVEPOINT evo_stamp; RELEASE SAVEPOINT evo_stamp" : "ROLLBACK", &second);
    if (!rc && ended && err)
        *err = second;
    return rc ? rc : ended;
}

bool evo_catalog_stamp_is(const char *stamp, const char *other)
{
    return strlen(stamp) >= EVO_SHA256_HEX - 1 && strncmp(stamp, other, EVO_SHA256_HEX - 1) == 0;
}

enum evo_errc evo_catalog_stamp(struct evo_pg *pg, char ret[EVO_STAMP_MAX], struct evo_error *err)
{
    ret[0] = '\0';
    if (evo_pg_version(pg) < OLDEST)
        return EVO_OK;
    bool inside = evo_pg_in_transaction(pg);
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(sha256) h = evo_sha256_new();
    struct digest d = { .h = h };
    struct evo_error failed = EVO_ERROR_INIT;
    evo_sha256_update(h, FORMAT, strlen(FORMAT));
    evo_strbuf_adds(&sql, inside ? "SAVEPOINT evo_stamp;" : "BEGIN READ ONLY;");
    evo_strbuf_adds(&sql, SETTINGS);
    write_query(&sql, evo_pg_version(pg));
    if (!inside)
        evo_strbuf_adds(&sql, ";\nROLLBACK");
    enum evo_errc rc = leave(pg, inside, evo_pg_script(pg, sql.buf, take_rows, &d, NULL, &failed), &failed);
    if (rc == EVO_ERR_PERMISSION)
        return EVO_OK;
    if (rc && err) {
        *err = failed;
        err->line = err->column = 0; /* of a text that nobody wrote */
    }
    if (rc)
        return evo_error_prefix(err, "could not look at the schema");
    unsigned char digest[EVO_SHA256_SIZE];
    evo_sha256_final(h, digest);
    if (d.changed)
        return EVO_OK;
    char hex[EVO_SHA256_HEX];
    (void)snprintf(ret, EVO_STAMP_MAX, "%s%s%s", evo_sha256_format(digest, hex), d.horizon[0] ? " " : "",
                   d.horizon);
    return EVO_OK;
}
