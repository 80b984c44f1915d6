#include "layout/foreign.h"

#include "base/banned.h"
#include "layout/signs.h"

/* Names are unqualified where the tool follows search_path. The first row that fits names the tool. */
const struct evo_foreign evo_foreign_ledgers[] = {
    { "prisma-8", "prisma_contract", "ledger", " migration_name migration_hash ", NULL, true },
    { "prisma", NULL, "_prisma_migrations", " id checksum migration_name applied_steps_count ", NULL, false },
    { "golang-migrate", NULL, "schema_migrations", " version dirty ", NULL, false },
    { "rails", NULL, "ar_internal_metadata", " key value ", NULL, false },
    { "dbmate", NULL, "schema_migrations", " version ", " dirty ", false },
    { "goose", NULL, "goose_db_version", " version_id is_applied ", NULL, false },
    { "flyway", NULL, "flyway_schema_history", " installed_rank checksum success ", NULL, false },
    { "sqitch", "sqitch", "changes", " change_id script_hash ", NULL, false },
    { "alembic", NULL, "alembic_version", " version_num ", NULL, false },
    { "typeorm", NULL, "migrations", " id timestamp name ", NULL, false },
    { "laravel", NULL, "migrations", " id migration batch ", NULL, false },
    { "django", NULL, "django_migrations", " app name applied ", NULL, false },
    { "knex", NULL, "knex_migrations", " name batch migration_time ", NULL, false },
    { "node-pg-migrate", NULL, "pgmigrations", " name run_on ", NULL, false },
    { "graphile-migrate", "graphile_migrate", "migrations", " hash previous_hash ", NULL, false },
    { "drizzle", "drizzle", "__drizzle_migrations", " hash created_at ", NULL, false },
    { "liquibase", NULL, "databasechangelog", " id author filename md5sum ", NULL, false },
    { "atlas", NULL, "atlas_schema_revisions", " version partial_hashes ", NULL, false },
    { "atlas", "atlas_schema_revisions", "atlas_schema_revisions", " version partial_hashes ", NULL, false },
    { "pgroll", "pgroll", "migrations", " name migration done ", NULL, false },
    { "ef-core", NULL, "__EFMigrationsHistory", " MigrationId ProductVersion ", NULL, false },
};
const size_t evo_foreign_ledgers_count = EVO_COUNT(evo_foreign_ledgers);

bool evo_foreign_fits(const char *columns, const char *wanted, const char *without)
{
    for (const char *p = wanted + 1; *p;) {
        size_t n = strcspn(p, " ");
        EVO_AUTO_STR word = evo_asprintf(" %.*s ", (int)n, p);
        if (!strstr(columns, word))
            return false;
        p += n + (p[n] == ' ');
    }
    return !(without && strstr(columns, without));
}

const struct evo_foreign *evo_foreign_find(enum evo_layout_kind kind, const char *schema, const char *table,
                                           const char *columns)
{
    for (size_t i = 0; i < evo_foreign_ledgers_count; i++) {
        const struct evo_foreign *f = &evo_foreign_ledgers[i];
        if (strcmp(f->tool, evo_layout_name(kind)) == 0 || strcmp(f->table, table) != 0)
            continue;
        if (f->schema && strcmp(f->schema, schema) != 0)
            continue;
        if (evo_foreign_fits(columns, f->columns, f->without))
            return f;
    }
    return NULL;
}

enum evo_errc evo_foreign_refuse(const struct evo_foreign *f, enum evo_layout_kind kind, const char *database,
                                 const char *shown, struct evo_error *err)
{
    const struct evo_tool *tool = evo_tool_find(f->tool);
    bool applied = !f->always && tool && evo_tool_applied(tool);
    EVO_AUTO_STR own = evo_asprintf("evo-migrate up --layout %s", f->tool);
    const char *up = applied || !tool || !tool->up ? own : tool->up;
    evo_error_set(err, EVO_ERR_UNSUPPORTED, "migrations of database \"%s\" are recorded by %s, in table %s",
                  database, f->tool, shown);
    if (f->always)
        evo_error_detail(err, "evo reads and writes the ledger of Prisma up to version 7.");
    else
        evo_error_detail(
            err, "evo's ledger for %s holds nothing here, so evo would apply again what %s has applied.",
            evo_layout_name(kind), f->tool);
    if (f->always)
        return evo_error_hint(err, "Go on with \"%s\".", up);
    return evo_error_hint(err,
                          "Go on with \"%s\". To hand this database to evo, rename table %s, then run "
                          "\"evo-migrate baseline --to NAME\" with the last migration that it has.",
                          up, shown);
}
