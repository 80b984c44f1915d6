#include "migration/journal.h"

#include <inttypes.h>

#include "base/parse.h"
#include "crypto/sha256.h"

#define KEY_MAX     32
#define NUMBER_TEXT 24

void evo_journal_release(struct evo_journal *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->count; i++) {
        free(j->items[i].ledger);
        free(j->items[i].name);
        free(j->items[i].checksum);
        free(j->items[i].sha256);
    }
    free(j->items);
    *j = (struct evo_journal){ 0 };
}

static const char *ledger_key(enum evo_layout_kind kind, bool down, char key[KEY_MAX])
{
    (void)snprintf(key, KEY_MAX, "%s%s", evo_layout_name(kind), down ? " down" : "");
    return key;
}

static char *text_or_empty(const struct evo_pg_result *r, int row, int column)
{
    const char *value = evo_pg_value(r, row, column);
    return evo_strdup(value ? value : "");
}

/* Whether it is there, by the catalog: to_regclass() fails for whoever may not look into the schema. */
static enum evo_errc find(struct evo_pg *pg, bool *ret, struct evo_error *err)
{
    static const char sql[] =
        "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.quote_ident(current_user) "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) "
        "c.relnamespace "
        "WHERE n.nspname OPERATOR(pg_catalog.=) 'evo' AND c.relname OPERATOR(pg_catalog.=) 'journal'";
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, 0, NULL, &r, err);
    *ret = !rc && evo_pg_rows(r) > 0;
    if (!*ret || evo_pg_value_bool(r, 0, 0))
        return rc;
    (void)evo_error_set(err, EVO_ERR_PERMISSION,
                        "this role may not read evo.journal, which says what earlier runs left unfinished");
    return evo_error_hint(
        err,
        "Ask for it: GRANT USAGE ON SCHEMA evo TO %s; GRANT SELECT, INSERT, UPDATE, DELETE ON "
        "ALL TABLES IN SCHEMA evo TO %s;",
        evo_pg_value(r, 0, 1), evo_pg_value(r, 0, 1));
}

enum evo_errc evo_journal_load(struct evo_pg *pg, struct evo_journal *ret, struct evo_error *err)
{
    EVO_AUTO(journal) j = { 0 };
    enum evo_errc rc = find(pg, &j.exists, err);
    if (rc)
        return rc;
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (j.exists) {
        rc = evo_pg_query(pg,
                          "SELECT ledger, name, checksum, sha256, statement, done_at IS NOT NULL"
                          " FROM evo.journal ORDER BY ledger, name, statement",
                          0, NULL, &r, err);
        if (rc)
            return evo_error_prefix(err, "could not read evo.journal");
    }
    for (int row = 0; r && row < evo_pg_rows(r); row++) {
        EVO_GROW(j.items, j.count, j.alloc);
        j.items[j.count++] = (struct evo_journal_row){
            .ledger = text_or_empty(r, row, 0),
            .name = text_or_empty(r, row, 1),
            .checksum = text_or_empty(r, row, 2),
            .sha256 = text_or_empty(r, row, 3),
            .statement = evo_pg_value_int(r, row, 4, 0),
            .done = evo_pg_value_bool(r, row, 5),
        };
    }
    *ret = j;
    j = (struct evo_journal){ 0 };
    return EVO_OK;
}

enum evo_errc evo_journal_create(struct evo_pg *pg, struct evo_journal *j, const struct evo_ledger *l,
                                 struct evo_error *err)
{
    if (j->exists)
        return EVO_OK;
    /* The journal's table comes with the ledger of `sql`: one file makes both. */
    static char schema[] = "evo", table[] = "migrations";
    struct evo_ledger own = *l; /* borrows */
    own.kind = EVO_LAYOUT_SQL;
    own.schema = schema;
    own.table = table;
    enum evo_errc rc = evo_ledger_create(pg, &own, err);
    if (!rc)
        j->exists = true;
    return rc;
}

bool evo_journal_holds(const struct evo_journal *j, enum evo_layout_kind kind, bool down, const char *name)
{
    char key[KEY_MAX];
    (void)ledger_key(kind, down, key);
    for (size_t i = 0; i < j->count; i++)
        if (evo_streq(j->items[i].ledger, key) && evo_streq(j->items[i].name, name))
            return true;
    return false;
}

static int64_t unit_number(const struct evo_step *step, size_t unit)
{
    return (int64_t)step->units[unit].first + 1;
}

/* Of the unit's text from its first statement to the end of its last. */
static const char *unit_hash(const struct evo_step *step, size_t unit, char hex[EVO_SHA256_HEX])
{
    const struct evo_step_unit *u = &step->units[unit];
    const struct evo_sql_statement *first = &step->script.items[u->first];
    const struct evo_sql_statement *last = &step->script.items[u->first + u->count - 1];
    size_t end = last->data_len ? last->data_start + last->data_len : last->start + last->len;
    return evo_sha256_hex(step->text.buf + first->start, end - first->start, hex);
}

static const struct evo_journal_row *find_row(const struct evo_journal *j, const char *key, const char *name,
                                              int64_t statement)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->items[i].statement == statement && evo_streq(j->items[i].ledger, key) &&
            evo_streq(j->items[i].name, name))
            return &j->items[i];
    return NULL;
}

enum evo_unit_state evo_journal_state(const struct evo_journal *j, enum evo_layout_kind kind,
                                      const struct evo_step *step, size_t unit)
{
    char key[KEY_MAX];
    (void)ledger_key(kind, step->down, key);
    const struct evo_journal_row *row = find_row(j, key, step->migration->name, unit_number(step, unit));
    if (!row)
        return EVO_UNIT_NEW;
    if (row->done)
        return EVO_UNIT_DONE;
    char hex[EVO_SHA256_HEX];
    return evo_streq(row->sha256, unit_hash(step, unit, hex)) ? EVO_UNIT_BEGUN : EVO_UNIT_BEGUN_OTHERWISE;
}

static bool is_proven(const struct evo_journal_row *row, const struct evo_step *step)
{
    char hex[EVO_SHA256_HEX];
    if (row->statement == 0)
        return step->mode == EVO_STEP_STATEMENTS && evo_streq(row->sha256, evo_step_mode_name(step->mode));
    for (size_t u = 0; u < step->nunits; u++)
        if (unit_number(step, u) == row->statement)
            return !row->done || evo_streq(row->sha256, unit_hash(step, u, hex));
    return false;
}

/* The file handles transactions itself, now or when it was begun: nobody counted what it did. */
static enum evo_errc refuse_uncounted(const struct evo_step *step, struct evo_error *err)
{
    const char *name = step->migration->name;
    (void)evo_error_set(err, EVO_ERR_FAILED, "%s \"%s\" was begun and not finished",
                        step->down ? "the rollback of migration" : "migration", name);
    (void)evo_error_detail(err,
                           "The file handles transactions itself: a part of it may have been committed, and "
                           "which is on no record. It is not run a second time.");
    (void)evo_error_at(err, step->path, 0);
    return evo_error_migration(err, name);
}

enum evo_errc evo_journal_prove(const struct evo_journal *j, enum evo_layout_kind kind,
                                const struct evo_step *step, struct evo_error *err)
{
    char key[KEY_MAX];
    (void)ledger_key(kind, step->down, key);
    const char *name = step->migration->name;
    for (size_t i = 0; i < j->count; i++) {
        const struct evo_journal_row *row = &j->items[i];
        if (!evo_streq(row->ledger, key) || !evo_streq(row->name, name) || is_proven(row, step))
            continue;
        if (row->statement == 0)
            return refuse_uncounted(step, err);
        (void)evo_error_set(err, EVO_ERR_FAILED,
                            "cannot resume migration \"%s\": its statement %" PRId64
                            " was run already and has been changed since",
                            name, row->statement);
        (void)evo_error_detail(err, "An earlier run stopped in the middle. What it has done is on record in "
                                    "evo.journal; the statements on record must stay as they were run.");
        (void)evo_error_at(err, step->path, 0);
        return evo_error_migration(err, name);
    }
    return EVO_OK;
}

/* A row that a trigger or rule of somebody's drops is a statement that the next run would repeat. */
static enum evo_errc check_written(enum evo_errc rc, const struct evo_pg_result *r, struct evo_error *err)
{
    if (!rc && evo_pg_affected(r) < 1)
        rc = evo_error_set(err, EVO_ERR_DATABASE, "it took no row, and raised no error");
    return rc ? evo_error_prefix(err, "could not write evo.journal") : EVO_OK;
}

static enum evo_errc write_row(struct evo_pg *pg, const char *sql, enum evo_layout_kind kind,
                               const struct evo_step *step, size_t unit, struct evo_error *err)
{
    char key[KEY_MAX];
    char hex[EVO_SHA256_HEX];
    char number[NUMBER_TEXT];
    (void)snprintf(number, sizeof(number), "%" PRId64, unit_number(step, unit));
    const char *params[] = { ledger_key(kind, step->down, key), step->migration->name, number,
                             unit_hash(step, unit, hex), step->migration->checksum };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg, sql, (int)EVO_COUNT(params), params, &r, err);
    return check_written(rc, r, err);
}

enum evo_errc evo_journal_begin(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                size_t unit, struct evo_error *err)
{
    return write_row(
        pg,
        "INSERT INTO evo.journal (ledger, name, statement, sha256, checksum)"
        " VALUES ($1, $2, $3::integer, $4, $5)"
        " ON CONFLICT (ledger, name, statement) DO UPDATE SET sha256 = EXCLUDED.sha256,"
        " checksum = EXCLUDED.checksum, started_at = pg_catalog.clock_timestamp(), done_at = NULL",
        kind, step, unit, err);
}

enum evo_errc evo_journal_done(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                               size_t unit, struct evo_error *err)
{
    return write_row(pg,
                     "INSERT INTO evo.journal (ledger, name, statement, sha256, checksum, done_at)"
                     " VALUES ($1, $2, $3::integer, $4, $5, pg_catalog.clock_timestamp())"
                     " ON CONFLICT (ledger, name, statement) DO UPDATE SET sha256 = EXCLUDED.sha256,"
                     " checksum = EXCLUDED.checksum, done_at = EXCLUDED.done_at",
                     kind, step, unit, err);
}

enum evo_errc evo_journal_start(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                struct evo_error *err)
{
    char key[KEY_MAX];
    const char *params[] = { ledger_key(kind, step->down, key), step->migration->name,
                             evo_step_mode_name(step->mode), step->migration->checksum };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        evo_pg_query(pg,
                     "INSERT INTO evo.journal (ledger, name, statement, sha256, checksum)"
                     " VALUES ($1, $2, 0, $3, $4)"
                     " ON CONFLICT (ledger, name, statement) DO UPDATE SET sha256 = EXCLUDED.sha256,"
                     " checksum = EXCLUDED.checksum, started_at = pg_catalog.clock_timestamp()",
                     (int)EVO_COUNT(params), params, &r, err);
    return check_written(rc, r, err);
}

enum evo_errc evo_journal_unbegin(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                  size_t unit, struct evo_error *err)
{
    char key[KEY_MAX];
    char number[NUMBER_TEXT];
    (void)snprintf(number, sizeof(number), "%" PRId64, unit_number(step, unit));
    const char *params[] = { ledger_key(kind, step->down, key), step->migration->name, number };
    enum evo_errc rc = evo_pg_query(pg,
                                    "DELETE FROM evo.journal WHERE ledger = $1 AND name = $2"
                                    " AND statement = $3::integer AND done_at IS NULL",
                                    (int)EVO_COUNT(params), params, NULL, err);
    return rc ? evo_error_prefix(err, "could not write evo.journal") : EVO_OK;
}

enum evo_errc evo_journal_forget(struct evo_pg *pg, enum evo_layout_kind kind, bool down, const char *name,
                                 struct evo_error *err)
{
    char key[KEY_MAX];
    const char *params[] = { ledger_key(kind, down, key), name };
    enum evo_errc rc =
        evo_pg_query(pg, "DELETE FROM evo.journal WHERE ledger = $1 AND name = $2", 2, params, NULL, err);
    return rc ? evo_error_prefix(err, "could not write evo.journal") : EVO_OK;
}
