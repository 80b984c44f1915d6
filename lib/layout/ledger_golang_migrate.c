/*
 * schema_migrations of golang-migrate: one row, the version that the database is at, and whether getting there failed.
 *
 * As version 4 writes it (database/postgres/postgres.go, migrate.go): TRUNCATE and INSERT in one transaction; before a
 * file is run `dirty` is true, behind it false, and a way back writes the version below. evo does the same but for files
 * that run in one transaction: there both writes would be one, at the end of that transaction.
 *
 * The table has no history. What is applied follows from the files: all up to the version. So a file that arrives behind
 * it counts as applied, for golang-migrate and for evo, which names it (seen.h); and nothing can be recorded behind it, nor
 * past a file between.
 */
#include "base/banned.h"
#include "base/quote.h"
#include "layout/ledger_impl.h"
#include "layout/order.h"
#include "layout/versions.h"

#define TOOL "golang-migrate"
/* Row of a way back of the first migration that failed: below every version. */
#define NIL "-1"

/* ---- the lock ------------------------------------------------------------------ */

/* CRC-32 of ISO 3309, as Go's crc32.ChecksumIEEE. The text is a name or two: a table would be longer than the loop. */
static uint32_t crc32_of(const char *data, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

/* database/util.go */
static int64_t key_of(const char *before, const char *database, const char *schema, const char *table)
{
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    evo_strbuf_adds(&names, schema);
    evo_strbuf_add(&names, "\0", 1);
    evo_strbuf_adds(&names, table);
    evo_strbuf_add(&names, "\0", 1);
    evo_strbuf_addf(&names, "%s%s", before, database);
    return (int64_t)(uint32_t)(crc32_of(names.buf, names.len) * UINT32_C(1486364155));
}

/* Its command, and whoever gives it a URL, takes the URL's path for the database's name: with the "/". */
static int64_t lock_key_of(const char *database, const char *schema, const char *table)
{
    return key_of("/", database, schema, table);
}

/* A program that hands it an open connection has it ask the server for the name. */
static int64_t lock_key_too(const char *database, const char *schema, const char *table)
{
    return key_of("", database, schema, table);
}

/* ---- files --------------------------------------------------------------------- */

/* <0, 0, >0: the version of a file's name against one of the table. */
static int compare(const char *name, const char *version)
{
    EVO_AUTO_STR own = evo_ledger_version(name);
    return strcmp(version, NIL) == 0 ? 1 : evo_order_versions(own, version);
}

/* The last file before `name`, and the first behind `version`; NULL where there is none. Borrowed. */
static const char *file_before(const struct evo_ledger *l, const char *name)
{
    EVO_AUTO_STR version = evo_ledger_version(name);
    const char *found = NULL;
    for (size_t i = 0; i < l->files.count && compare(l->files.items[i], version) < 0; i++)
        found = l->files.items[i];
    return found;
}

static const char *file_behind(const struct evo_ledger *l, const char *version)
{
    for (size_t i = 0; i < l->files.count; i++)
        if (compare(l->files.items[i], version) > 0)
            return l->files.items[i];
    return NULL;
}

/* ---- the row ------------------------------------------------------------------- */

struct position {
    char *version; /* NIL: nothing is applied */
    bool dirty;
};

static void position_auto(struct position *at)
{
    free(at->version);
}

/* golang-migrate takes the first of several rows, whichever that is. */
static enum evo_errc find_position(struct evo_pg *pg, const struct evo_ledger *l, struct position *ret,
                                   struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_ledger_query(pg, l, "SELECT version, dirty FROM @ LIMIT 2", 0, NULL, &r, err);
    if (rc)
        return rc;
    if (evo_pg_rows(r) > 1) {
        EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
        EVO_AUTO_STR table = evo_ledger_quote(l->table);
        evo_error_set(err, EVO_ERR_UNSUPPORTED, "table %s.%s has more than one row", schema, table);
        evo_error_detail(err, TOOL " keeps one there, the version that the database is at.");
        return evo_error_hint(err, "Delete the rows that are not that version.");
    }
    bool any = evo_pg_rows(r) == 1;
    ret->version = evo_strdup(any ? evo_pg_value(r, 0, 0) : NIL);
    ret->dirty = any && evo_pg_value_bool(r, 0, 1);
    return EVO_OK;
}

/* version NULL: none. A transaction of its own where none is open: its lock keeps out whoever reads the table. */
static enum evo_errc set_version(struct evo_pg *pg, const struct evo_ledger *l, const char *version,
                                 bool dirty, struct evo_error *err)
{
    bool own = !evo_pg_in_transaction(pg);
    const char *const row[] = { version ? version : NIL, dirty ? "true" : "false" };
    enum evo_errc rc = own ? evo_pg_exec(pg, "BEGIN; SET LOCAL lock_timeout = '1min'", err) : EVO_OK;
    if (rc)
        return rc;
    rc = evo_ledger_query(pg, l, "TRUNCATE @", 0, NULL, NULL, err);
    if (!rc && (version || dirty))
        rc = evo_ledger_query(pg, l, "INSERT INTO @ (version, dirty) VALUES ($1, $2)", EVO_COUNT(row), row,
                              NULL, err);
    if (!own)
        return rc;
    if (!rc)
        return evo_pg_exec(pg, "COMMIT", err);
    struct evo_error ignored = EVO_ERROR_INIT;
    (void)!evo_pg_exec(pg, "ROLLBACK", &ignored); /* the first error is the one to tell */
    return rc;
}

static enum evo_errc set_file(struct evo_pg *pg, const struct evo_ledger *l, const char *name, bool dirty,
                              struct evo_error *err)
{
    EVO_AUTO_STR version = name ? evo_ledger_version(name) : NULL;
    return set_version(pg, l, version, dirty, err);
}

/* ---- reading ------------------------------------------------------------------- */

/* version: the table's; a row for another one follows from it. */
static void add_row(struct evo_ledger *l, const char *name, const char *version, bool failed)
{
    struct evo_ledger_row *row = evo_ledger_add(l);
    row->id = evo_ledger_version(name);
    row->name = evo_strdup(name);
    row->finished_ms = failed ? -1 : 0;
    row->inferred = !failed && compare(name, version) != 0;
    if (failed)
        row->logs = evo_asprintf(
            TOOL "'s table says that version %s is dirty: an up to it failed, or a down to it", version);
}

/* A way back that evo began: the version it leads to is dirty, and the journal says which it is. */
static enum evo_errc find_begun_down(struct evo_pg *pg, const struct evo_ledger *l, struct position *at,
                                     struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *next = file_behind(l, at->version);
    enum evo_errc rc = at->dirty && next ? evo_ledger_journal(pg, l, true, &r, err) : EVO_OK;
    for (int i = 0; !rc && r && i < evo_pg_rows(r); i++) {
        if (!evo_streq(evo_pg_value(r, i, 0), next))
            continue;
        free(at->version);
        *at = (struct position){ .version = evo_ledger_version(next) };
        break;
    }
    return rc;
}

static enum evo_errc read_position(struct evo_pg *pg, struct evo_ledger *l, const struct evo_project *p,
                                   struct evo_error *err)
{
    (void)p; /* its names are in l->files */
    __attribute__((cleanup(position_auto))) struct position at = { NULL, false };
    enum evo_errc rc = find_position(pg, l, &at, err);
    if (!rc)
        rc = find_begun_down(pg, l, &at, err);
    if (rc)
        return rc;
    size_t i = 0;
    bool has_file = false;
    for (; i < l->files.count && compare(l->files.items[i], at.version) <= 0; i++) {
        has_file = compare(l->files.items[i], at.version) == 0;
        add_row(l, l->files.items[i], at.version, has_file && at.dirty);
    }
    bool nil = strcmp(at.version, NIL) == 0;
    if (nil && at.dirty)
        add_row(l, l->files.count ? l->files.items[0] : NIL, at.version, true);
    else if (!nil && !has_file)
        add_row(l, at.version, at.version, at.dirty);
    return EVO_OK;
}

/* ---- writing ------------------------------------------------------------------- */

static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    enum evo_errc rc = evo_ledger_query(
        pg, l, "CREATE TABLE IF NOT EXISTS @ (version bigint not null primary key, dirty boolean not null)",
        0, NULL, NULL, err);
    if (rc != EVO_ERR_PERMISSION)
        return rc;
    EVO_AUTO_STR schema = evo_ledger_quote(l->schema);
    return evo_ledger_ask_for(l, err, "USAGE, CREATE ON SCHEMA %s", schema);
}

/* Whether the one row can say that m is applied. */
static enum evo_errc admit(const struct evo_ledger *l, const struct evo_migration *m,
                           const struct position *at, struct evo_error *err)
{
    const char *next = file_behind(l, at->version);
    if (compare(m->name, at->version) < 0 || (compare(m->name, at->version) == 0 && !at->dirty)) {
        evo_error_set(err, EVO_ERR_UNSUPPORTED,
                      "migration \"%s\" cannot be recorded: the database is at version %s", m->name,
                      at->version);
        evo_error_detail(err, TOOL "'s table holds that version alone: what is behind it counts as applied.");
        evo_error_hint(err, "Give the migration a later version.");
        return evo_error_migration(err, m->name);
    }
    if (next && compare(m->name, at->version) != 0 && strcmp(next, m->name) != 0) {
        evo_error_set(err, EVO_ERR_UNSUPPORTED, "migration \"%s\" cannot be recorded: \"%s\" comes before it",
                      m->name, next);
        evo_error_detail(err, TOOL "'s table holds one version: \"%s\" would count as applied, too.", next);
        EVO_AUTO_STR word = evo_quote_shell(next);
        evo_error_next(err, "evo-migrate resolve --applied %s", word);
        evo_error_hint(err, "Settle that one first.");
        return evo_error_migration(err, m->name);
    }
    return EVO_OK;
}

static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    (void)started_ms;
    (void)steps;
    (void)logs;
    __attribute__((cleanup(position_auto))) struct position at = { NULL, false };
    enum evo_errc rc = find_position(pg, l, &at, err);
    if (!rc)
        rc = admit(l, m, &at, err);
    if (!rc)
        rc = set_file(pg, l, m->name, finished_ms < 0, err);
    if (!rc && ret_id)
        *ret_id = evo_ledger_version(m->name);
    return rc;
}

static enum evo_errc finish_row(struct evo_pg *pg, const struct evo_ledger *l, const char *id,
                                struct evo_error *err)
{
    return set_version(pg, l, id, false, err);
}

/* It is dirty already, and there is no room for the reason. */
static enum evo_errc fail_row(struct evo_pg *pg, const struct evo_ledger *l, const char *id, const char *logs,
                              struct evo_error *err)
{
    (void)pg;
    (void)l;
    (void)id;
    (void)logs;
    (void)err;
    return EVO_OK;
}

static enum evo_errc look(struct evo_pg *pg, const struct evo_ledger *l, const char *name, bool *ret_applied,
                          bool *ret_failed, struct evo_error *err)
{
    __attribute__((cleanup(position_auto))) struct position at = { NULL, false };
    enum evo_errc rc = find_position(pg, l, &at, err);
    if (rc)
        return rc;
    bool nil = strcmp(at.version, NIL) == 0;
    int order = strcmp(name, NIL) == 0 ? -1 : compare(name, at.version);
    bool first = nil && (order < 0 || (l->files.count && strcmp(name, l->files.items[0]) == 0));
    *ret_failed = at.dirty && (nil ? first : order == 0);
    *ret_applied = !nil && (order < 0 || (order == 0 && !at.dirty));
    return EVO_OK;
}

/* The database is where it was before. */
static enum evo_errc give_up_row(struct evo_pg *pg, const struct evo_ledger *l, const char *name,
                                 struct evo_error *err)
{
    return set_file(pg, l, strcmp(name, NIL) == 0 ? NULL : file_before(l, name), false, err);
}

/* The version that m's way back starts from: m's own or, once it was begun, the one below. */
static enum evo_errc expect_at(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               struct evo_error *err)
{
    __attribute__((cleanup(position_auto))) struct position at = { NULL, false };
    enum evo_errc rc = find_position(pg, l, &at, err);
    const char *before = file_before(l, m->name);
    EVO_AUTO_STR below = before ? evo_ledger_version(before) : evo_strdup(NIL);
    if (rc || compare(m->name, at.version) == 0 ||
        (at.dirty && (before ? compare(before, at.version) == 0 : strcmp(at.version, NIL) == 0)))
        return rc;
    evo_error_set(err, EVO_ERR_NOT_FOUND,
                  "migration \"%s\" is not the last one: the database is at version %s", m->name, at.version);
    return evo_error_migration(err, m->name);
}

static enum evo_errc move_below(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                                bool dirty, struct evo_error *err)
{
    enum evo_errc rc = expect_at(pg, l, m, err);
    return rc ? rc : set_file(pg, l, file_before(l, m->name), dirty, err);
}

static enum evo_errc take_back(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               struct evo_error *err)
{
    return move_below(pg, l, m, false, err);
}

static enum evo_errc start_down(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                                struct evo_error *err)
{
    return move_below(pg, l, m, true, err);
}

static enum evo_errc keep(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                          struct evo_error *err)
{
    enum evo_errc rc = expect_at(pg, l, m, err);
    return rc ? rc : set_file(pg, l, m->name, false, err);
}

const struct evo_ledger_kind evo_ledger_golang_migrate = {
    .schema = NULL,
    .table = "schema_migrations",
    .in_path = true,
    .columns = " version dirty ",
    .lock_key_of = lock_key_of,
    .lock_key_too = lock_key_too,
    .privileges = "SELECT, INSERT, TRUNCATE",
    .create = create,
    .read = read_position,
    .insert = insert,
    .finish_row = finish_row,
    .fail_row = fail_row,
    .look = look,
    .give_up_row = give_up_row,
    .take_back = take_back,
    .start_down = start_down,
    .keep = keep,
};
