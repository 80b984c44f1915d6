#include "layout/drift.h"

#include <inttypes.h>

#include "base/banned.h"
#include "layout/ledger_impl.h"
#include "schema/sql.h"

#define NUMBER_TEXT 24

/* A migration that is running may hold its tables for long; nobody waits for it here. For this transaction alone: what is
 * behind a transaction pooler is not ours to change. */
#define BEGIN "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '1s'"

static const char no_table[] = "42P01";

void evo_drift_log_release(struct evo_drift_log *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].migration);
        free(l->items[i].expected);
        evo_strvec_release(&l->items[i].lines);
    }
    free(l->items);
    *l = (struct evo_drift_log){ 0 };
}

static void add_lines(struct evo_strvec *lines, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        evo_strvec_push_owned(lines, evo_strndup(text, n));
        text += n + (text[n] == '\n');
    }
}

static enum evo_errc ask_for(const struct evo_ledger *l, struct evo_error *err, const char *privileges)
{
    EVO_AUTO_STR role = evo_ledger_quote(l->role);
    return evo_ledger_ask_for(l, err, "USAGE ON SCHEMA evo TO %s; GRANT %s ON evo.drift", role, privileges);
}

/* ---- reading ----------------------------------------------------------------------- */

enum evo_errc evo_drift_load(struct evo_pg *pg, const struct evo_ledger *l, struct evo_drift_log *ret,
                             struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc =
        evo_pg_query(pg,
                     "SELECT id, migration, expected, coalesce(differences, ''), total, "
                     "pg_catalog.floor(pg_catalog.date_part('epoch', found_at) * 1000::float8)::bigint "
                     "FROM evo.drift WHERE accepted_at IS NULL ORDER BY id",
                     0, NULL, &r, &failed);
    if (rc && strcmp(failed.sqlstate, no_table) == 0)
        return EVO_OK;
    if (rc && err)
        *err = failed;
    if (rc)
        return rc == EVO_ERR_PERMISSION ? ask_for(l, err, "SELECT") : rc;
    EVO_AUTO(drift_log) log = { 0 };
    for (int i = 0; i < evo_pg_rows(r); i++) {
        EVO_GROW(log.items, log.count, log.alloc);
        struct evo_drift_row *row = &log.items[log.count++];
        const char *migration = evo_pg_value(r, i, 1);
        *row = (struct evo_drift_row){ .id = evo_pg_value_int(r, i, 0, 0),
                                       .migration = migration ? evo_strdup(migration) : NULL,
                                       .expected = evo_strdup(evo_pg_value(r, i, 2)),
                                       .total = evo_pg_value_int(r, i, 4, 0),
                                       .found_ms = evo_pg_value_int(r, i, 5, -1) };
        add_lines(&row->lines, evo_pg_value(r, i, 3));
    }
    *ret = log;
    log = (struct evo_drift_log){ 0 };
    return EVO_OK;
}

static bool holds_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
        if ((at == text || at[-1] == '\n') && (at[n] == '\n' || !at[n]))
            return true;
    return false;
}

void evo_drift_left(const struct evo_drift_row *row, const struct evo_schema *now, struct evo_strvec *lines,
                    bool *ret_open)
{
    bool some = false, all = row->total > 0 && (size_t)row->total <= row->lines.count;
    for (size_t i = 0; i < row->lines.count; i++) {
        const char *line = row->lines.items[i];
        if (strlen(line) < 2 || holds_line(now->text.buf, line + 2) != (line[0] == '+'))
            continue;
        evo_strvec_push(lines, line);
        some = true;
    }
    *ret_open = some || (!all && strcmp(row->expected, now->fingerprint) != 0);
}

enum evo_errc evo_drift_look(struct evo_pg *pg, struct evo_task *task, struct evo_schema *ret,
                             struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, BEGIN, err);
    if (!rc)
        rc = evo_schema_look(pg, task, ret, err);
    struct evo_error second = EVO_ERROR_INIT;
    enum evo_errc ended = evo_pg_exec(pg, "ROLLBACK", &second);
    if (!rc && ended && err)
        *err = second;
    return rc ? rc : ended;
}

enum evo_errc evo_drift_explain(struct evo_pg *pg, const struct evo_ledger *l, const char *recorded,
                                const struct evo_schema *now, size_t max, struct evo_strvec *lines,
                                size_t *ret_total, struct evo_error *err)
{
    EVO_AUTO(strbuf) before = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) diff = EVO_STRBUF_INIT;
    bool found = false;
    enum evo_errc rc = evo_schema_log_text(pg, l, recorded, &before, &found, err);
    if (rc || !found)
        return rc;
    *ret_total = evo_catalog_diff(before.buf, now->text.buf, max, &diff);
    add_lines(lines, diff.buf);
    return EVO_OK;
}

/* ---- writing ----------------------------------------------------------------------- */

static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, evo_schema_sql_drift, err);
    return rc == EVO_ERR_PERMISSION ? evo_ledger_ask_for(l, err, "USAGE, CREATE ON SCHEMA evo") : rc;
}

enum evo_errc evo_drift_write(struct evo_pg *pg, const struct evo_ledger *l, const char *migration,
                              const char *expected, const char *found, const struct evo_strvec *lines,
                              size_t total, struct evo_error *err)
{
    EVO_AUTO_STR key = evo_schema_log_key(l);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    char number[NUMBER_TEXT];
    (void)snprintf(number, sizeof(number), "%zu", total);
    for (size_t i = 0; i < lines->count; i++)
        evo_strbuf_addf(&text, "%s\n", lines->items[i]);
    const char *const params[] = { key, migration, expected, found, lines->count ? text.buf : NULL, number };
    static const char sql[] =
        "INSERT INTO evo.drift (ledger, migration, expected, found, differences, total) "
        "VALUES ($1, $2, $3, $4, $5, $6::integer)";
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_query(pg, sql, EVO_COUNT(params), params, NULL, &failed);
    if (rc && strcmp(failed.sqlstate, no_table) == 0) {
        rc = create(pg, l, err);
        return rc ? rc : evo_pg_query(pg, sql, EVO_COUNT(params), params, NULL, err);
    }
    if (rc && err)
        *err = failed;
    return rc == EVO_ERR_PERMISSION ? ask_for(l, err, "SELECT, INSERT, UPDATE") : rc;
}

enum evo_errc evo_drift_accept(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_query(pg,
                                    "UPDATE evo.drift SET accepted_at = pg_catalog.clock_timestamp() "
                                    "WHERE accepted_at IS NULL",
                                    0, NULL, NULL, &failed);
    if (rc && strcmp(failed.sqlstate, no_table) == 0)
        return EVO_OK;
    if (rc && err)
        *err = failed;
    return rc == EVO_ERR_PERMISSION ? ask_for(l, err, "SELECT, INSERT, UPDATE") : rc;
}
