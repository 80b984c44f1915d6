#include "backup/created.h"

static const char mark[] = "evo-restore: incomplete, from backup ";

enum evo_errc evo_created_mark(struct evo_pg *pg, const char *database, const char *id, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_pg_identifier(pg, database);
    EVO_AUTO_STR comment = evo_asprintf("%s%s", mark, id);
    EVO_AUTO_STR literal = evo_pg_literal(pg, comment);
    return evo_pg_execf(pg, err, "COMMENT ON DATABASE %s IS %s", name, literal);
}

enum evo_errc evo_created_unmark(struct evo_pg *pg, const char *database, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_pg_identifier(pg, database);
    return evo_pg_execf(pg, err, "COMMENT ON DATABASE %s IS NULL", name);
}

enum evo_errc evo_created_refuse(struct evo_pg *pg, const char *database, struct evo_error *err)
{
    static const char sql[] = "SELECT pg_catalog.shobj_description(oid, 'pg_database') "
                              "FROM pg_catalog.pg_database WHERE datname = $1";
    EVO_AUTO_PTR(pg_result) r = NULL;
    const char *const params[] = { database };
    enum evo_errc rc = evo_pg_query(pg, sql, 1, params, &r, err);
    if (rc || !evo_pg_rows(r))
        return rc;
    const char *comment = evo_pg_value(r, 0, 0);
    if (!comment || !evo_starts_with(comment, mark)) {
        evo_error_set(err, EVO_ERR_TARGET_NOT_EMPTY, "database \"%s\" exists already", database);
        return evo_error_hint(err, "Name another database in --to, or leave --create out where it is empty.");
    }
    EVO_AUTO_STR name = evo_pg_identifier(pg, database);
    evo_error_set(
        err, EVO_ERR_TARGET_NOT_EMPTY,
        "database \"%s\" exists already: it is what a restore of backup \"%s\" made and did not finish",
        database, comment + strlen(mark));
    evo_error_detail(err, "That restore was killed, or goes on; what the database holds is incomplete.");
    return evo_error_hint(err, "Where no restore goes on, drop it and run this again: DROP DATABASE %s;",
                          name);
}
