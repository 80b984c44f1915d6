#include "layout/schema_log.h"

#include <inttypes.h>

#include "base/banned.h"
#include "layout/ledger_impl.h"
#include "schema/sql.h"

#define NUMBER_TEXT  24
#define STRING_OF(x) #x
#define TEXT_OF(x)   STRING_OF(x)

static const char no_table[] = "42P01", no_column[] = "42703";

/* ---- the schema now ------------------------------------------------------------- */

void evo_schema_release(struct evo_schema *s)
{
    if (!s)
        return;
    evo_strbuf_release(&s->text);
    *s = (struct evo_schema)EVO_SCHEMA_INIT;
}

enum evo_errc evo_schema_look(struct evo_pg *pg, struct evo_task *task, struct evo_schema *s,
                              struct evo_error *err)
{
    const struct evo_fingerprint_options options = { .task = task };
    evo_strbuf_clear(&s->text);
    s->fingerprint[0] = '\0';
    char hex[EVO_SHA256_HEX];
    enum evo_errc rc = evo_catalog_stamp(pg, s->stamp, err);
    if (!rc)
        rc = evo_catalog_fingerprint(pg, &options, hex, &s->text, err);
    if (!rc)
        memcpy(s->fingerprint, hex, sizeof(hex));
    return rc;
}

/* ---- what the ledger holds ------------------------------------------------------ */

char *evo_schema_log_key(const struct evo_ledger *l)
{
    return evo_asprintf("%s %s.%s", evo_layout_name(l->kind), l->schema, l->table);
}

void evo_schema_state_names(const struct evo_ledger *l, struct evo_strvec *names)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].rolled_back_ms < 0 && !l->items[i].late)
            evo_strvec_pushf(names, "%s%s", l->items[i].name, l->items[i].finished_ms < 0 ? "?" : "");
}

void evo_schema_state(const struct evo_strvec *names, char ret_hex[EVO_SHA256_HEX])
{
    EVO_AUTO(strvec) sorted = EVO_STRVEC_INIT;
    for (size_t i = 0; i < names->count; i++)
        evo_strvec_push(&sorted, names->items[i]);
    evo_strvec_sort(&sorted);
    EVO_AUTO_PTR(sha256) h = evo_sha256_new();
    for (size_t i = 0; i < sorted.count; i++) {
        if (i && strcmp(sorted.items[i - 1], sorted.items[i]) == 0)
            continue;
        evo_sha256_update(h, sorted.items[i], strlen(sorted.items[i]));
        evo_sha256_update(h, "\n", 1);
    }
    unsigned char digest[EVO_SHA256_SIZE];
    evo_sha256_final(h, digest);
    (void)evo_sha256_format(digest, ret_hex);
}

/* ---- reading -------------------------------------------------------------------- */

static void row_release(struct evo_schema_row *r)
{
    char *const texts[] = { r->ledger, r->moment, r->name, r->state, r->fingerprint, r->format, r->stamp };
    for (size_t i = 0; i < EVO_COUNT(texts); i++)
        free(texts[i]);
}

void evo_schema_log_release(struct evo_schema_log *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->count; i++)
        row_release(&l->items[i]);
    free(l->items);
    *l = (struct evo_schema_log){ 0 };
}

static enum evo_errc ask_to_read(const struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_STR role = evo_ledger_quote(l->role);
    return evo_ledger_ask_for(
        l, err, "USAGE ON SCHEMA evo TO %s; GRANT SELECT ON evo.fingerprints, evo.schemas", role);
}

/* $1 how many. A stamp ends in its horizon, behind 64 digits and a blank (catalog/stamp.h). Tables of an older evo have no
 * such column. txid_: the names that all versions know. */
static const char load_sql[] =
    "SELECT f.id, f.ledger, f.moment, f.name, f.state, f.fingerprint, f.format, f.server_version, "
    "pg_catalog.floor(pg_catalog.date_part('epoch', f.recorded_at) * 1000::float8)::bigint, s.stamp, "
    "coalesce(f.xmin::text = (h.horizon % 4294967296)::text AND "
    "pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) = h.horizon + 1, false) "
    "FROM evo.fingerprints f, LATERAL (SELECT pg_catalog.to_jsonb(f) ->> 'stamp'::text AS stamp) s, "
    "LATERAL (SELECT nullif(pg_catalog.substr(s.stamp, 66), '')::bigint AS horizon) h "
    "ORDER BY f.id DESC LIMIT $1::bigint";

enum evo_errc evo_schema_log_load(struct evo_pg *pg, const struct evo_ledger *l, size_t limit,
                                  struct evo_schema_log *ret, struct evo_error *err)
{
    char number[NUMBER_TEXT];
    (void)snprintf(number, sizeof(number), "%zu", limit);
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO(schema_log) log = { 0 };
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_query(pg, load_sql, 1, (const char *const[]){ number }, &r, &failed);
    if (rc && evo_streq(failed.sqlstate, no_table))
        return EVO_OK;
    if (rc && err)
        *err = failed;
    if (rc)
        return rc == EVO_ERR_PERMISSION ? ask_to_read(l, err) : rc;
    for (int i = 0; i < evo_pg_rows(r); i++) {
        EVO_GROW(log.items, log.count, log.alloc);
        log.items[log.count++] = (struct evo_schema_row){
            .id = evo_pg_value_int(r, i, 0, 0),
            .ledger = evo_strdup(evo_pg_value(r, i, 1)),
            .moment = evo_strdup(evo_pg_value(r, i, 2)),
            .name = evo_strdup(evo_pg_value(r, i, 3)),
            .state = evo_strdup(evo_pg_value(r, i, 4)),
            .fingerprint = evo_strdup(evo_pg_value(r, i, 5)),
            .format = evo_strdup(evo_pg_value(r, i, 6)),
            .server_version = (int)evo_pg_value_int(r, i, 7, 0),
            .recorded_ms = evo_pg_value_int(r, i, 8, -1),
            .stamp = evo_strdup(evo_pg_value(r, i, 9)),
            .alone = evo_pg_value_bool(r, i, 10),
        };
    }
    *ret = log;
    log = (struct evo_schema_log){ 0 };
    return EVO_OK;
}

const struct evo_schema_row *evo_schema_log_find(const struct evo_schema_log *log, const char *key,
                                                 const char *state)
{
    for (size_t i = 0; i < log->count; i++)
        if (strcmp(log->items[i].state, state) == 0 && strcmp(log->items[i].ledger, key) == 0)
            return &log->items[i];
    return NULL;
}

bool evo_schema_is_comparable(const char *format, int server_version, int other_version)
{
    return strcmp(format, EVO_CATALOG_FORMAT) == 0 && server_version / 10000 == other_version / 10000;
}

enum evo_errc evo_schema_is_untouched(struct evo_pg *pg, const struct evo_schema_row *row, bool *ret,
                                      struct evo_error *err)
{
    char now[EVO_STAMP_MAX];
    *ret = false;
    if (!row->stamp || !*row->stamp || strlen(row->fingerprint) != EVO_SHA256_HEX - 1 ||
        !evo_schema_is_comparable(row->format, row->server_version, evo_pg_version(pg)))
        return EVO_OK;
    *ret = row->alone && row->server_version == evo_pg_version(pg);
    if (*ret)
        return EVO_OK;
    enum evo_errc rc = evo_catalog_stamp(pg, now, err);
    *ret = !rc && evo_catalog_stamp_is(row->stamp, now);
    return rc;
}

enum evo_errc evo_schema_log_text(struct evo_pg *pg, const struct evo_ledger *l, const char *fingerprint,
                                  struct evo_strbuf *out, bool *ret_found, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, "SELECT description FROM evo.schemas WHERE fingerprint = $1", 1,
                                    (const char *const[]){ fingerprint }, &r, err);
    if (rc)
        return rc == EVO_ERR_PERMISSION ? ask_to_read(l, err) : rc;
    *ret_found = evo_pg_rows(r) == 1;
    if (*ret_found)
        evo_strbuf_adds(out, evo_pg_value(r, 0, 0));
    return EVO_OK;
}

/* ---- writing -------------------------------------------------------------------- */

static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, evo_schema_sql_fingerprints, err);
    return rc == EVO_ERR_PERMISSION ? evo_ledger_ask_for_evo(l, err) : rc;
}

/* $5, $8: into evo.schemas as well. */
#define KEEP_TEXT                                                                                 \
    "WITH kept AS (INSERT INTO evo.schemas (fingerprint, description) SELECT $5::text, $8::text " \
    "WHERE $8::text IS NOT NULL ON CONFLICT (fingerprint) DO NOTHING) "
#define COLUMNS "ledger, moment, name, state, fingerprint, format, server_version"
#define VALUES  "$1, $2, $3, $4, $5::text, $6, $7::integer"

static const char insert_sql[] =
    KEEP_TEXT "INSERT INTO evo.fingerprints (" COLUMNS ", stamp) VALUES (" VALUES ", $9)";
static const char insert_without_stamp_sql[] =
    KEEP_TEXT "INSERT INTO evo.fingerprints (" COLUMNS ") VALUES (" VALUES ")";

/* A table that an older evo made may be another role's to change: then the row has no stamp. */
static enum evo_errc insert(struct evo_pg *pg, const char *const params[9], struct evo_error *err)
{
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_query(pg, insert_sql, 9, params, NULL, &failed);
    if (rc && evo_streq(failed.sqlstate, no_column))
        return evo_pg_exec(pg, evo_schema_sql_fingerprints, NULL) == EVO_OK
                   ? evo_pg_query(pg, insert_sql, 9, params, NULL, err)
                   : evo_pg_query(pg, insert_without_stamp_sql, 8, params, NULL, err);
    if (rc && err)
        *err = failed;
    return rc;
}

static enum evo_errc ask_to_write(const struct evo_ledger *l, struct evo_error *err)
{
    EVO_AUTO_STR role = evo_ledger_quote(l->role);
    return evo_ledger_ask_for(
        l, err, "USAGE ON SCHEMA evo TO %s; GRANT SELECT, INSERT, DELETE ON evo.fingerprints, evo.schemas",
        role);
}

enum evo_errc evo_schema_log_write(struct evo_pg *pg, const struct evo_ledger *l, const char *moment,
                                   const char *name, const char *state, const struct evo_schema *schema,
                                   struct evo_error *err)
{
    EVO_AUTO_STR key = evo_schema_log_key(l);
    char version[NUMBER_TEXT];
    (void)snprintf(version, sizeof(version), "%d", evo_pg_version(pg));
    bool keep = schema->text.len && schema->text.len <= EVO_SCHEMA_TEXT_MAX;
    const char *const params[9] = {
        key,
        moment,
        name,
        state,
        schema->fingerprint,
        EVO_CATALOG_FORMAT,
        version,
        keep ? schema->text.buf : NULL,
        schema->stamp[0] ? schema->stamp : NULL,
    };
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = insert(pg, params, &failed);
    if (rc && evo_streq(failed.sqlstate, no_table)) {
        rc = create(pg, l, err);
        return rc ? rc : insert(pg, params, err);
    }
    if (rc && err)
        *err = failed;
    return rc == EVO_ERR_PERMISSION ? ask_to_write(l, err) : rc;
}

enum evo_errc evo_schema_log_repeat(struct evo_pg *pg, const struct evo_ledger *l, const char *moment,
                                    const char *name, int64_t id, struct evo_error *err)
{
    char number[NUMBER_TEXT];
    (void)snprintf(number, sizeof(number), "%" PRId64, id);
    const char *const params[] = { number, moment, name };
    enum evo_errc rc =
        evo_pg_query(pg,
                     "INSERT INTO evo.fingerprints (ledger, moment, name, state, fingerprint, format, "
                     "server_version) SELECT ledger, $2, $3, state, fingerprint, format, server_version "
                     "FROM evo.fingerprints WHERE id = $1::bigint",
                     EVO_COUNT(params), params, NULL, err);
    return rc == EVO_ERR_PERMISSION ? ask_to_write(l, err) : rc;
}

static const char prune_sql[] =
    "DELETE FROM evo.fingerprints WHERE id <= (SELECT pg_catalog.max(id) FROM evo.fingerprints) "
    "- " TEXT_OF(EVO_SCHEMA_LOG_ROWS) "; "
                                      "DELETE FROM evo.schemas WHERE (SELECT pg_catalog.count(*) FROM "
                                      "evo.schemas) > 2 * " TEXT_OF(
                                          EVO_SCHEMA_LOG_TEXTS) " AND fingerprint NOT IN (SELECT fingerprint "
                                                                "FROM evo.fingerprints ORDER BY id DESC "
                                                                "LIMIT " TEXT_OF(EVO_SCHEMA_LOG_TEXTS) ")";

enum evo_errc evo_schema_log_prune(struct evo_pg *pg, struct evo_error *err)
{
    return evo_pg_exec(pg, prune_sql, err);
}
