/*
 * flyway_schema_history: what Flyway reads and writes.
 *
 * One row an execution, by installed_rank. Rows that are no migration of a file: SCHEMA (Flyway made the schema),
 * BASELINE (everything up to that version counts as applied), UNDO_… and DELETE (take the version's last row back). A repeatable migration has a row for each run; the last one counts, while its checksum
 * is the file's.
 */
#include "base/file.h"
#include "layout/flyway.h"
#include "layout/ledger_impl.h"

#include "base/banned.h"

/* "Flyway" in ASCII, as a number; what follows it is the hash of the table's name. */
#define LOCK_MAGIC ((int64_t)77431708279161)

/* Java's String.hashCode() of the name as Flyway quotes it: over UTF-16 code units, in 32 bits. */
static int32_t java_hash(const char *text)
{
    uint32_t hash = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? *p : *p & (0x7fu >> n);
        for (size_t i = 1; i < n && p[1]; i++)
            c = c << 6 | (*++p & 0x3f);
        p++;
        if (c > 0xffff) {
            hash = 31 * hash + (0xd7c0 + (c >> 10));
            c = 0xdc00 + (c & 0x3ff);
        }
        hash = 31 * hash + c;
    }
    return (int32_t)hash;
}

static void add_quoted(struct evo_strbuf *out, const char *name)
{
    evo_strbuf_addch(out, '"');
    for (const char *p = name; *p; p++) {
        if (*p == '"')
            evo_strbuf_addch(out, '"');
        evo_strbuf_addch(out, *p);
    }
    evo_strbuf_addch(out, '"');
}

static int64_t lock_key(const char *database, const char *schema, const char *table)
{
    (void)database;
    EVO_AUTO(strbuf) name = EVO_STRBUF_INIT;
    add_quoted(&name, schema);
    evo_strbuf_addch(&name, '.');
    add_quoted(&name, table);
    return LOCK_MAGIC + java_hash(name.buf);
}

/* ---- reading ------------------------------------------------------------------ */

static const char select_sql[] =
    "SELECT installed_rank, version, description, type, script, checksum, success, "
    "pg_catalog.floor(pg_catalog.date_part('epoch', installed_on::timestamptz) * 1000::float8)::bigint, "
    "execution_time FROM @ ORDER BY installed_rank";
enum column { RANK, VERSION, DESCRIPTION, TYPE, SCRIPT, CHECKSUM, SUCCESS, INSTALLED_ON, EXECUTION_TIME };

static bool is_undo(const char *type)
{
    return evo_starts_with(type, "UNDO_") || strcmp(type, "DELETE") == 0;
}

static bool is_baseline(const char *type)
{
    return strcmp(type, "BASELINE") == 0 || evo_ends_with(type, "_BASELINE") || strcmp(type, "INIT") == 0;
}

static bool same_description(const struct evo_migration *m, const char *description)
{
    EVO_AUTO(flyway_name) name = { 0 };
    evo_flyway_name_parse(evo_path_base(m->path), &name);
    EVO_AUTO_STR own = evo_flyway_description(name.description);
    /* what older versions wrote for none */
    return strcmp(own, strcmp(description, "<< no description >>") == 0 ? "" : description) == 0;
}

/* The file that such a row is about; NULL. */
static const struct evo_migration *file_of(const struct evo_project *p, const char *version,
                                           const char *description)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct evo_migration *m = &p->items[i];
        if (version ? m->version && evo_flyway_compare(m->version, version) == 0
                    : !m->version && same_description(m, description))
            return m;
    }
    return NULL;
}

/* The name in evo: the file's, else what the script was called. */
static char *name_of(const struct evo_migration *m, const char *script)
{
    if (m)
        return evo_strdup(m->name);
    const char *base = evo_path_base(script);
    return evo_strndup(base, strlen(base) - (evo_ends_with(base, ".sql") ? strlen(".sql") : 0));
}

static struct evo_ledger_row *add_row(struct evo_ledger *l)
{
    EVO_GROW(l->items, l->count, l->alloc);
    l->items[l->count] = (struct evo_ledger_row){ .rolled_back_ms = -1 };
    return &l->items[l->count++];
}

/* What a baseline covers counts as applied, though no row says so. */
static void add_covered(struct evo_ledger *l, const struct evo_project *p, const struct evo_pg_result *r)
{
    const char *baseline = NULL;
    int64_t at = -1;
    for (int i = 0; i < evo_pg_rows(r); i++) {
        const char *version = evo_pg_value(r, i, VERSION);
        if (!is_baseline(evo_pg_value(r, i, TYPE)) || !version ||
            (baseline && evo_flyway_compare(version, baseline) <= 0))
            continue;
        baseline = version;
        at = evo_pg_value_int(r, i, INSTALLED_ON, -1);
    }
    for (size_t n = 0; baseline && n < p->count; n++) {
        const struct evo_migration *m = &p->items[n];
        bool own = !m->version || evo_flyway_compare(m->version, baseline) > 0;
        for (int i = 0; !own && i < evo_pg_rows(r); i++) {
            const char *version = evo_pg_value(r, i, VERSION);
            own = version && !is_baseline(evo_pg_value(r, i, TYPE)) &&
                  evo_flyway_compare(version, m->version) == 0;
        }
        if (own)
            continue;
        struct evo_ledger_row *row = add_row(l);
        row->id = evo_strdup("");
        row->name = evo_strdup(m->name);
        row->checksum = evo_strdup(m->own_checksum);
        row->started_ms = row->finished_ms = at;
        row->stays = row->inferred = true;
    }
}

/* The last live row of that name is taken back. */
static void take_back_row(struct evo_ledger *l, const char *name, int64_t at)
{
    for (size_t i = l->count; i-- > 0;)
        if (strcmp(l->items[i].name, name) == 0 && l->items[i].rolled_back_ms < 0) {
            l->items[i].rolled_back_ms = at;
            return;
        }
}

static void drop_row(struct evo_ledger *l, size_t i)
{
    free(l->items[i].id);
    free(l->items[i].name);
    free(l->items[i].checksum);
    memmove(&l->items[i], &l->items[i + 1], (l->count - i - 1) * sizeof(l->items[0]));
    l->count--;
}

/* Earlier runs of this repeatable one say nothing any more. */
static void drop_earlier_runs(struct evo_ledger *l, const char *name)
{
    for (size_t i = l->count; i-- > 0;)
        if (strcmp(l->items[i].name, name) == 0)
            drop_row(l, i);
}

static void take_row(struct evo_ledger *l, const struct evo_project *p, const struct evo_pg_result *r, int i)
{
    const char *version = evo_pg_value(r, i, VERSION), *type = evo_pg_value(r, i, TYPE);
    const char *description = evo_pg_value(r, i, DESCRIPTION), *checksum = evo_pg_value(r, i, CHECKSUM);
    bool success = evo_pg_value_bool(r, i, SUCCESS);
    int64_t at = evo_pg_value_int(r, i, INSTALLED_ON, -1);
    if (strcmp(type, "SCHEMA") == 0 || is_baseline(type))
        return;
    const struct evo_migration *m = file_of(p, version, description);
    EVO_AUTO_STR name = name_of(m, evo_pg_value(r, i, SCRIPT));
    if (is_undo(type) && !m && *name == 'U')
        *name = 'V';
    if (is_undo(type) && success) {
        take_back_row(l, name, at);
        return;
    }
    if (!version)
        drop_earlier_runs(l, name);
    bool as_applied = m && checksum && strcmp(checksum, m->own_checksum) == 0;
    if (!version && m && success && !as_applied)
        return; /* it changed: to be run again */
    if (m && version && (strcmp(type, "SQL") != 0 || !same_description(m, description)))
        checksum = NULL; /* another migration now, says Flyway too */
    struct evo_ledger_row *row = add_row(l);
    row->id = evo_strdup(evo_pg_value(r, i, RANK));
    row->name = evo_strdup(name);
    row->checksum = evo_strdup(checksum ? checksum : "");
    row->started_ms = at;
    row->finished_ms = success ? at + evo_pg_value_int(r, i, EXECUTION_TIME, 0) : -1;
    row->stays = !version;
}

static enum evo_errc read_rows(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                               struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_query(pg, l, select_sql, 0, NULL, &r, err);
    if (rc)
        return rc;
    add_covered(l, p, r);
    for (int i = 0; i < evo_pg_rows(r); i++)
        take_row(l, p, r, i);
    return EVO_OK;
}

/* ---- writing ------------------------------------------------------------------ */

/* Flyway makes a schema that is missing, and says so in the first row. */
static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_STR schema = evo_pg_identifier(pg, l->schema);
    EVO_AUTO_STR table = evo_pg_identifier(pg, l->table);
    EVO_AUTO_STR whole = evo_asprintf("%s.%s", schema, table);
    EVO_AUTO_STR key_name = evo_asprintf("%s_pk", l->table);
    EVO_AUTO_STR index_name = evo_asprintf("%s_s_idx", l->table);
    EVO_AUTO_STR key = evo_pg_identifier(pg, key_name);
    EVO_AUTO_STR index = evo_pg_identifier(pg, index_name);
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *const params[] = { schema, whole };
    enum evo_errc rc = evo_pg_query(pg,
                                    "SELECT pg_catalog.to_regnamespace($1) IS NOT NULL, "
                                    "pg_catalog.to_regclass($2) IS NOT NULL",
                                    EVO_COUNT(params), params, &r, err);
    if (rc || evo_pg_value_bool(r, 0, 1))
        return rc;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    bool there = evo_pg_value_bool(r, 0, 0);
    if (!there)
        evo_strbuf_addf(&sql, "CREATE SCHEMA %s;", schema);
    evo_strbuf_addf(&sql,
                    "CREATE TABLE %s ("
                    "\"installed_rank\" integer NOT NULL,"
                    "\"version\" varchar(50),"
                    "\"description\" varchar(200) NOT NULL,"
                    "\"type\" varchar(20) NOT NULL,"
                    "\"script\" varchar(1000) NOT NULL,"
                    "\"checksum\" integer,"
                    "\"installed_by\" varchar(100) NOT NULL,"
                    "\"installed_on\" timestamp NOT NULL DEFAULT now(),"
                    "\"execution_time\" integer NOT NULL,"
                    "\"success\" boolean NOT NULL);"
                    "ALTER TABLE %s ADD CONSTRAINT %s PRIMARY KEY (\"installed_rank\");"
                    "CREATE INDEX %s ON %s (\"success\");",
                    whole, whole, key, index, whole);
    if (!there) {
        EVO_AUTO_STR script = evo_pg_literal(pg, schema);
        const char *by = l->project && l->project->ledger_by ? l->project->ledger_by : l->role;
        EVO_AUTO_STR who = evo_pg_literal(pg, by);
        evo_strbuf_addf(&sql,
                        "INSERT INTO %s (installed_rank, version, description, type, script, checksum, "
                        "installed_by, execution_time, success) VALUES (0, NULL, "
                        "'<< Flyway Schema Creation >>', 'SCHEMA', %s, NULL, %s, 0, true);",
                        whole, script, who);
    }
    rc = evo_pg_exec(pg, sql.buf, err);
    if (rc == EVO_ERR_PERMISSION) {
        EVO_AUTO_STR shown = evo_ledger_quote(l->schema);
        EVO_AUTO_STR database = evo_ledger_quote(l->database);
        return there ? evo_ledger_ask_for(l, err, "USAGE, CREATE ON SCHEMA %s", shown)
                     : evo_ledger_ask_for(l, err, "CREATE ON DATABASE %s", database);
    }
    return rc;
}

/* One row more, behind all others. */
static enum evo_errc add(struct evo_pg *pg, const struct evo_ledger *l, const char *const params[7],
                         char **ret_id, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_query(
        pg, l,
        "INSERT INTO @ (installed_rank, version, description, type, script, checksum, installed_by, "
        "execution_time, success) SELECT coalesce(pg_catalog.max(installed_rank), 0) + 1, $1, $2, $3, $4, "
        "$5::integer, coalesce($6, current_user::text), $7::integer, $8::boolean FROM @ "
        "RETURNING installed_rank",
        8, params, &r, err);
    if (!rc && ret_id)
        *ret_id = evo_strdup(evo_pg_value(r, 0, 0));
    return rc;
}

static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    (void)steps;
    (void)logs;
    EVO_AUTO(flyway_name) name = { 0 };
    evo_flyway_name_parse(evo_path_base(m->path), &name);
    EVO_AUTO_STR description = evo_flyway_description(name.description);
    EVO_AUTO_STR script = evo_flyway_script(l->project, m->path);
    EVO_AUTO_STR took = evo_asprintf("%d", finished_ms < 0 ? 0 : (int)(finished_ms - started_ms));
    const char *const params[] = {
        m->version,      description,           "SQL", script,
        m->own_checksum, l->project->ledger_by, took,  finished_ms < 0 ? "false" : "true"
    };
    return add(pg, l, params, ret_id, err);
}

static enum evo_errc finish_row(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_query(
        pg, l,
        "UPDATE @ SET success = true, installed_on = DEFAULT, execution_time = "
        "(pg_catalog.date_part('epoch', localtimestamp - installed_on) * 1000::float8)::integer "
        "WHERE installed_rank = $1::integer",
        1, (const char *const[]){ id }, &r, err);
    if (!rc && evo_pg_affected(r) < 1)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "row %s is not in the ledger any more", id);
    return rc;
}

/* The row says that it failed since it was begun; Flyway keeps no reason. */
static enum evo_errc fail_row(struct evo_pg *pg, const struct evo_ledger *l, const char *id, const char *logs,
                              struct evo_error *err)
{
    (void)logs;
    return evo_ledger_query(
        pg, l,
        "UPDATE @ SET execution_time = "
        "(pg_catalog.date_part('epoch', localtimestamp - installed_on) * 1000::float8)::integer "
        "WHERE installed_rank = $1::integer",
        1, (const char *const[]){ id }, NULL, err);
}

/* The rank of the version's last row; "" where it has none. The caller frees. */
static enum evo_errc last_rank(struct evo_pg *pg, const struct evo_ledger *l, const char *version, char **ret,
                               struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        evo_ledger_query(pg, l,
                         "SELECT installed_rank, version, type FROM @ WHERE success AND version "
                         "IS NOT NULL ORDER BY installed_rank DESC",
                         0, NULL, &r, err);
    if (rc)
        return rc;
    for (int i = 0; i < evo_pg_rows(r); i++) {
        const char *type = evo_pg_value(r, i, 2);
        if (is_undo(type) || is_baseline(type) || evo_flyway_compare(evo_pg_value(r, i, 1), version) != 0)
            continue;
        *ret = evo_strdup(evo_pg_value(r, i, 0));
        return EVO_OK;
    }
    *ret = evo_strdup("");
    return EVO_OK;
}

/* A row that takes the version's last one back. Every edition reads this kind; the rows of `flyway undo` are an error to
 * the open-source one. */
static enum evo_errc take_back(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               struct evo_error *err)
{
    EVO_AUTO_STR rank = NULL;
    if (!m->version)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "migration \"%s\" cannot be taken back: %s", m->name,
                             m->path ? "it is repeatable" : "its file is gone");
    enum evo_errc rc = last_rank(pg, l, m->version, &rank, err);
    if (rc)
        return rc;
    if (!*rank)
        return evo_error_set(err, EVO_ERR_NOT_FOUND, "migration \"%s\" is not applied", m->name);
    const char *const params[] = { rank, l->project->ledger_by };
    return evo_ledger_query(
        pg, l,
        "INSERT INTO @ (installed_rank, version, description, type, script, checksum, installed_by, "
        "execution_time, success) SELECT (SELECT pg_catalog.max(installed_rank) + 1 FROM @), version, "
        "description, "
        "'DELETE', script, checksum, coalesce($2, current_user::text), 0, true FROM @ "
        "WHERE installed_rank = $1::integer",
        EVO_COUNT(params), params, NULL, err);
}

/* What a script was called, as evo names it. */
#define NAME "pg_catalog.regexp_replace(script, '^.*/|[.]sql$', '', 'g')"

/* As `flyway repair` does with rows that failed: of the way there, and of the way back. */
static enum evo_errc give_up_row(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                 struct evo_error *err)
{
    return evo_ledger_query(pg, l,
                            "DELETE FROM @ WHERE NOT success AND (" NAME
                            " = $1 OR version IN (SELECT version "
                            "FROM @ WHERE version IS NOT NULL AND " NAME " = $1))",
                            1, (const char *const[]){ name }, NULL, err);
}

const struct evo_ledger_kind evo_ledger_flyway = {
    .table = "flyway_schema_history",
    .in_path = true,
    .columns = " installed_rank checksum success ",
    .lock_key_of = lock_key,
    .privileges = "SELECT, INSERT, UPDATE, DELETE",
    .read = read_rows,
    .select_one = "SELECT success, EXISTS (SELECT FROM @ AS later WHERE later.version = own.version "
                  "AND later.installed_rank > own.installed_rank AND later.success "
                  "AND (later.type LIKE 'UNDO%' OR later.type = 'DELETE')) "
                  "FROM @ AS own WHERE type NOT LIKE 'UNDO%' AND type <> 'DELETE' AND " NAME " = $1",
    /* as `flyway repair` does where nothing but the checksum differs; more than that shows as edited again */
    .accept = "UPDATE @ SET checksum = $2::integer WHERE installed_rank = $1::integer",
    .create = create,
    .give_up_row = give_up_row,
    .finish_row = finish_row,
    .fail_row = fail_row,
    .take_back = take_back,
    .insert = insert,
};
