#include "backup/describe.h"

#include "layout/ledger.h"

enum evo_errc evo_refuse_hidden_rows(struct evo_pg *pg, const char *oids, struct evo_error *err)
{
    static const char sql[] =
        "SELECT n.nspname || '.' || c.relname, current_user FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid) "
        "AND ($1::pg_catalog.oid[] IS NULL OR c.oid = ANY ($1::pg_catalog.oid[])) ORDER BY 1";
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *const params[] = { oids };
    enum evo_errc rc = evo_pg_query(pg, sql, 1, params, &r, err);
    if (rc || !evo_pg_rows(r))
        return rc;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    for (int i = 0; i < evo_pg_rows(r) && i < 20; i++)
        evo_strbuf_addf(&names, "%s\"%s\"", i ? ", " : "", evo_pg_value(r, i, 0));
    evo_error_set(err, EVO_ERR_PERMISSION, "row-level security hides rows of %d table%s from role \"%s\"",
                  evo_pg_rows(r), evo_pg_rows(r) == 1 ? "" : "s", evo_pg_value(r, 0, 1));
    evo_error_detail(err, "A backup without them would not be whole: %s%s.", names.buf,
                     evo_pg_rows(r) > 20 ? ", …" : "");
    EVO_AUTO_STR role = evo_pg_identifier(pg, evo_pg_value(r, 0, 1));
    return evo_error_hint(err, "ALTER ROLE %s BYPASSRLS;", role);
}

/* A value that the role may not be allowed to ask for. The caller frees; NULL. */
static char *ask(struct evo_pg *pg, const char *sql)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_pg_query(pg, sql, 0, NULL, &r, &ignored) || evo_pg_rows(r) != 1)
        return NULL;
    return evo_strdup(evo_pg_value(r, 0, 0));
}

enum evo_errc evo_describe_server(struct evo_pg *pg, struct evo_manifest *m, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg,
                                    "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype, "
                                    "pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_database "
                                    "WHERE datname = pg_catalog.current_database()",
                                    0, NULL, &r, err);
    if (rc)
        return rc;
    m->encoding = evo_strdup(evo_pg_value(r, 0, 0));
    m->collate = evo_strdup(evo_pg_value(r, 0, 1));
    m->ctype = evo_strdup(evo_pg_value(r, 0, 2));
    m->in_recovery = evo_pg_value_bool(r, 0, 3);
    m->server_version_num = evo_pg_version(pg);
    m->system_identifier = ask(pg, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()");
    return EVO_OK;
}

char *evo_describe_wal(struct evo_pg *pg, const struct evo_manifest *m)
{
    return ask(pg, m->in_recovery ? "SELECT pg_catalog.pg_last_wal_replay_lsn()::text"
                                  : "SELECT pg_catalog.pg_current_wal_lsn()::text");
}

static void add_migration(struct evo_json *list, const struct evo_ledger_row *row)
{
    struct evo_json *v = evo_json_object();
    evo_json_set_string(v, "name", row->name);
    evo_json_set_string(v, "checksum", row->checksum && row->checksum[0] ? row->checksum : NULL);
    evo_json_append(list, v);
}

/* Of the tables that several tools call so, the one with these columns; outside evo, whose own it is as well. */
#define CALLED_MIGRATIONS(one, other)                                                                       \
    "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " \
    "WHERE c.relname = 'migrations' AND c.relkind = 'r' AND n.nspname <> 'evo' AND 3 = (SELECT count(*) "   \
    "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped "                       \
    "AND a.attname IN ('id', '" one "', '" other "')) "                                                     \
    "ORDER BY n.nspname = pg_catalog.current_schema() DESC, n.nspname = 'public' DESC, n.nspname LIMIT 1"

/* The schema of a table with that column; the one that search_path finds first. */
#define HAS_COLUMN(table, column)                                                                           \
    "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " \
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = '" column                         \
    "' AND NOT a.attisdropped WHERE c.relname = '" table "' AND c.relkind = 'r' "
#define IN_PATH \
    "ORDER BY n.nspname = pg_catalog.current_schema() DESC, n.nspname = 'public' DESC, n.nspname LIMIT 1"

/* What the database itself records about its migrations, with no folder at hand. */
enum evo_errc evo_describe_ledger(struct evo_pg *pg, struct evo_manifest *m, struct evo_error *err)
{
    static const struct {
        enum evo_layout_kind kind;
        const char *sql;
    } ledgers[] = {
        { EVO_LAYOUT_PRISMA, "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                             "ON n.oid = c.relnamespace WHERE c.relname = '_prisma_migrations' "
                             "AND c.relkind = 'r' ORDER BY n.nspname = 'public' DESC, n.nspname LIMIT 1" },
        { EVO_LAYOUT_TYPEORM, CALLED_MIGRATIONS("timestamp", "name") },
        { EVO_LAYOUT_LARAVEL, CALLED_MIGRATIONS("migration", "batch") },
        /* Before evo's own: in such a database that one is there for the journal, and empty. */
        { EVO_LAYOUT_GOLANG_MIGRATE, HAS_COLUMN("schema_migrations", "dirty") IN_PATH },
        { EVO_LAYOUT_DBMATE,
          HAS_COLUMN("schema_migrations", "version") "AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute x "
                                                     "WHERE x.attrelid = c.oid AND x.attname = 'dirty' AND "
                                                     "NOT x.attisdropped) AND NOT EXISTS (SELECT FROM "
                                                     "pg_catalog.pg_class r WHERE r.relnamespace = n.oid AND "
                                                     "r.relname = 'ar_internal_metadata') " IN_PATH },
        { EVO_LAYOUT_GOOSE, HAS_COLUMN("goose_db_version", "is_applied") IN_PATH },
        { EVO_LAYOUT_FLYWAY, HAS_COLUMN("flyway_schema_history", "installed_rank") IN_PATH },
        { EVO_LAYOUT_SQITCH, HAS_COLUMN("changes", "script_hash") "AND n.nspname = 'sqitch'" },
        { EVO_LAYOUT_SQL, "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                          "ON n.oid = c.relnamespace WHERE n.nspname = 'evo' AND c.relname = 'migrations' "
                          "AND c.relkind = 'r'" },
    };
    for (size_t i = 0; i < EVO_COUNT(ledgers); i++) {
        EVO_AUTO_STR schema = ask(pg, ledgers[i].sql);
        EVO_AUTO(ledger) ledger = { 0 };
        if (!schema)
            continue;
        const struct evo_project no_files = { .kind = ledgers[i].kind };
        enum evo_errc rc = evo_ledger_load(pg, &no_files, schema, &ledger, err);
        if (rc)
            return evo_error_prefix(err, "could not read the state of the migrations");
        struct evo_json *v = m->ledger = evo_json_object();
        struct evo_json *applied = evo_json_array();
        struct evo_json *failed = evo_json_array();
        for (size_t n = 0; n < ledger.count; n++)
            if (ledger.items[n].rolled_back_ms < 0)
                add_migration(ledger.items[n].finished_ms < 0 ? failed : applied, &ledger.items[n]);
        evo_json_set_string(v, "layout", evo_layout_name(ledgers[i].kind));
        evo_json_set_string(v, "schema", schema);
        evo_json_set(v, "applied", applied);
        evo_json_set(v, "failed", failed);
        return EVO_OK;
    }
    return EVO_OK;
}
