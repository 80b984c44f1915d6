#include "backup/self_key.h"

#include "backup/session.h"

enum evo_errc evo_self_key_defer(struct evo_pg *pg, const char *schema, const char *table,
                                 int64_t lock_timeout_ms, struct evo_strvec *ret_undo, struct evo_error *err)
{
    static const char sql[] =
        "SELECT conname FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = conrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE nspname = $1 AND relname = $2 "
        "AND contype = 'f' AND confrelid = conrelid AND NOT condeferrable";
    EVO_AUTO_STR name = evo_session_qualified(pg, schema, table);
    EVO_AUTO_PTR(pg_result) keys = NULL;
    const char *const params[] = { schema, table };
    enum evo_errc rc =
        evo_pg_execf(pg, err, "BEGIN; SET LOCAL lock_timeout = %lld", (long long)lock_timeout_ms);
    if (!rc)
        rc = evo_pg_query(pg, sql, 2, params, &keys, err);
    for (int i = 0; !rc && i < evo_pg_rows(keys); i++) {
        EVO_AUTO_STR key = evo_pg_identifier(pg, evo_pg_value(keys, i, 0));
        rc = evo_pg_execf(pg, err, "ALTER TABLE %s ALTER CONSTRAINT %s DEFERRABLE", name, key);
        evo_strvec_pushf(ret_undo, "ALTER TABLE %s ALTER CONSTRAINT %s NOT DEFERRABLE", name, key);
    }
    if (rc == EVO_ERR_PERMISSION)
        return evo_error_hint(
            err, "The table refers to itself, and its rows lie in several objects: restore as its owner.");
    return rc ? rc : evo_pg_exec(pg, "SET CONSTRAINTS ALL DEFERRED", err);
}

enum evo_errc evo_self_key_settle(struct evo_pg *pg, const struct evo_strvec *undo, struct evo_error *err)
{
    enum evo_errc rc = evo_pg_exec(pg, "SET CONSTRAINTS ALL IMMEDIATE", err);
    for (size_t i = 0; !rc && i < undo->count; i++)
        rc = evo_pg_exec(pg, undo->items[i], err);
    return rc ? rc : evo_pg_exec(pg, "COMMIT", err);
}
