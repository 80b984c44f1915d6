/* The layouts: what differs between them, how they are read, and which ledger is theirs. */
#include "base/banned.h"
#include "base/file.h"
#include "layout/ledger_impl.h"
#include "layout/reader.h"

static const struct {
    struct evo_layout layout;
    enum evo_errc (*read)(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err);
    const struct evo_ledger_kind *ledger;
} kinds[EVO_LAYOUTS] = {
    [EVO_LAYOUT_PRISMA] = { { .name = "prisma",
                              .supported = true,
                              .in_schema = true,
                              .wants_baseline = true },
                            evo_prisma_read,
                            &evo_ledger_prisma },
    [EVO_LAYOUT_SQL] = { { .name = "sql", .supported = true, .strict_order = true, .by_row = true },
                         evo_sql_layout_read,
                         &evo_ledger_sql },
    [EVO_LAYOUT_DBMATE] = { { .name = "dbmate",
                              .supported = true,
                              .like_sql = true,
                              .strict_order = true,
                              .by_row = true,
                              .no_attempts = true },
                            evo_dbmate_read,
                            &evo_ledger_dbmate },
    [EVO_LAYOUT_GOLANG_MIGRATE] = { { .name = "golang-migrate",
                                      .supported = true,
                                      .like_sql = true,
                                      .strict_order = true,
                                      .by_row = true,
                                      .by_files = true },
                                    evo_golang_migrate_read,
                                    &evo_ledger_golang_migrate },
    [EVO_LAYOUT_GOOSE] = { { .name = "goose",
                             .supported = true,
                             .like_sql = true,
                             .strict_order = true,
                             .by_row = true,
                             .no_attempts = true },
                           evo_goose_read,
                           &evo_ledger_goose },
    [EVO_LAYOUT_FLYWAY] = { { .name = "flyway",
                              .supported = true,
                              .strict_order = true,
                              .by_row = true,
                              .schema_first = true,
                              .wants_baseline = true },
                            evo_flyway_read,
                            &evo_ledger_flyway },
    [EVO_LAYOUT_SQITCH] = { { .name = "sqitch",
                              .supported = true,
                              .strict_order = true,
                              .by_row = true,
                              .no_attempts = true,
                              .tells_failures = true,
                              .adds = "sqitch add" },
                            evo_sqitch_read,
                            &evo_ledger_sqitch },
    [EVO_LAYOUT_ALEMBIC] = { { .name = "alembic",
                               .supported = true,
                               .delegated = true,
                               .by_row = true,
                               .graph = true,
                               .merge = "alembic merge heads",
                               .adds = "alembic revision -m",
                               .no_attempts = true },
                             evo_alembic_read,
                             &evo_ledger_alembic },
    [EVO_LAYOUT_TYPEORM] = { { .name = "typeorm",
                               .supported = true,
                               .delegated = true,
                               .by_row = true,
                               .no_attempts = true,
                               .adds = "npx typeorm migration:create" },
                             evo_typeorm_read,
                             &evo_ledger_typeorm },
    [EVO_LAYOUT_LARAVEL] = { { .name = "laravel",
                               .supported = true,
                               .delegated = true,
                               .by_row = true,
                               .no_attempts = true,
                               .adds = "php artisan make:migration" },
                             evo_laravel_read,
                             &evo_ledger_laravel },
};

const struct evo_layout *evo_layout_of(enum evo_layout_kind kind)
{
    return &kinds[kind].layout;
}

const char *evo_layout_name(enum evo_layout_kind kind)
{
    return kinds[kind].layout.name;
}

const struct evo_ledger_kind *evo_ledger_kind_of(enum evo_layout_kind kind)
{
    return kinds[kind].ledger;
}

enum evo_errc evo_project_read(struct evo_project *p, struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_project_drop(p);
    enum evo_errc rc = evo_dir_list(p->migrations, &names, err);
    if (!rc)
        rc = kinds[p->kind].read(p, &names, err);
    if (rc == EVO_ERR_DISK || rc == EVO_ERR_NOT_FOUND) {
        if (err)
            err->code = EVO_ERR_CONFIG;
        return EVO_ERR_CONFIG;
    }
    return rc;
}
