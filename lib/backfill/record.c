#include "backfill/record.h"

#include <inttypes.h>

#include "crypto/random.h"
#include "schema/sql.h"

enum { NUMBER_MAX = 24 };

static void part_clear(struct evo_part *p)
{
    free(p->lower);
    free(p->upper);
    for (size_t i = 0; i < EVO_BACKFILL_KEY_MAX; i++) {
        free(p->position[i]);
        free(p->left_out[i]);
    }
    *p = (struct evo_part){ 0 };
}

void evo_record_release(struct evo_record *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        part_clear(&c->parts[i]);
    free(c->parts);
    free(c->name);
    free(c->found_definition);
    free(c->done_at);
    *c = (struct evo_record){ 0 };
}

/* ---- privileges -------------------------------------------------------------- */

static enum evo_errc ask_for(struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    /* The failed statement may have left a transaction to be rolled back: only then is there an answer. */
    if (evo_pg_in_transaction(pg) && evo_pg_exec(pg, "ROLLBACK", &ignored))
        return EVO_ERR_PERMISSION;
    if (evo_pg_query(pg,
                     "SELECT pg_catalog.quote_ident(current_user),"
                     " pg_catalog.quote_ident(pg_catalog.current_database()),"
                     " EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'evo'),"
                     " EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                     "  ON n.oid = c.relnamespace WHERE n.nspname = 'evo' AND c.relname = 'backfill')",
                     0, NULL, &r, &ignored))
        return EVO_ERR_PERMISSION;
    const char *role = evo_pg_value(r, 0, 0);
    if (evo_pg_value_bool(r, 0, 3))
        evo_error_hint(err,
                       "Ask for it: GRANT USAGE ON SCHEMA evo TO %s; GRANT SELECT, INSERT, UPDATE, DELETE "
                       "ON evo.backfill TO %s;",
                       role, role);
    else if (evo_pg_value_bool(r, 0, 2))
        evo_error_hint(err, "Ask for it: GRANT USAGE, CREATE ON SCHEMA evo TO %s;", role);
    else
        evo_error_hint(err, "Ask for it: GRANT CREATE ON DATABASE %s TO %s;", evo_pg_value(r, 0, 1), role);
    return evo_error_prefix(err, "could not keep the checkpoints of the backfill in evo.backfill");
}

static enum evo_errc explained(struct evo_pg *pg, enum evo_errc rc, struct evo_error *err)
{
    return rc == EVO_ERR_PERMISSION ? ask_for(pg, err) : rc;
}

enum evo_errc evo_record_create(struct evo_pg *pg, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, evo_schema_sql_backfill, err);
    /* Somebody made it at the same time: then it is there. */
    if (rc == EVO_ERR_DATABASE && err &&
        (evo_streq(err->sqlstate, "23505") || evo_streq(err->sqlstate, "42P07") ||
         evo_streq(err->sqlstate, "42P06")))
        rc = evo_pg_exec(pg, evo_schema_sql_backfill, err);
    return explained(pg, rc, err);
}

/* ---- reading ----------------------------------------------------------------- */

/* The columns behind these are the position's and the left out rows' elements. */
static const char columns_sql[] = "part, version, lower, upper, once, waits, finished, sweep, left_out_rows,"
                                  " sweep_looked, sweep_settled, sweep_skipped, rows_done, skipped, batches";
enum { COLUMNS = 15 };

static void add_columns(size_t ncolumns, struct evo_strbuf *sql)
{
    evo_strbuf_adds(sql, columns_sql);
    for (size_t i = 1; i <= ncolumns; i++)
        evo_strbuf_addf(sql, ", \"position\"[%zu]", i);
    for (size_t i = 1; i <= ncolumns; i++)
        evo_strbuf_addf(sql, ", left_out[%zu]", i);
}

static void take_part(const struct evo_pg_result *r, int row, size_t ncolumns, struct evo_part *p)
{
    part_clear(p);
    p->number = evo_pg_value_int(r, row, 0, 0);
    p->version = evo_pg_value_int(r, row, 1, 0);
    p->lower = evo_strdup(evo_pg_value(r, row, 2));
    p->upper = evo_strdup(evo_pg_value(r, row, 3));
    p->once = evo_pg_value_bool(r, row, 4);
    p->waits = evo_pg_value_bool(r, row, 5);
    p->finished = evo_pg_value_bool(r, row, 6);
    int64_t *const numbers[] = { &p->sweep,         &p->left_out_rows, &p->sweep_looked, &p->sweep_settled,
                                 &p->sweep_skipped, &p->rows_done,     &p->skipped,      &p->batches };
    for (size_t i = 0; i < EVO_COUNT(numbers); i++)
        *numbers[i] = evo_pg_value_int(r, row, 7 + (int)i, 0);
    for (size_t i = 0; i < ncolumns; i++) {
        p->position[i] = evo_strdup(evo_pg_value(r, row, COLUMNS + (int)i));
        p->left_out[i] = evo_strdup(evo_pg_value(r, row, COLUMNS + (int)(ncolumns + i)));
    }
}

enum evo_errc evo_record_load(struct evo_pg *pg, const char *name, size_t columns, struct evo_record *ret,
                              struct evo_error *err)
{
    EVO_AUTO(record) c = { .name = evo_strdup(name), .ncolumns = columns };
    (void)evo_random_hex(c.run, sizeof(c.run) - 1);
    EVO_AUTO_PTR(pg_result) there = NULL;
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg,
                                    "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN"
                                    " pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                                    " WHERE n.nspname = 'evo' AND c.relname = 'backfill')",
                                    0, NULL, &there, err);
    if (!rc && evo_pg_value_bool(there, 0, 0)) {
        EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
        evo_strbuf_adds(&sql, "SELECT ");
        add_columns(columns, &sql);
        evo_strbuf_adds(&sql, ", definition, pg_catalog.to_char(done_at AT TIME ZONE 'UTC',"
                              " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
                              " FROM evo.backfill WHERE name = $1 ORDER BY part");
        rc = explained(pg, evo_pg_query(pg, sql.buf, 1, (const char *const[]){ name }, &r, err), err);
    }
    if (rc)
        return rc;
    c.count = r ? (size_t)evo_pg_rows(r) : 0;
    c.parts = evo_calloc(c.count + 1, sizeof(*c.parts));
    for (size_t i = 0; i < c.count; i++)
        take_part(r, (int)i, columns, &c.parts[i]);
    if (c.count) {
        c.found_definition = evo_strdup(evo_pg_value(r, 0, COLUMNS + 2 * (int)columns));
        c.done_at = evo_strdup(evo_pg_value(r, 0, COLUMNS + 2 * (int)columns + 1));
    }
    *ret = c;
    c = (struct evo_record){ 0 };
    return EVO_OK;
}

enum evo_errc evo_record_reload(struct evo_pg *pg, const struct evo_record *c, struct evo_part *p,
                                struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    char number[NUMBER_MAX];
    (void)snprintf(number, sizeof(number), "%" PRId64, p->number);
    evo_strbuf_adds(&sql, "SELECT ");
    add_columns(c->ncolumns, &sql);
    evo_strbuf_adds(&sql, ", run FROM evo.backfill WHERE name = $1 AND part = $2::integer FOR UPDATE");
    enum evo_errc rc = evo_pg_query(pg, sql.buf, 2, (const char *const[]){ c->name, number }, &r, err);
    if (rc)
        return evo_error_prefix(err, "could not read evo.backfill");
    if (evo_pg_rows(r) == 0 || !evo_streq(evo_pg_value(r, 0, COLUMNS + 2 * (int)c->ncolumns), c->run))
        return evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE, "another run has taken this backfill over");
    take_part(r, 0, c->ncolumns, p);
    return EVO_OK;
}

struct evo_part evo_record_sum(const struct evo_record *c)
{
    struct evo_part sum = { .finished = true };
    for (size_t i = 0; i < c->count; i++) {
        const struct evo_part *p = &c->parts[i];
        sum.once |= p->once;
        sum.finished &= p->finished;
        sum.sweep = p->sweep > sum.sweep ? p->sweep : sum.sweep;
        sum.left_out_rows += p->left_out_rows;
        sum.sweep_looked += p->sweep_looked;
        sum.sweep_settled += p->sweep_settled;
        sum.sweep_skipped += p->sweep_skipped;
        sum.rows_done += p->rows_done;
        sum.skipped += p->skipped;
        sum.batches += p->batches;
    }
    return sum;
}

/* ---- writing ----------------------------------------------------------------- */

static enum evo_errc write_sql(struct evo_pg *pg, const char *sql, int nparams, const char *const *params,
                               struct evo_error *err)
{
    enum evo_errc rc = explained(pg, evo_pg_query(pg, sql, nparams, params, NULL, err), err);
    return rc && rc != EVO_ERR_PERMISSION ? evo_error_prefix(err, "could not write evo.backfill") : rc;
}

static enum evo_errc insert_parts(struct evo_pg *pg, const struct evo_record *c, const char *statement,
                                  const struct evo_strvec *points, bool once, struct evo_error *err)
{
    enum evo_errc rc =
        write_sql(pg, "DELETE FROM evo.backfill WHERE name = $1", 1, (const char *const[]){ c->name }, err);
    for (size_t i = 0; !rc && i <= points->count; i++) {
        char number[NUMBER_MAX];
        (void)snprintf(number, sizeof(number), "%zu", i + 1);
        const char *params[] = { c->name,
                                 number,
                                 c->definition,
                                 statement,
                                 c->run,
                                 i > 0 ? points->items[i - 1] : NULL,
                                 i < points->count ? points->items[i] : NULL,
                                 once ? "t" : "f" };
        rc = write_sql(pg,
                       "INSERT INTO evo.backfill (name, part, definition, statement, run, lower, upper, once)"
                       " VALUES ($1, $2::integer, $3, $4, $5, $6, $7, $8::boolean)",
                       (int)EVO_COUNT(params), params, err);
    }
    return rc;
}

/* The parts as they are in the database after all of them changed at once. */
static enum evo_errc load_again(struct evo_pg *pg, struct evo_record *c, struct evo_error *err)
{
    struct evo_record fresh = { 0 };
    enum evo_errc rc = evo_record_load(pg, c->name, c->ncolumns, &fresh, err);
    if (rc)
        return rc;
    memcpy(fresh.run, c->run, sizeof(fresh.run));
    memcpy(fresh.definition, c->definition, sizeof(fresh.definition));
    evo_record_release(c);
    *c = fresh;
    return EVO_OK;
}

enum evo_errc evo_record_begin(struct evo_pg *pg, struct evo_record *c, const char *statement,
                               const struct evo_strvec *points, bool once, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, "BEGIN", err);
    if (!rc)
        rc = insert_parts(pg, c, statement, points, once, err);
    if (!rc)
        rc = evo_pg_exec(pg, "COMMIT", err);
    return rc ? rc : load_again(pg, c, err);
}

enum evo_errc evo_record_take(struct evo_pg *pg, struct evo_record *c, struct evo_error *err)
{
    enum evo_errc rc =
        write_sql(pg, "UPDATE evo.backfill SET run = $2, version = version + 1 WHERE name = $1", 2,
                  (const char *const[]){ c->name, c->run }, err);
    return rc ? rc : load_again(pg, c, err);
}

enum evo_errc evo_record_sweep(struct evo_pg *pg, struct evo_record *c, bool waits, struct evo_error *err)
{
    char sweep[NUMBER_MAX];
    (void)snprintf(sweep, sizeof(sweep), "%" PRId64, evo_record_sum(c).sweep);
    /* By its number: said twice, since the first answer was lost, it is one sweep more and not two. */
    enum evo_errc rc =
        write_sql(pg,
                  "UPDATE evo.backfill SET sweep = sweep + 1, waits = $3::boolean, finished = false,"
                  " \"position\" = NULL, sweep_looked = 0, sweep_settled = 0, sweep_skipped = 0,"
                  " once = (SELECT pg_catalog.bool_or(once) FROM evo.backfill WHERE name = $1),"
                  " version = version + 1, updated_at = pg_catalog.clock_timestamp()"
                  " WHERE name = $1 AND run = $2 AND sweep = $4::integer",
                  4, (const char *const[]){ c->name, c->run, waits ? "t" : "f", sweep }, err);
    return rc ? rc : load_again(pg, c, err);
}

enum evo_errc evo_record_done(struct evo_pg *pg, struct evo_record *c, struct evo_error *err)
{
    enum evo_errc rc =
        write_sql(pg,
                  "UPDATE evo.backfill SET done_at = pg_catalog.clock_timestamp(), left_out = NULL,"
                  " version = version + 1 WHERE name = $1 AND run = $2",
                  2, (const char *const[]){ c->name, c->run }, err);
    return rc ? rc : load_again(pg, c, err);
}

/* ---- one part, in its batch's transaction ------------------------------------- */

struct values {
    const char *items[2 * EVO_BACKFILL_KEY_MAX + 24];
    int count;
};

static void add_array(const char *column, char *const *elements, size_t n, struct values *v,
                      struct evo_strbuf *sql)
{
    evo_strbuf_addf(sql, ", %s = ", column);
    if (!elements[0]) {
        evo_strbuf_adds(sql, "NULL");
        return;
    }
    evo_strbuf_adds(sql, "ARRAY[");
    for (size_t i = 0; i < n; i++) {
        v->items[v->count++] = elements[i];
        evo_strbuf_addf(sql, "%s$%d::text", i ? ", " : "", v->count);
    }
    evo_strbuf_adds(sql, "]");
}

enum evo_errc evo_record_store(struct evo_pg *pg, const struct evo_record *c, struct evo_part *p,
                               bool left_out_changed, uint64_t *ret_wal, bool *ret_stale,
                               struct evo_error *err)
{
    const struct {
        const char *column;
        int64_t value;
    } numbers[] = {
        { "left_out_rows", p->left_out_rows },
        { "sweep_looked", p->sweep_looked },
        { "sweep_settled", p->sweep_settled },
        { "sweep_skipped", p->sweep_skipped },
        { "rows_done", p->rows_done },
        { "skipped", p->skipped },
        { "batches", p->batches },
    };
    char text[2][NUMBER_MAX];
    struct values v = { 0 };
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    (void)snprintf(text[0], NUMBER_MAX, "%" PRId64, p->number);
    (void)snprintf(text[1], NUMBER_MAX, "%" PRId64, p->version);
    v.items[v.count++] = c->name;
    v.items[v.count++] = text[0];
    v.items[v.count++] = c->run;
    v.items[v.count++] = text[1];
    evo_strbuf_addf(&sql,
                    "UPDATE evo.backfill SET version = version + 1, once = %s, finished = %s,"
                    " updated_at = pg_catalog.clock_timestamp()",
                    p->once ? "true" : "false", p->finished ? "true" : "false");
    for (size_t i = 0; i < EVO_COUNT(numbers); i++)
        evo_strbuf_addf(&sql, ", %s = %" PRId64, numbers[i].column, numbers[i].value);
    add_array("\"position\"", p->position, c->ncolumns, &v, &sql);
    if (left_out_changed)
        add_array("left_out", p->left_out, c->ncolumns, &v, &sql);
    evo_strbuf_adds(&sql,
                    " WHERE name = $1 AND part = $2::integer AND run = $3 AND version = $4::bigint RETURNING"
                    " pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint");
    enum evo_errc rc = evo_pg_query(pg, sql.buf, v.count, v.items, &r, err);
    if (rc)
        return evo_error_prefix(err, "could not write evo.backfill");
    *ret_stale = evo_pg_rows(r) == 0;
    if (*ret_stale)
        return EVO_OK;
    p->version++;
    if (ret_wal)
        *ret_wal = (uint64_t)evo_pg_value_int(r, 0, 0, 0);
    return EVO_OK;
}
