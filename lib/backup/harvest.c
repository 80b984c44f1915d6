#include "backup/harvest.h"

#include "backup/pgdump.h"
#include "backup/session.h"
#include "base/cancel.h"
#include "base/parse.h"
#include "crypto/random.h"

/* Names in one LOCK statement. */
enum { LOCK_BATCH = 500 };

/* pg_dump may not read something; who may is the role's owner's to say. */
static void hint_at_rights(struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_pg_query(pg, "SELECT current_user", 0, NULL, &r, &ignored) || evo_pg_rows(r) != 1)
        return;
    EVO_AUTO_STR role = evo_pg_identifier(pg, evo_pg_value(r, 0, 0));
    if (evo_pg_version(pg) >= 140000)
        evo_error_hint(err, "GRANT pg_read_all_data TO %s;", role);
    else
        evo_error_hint(
            err, "GRANT USAGE on the schemas, and SELECT on the tables and sequences in them, TO %s.", role);
}

static void add_arguments(struct evo_strvec *argv, const char *option, const struct evo_strvec *patterns)
{
    for (size_t i = 0; patterns && i < patterns->count; i++)
        evo_strvec_pushf(argv, "%s=%s", option, patterns->items[i]);
}

/* pg_dump's output buffer keeps the last 4 KiB of the table of contents until its first rows push them out, which may be
 * long if they are behind a large table that is nearly empty. Unbuffered it writes every number by itself: nothing for an
 * ordinary schema, seconds for one of tens of thousands of tables, whose rows come soon enough. */
static enum evo_errc is_small(struct evo_pg *pg, bool *ret, struct evo_error *err)
{
    enum { SMALL = 3000 };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(pg,
                                    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class "
                                    "WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')",
                                    0, NULL, &r, err);
    if (!rc)
        *ret = evo_pg_value_int(r, 0, 0, SMALL) < SMALL;
    return rc;
}

static enum evo_errc read_toc(struct evo_pgdump *dump, const struct evo_harvest_options *o,
                              const char *snapshot, struct evo_toc *ret, struct evo_error *err)
{
    EVO_AUTO(strvec) arguments = EVO_STRVEC_INIT;
    bool unbuffered = false;
    /* Without compression the first rows of the first table push the end of the table of contents through
     * pg_dump's output buffer. */
    evo_strvec_push(&arguments, "--compress=0");
    evo_strvec_pushf(&arguments, "--lock-wait-timeout=%lldms", (long long)o->lock_timeout_ms);
    add_arguments(&arguments, "--schema", o->filter->schemas);
    add_arguments(&arguments, "--exclude-schema", o->filter->exclude_schemas);
    add_arguments(&arguments, "--table", o->filter->tables);
    add_arguments(&arguments, "--exclude-table", o->filter->exclude_tables);
    add_arguments(&arguments, "--exclude-table-data", o->filter->exclude_table_data);
    enum evo_errc rc = is_small(o->pg, &unbuffered, err);
    if (!rc)
        rc = evo_pgdump_start(dump, o->pg_dump, o->conninfo, snapshot, (const char *const *)arguments.items,
                              unbuffered, err);
    if (!rc)
        rc = evo_toc_read(evo_pgdump_fill, dump, ret, NULL, err);
    if (rc == EVO_ERR_INTEGRITY)
        rc = evo_pgdump_failed(dump, err);
    if (rc == EVO_ERR_PERMISSION)
        hint_at_rights(o->pg, err);
    return rc;
}

/* NOWAIT: pg_dump holds the same locks and is stopped only behind us, so what we would wait for could be a
 * statement that waits for pg_dump: a deadlock that the server does not see. */
static enum evo_errc lock_tables(struct evo_pg *pg, const struct evo_toc *toc, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    size_t named = 0;
    for (size_t i = 0; i <= toc->count; i++) {
        if (i < toc->count && evo_toc_is_table_data(&toc->items[i])) {
            EVO_AUTO_STR table = evo_session_qualified(pg, toc->items[i].schema, toc->items[i].tag);
            evo_strbuf_addf(&sql, "%s%s", named++ ? ", ONLY " : "LOCK TABLE ONLY ", table);
        }
        if (!named || (named < LOCK_BATCH && i < toc->count))
            continue;
        evo_strbuf_adds(&sql, " IN ACCESS SHARE MODE NOWAIT");
        enum evo_errc rc = evo_pg_exec(pg, sql.buf, err);
        /* Dropped or renamed since pg_dump looked: as much a reason to look again. */
        if (rc == EVO_ERR_DATABASE && err && evo_streq(err->sqlstate, "42P01")) {
            err->code = EVO_ERR_LOCK_UNAVAILABLE;
            return err->code;
        }
        if (rc)
            return rc;
        evo_strbuf_clear(&sql);
        named = 0;
    }
    return EVO_OK;
}

/* Between the snapshot and the first lock on it, a table can have been emptied or rewritten: its rows of the snapshot's
 * time are then gone for everybody, and a COPY would find none. The catalog as the snapshot shows it still
 * names the old file, a function that looks it up names the one of now. */
static enum evo_errc refuse_rewritten(struct evo_pg *pg, const struct evo_toc *toc, struct evo_error *err)
{
    static const char sql[] =
        "SELECT t.oid::pg_catalog.regclass FROM pg_catalog.unnest($1::pg_catalog.oid[]) t(oid) "
        "LEFT JOIN pg_catalog.pg_class c ON c.oid = t.oid "
        "WHERE c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(t.oid) LIMIT 1";
    EVO_AUTO(strbuf) oids = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    evo_toc_table_oids(toc, &oids);
    const char *const params[] = { oids.buf };
    enum evo_errc rc = evo_pg_query(pg, sql, 1, params, &r, err);
    if (rc || !evo_pg_rows(r))
        return rc;
    return evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE,
                         "table \"%s\" was rewritten before it could be locked", evo_pg_value(r, 0, 0));
}

static enum evo_errc attempt(const struct evo_harvest_options *o, struct evo_toc *toc, char **ret_snapshot,
                             struct evo_error *err)
{
    EVO_AUTO(pgdump) dump = EVO_PGDUMP_INIT;
    EVO_AUTO_STR snapshot = NULL;
    enum evo_errc rc = evo_session_export(o->pg, &snapshot, err);
    if (!rc)
        rc = read_toc(&dump, o, snapshot, toc, err);
    EVO_AUTO_STR encoding = rc ? NULL : evo_toc_encoding(toc);
    if (encoding)
        rc = evo_session_encoding(o->pg, encoding, err);
    if (!rc)
        rc = lock_tables(o->pg, toc, err);
    if (!rc)
        rc = refuse_rewritten(o->pg, toc, err);
    if (rc)
        return rc;
    *ret_snapshot = snapshot;
    snapshot = NULL;
    return EVO_OK;
}

static enum evo_errc give_up(const struct evo_harvest_options *o, struct evo_error *err)
{
    char wait[EVO_HUMAN_MAX];
    evo_error_prefix(err, "could not lock the tables within %s",
                     evo_format_duration(o->lock_timeout_ms, wait));
    return evo_error_hint(err,
                          "Look for what holds the lock with evo-status, or give evo-backup create a longer "
                          "--lock-timeout.");
}

enum evo_errc evo_harvest(const struct evo_harvest_options *o, struct evo_toc *ret_toc, char **ret_snapshot,
                          int64_t *ret_taken_ms, struct evo_error *err)
{
    struct evo_deadline deadline = evo_deadline_in(o->lock_timeout_ms);
    int64_t pause = 50;
    for (;;) {
        EVO_AUTO(toc) toc = EVO_TOC_INIT;
        int64_t taken_ms = evo_wall_ms();
        enum evo_errc rc = attempt(o, &toc, ret_snapshot, err);
        if (!rc) {
            *ret_toc = toc;
            *ret_taken_ms = taken_ms;
            toc = (struct evo_toc)EVO_TOC_INIT;
            return EVO_OK;
        }
        if (rc != EVO_ERR_LOCK_UNAVAILABLE)
            return rc;
        if (evo_deadline_passed(deadline))
            return give_up(o, err);
        evo_debug(o->task, "%s: trying again with a new snapshot", err ? err->message : "lock unavailable");
        struct evo_error second = EVO_ERROR_INIT;
        rc = evo_pg_exec(o->pg, "ROLLBACK", &second);
        if (!rc)
            rc = evo_cancel_sleep(pause / 2 + (int64_t)evo_random_below((uint64_t)pause / 2), &second);
        if (rc) {
            if (err)
                *err = second;
            return rc;
        }
        pause = pause < 2000 ? pause * 2 : pause;
    }
}
