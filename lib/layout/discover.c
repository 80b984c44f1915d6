/* Which layout, and where: looks into the usual places, and refuses to guess between two. */
#include "base/banned.h"
#include "base/file.h"
#include "layout/alembic_config.h"
#include "layout/flyway.h"
#include "layout/reader.h"
#include "layout/signs.h"

/* The usual places. `home` is the layout that an empty folder there belongs to. */
static const struct {
    const char *path;
    const char *home;
} places[] = {
    { "prisma/migrations", "prisma" },
    { "migrations", "sql" },
    { "db/migrations", "sql" },
    { "alembic", NULL },
    { "alembic/versions", NULL },
    { "migrations/versions", NULL },
    { "database/migrations", NULL },
    { "src/migrations", NULL },
    { "src/migration", NULL },
    { "db/migrate", NULL },
    { "drizzle", NULL },
    { "supabase/migrations", NULL },
    { "src/main/resources/db/migration", NULL },
    { "db/migration", NULL },
    { "sql", NULL },
    { ".", NULL }, /* sqitch.plan, sqitch.conf and alembic.ini alone: see look_at_root() */
};

struct find {
    const struct evo_tool *tool; /* NULL: an empty folder at a layout's home */
    const char *place, *home;
    char *saw;
    char *named; /* owns `place` where a file of the tool's names it */
};
struct finds {
    struct find items[EVO_COUNT(places) + 1];
    size_t count;
};

static void finds_auto(struct finds *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->items[i].saw);
        free(f->items[i].named);
    }
}

/* What stands in the root itself says where the files are. False: nothing does. */
static bool look_at_root(const char *root, struct find *found)
{
    /* The plan may lie elsewhere: that the configuration tells. */
    static const char *const files[] = { "sqitch.plan", "sqitch.conf" };
    EVO_AUTO(alembic_config) config = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    for (size_t i = 0; i < EVO_COUNT(files); i++) {
        EVO_AUTO_STR path = evo_path_join(root, files[i]);
        if (!evo_is_file(path))
            continue;
        found->tool = evo_tool_find("sqitch");
        found->saw = evo_strdup(path);
        return true;
    }
    /* What is wrong with it is said by its reader. */
    bool wrong = evo_alembic_config_load(root, &config, &ignored) != EVO_OK;
    if (!wrong && !config.ini)
        return false;
    found->tool = evo_tool_find("alembic");
    found->saw = evo_strdup(config.ini ? config.ini : "alembic.ini");
    if (config.location)
        found->place = found->named = evo_strdup(config.location);
    return true;
}

/* One project of Alembic shows in several places: its folder, the one below with the files, alembic.ini. */
static bool is_one_find(const struct find *found, const struct find *other)
{
    return found->tool && other->tool == found->tool &&
           (!evo_tool_applied(found->tool) || strcmp(found->tool->name, "alembic") == 0);
}

static void look_at(const char *root, size_t which, struct finds *finds)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO_STR dir = evo_path_join(root, places[which].path);
    struct evo_error ignored = EVO_ERROR_INIT;
    struct find found = { .place = places[which].path, .home = places[which].home };
    bool is_root = strcmp(places[which].path, ".") == 0;
    if (is_root) {
        if (!look_at_root(root, &found))
            return;
    } else {
        if (!evo_is_dir(dir))
            return;
        /* A folder that is there and cannot be read is reported by whoever opens it. */
        if (evo_dir_list(dir, &names, &ignored) == EVO_OK)
            found.tool = evo_signs_of(dir, &names, &found.saw);
        if (!found.tool && !found.home)
            return;
    }
    for (size_t i = 0; i < finds->count; i++)
        if (is_one_find(&found, &finds->items[i])) {
            struct find *better = found.named ? &found : &finds->items[i]; /* what the tool itself goes by */
            struct find *worse = found.named ? &finds->items[i] : &found;
            free(worse->saw);
            free(worse->named);
            finds->items[i] = *better;
            return;
        }
    finds->items[finds->count++] = found;
}

static enum evo_errc refuse_tool(const struct evo_tool *tool, const char *saw, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "migrations of %s cannot be applied by this version of evo",
                  tool->name);
    if (saw)
        evo_error_detail(err, "Saw \"%s\".", saw);
    return evo_error_hint(err, "Apply them with \"%s\"; for another folder add --layout and --migrations.",
                          tool->up);
}

/* The named layout is that of a folder: by its signs, or because its files look like those of `sql`. */
static bool is_of(const char *found, bool empty, const char *layout)
{
    const struct evo_tool *tool = evo_tool_find(layout);
    return evo_streq(found, layout) || (evo_streq(found, "sql") && evo_layout_of(tool->kind)->like_sql &&
                                        (empty || tool->kind != EVO_LAYOUT_GOOSE));
}

static enum evo_errc refuse_none(const char *root, const char *layout, struct evo_error *err)
{
    EVO_AUTO(strbuf) looked = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(places); i++)
        if (strcmp(places[i].path, ".") != 0 && (!layout || is_of(places[i].home, true, layout)))
            evo_strbuf_addf(&looked, "%s%s", looked.len ? ", " : "", places[i].path);
    evo_error_set(err, EVO_ERR_CONFIG, "found no %s%smigrations in \"%s\"", layout ? layout : "",
                  layout ? " " : "", root);
    evo_error_detail(err, "Looked at: %s.", looked.buf);
    if (!layout || strcmp(layout, "sql") == 0)
        return evo_error_hint(
            err, "Name the folder with --migrations DIR, or run evo in the project's folder. A new "
                 "project of plain SQL begins with: mkdir migrations");
    return evo_error_hint(err, "Name the folder with --migrations DIR, or run evo in the project's folder.");
}

static enum evo_errc refuse_two(const struct find *a, const struct find *b, struct evo_error *err)
{
    const char *first = a->tool ? a->tool->name : a->home, *second = b->tool ? b->tool->name : b->home;
    evo_error_set(err, EVO_ERR_CONFIG, "found two folders of migrations: \"%s\" (%s) and \"%s\" (%s)",
                  a->place, first, b->place, second);
    if (strcmp(first, second) == 0)
        return evo_error_hint(err, "Choose one: --migrations %s", a->place);
    const struct find *choice = a->tool && evo_tool_applied(a->tool) ? a : b;
    return evo_error_hint(err, "Choose one: --layout %s --migrations %s", choice == a ? first : second,
                          choice->place);
}

/* The one find that holds migrations; empty folders count only where nothing else does. */
static enum evo_errc choose(const char *root, const char *layout, const struct finds *finds,
                            const struct find **ret, struct evo_error *err)
{
    const struct find *full = NULL, *empty = NULL;
    for (size_t i = 0; i < finds->count; i++) {
        const struct find *f = &finds->items[i];
        if (layout && !is_of(f->tool ? f->tool->name : f->home, !f->tool, layout))
            continue;
        const struct find **slot = f->tool ? &full : &empty;
        if (*slot && f->tool)
            return refuse_two(*slot, f, err);
        if (!*slot)
            *slot = f;
    }
    if (!full && !empty)
        return refuse_none(root, layout, err);
    *ret = full ? full : empty;
    return EVO_OK;
}

/* The first of Flyway's locations that is a folder, else the first: whoever opens it says that it is none. */
static const char *first_there(const char *root, const struct evo_strvec *locations)
{
    for (size_t i = 0; i < locations->count; i++) {
        EVO_AUTO_STR path = evo_path_join(root, locations->items[i]);
        if (evo_is_dir(path))
            return locations->items[i];
    }
    return locations->items[0];
}

/* Fills p->kind, p->migrations and p->locations. */
static enum evo_errc find_folder(struct evo_project *p, const char *layout, const char *dir,
                                 struct evo_error *err)
{
    const struct evo_tool *tool = layout ? evo_tool_find(layout) : NULL;
    if (dir) {
        EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
        EVO_AUTO_STR saw = NULL;
        p->migrations = evo_path_join(p->root, dir);
        enum evo_errc rc = evo_dir_list(p->migrations, &names, err);
        if (rc) {
            if (err)
                err->code = EVO_ERR_CONFIG;
            evo_error_hint(err, "Name the folder of migrations with --migrations DIR.");
            return EVO_ERR_CONFIG;
        }
        if (!tool)
            tool = evo_signs_of(p->migrations, &names, &saw);
        if (!tool) {
            evo_error_set(err, EVO_ERR_CONFIG, "cannot tell the layout of \"%s\"", p->migrations);
            return evo_error_hint(err, "Name it: --layout prisma, or --layout sql.");
        }
        if (!evo_tool_applied(tool))
            return refuse_tool(tool, saw, err);
        p->kind = tool->kind;
        return EVO_OK;
    }
    __attribute__((cleanup(finds_auto))) struct finds finds = { .count = 0 };
    const struct find *found = NULL;
    EVO_AUTO(strvec) locations = EVO_STRVEC_INIT;
    enum evo_errc rc =
        !tool || tool->kind == EVO_LAYOUT_FLYWAY ? evo_flyway_locations(p->root, &locations, err) : EVO_OK;
    if (rc)
        return rc;
    const char *first = locations.count ? first_there(p->root, &locations) : NULL;
    if (first)
        finds.items[finds.count++] =
            (struct find){ .tool = evo_tool_find("flyway"), .place = first, .saw = evo_strdup(first) };
    for (size_t i = 0; i < EVO_COUNT(places); i++)
        if (!evo_strvec_contains(&locations, places[i].path))
            look_at(p->root, i, &finds);
    rc = choose(p->root, layout, &finds, &found, err);
    if (rc || !found)
        return rc;
    if (!tool)
        tool = found->tool ? found->tool : evo_tool_find(found->home);
    if (!evo_tool_applied(tool))
        return refuse_tool(tool, found->saw, err);
    p->kind = tool->kind;
    p->migrations = found->named ? evo_strdup(found->named) : evo_path_join(p->root, found->place);
    for (size_t i = 0; found->place == first && i < locations.count; i++)
        if (locations.items[i] != first)
            evo_strvec_push_owned(&p->locations, evo_path_join(p->root, locations.items[i]));
    return EVO_OK;
}

static enum evo_errc check_layout_name(const char *layout, struct evo_error *err)
{
    const struct evo_tool *tool = layout ? evo_tool_find(layout) : NULL;
    if (!layout || (tool && evo_tool_applied(tool)))
        return EVO_OK;
    if (tool && tool->option)
        return refuse_tool(tool, NULL, err);
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    evo_tool_names(&names);
    evo_error_set(err, EVO_ERR_CONFIG, "unknown layout \"%s\"", layout);
    return evo_error_hint(err, "Known are: auto, %s.", names.buf);
}

enum evo_errc evo_project_open(const char *root, const char *layout, const char *dir, struct evo_project *ret,
                               struct evo_error *err)
{
    if (layout && (!*layout || strcmp(layout, "auto") == 0))
        layout = NULL;
    enum evo_errc rc = check_layout_name(layout, err);
    if (rc)
        return rc;
    EVO_AUTO(project) p = { .root = evo_strdup(root && *root ? root : ".") };
    rc = find_folder(&p, layout, dir && *dir ? dir : NULL, err);
    p.told = layout != NULL;
    if (!rc)
        rc = evo_project_read(&p, err);
    if (rc)
        return rc;
    *ret = p;
    p = (struct evo_project){ 0 };
    return EVO_OK;
}
