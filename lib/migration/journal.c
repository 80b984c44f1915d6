#include "migration/journal.h"

#include <inttypes.h>

#include "base/parse.h"
#include "crypto/sha256.h"

#define NUMBER_TEXT 24

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
    char key[EVO_JOURNAL_KEY_MAX];
    (void)evo_journal_key(kind, step->down, key);
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
    char key[EVO_JOURNAL_KEY_MAX];
    (void)evo_journal_key(kind, step->down, key);
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

static const char done_sql[] =
    "INSERT INTO evo.journal (ledger, name, statement, sha256, checksum, done_at)"
    " VALUES ($1, $2, $3::integer, $4, $5, pg_catalog.clock_timestamp())"
    " ON CONFLICT (ledger, name, statement) DO UPDATE SET sha256 = EXCLUDED.sha256,"
    " checksum = EXCLUDED.checksum, done_at = EXCLUDED.done_at";

static enum evo_errc write_row(struct evo_pg *pg, const char *sql, enum evo_layout_kind kind,
                               const struct evo_step *step, size_t unit, struct evo_error *err)
{
    char key[EVO_JOURNAL_KEY_MAX];
    char hex[EVO_SHA256_HEX];
    char number[NUMBER_TEXT];
    (void)snprintf(number, sizeof(number), "%" PRId64, unit_number(step, unit));
    const char *params[] = { evo_journal_key(kind, step->down, key), step->migration->name, number,
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
    return write_row(pg, done_sql, kind, step, unit, err);
}

enum evo_errc evo_journal_start(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                struct evo_error *err)
{
    char key[EVO_JOURNAL_KEY_MAX];
    const char *params[] = { evo_journal_key(kind, step->down, key), step->migration->name,
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

enum evo_errc evo_journal_counted(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                  size_t done, struct evo_error *err)
{
    char key[EVO_JOURNAL_KEY_MAX];
    char hex[EVO_SHA256_HEX];
    char number[NUMBER_TEXT];
    enum evo_errc rc = evo_journal_start(pg, kind, step, err);
    for (size_t i = 0; !rc && i < done; i++) {
        const struct evo_sql_statement *st = &step->script.items[i];
        size_t end = st->data_len ? st->data_start + st->data_len : st->start + st->len;
        (void)snprintf(number, sizeof(number), "%zu", i + 1);
        const char *params[] = { evo_journal_key(kind, step->down, key), step->migration->name, number,
                                 evo_sha256_hex(step->text.buf + st->start, end - st->start, hex),
                                 step->migration->checksum };
        rc = evo_pg_query(pg, done_sql, (int)EVO_COUNT(params), params, NULL, err);
    }
    return rc ? evo_error_prefix(err, "could not write evo.journal") : EVO_OK;
}

enum evo_errc evo_journal_unbegin(struct evo_pg *pg, enum evo_layout_kind kind, const struct evo_step *step,
                                  size_t unit, struct evo_error *err)
{
    char key[EVO_JOURNAL_KEY_MAX];
    char number[NUMBER_TEXT];
    (void)snprintf(number, sizeof(number), "%" PRId64, unit_number(step, unit));
    const char *params[] = { evo_journal_key(kind, step->down, key), step->migration->name, number };
    enum evo_errc rc = evo_pg_query(pg,
                                    "DELETE FROM evo.journal WHERE ledger = $1 AND name = $2"
                                    " AND statement = $3::integer AND done_at IS NULL",
                                    (int)EVO_COUNT(params), params, NULL, err);
    return rc ? evo_error_prefix(err, "could not write evo.journal") : EVO_OK;
}

enum evo_errc evo_journal_forget(struct evo_pg *pg, enum evo_layout_kind kind, bool down, const char *name,
                                 struct evo_error *err)
{
    char key[EVO_JOURNAL_KEY_MAX];
    const char *params[] = { evo_journal_key(kind, down, key), name };
    enum evo_errc rc =
        evo_pg_query(pg, "DELETE FROM evo.journal WHERE ledger = $1 AND name = $2", 2, params, NULL, err);
    return rc ? evo_error_prefix(err, "could not write evo.journal") : EVO_OK;
}
