#include "layout/ledger.h"

#include "base/banned.h"
#include "layout/foreign.h"
#include "layout/ledger_impl.h"
#include "layout/reader.h"
#include "layout/seen.h"
#include "layout/versions.h"
#include "schema/sql.h"

/* Where the ledger is: as the tool is configured, else the tool's own schema, else the connection's. */
static const char *schema_of(const struct evo_project *p, const char *schema)
{
    const char *own = evo_ledger_kind_of(p->kind)->schema;
    if (p->ledger_schema)
        return p->ledger_schema;
    return own ? own : schema && *schema ? schema : "public";
}

static const char *table_of(const struct evo_project *p)
{
    return p->ledger_table ? p->ledger_table : evo_ledger_kind_of(p->kind)->table;
}

int64_t evo_ledger_lock_key(const struct evo_project *p, const char *database, const char *schema)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(p->kind);
    return kind->lock_key_of ? kind->lock_key_of(database, schema_of(p, schema), table_of(p))
                             : kind->lock_key;
}

int64_t evo_ledger_lock_key_too(const struct evo_project *p, const char *database, const char *schema)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(p->kind);
    return kind->lock_key_too ? kind->lock_key_too(database, schema_of(p, schema), table_of(p)) : 0;
}

void evo_ledger_found_release(struct evo_ledger_found *f)
{
    if (!f)
        return;
    free(f->shown);
    *f = (struct evo_ledger_found){ 0 };
}

void evo_ledger_release(struct evo_ledger *l)
{
    if (!l)
        return;
    free(l->schema);
    free(l->table);
    free(l->app_schema);
    free(l->role);
    free(l->database);
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].id);
        free(l->items[i].name);
        free(l->items[i].checksum);
        free(l->items[i].logs);
    }
    free(l->items);
    evo_strvec_release(&l->files);
    evo_strvec_release(&l->seen);
    *l = (struct evo_ledger){ 0 };
}

struct evo_ledger_row *evo_ledger_add(struct evo_ledger *l)
{
    EVO_GROW(l->items, l->count, l->alloc);
    l->items[l->count] = (struct evo_ledger_row){ .started_ms = -1, .finished_ms = -1, .rolled_back_ms = -1 };
    return &l->items[l->count++];
}

char *evo_ledger_version(const char *name)
{
    return evo_strndup(name, evo_version_digits(name));
}

/* ---- statements --------------------------------------------------------------- */

char *evo_ledger_quote(const char *name)
{
    if (*name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789")] && !strchr("0123456789", *name))
        return evo_strdup(name);
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_strbuf_addch(&out, '"');
    for (const char *p = name; *p; p++) {
        if (*p == '"')
            evo_strbuf_addch(&out, '"');
        evo_strbuf_addch(&out, *p);
    }
    evo_strbuf_addch(&out, '"');
    return evo_strbuf_detach(&out);
}

enum evo_errc evo_ledger_ask_for(const struct evo_ledger *l, struct evo_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    EVO_AUTO_STR what = evo_vasprintf(fmt, ap);
    va_end(ap);
    EVO_AUTO_STR role = evo_ledger_quote(l->role);
    return evo_error_hint(err, "Ask for it: GRANT %s TO %s;", what, role);
}

/* A trigger or a rule of somebody's took the row away: whoever went on would apply the migration a second time. */
static enum evo_errc refuse_swallowed(const struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
    EVO_AUTO_STR table = evo_ledger_quote(l->table);
    evo_error_set(err, EVO_ERR_DATABASE, "table %s.%s took no row, and raised no error", schema, table);
    evo_error_detail(err, "A trigger or a rule on it drops what is inserted; what is not on record would be "
                          "applied again.");
    return evo_error_hint(err, "Look at them: psql -c '\\d %s.%s'", schema, table);
}

enum evo_errc evo_ledger_ask_for_evo(const struct evo_ledger *l, struct evo_error *err)
{
    if (l->evo_schema_exists)
        return evo_ledger_ask_for(l, err, "USAGE, CREATE ON SCHEMA evo");
    EVO_AUTO_STR role = evo_ledger_quote(l->role);
    EVO_AUTO_STR database = evo_ledger_quote(l->database);
    return evo_error_hint(
        err,
        "Ask for it: GRANT CREATE ON DATABASE %s TO %s; or, for no more than is needed: CREATE "
        "SCHEMA evo AUTHORIZATION %s;",
        database, role, role);
}

enum evo_errc evo_ledger_query(struct evo_pg *pg, const struct evo_ledger *l, const char *sql, int nparams,
                               const char *const *params, struct evo_pg_result **ret, struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO_STR schema = evo_pg_identifier(pg, l->schema);
    EVO_AUTO_STR table = evo_pg_identifier(pg, l->table);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (const char *p = sql; *p; p++) {
        if (*p == '@')
            evo_strbuf_addf(&text, "%s.%s", schema, table);
        else
            evo_strbuf_addch(&text, *p);
    }
    enum evo_errc rc = evo_pg_query(pg, text.buf, nparams, params, &r, err);
    if (rc == EVO_ERR_PERMISSION) {
        EVO_AUTO_STR shown_schema = evo_ledger_quote(l->schema);
        EVO_AUTO_STR shown_table = evo_ledger_quote(l->table);
        EVO_AUTO_STR role = evo_ledger_quote(l->role);
        return evo_ledger_ask_for(l, err, "USAGE ON SCHEMA %s TO %s; GRANT %s ON %s.%s", shown_schema, role,
                                  kind->privileges, shown_schema, shown_table);
    }
    if (!rc && evo_starts_with(sql, "INSERT ") && evo_pg_affected(r) < 1)
        return refuse_swallowed(l, err);
    if (!rc && ret) {
        *ret = r;
        r = NULL;
    }
    return rc;
}

enum evo_errc evo_ledger_create_in_schema(struct evo_pg *pg, const struct evo_ledger *l, const char *sql,
                                          struct evo_error *err)
{
    enum evo_errc rc = evo_ledger_query(pg, l, sql, 0, NULL, NULL, err);
    if (rc != EVO_ERR_PERMISSION)
        return rc;
    EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
    return evo_ledger_ask_for(l, err, "USAGE, CREATE ON SCHEMA %s", schema);
}

enum evo_errc evo_ledger_delete(struct evo_pg *pg, const struct evo_ledger *l, const char *sql,
                                const char *name, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_query(pg, l, sql, 1, (const char *const[]){ name }, &r, err);
    if (!rc && evo_pg_affected(r) < 1)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "applied migration \"%s\" is not in the ledger", name);
    return rc;
}

/* ---- reading ------------------------------------------------------------------ */

/* $1 the connection's schema, $2 names of tables, $3 schemas of tools that have one of their own. The first row is about
 * the database, each other one a table of such a name with its columns. */
static const char survey_sql[] =
    "SELECT current_user::text, pg_catalog.current_database()::text, "
    "(EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1))::text, "
    "(EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'evo'))::text, "
    "(EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relkind = 'r'))::text, pg_catalog.current_schema()::text, "
    "(SELECT CASE WHEN e.oid IS NULL THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), "
    "'CREATE') ELSE pg_catalog.has_schema_privilege(e.oid, 'CREATE') END FROM (SELECT) o LEFT JOIN "
    "pg_catalog.pg_namespace e ON e.nspname = 'evo')::text "
    "UNION ALL "
    "(SELECT n.nspname::text, c.relname::text, "
    "' ' || (SELECT pg_catalog.string_agg(a.attname, ' ') FROM pg_catalog.pg_attribute a "
    "WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) || ' ', "
    "CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' "
    "END, "
    "pg_catalog.row_security_active(c.oid)::text, "
    "(n.nspname = ANY (pg_catalog.current_schemas(false)))::text, NULL "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = ANY ($2::name[]) "
    "AND (n.nspname = $1 OR n.nspname = ANY (pg_catalog.current_schemas(false)) OR n.nspname = ANY "
    "($3::name[])) "
    "ORDER BY n.nspname <> $1, 1, 2)";

void evo_ledger_add_element(struct evo_strbuf *array, const char *value)
{
    evo_strbuf_adds(array, array->len ? ",\"" : "{\"");
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            evo_strbuf_addch(array, '\\');
        evo_strbuf_addch(array, *p);
    }
    evo_strbuf_addch(array, '"');
}

/* A table of the ledger's name that is not the tool's. */
static enum evo_errc refuse_shape(const struct evo_ledger *l, struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
    EVO_AUTO_STR table = evo_ledger_quote(l->table);
    evo_error_set(err, EVO_ERR_UNSUPPORTED, "table %s.%s is not one of %s", schema, table,
                  evo_layout_name(l->kind));
    evo_error_detail(err, "It lacks a column of these:%.*s.", (int)strlen(kind->columns) - 1, kind->columns);
    return evo_error_hint(err, "Look at it: psql -c '\\d %s.%s'", schema, table);
}

/* What is recorded there would not be found again by the next run. */
static enum evo_errc refuse_kind(const struct evo_ledger *l, const char *what, struct evo_error *err)
{
    EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
    EVO_AUTO_STR table = evo_ledger_quote(l->table);
    evo_error_set(err, EVO_ERR_UNSUPPORTED, "%s.%s is a %s, and %s records in a table", schema, table, what,
                  evo_layout_name(l->kind));
    return evo_error_hint(err, "Look at it: psql -c '\\d+ %s.%s'", schema, table);
}

/* Rows that are hidden are migrations that would be applied again. */
static enum evo_errc refuse_hidden(const struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
    EVO_AUTO_STR table = evo_ledger_quote(l->table);
    EVO_AUTO_STR role = evo_ledger_quote(l->role);
    evo_error_set(err, EVO_ERR_PERMISSION, "row security may hide rows of %s.%s from role %s", schema, table,
                  role);
    evo_error_detail(err, "A migration whose row is hidden would be applied again.");
    return evo_error_hint(err,
                          "As the table's owner: ALTER TABLE %s.%s DISABLE ROW LEVEL SECURITY; or, as a "
                          "superuser: ALTER ROLE %s BYPASSRLS;",
                          schema, table, role);
}

/* Whether this is the ledger's own table. One that follows search_path is where that finds it. */
static bool is_own(struct evo_ledger *l, const struct evo_project *p, const char *schema, const char *table,
                   bool on_path)
{
    if (strcmp(table, l->table) != 0)
        return false;
    if (strcmp(schema, l->schema) == 0)
        return true;
    if (!evo_ledger_kind_of(l->kind)->by_search_path || p->ledger_schema || !on_path || l->exists)
        return false;
    free(l->schema);
    l->schema = evo_strdup(schema);
    return true;
}

static enum evo_errc survey(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                            struct evo_ledger_found *found, struct evo_error *err)
{
    EVO_AUTO(strbuf) tables = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) schemas = EVO_STRBUF_INIT;
    evo_ledger_add_element(&tables, l->table);
    evo_ledger_add_element(&schemas, l->schema);
    for (size_t i = 0; i < evo_foreign_ledgers_count; i++) {
        evo_ledger_add_element(&tables, evo_foreign_ledgers[i].table);
        if (evo_foreign_ledgers[i].schema)
            evo_ledger_add_element(&schemas, evo_foreign_ledgers[i].schema);
    }
    evo_strbuf_addch(&tables, '}');
    evo_strbuf_addch(&schemas, '}');
    const char *const params[] = { l->app_schema, tables.buf, schemas.buf };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, survey_sql, EVO_COUNT(params), params, &r, err);
    if (rc)
        return rc;
    l->role = evo_strdup(evo_pg_value(r, 0, 0));
    l->database = evo_strdup(evo_pg_value(r, 0, 1));
    l->app_schema_exists = evo_streq(evo_pg_value(r, 0, 2), "true");
    l->evo_schema_exists = evo_streq(evo_pg_value(r, 0, 3), "true");
    l->schema_empty = !evo_streq(evo_pg_value(r, 0, 4), "true");
    l->may_make_evo = evo_streq(evo_pg_value(r, 0, 6), "true");
    const char *current = evo_pg_value(r, 0, 5);
    if (evo_ledger_kind_of(l->kind)->by_search_path && !p->ledger_schema && current) {
        free(l->schema);
        l->schema = evo_strdup(current);
    }
    for (int i = 1; i < evo_pg_rows(r); i++) {
        const char *schema = evo_pg_value(r, i, 0), *table = evo_pg_value(r, i, 1);
        const char *columns = evo_pg_value(r, i, 2);
        const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
        const char *what = evo_pg_value(r, i, 3);
        bool own = is_own(l, p, schema, table, evo_streq(evo_pg_value(r, i, 5), "true"));
        if (own && what)
            return refuse_kind(l, what, err);
        if (what)
            continue;
        if (own && evo_streq(evo_pg_value(r, i, 4), "true"))
            return refuse_hidden(l, err);
        if (own &&
            (!kind->columns || evo_foreign_fits(columns ? columns : " ", kind->columns, kind->without))) {
            l->exists = true;
            continue;
        }
        const struct evo_foreign *tool = evo_foreign_find(l->kind, schema, table, columns ? columns : " ");
        if (own && !tool)
            return refuse_shape(l, err);
        if (!tool || (found->tool && found->tool <= tool))
            continue;
        EVO_AUTO_STR s = evo_ledger_quote(schema);
        EVO_AUTO_STR t = evo_ledger_quote(table);
        free(found->shown);
        found->shown = evo_asprintf("%s.%s", s, t);
        found->tool = tool;
    }
    return EVO_OK;
}

static enum evo_errc read_rows(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                               struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        kind->read ? kind->read(pg, l, p, err) : evo_ledger_query(pg, l, kind->select, 0, NULL, &r, err);
    for (int i = 0; !rc && r && i < evo_pg_rows(r); i++) {
        EVO_GROW(l->items, l->count, l->alloc);
        l->items[l->count++] = (struct evo_ledger_row){
            .id = evo_strdup(evo_pg_value(r, i, 0)),
            .name = evo_strdup(evo_pg_value(r, i, 1)),
            .checksum = evo_strdup(evo_pg_value(r, i, 2)),
            .started_ms = evo_pg_value_int(r, i, 3, -1),
            .finished_ms = evo_pg_value_int(r, i, 4, -1),
            .rolled_back_ms = evo_pg_value_int(r, i, 5, -1),
            .steps = evo_pg_value_int(r, i, 6, 0),
            .logs = evo_strdup(evo_pg_value(r, i, 7)),
        };
    }
    if (!rc && kind->name_rows)
        kind->name_rows(l, p);
    return rc || !evo_layout_of(l->kind)->no_attempts ? rc : evo_ledger_add_begun(pg, l, err);
}

static void place(struct evo_ledger *l, const struct evo_project *p, const char *schema)
{
    if (evo_layout_of(p->kind)->schema_first && p->ledger_schema)
        schema = p->ledger_schema;
    *l = (struct evo_ledger){ .kind = p->kind,
                              .project = p,
                              .app_schema = evo_strdup(schema && *schema ? schema : "public"),
                              .schema = evo_strdup(schema_of(p, schema)),
                              .table = evo_strdup(table_of(p)) };
    for (size_t i = 0; evo_layout_of(p->kind)->by_files && i < p->count; i++)
        evo_strvec_push(&l->files, p->items[i].name);
}

enum evo_errc evo_ledger_look(struct evo_pg *pg, const struct evo_project *p, const char *schema,
                              struct evo_ledger *ret, struct evo_ledger_found *ret_found,
                              struct evo_error *err)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(ledger_found) found = { 0 };
    place(&l, p, schema);
    enum evo_errc rc = survey(pg, &l, p, &found, err);
    if (!rc && l.exists)
        rc = read_rows(pg, &l, p, err);
    if (!rc && l.exists)
        rc = evo_seen_load(pg, &l, p, err);
    if (rc)
        return rc;
    l.lock_key = evo_ledger_lock_key(p, l.database, schema);
    *ret = l;
    l = (struct evo_ledger){ 0 };
    *ret_found = found;
    found = (struct evo_ledger_found){ 0 };
    return EVO_OK;
}

enum evo_errc evo_ledger_load(struct evo_pg *pg, const struct evo_project *p, const char *schema,
                              struct evo_ledger *ret, struct evo_error *err)
{
    EVO_AUTO(ledger) l = { 0 };
    EVO_AUTO(ledger_found) found = { 0 };
    enum evo_errc rc = evo_ledger_look(pg, p, schema, &l, &found, err);
    if (rc)
        return rc;
    if (found.tool && (!l.count || (found.tool->always && p->kind == EVO_LAYOUT_PRISMA)))
        return evo_foreign_refuse(found.tool, p->kind, l.database, found.shown, err);
    *ret = l;
    l = (struct evo_ledger){ 0 };
    return EVO_OK;
}

enum evo_errc evo_project_search_path(struct evo_pg *pg, const struct evo_project *p, const char *schema,
                                      char **ret, struct evo_error *err)
{
    const struct evo_layout *layout = evo_layout_of(p->kind);
    EVO_AUTO_STR set = NULL;
    if (schema && !*schema)
        schema = NULL;
    if (!schema && layout->in_schema)
        schema = "public";
    if (!schema && layout->schema_first && p->ledger_schema) {
        enum evo_errc rc = evo_pg_setting(pg, "search_path", &set, err);
        if (rc)
            return rc;
        schema = p->ledger_schema;
    }
    EVO_AUTO_STR quoted = schema ? evo_pg_identifier(pg, schema) : NULL;
    *ret = set && *set ? evo_asprintf("%s, %s", quoted, set) : evo_strdup(quoted);
    return EVO_OK;
}

/* ---- writing ------------------------------------------------------------------ */

enum evo_errc evo_ledger_create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    return evo_ledger_kind_of(l->kind)->create(pg, l, err);
}

enum evo_errc evo_ledger_create_evo_schema(struct evo_pg *pg, const struct evo_ledger *l,
                                           struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, evo_schema_sql_ledger, err);
    return rc == EVO_ERR_PERMISSION ? evo_ledger_ask_for_evo(l, err) : rc;
}

enum evo_errc evo_ledger_record(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                                int64_t started_ms, struct evo_error *err)
{
    /* The wall clock may have been set back meanwhile. */
    int64_t now = evo_wall_ms(), finished_ms = now < started_ms ? started_ms : now;
    return evo_ledger_kind_of(l->kind)->insert(pg, l, m, started_ms, finished_ms, 1, NULL, NULL, err);
}

enum evo_errc evo_ledger_start(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               char **ret_id, struct evo_error *err)
{
    return evo_ledger_kind_of(l->kind)->insert(pg, l, m, evo_wall_ms(), -1, 0, NULL, ret_id, err);
}

/* An UPDATE by id or name with one value; EVO_ERR_NOT_FOUND where it touches nothing and `what` is given. */
static enum evo_errc update(struct evo_pg *pg, const struct evo_ledger *l, const char *sql, const char *key,
                            const char *value, const char *what, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_query(pg, l, sql, 2, (const char *const[]){ key, value }, &r, err);
    if (!rc && what && evo_pg_affected(r) < 1)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "%s \"%s\" is not in the ledger", what, key);
    return rc;
}

enum evo_errc evo_ledger_finish(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    char now[EVO_TIME_MAX];
    return kind->finish_row
               ? kind->finish_row(pg, l, id, err)
               : update(pg, l, kind->finish, id, evo_format_time(evo_wall_ms(), now), "row", err);
}

enum evo_errc evo_ledger_fail(struct evo_pg *pg, const struct evo_ledger *l, const char *id, const char *logs,
                              struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    return kind->fail_row ? kind->fail_row(pg, l, id, logs, err)
                          : update(pg, l, kind->fail, id, logs, "row", err);
}

enum evo_errc evo_ledger_roll_back(struct evo_pg *pg, const struct evo_ledger *l,
                                   const struct evo_migration *m, struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    char now[EVO_TIME_MAX];
    return kind->take_back ? kind->take_back(pg, l, m, err)
                           : update(pg, l, kind->roll_back, m->name, evo_format_time(evo_wall_ms(), now),
                                    "applied migration", err);
}

enum evo_errc evo_ledger_start_down(struct evo_pg *pg, const struct evo_ledger *l,
                                    const struct evo_migration *m, struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    return kind->start_down ? kind->start_down(pg, l, m, err) : EVO_OK;
}

enum evo_errc evo_ledger_keep(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                              struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    return kind->keep ? kind->keep(pg, l, m, err) : EVO_OK;
}

enum evo_errc evo_ledger_accept(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                                const char *id, struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    if (!kind->accept) {
        evo_error_set(err, EVO_ERR_UNSUPPORTED,
                      "what %s records of migration \"%s\" cannot be accepted by evo",
                      evo_layout_name(l->kind), m->name);
        evo_error_hint(err, "Put the file back as it was, or mend the record with the tool itself.");
        return evo_error_migration(err, m->name);
    }
    return update(pg, l, kind->accept, id, m->own_checksum ? m->own_checksum : m->checksum, "row", err);
}

/* ---- resolve ------------------------------------------------------------------ */

/* How many rows of a name there are, and of which sort. */
struct attempts {
    int applied, failed, rolled_back;
};

static enum evo_errc look(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                          struct attempts *ret, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct attempts a = { 0 };
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    if (kind->rows_tell) {
        for (size_t i = 0; i < l->count; i++)
            a.applied += strcmp(l->items[i].name, name) == 0;
        *ret = a;
        return EVO_OK;
    }
    if (kind->look) {
        bool applied = false, failed = false;
        enum evo_errc looked = kind->look(pg, l, name, &applied, &failed, err);
        *ret = (struct attempts){ .applied = applied, .failed = failed };
        return looked;
    }
    enum evo_errc rc = evo_ledger_query(pg, l, kind->select_one, 1, (const char *const[]){ name }, &r, err);
    for (int i = 0; !rc && i < evo_pg_rows(r); i++) {
        if (evo_pg_value_bool(r, i, 1))
            a.rolled_back++;
        else if (evo_pg_value_bool(r, i, 0))
            a.applied++;
        else
            a.failed++;
    }
    if (!rc)
        *ret = a;
    return rc;
}

static enum evo_errc give_up(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                             struct evo_error *err)
{
    const struct evo_ledger_kind *kind = evo_ledger_kind_of(l->kind);
    char now[EVO_TIME_MAX];
    return kind->give_up_row
               ? kind->give_up_row(pg, l, name, err)
               : update(pg, l, kind->give_up, name, evo_format_time(evo_wall_ms(), now), NULL, err);
}

static enum evo_errc write_applied(struct evo_pg *pg, const struct evo_ledger *l,
                                   const struct evo_migration *m, struct evo_error *err)
{
    struct attempts attempts;
    enum evo_errc rc = evo_ledger_create(pg, l, err);
    if (!rc)
        rc = look(pg, l, m->name, &attempts, err);
    if (rc)
        return rc;
    if (attempts.applied) {
        evo_error_set(err, EVO_ERR_USAGE, "migration \"%s\" is recorded as applied already", m->name);
        evo_error_next(err, "evo-status");
        return evo_error_migration(err, m->name);
    }
    rc = attempts.failed ? give_up(pg, l, m->name, err) : EVO_OK;
    int64_t now = evo_wall_ms();
    return rc ? rc : evo_ledger_kind_of(l->kind)->insert(pg, l, m, now, now, 0, "", NULL, err);
}

enum evo_errc evo_ledger_resolve_applied(struct evo_pg *pg, const struct evo_ledger *l,
                                         const struct evo_migration *m, struct evo_error *err)
{
    if (evo_pg_in_transaction(pg))
        return write_applied(pg, l, m, err);
    enum evo_errc rc = evo_pg_exec(pg, "BEGIN", err);
    if (rc)
        return rc;
    rc = write_applied(pg, l, m, err);
    if (!rc)
        return evo_pg_exec(pg, "COMMIT", err);
    /* The first error is the one to tell; a lost session has rolled back by itself. */
    struct evo_error ignored = EVO_ERROR_INIT;
    enum evo_errc undone = evo_pg_exec(pg, "ROLLBACK", &ignored);
    (void)undone;
    return rc;
}

enum evo_errc evo_ledger_resolve_rolled_back(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                             struct evo_error *err)
{
    struct attempts a = { 0 };
    enum evo_errc rc = l->exists ? look(pg, l, name, &a, err) : EVO_OK;
    if (rc)
        return rc;
    if (a.failed)
        return give_up(pg, l, name, err);
    if (a.applied) {
        evo_error_set(err, EVO_ERR_USAGE, "migration \"%s\" did not fail: it is applied", name);
        evo_error_next(err, "evo-migrate down");
        evo_error_hint(err, "To take it back, run \"evo-migrate down\".");
        return evo_error_migration(err, name);
    }
    if (!a.rolled_back && !evo_ledger_is_begun(l, name)) {
        evo_error_set(err, EVO_ERR_NOT_FOUND, "migration \"%s\" was never applied", name);
        return evo_error_migration(err, name);
    }
    return EVO_OK;
}
