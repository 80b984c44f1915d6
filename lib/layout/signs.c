#include "layout/signs.h"

#include <fnmatch.h>

#include "base/banned.h"
#include "base/file.h"
#include "layout/reader.h"

static const struct evo_tool tools[] = {
    { "prisma", true, EVO_LAYOUT_PRISMA, NULL },
    { "sql", true, EVO_LAYOUT_SQL, NULL },
    { "alembic", true, EVO_LAYOUT_ALEMBIC, "alembic upgrade head" },
    { "typeorm", true, EVO_LAYOUT_TYPEORM, "npx typeorm migration:run" },
    { "laravel", true, EVO_LAYOUT_LARAVEL, "php artisan migrate" },
    { "dbmate", true, EVO_LAYOUT_DBMATE, "dbmate up" },
    { "golang-migrate", true, EVO_LAYOUT_GOLANG_MIGRATE, "migrate up" },
    { "goose", true, EVO_LAYOUT_GOOSE, "goose up" },
    { "flyway", true, EVO_LAYOUT_FLYWAY, "flyway migrate" },
    { "sqitch", true, EVO_LAYOUT_SQITCH, "sqitch deploy" },
    { "drizzle", .up = "npx drizzle-kit migrate" },
    { "rails", .up = "bin/rails db:migrate" },
    { "django", .up = "python manage.py migrate" },
    { "knex", .up = "npx knex migrate:latest" },
    { "graphile-migrate", .up = "npx graphile-migrate migrate" },
    /* By their tables only (foreign.c). */
    { "node-pg-migrate", .up = "npx node-pg-migrate up" },
    { "liquibase", .up = "liquibase update" },
    { "atlas", .up = "atlas migrate apply" },
    { "pgroll", .up = "pgroll migrate" },
    { "ef-core", .up = "dotnet ef database update" },
    { "prisma-8", .up = "npx prisma migrate" },
};

bool evo_tool_applied(const struct evo_tool *tool)
{
    return tool->option && evo_layout_of(tool->kind)->supported;
}

const struct evo_tool *evo_tool_find(const char *name)
{
    for (size_t i = 0; i < EVO_COUNT(tools); i++)
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    return NULL;
}

void evo_tool_names(struct evo_strbuf *out)
{
    for (size_t i = 0; i < EVO_COUNT(tools); i++)
        if (tools[i].option)
            evo_strbuf_addf(out, "%s%s", i ? ", " : "", tools[i].name);
}

/* What one entry of the folder says. */
struct sign {
    const char *tool;
    const char *pattern; /* of the entry's name; "@" stands for one or more digits */
    const char *inside; /* the entry is a folder that holds this; NULL: a file */
    const char *line; /* … and the file has a line that begins so; NULL: any */
};

/* The first row that any entry fits decides, so what is certain stands above what is likely. */
static const struct sign signs[] = {
    { "prisma", "migration_lock.toml", NULL, NULL },
    { "prisma", "*", "migration.sql", NULL },
    { "sql", "@_*", "up.sql", NULL },
    { "sql", "@_*.up.sql", NULL, NULL },
    { "sql", "@_*.sql", NULL, "-- migrate:up" },
    { "goose", "@_*.sql", NULL, "-- +goose " },
    { "graphile-migrate", "*.sql", NULL, "--! Previous:" },
    { "drizzle", "meta", "_journal.json", NULL },
    { "flyway", "[VUR]*__*.sql", NULL, NULL },
    { "sqitch", "sqitch.plan", NULL, NULL },
    { "alembic", "env.py", NULL, NULL },
    { "alembic", "*.py", NULL, "down_revision" },
    { "django", "@_*.py", NULL, NULL },
    { "laravel", "@_@_@_@_*.php", NULL, NULL },
    { "rails", "@_*.rb", NULL, NULL },
    { "typeorm", "@-*.[jt]s", NULL, NULL },
    { "typeorm", "@-*.[cm][jt]s", NULL, NULL },
    { "knex", "@_*.[jt]s", NULL, NULL },
    { "knex", "@_*.[cm][jt]s", NULL, NULL },
    /* Files of plain SQL in a form that evo's reader refuses with a better message than "nothing found". */
    { "sql", "@_*.sql", NULL, NULL },
};

/* fnmatch(3) with "@" for digits. */
static bool name_fits(const char *pattern, const char *name)
{
    for (; *pattern == '@' || (*pattern == '_' && *name == '_'); pattern++) {
        size_t n = *pattern == '@' ? strspn(name, "0123456789") : 1;
        if (!n)
            return false;
        name += n;
    }
    return fnmatch(pattern, name, 0) == 0;
}

static bool has_line(const char *path, const char *start)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_layout_file_read(path, &text, &ignored))
        return false;
    const char *p = text.buf + (evo_starts_with(text.buf, "\xef\xbb\xbf") ? 3 : 0);
    for (; *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (evo_starts_with(p, start))
            return true;
    return false;
}

static bool sign_fits(const struct sign *sign, const char *dir, const char *name)
{
    if (!name_fits(sign->pattern, name))
        return false;
    EVO_AUTO_STR path = evo_path_join(dir, name);
    if (sign->inside) {
        EVO_AUTO_STR inside = evo_path_join(path, sign->inside);
        return evo_is_file(inside);
    }
    return evo_is_file(path) && (!sign->line || has_line(path, sign->line));
}

const struct evo_tool *evo_signs_of(const char *dir, const struct evo_strvec *names, char **ret_saw)
{
    for (size_t s = 0; s < EVO_COUNT(signs); s++)
        for (size_t i = 0; i < names->count; i++)
            if (sign_fits(&signs[s], dir, names->items[i])) {
                EVO_AUTO_STR path = evo_path_join(dir, names->items[i]);
                *ret_saw = signs[s].inside ? evo_path_join(path, signs[s].inside) : evo_strdup(path);
                return evo_tool_find(signs[s].tool);
            }
    return NULL;
}
